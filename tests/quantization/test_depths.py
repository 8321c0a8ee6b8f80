"""Engines as deep as a network needs them, and what its longest sums do without."""

from pathlib import Path

import numpy as np
import pytest

from model.graph.importing.network import load_network
from model.graph.network import Network
from model.quantization.calibration import calibrate
from model.quantization.depths import LARGEST_COMPENSATED, depth_notes, fitting_k_max
from model.quantization.steps import choose_formats, quantize_network
from tests.graph.tiny_networks import normal, operator, write_network


def deep(path: Path, depth: int) -> Network:
    """Write and read a network whose two layers sum ``depth`` and 4 products."""
    operators = [operator("Gemm", "x w", "h"), operator("Gemm", "h v", "y")]
    constants = {"w": normal(1, depth, 4, scale=0.05), "v": normal(2, 4, 3)}
    return load_network(write_network(path, operators, constants, ("N", depth), opset=17))


@pytest.mark.parametrize(
    ("depth", "k_max"),
    [(5, 8192), (8192, 8192), (8193, 16384), (9216, 16384), (16385, 32768), (32768, 32768)],
)
def test_the_next_power_of_two(tmp_path, depth, k_max):
    assert fitting_k_max(deep(tmp_path / "deep.onnx", depth)) == k_max


def test_no_engine_is_deeper(tmp_path):
    """It is said before calibration, which would complain of the images."""
    network = deep(tmp_path / "deep.onnx", 32769)
    message = "layer 'node_h' sums 32769 products, an engine can be built for at most 32768"
    with pytest.raises(ValueError, match=message):
        fitting_k_max(network)
    with pytest.raises(ValueError, match=message):
        quantize_network(network, np.zeros((0, 1), np.float32))


@pytest.mark.parametrize("depth", [LARGEST_COMPENSATED, LARGEST_COMPENSATED + 1])
def test_long_sums_are_not_compensated_and_it_is_said(tmp_path, depth):
    network = deep(tmp_path / "deep.onnx", depth)
    calibration = calibrate(network, normal(3, 4, depth))
    long = depth > LARGEST_COMPENSATED
    assert set(calibration.moments) == ({"node_y"} if long else {"node_h", "node_y"})
    notes = [
        "weights rounded to nearest, without compensation, where sums have more than 4,096"
        " products: node_h (K 4,097)"
    ]
    assert depth_notes(network) == (notes if long else [])


def test_a_deep_network_is_quantized_for_an_engine_that_holds_it(tmp_path):
    network = deep(tmp_path / "deep.onnx", 9216)
    images = normal(3, 4, 9216)
    assert choose_formats(network, calibrate(network, images)).k_max == 16384
    quantized = quantize_network(network, images)
    assert quantized.k_max == 16384
    with pytest.raises(ValueError, match="sums 9216 products, this build at most 8192"):
        quantize_network(network, np.zeros((0, 1), np.float32), k_max=8192)
