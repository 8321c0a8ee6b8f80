"""What a replay is about: a network on codes, its images, and the engine that holds it."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import dataclass

from model.graph.images import Images
from model.graph.network import Network
from model.quantization.doubts import range_doubts
from model.quantization.method import Selection
from model.quantization.quantized import QuantizedNetwork
from verif.commands.sources import Source
from verif.replay.build import Build, least_build
from verif.replay.committed import committed_network
from verif.replay.mapping import Geometry, choose_mapping, depth
from verif.replay.names import select_layers
from verif.replay.prepared import prepared_network
from verif.replay.sources import fitting_selection, replay_source


@dataclass(frozen=True, eq=False)
class Subject:
    """What was asked for, and read.

    Attributes
    ----------
    source
        Names or paths of the files.
    network, images, calibration
        What is in them; the images to replay, and those to calibrate with.
    names
        Of the layers to simulate.
    inputs
        Hashes of the files.
    selection
        Formats that were given, if any.
    """

    source: Source
    network: Network
    images: Images
    calibration: Images
    names: list[str]
    inputs: Mapping[str, str]
    selection: Selection | None

    @property
    def whole(self) -> bool:
        """Whether all layers are simulated."""
        return len(self.names) == len(self.network.on_array)


def read_subject(arguments: argparse.Namespace) -> Subject:
    """Read what the arguments name; ValueError if something is missing or does not fit.

    ``arguments.images`` becomes the number of images where it was None, for all.
    """
    everything = arguments.images is None
    source = replay_source(arguments.model, arguments.data, arguments.calibration, everything)
    network, images, calibration = source.read(arguments.shape)
    arguments.images = len(images) if everything else arguments.images
    if arguments.images > len(images):
        raise ValueError(f"IMAGES={arguments.images}: {source.data} has {len(images)}")
    names = select_layers([node.name for node in network.on_array], arguments.layers, network.name)
    inputs = source.hashes()
    selection = arguments.selection and fitting_selection(
        network, arguments.selection, inputs["MODEL"]
    )
    images = images.first(arguments.images)
    return Subject(source, network, images, calibration, names, inputs, selection)


def quantized_subject(subject: Subject) -> tuple[QuantizedNetwork, list[str], str]:
    """Return the network on codes, why its formats may say little, and where they come from."""
    network, inputs = subject.network, subject.inputs
    quantized, doubts, origin = None, [], "committed"
    if subject.selection is None:
        quantized = committed_network(network, subject.source.model, inputs)
    if quantized is None:
        quantized, doubts = prepared_network(
            network, subject.calibration.images, inputs, subject.selection
        )
        origin = "chosen by this model"
    doubts += range_doubts(subject.images.images, subject.calibration.images)
    return quantized, doubts, origin


def fitting_build(arguments: argparse.Namespace, network: QuantizedNetwork, deepest: int) -> Build:
    """Return the least engine for a network, or the one that is asked for if it holds it."""
    build = Build(arguments.rows, arguments.cols, accumulator=arguments.accumulator)
    batches = {min(network.batch_size, arguments.images), arguments.images % network.batch_size}
    longest = 1
    for images in batches - {0}:
        for layer in network.on_array(images):
            geometry = Geometry.of_layer(layer, 1 if layer.matrices else images)
            try:
                mapping = choose_mapping(geometry, *build.shape, deepest)
            except ValueError as error:
                raise ValueError(f"layer '{layer.name}': {error}") from None
            longest = max(longest, depth(geometry, mapping))
    return least_build(build, network.on_array(), longest, arguments.exp_max, arguments.k_max)
