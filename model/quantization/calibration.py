"""The float reference, and what its tensors hold on calibration images."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import onnx

from ..graph.images import check_kind
from ..graph.network import Linear, Network, Node
from ..graph.runtime import onnxruntime
from .depths import LARGEST_COMPENSATED
from .histogram import Histogram
from .storage import plan_storage

BATCH_BYTES = 2**26
"""All tensors of a batch together, at least one image's."""

PATCHES, DRAWN_VALUES, FEWEST_PATCHES = 2**13, 2**23, 2**11
"""Patches to draw for a layer, unless they hold more values than this, but no fewer than these; all
of them go into its moments."""

PATCH_VALUES = 2**18
"""Values of these patches to keep."""

SAMPLE, SAMPLE_VALUES = 32, 2**24
"""Calibration images to keep, and their values; at least one image."""

WAITING_VALUES = 2**22
"""Values of patches that wait for being multiplied."""

LARGEST_SCALE = 2.0**126
"""The largest power of two to multiply float32 values with."""


def session(model: onnx.ModelProto) -> onnxruntime.InferenceSession:
    """Return a model ready to run on one thread, so that batches can run side by side.

    Raises
    ------
    ValueError
        If onnxruntime does not take the model.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # its classes of errors share no base of their own
        raise ValueError(f"onnxruntime does not run the network: {error}") from error


class FloatNetwork:
    """The network as the file has it, run in float32 by onnxruntime.

    Parameters
    ----------
    network
        The imported network; its ONNX model is what runs.
    tensors
        Names of intermediate tensors to expose.
    """

    def __init__(self, network: Network, tensors: Sequence[str] = ()) -> None:
        self._network = network
        model = onnx.ModelProto()
        model.CopyFrom(network.model)
        exposed = {output.name for output in model.graph.output} | {network.input}
        known = {info.name: info for info in network.model.graph.value_info}
        for name in dict.fromkeys(tensors):
            if name not in exposed:
                info = known.get(name) or onnx.ValueInfoProto(name=name)
                model.graph.output.append(info)
        self._session = session(model)
        self._batch = batch_size(network)
        self._names = [output.name for output in model.graph.output]

    def batches(self, images: np.ndarray) -> Iterator[dict[str, np.ndarray]]:
        """Run images (N, C, H, W) float32 and yield the exposed tensors of each batch."""
        for first in range(0, len(images), self._batch):
            batch = images[first : first + self._batch]
            missing = self._network.batch - len(batch) if self._network.batch else 0
            padded = np.concatenate([batch, np.repeat(batch[-1:], missing, axis=0)])
            results = self._session.run(self._names, {self._network.input: padded})
            yield {
                name: result[: len(batch)]
                for name, result in zip(self._names, results, strict=True)
            } | {self._network.input: batch}

    def run(self, images: np.ndarray) -> np.ndarray:
        """Return the answers, (N, classes) float32, to images (N, C, H, W) float32."""
        name = self._network.model.graph.output[0].name
        answers = [batch[name].reshape(len(batch[name]), -1) for batch in self.batches(images)]
        return np.concatenate(answers)


def batch_size(network: Network) -> int:
    """Return how many images to run at a time."""
    values = sum(math.prod(shape) for shape in network.shapes.values())
    return network.batch or max(BATCH_BYTES // (4 * values), 1)


@dataclass(frozen=True, eq=False)
class Calibration:
    """What a network's tensors held on calibration images.

    Attributes
    ----------
    images
        How many there were.
    histograms
        Of each tensor that is kept as codes of its own format.
    patches
        By the name of a `Linear` node, (S, groups, K) float32: some of the rows that make its
        sums, drawn evenly from all images.
    moments
        By the name of a `Linear` node, (groups, K, K) float32: mean products of what two
        positions of its patches hold, times a power of two. Layers of very long sums have none.
    largest
        By the name of a tensor that has a histogram, (images,) float32: the largest magnitude on
        each image.
    sample
        Some of the images, (n, ...) float32, evenly spaced.
    """

    images: int
    histograms: dict[str, Histogram]
    patches: dict[str, np.ndarray]
    moments: dict[str, np.ndarray]
    largest: dict[str, np.ndarray]
    sample: np.ndarray


class _Patches:
    """Patches drawn for a layer so far."""

    def __init__(self, node: Linear) -> None:
        self._node = node
        depth = len(node.weights)
        self._kept: list[np.ndarray] = []
        size = node.groups * depth
        self._draw = max(min(PATCHES, DRAWN_VALUES // size), FEWEST_PATCHES)
        self._keep = max(PATCH_VALUES // size, 64)
        self._drawn, self._scale = 0, LARGEST_SCALE
        self._waiting: list[np.ndarray] = []
        has_moments = depth <= LARGEST_COMPENSATED
        self._sums = np.zeros((node.groups, depth, depth), np.float32) if has_moments else None

    def draw(self, values: np.ndarray, share: float, random: np.random.Generator) -> None:
        """Draw the share of a batch of the layer's input."""
        patches = _draw_patches(self._node, values, math.ceil(share * self._draw), random)
        self._kept.append(patches[: math.ceil(share * self._keep)].copy())
        self._drawn += len(patches)
        if self._sums is not None:
            self._waiting.append(patches)
            if sum(len(waiting) for waiting in self._waiting) * patches[0].size > WAITING_VALUES:
                self._sum_up()

    def _sum_up(self) -> None:
        """Add what waits to the sums of products, much of it at once."""
        patches = np.concatenate(self._waiting)
        self._waiting.clear()
        scale = min(power_of_two_scale(patches), self._scale)
        self._sums *= np.float32((scale / self._scale) ** 2)
        self._scale = scale
        scaled = patches * np.float32(scale)
        self._sums += np.matmul(scaled.transpose(1, 2, 0), scaled.transpose(1, 0, 2))

    @property
    def kept(self) -> np.ndarray:
        """Return the patches kept."""
        return np.concatenate(self._kept)

    @property
    def moments(self) -> np.ndarray | None:
        """Return the mean products."""
        if self._sums is None:
            return None
        if self._waiting:
            self._sum_up()
        return self._sums / self._drawn


def calibrate(network: Network, images: np.ndarray, seed: int = 1) -> Calibration:
    """Observe the tensors of a network on calibration images, in bounded memory.

    Parameters
    ----------
    network
        The network.
    images
        (N, C, H, W) float32, at least one.
    seed
        Of the choice of patches.

    Raises
    ------
    ValueError
        If there is no image, images are of another type or shape than the network takes, or a
        tensor holds NaN or infinity, naming it.
    """
    check_kind(images, network)
    if not len(images):
        raise ValueError("no calibration images: at least one is needed")
    histograms = {name: Histogram() for name in plan_storage(network).own}
    largest: dict[str, list[np.ndarray]] = {name: [] for name in histograms}
    layers = network.linears
    drawn = {node.name: _Patches(node) for node in layers}
    producers = {node.output: node for node in network.nodes}
    random = np.random.default_rng(seed)
    exposed = (*histograms, *(node.inputs[0] for node in layers))
    for batch in FloatNetwork(network, exposed).batches(images):
        share = len(batch[network.input]) / len(images)
        for name, histogram in histograms.items():
            values = _activated(batch[name], producers.get(name))
            _count(name, values, histogram)
            largest[name].append(np.abs(values).reshape(len(values), -1).max(axis=1))
        for node in layers:
            source = node.inputs[0]
            values = _activated(batch[source], producers.get(source))
            drawn[node.name].draw(values, share, random)
    return Calibration(
        len(images),
        histograms,
        {name: patches.kept for name, patches in drawn.items()},
        {name: moments for name in drawn if (moments := drawn[name].moments) is not None},
        {name: np.concatenate(found) for name, found in largest.items()},
        _sample(images),
    )


def _sample(images: np.ndarray) -> np.ndarray:
    count = min(SAMPLE, max(SAMPLE_VALUES // images[0].size, 1), len(images))
    return images[np.linspace(0, len(images) - 1, count).astype(int)]


def power_of_two_scale(values: np.ndarray) -> float:
    """Return the power of two that takes values to about 1, where float32 has room for squares.

    It is a float32 number, so that the least values stay below 1, and the largest such for zeros.
    """
    largest = np.abs(values).max(initial=0.0)
    scale = float(np.ldexp(1.0, -int(np.frexp(largest)[1])))
    return min(scale, LARGEST_SCALE) if largest else LARGEST_SCALE


def _activated(values: np.ndarray, node: Node | None) -> np.ndarray:
    """Apply the activation that was moved to a node which computes before it in the file."""
    return node.activation(values) if node and node.activation else values


def _count(name: str, values: np.ndarray, histogram: Histogram) -> None:
    try:
        histogram.add(values)
    except ValueError as error:
        raise ValueError(f"tensor '{name}' on a calibration image: {error}") from error


def _draw_patches(
    node: Linear, values: np.ndarray, count: int, random: np.random.Generator
) -> np.ndarray:
    """Draw patches, up to `count`, from what a layer reads: (S, groups, K)."""
    depth = len(node.weights)
    if node.window is None:
        rows = values.reshape(-1, depth)
        drawn = rows[random.integers(len(rows), size=min(count, len(rows)))]
    else:
        everywhere = node.window.patches(values).transpose(0, 2, 3, 1, 4, 5)
        places = np.prod(everywhere.shape[:3])
        flat = random.integers(places, size=min(count, places))
        drawn = everywhere[np.unravel_index(flat, everywhere.shape[:3])]
    return drawn.reshape(-1, node.groups, depth)
