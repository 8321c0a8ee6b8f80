"""Whole networks of grouped layers and layers in float through the simulated engine."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest

from model.graph.images import read_images
from model.graph.importing.network import load_network
from model.graph.network import Network
from model.quantization.gemm_layer import GemmLayer
from model.quantization.quantized import FloatLayer, QuantizedNetwork
from model.quantization.steps import quantize_network
from tests.graph.mixed_networks import KINDS, mixed_network, odd_groups_network, write_images
from tests.graph.tiny_networks import normal
from verif.replay.build import Build
from verif.replay.replayer import Replayer
from verif.replay.workers import LocalSimulators, Workers


@pytest.mark.sim
@pytest.mark.parametrize("accumulator", ["exact", "binary32"])
def test_every_kind_of_layer_replays(tmp_path, seed, accumulator):
    network = load_network(odd_groups_network(tmp_path / "odd.onnx", seed))
    images = read_images(write_images(tmp_path / "images.npz", seed), network).images
    quantized = replay_whole(network, images, accumulator, tmp_path / "replay")
    in_float = [node for node in quantized.nodes if isinstance(node, FloatLayer)]
    kinds = [node.model.graph.node[0].op_type for node in in_float]
    assert kinds == ["HardSwish", "PRelu", "Concat", "BatchNormalization"]
    assert [layer.groups for layer in quantized.layers] == [2, 6, 6, 3, 1]
    assert [layer.fmt_y is None for layer in quantized.layers] == [True, False, True, False, True]


@pytest.mark.sim
@pytest.mark.parametrize("kind", KINDS)
def test_networks_of_many_architectures_replay(tmp_path, seed, kind):
    network = load_network(mixed_network(tmp_path / f"{kind}.onnx", kind, seed))
    images = normal(seed, 8, *network.input_shape, scale=1.0)
    replay_whole(network, images, "exact", tmp_path / "replay")


def replay_whole(
    network: Network, images: np.ndarray, accumulator: str, folder: Path
) -> QuantizedNetwork:
    """Replay two images through all layers; see that answers and counts are the model's."""
    build = Build(rows=4, cols=4, accumulator=accumulator)
    quantized = quantize_network(network, images, exp_max=build.exp_max, k_max=build.k_max)
    layers = quantized.on_array()
    names = [layer.name for layer in layers]
    workers = Workers(LocalSimulators(build, folder, 2), None)
    try:
        replayer = Replayer(build, workers, names, build.k_max, lambda name, macs: None)
        answers = quantized.run(images[:2], replayer)
        workers.close()
    finally:
        workers.kill()
    model = partial(GemmLayer.multiply, accumulator=accumulator)
    np.testing.assert_array_equal(answers, quantized.run(images[:2], model))
    counted = {name: (counts.macs, counts.outputs) for name, counts in replayer.statistics.items()}
    assert counted == {layer.name: (2 * layer.macs, 2 * layer.rows * layer.n) for layer in layers}
    return quantized
