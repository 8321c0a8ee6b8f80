"""Noise from tensor to tensor, against tensors computed and compared in another way."""

import numpy as np
import pytest

from model.comparison.layers import noise_by_tensor
from model.comparison.measures import SNR_MAX, noise_ratio
from model.graph.importing.network import load_network
from model.quantization.activations import Plan
from model.quantization.calibration import calibrate
from model.quantization.method import Method, emulated, select, weight_codes
from tests.graph.float_execution import run_nodes
from tests.graph.mixed_networks import KINDS, mixed_network
from tests.graph.tiny_networks import normal


@pytest.mark.parametrize("kind", [*KINDS, "residual"])
@pytest.mark.parametrize("batch", ["N", 4])
def test_each_tensor_is_compared_with_float(tmp_path, seed, kind, batch):
    """A tensor with a factor too, which would else be its own noise."""
    network = load_network(mixed_network(tmp_path / "net.onnx", kind, seed % 1000, batch))
    images = normal(seed, 7, *network.input_shape, scale=1)
    calibration = calibrate(network, images)
    plan = Plan(scaled=True)
    selection = select(network, calibration, Method(exp_max=4, k_max=256, plans=(plan,)))
    assert selection.scales or kind != "residual"
    parts = emulated(network, selection, weight_codes(network, selection, calibration))
    found = noise_by_tensor(network, parts, selection.scales, images)
    assert list(found) == [network.input, *(node.output for node in network.nodes)]
    assert all(ratio > 15 for ratio in found.values()) and min(found.values()) < 70
    if quantize := parts[2].get(network.input):
        expected = noise_ratio(images, quantize(images))
        assert found[network.input] == pytest.approx(expected, abs=1e-6)
    plain = noise_by_tensor(network, (network, {}, {}), {}, images)
    assert set(plain.values()) == {SNR_MAX}


@pytest.mark.parametrize("kind", KINDS)
def test_noise_is_told_where_it_is_made(tmp_path, seed, kind):
    """A tensor held to very coarse values: none before it has noise, and some behind it have."""
    network = load_network(mixed_network(tmp_path / "net.onnx", kind, seed % 1000))
    images = normal(seed, 7, *network.input_shape, scale=1)
    names = [network.input, *(node.output for node in network.nodes)]
    place = len(names) // 2
    found = noise_by_tensor(network, (network, {}, {names[place]: np.rint}), {}, images)
    assert all(found[name] == SNR_MAX for name in names[:place])
    values = run_nodes(network, images)[names[place]]
    ratio = noise_ratio(values, np.rint(values).astype(np.float32))
    assert found[names[place]] == pytest.approx(ratio, abs=0.1)
    assert found[network.output] < SNR_MAX
