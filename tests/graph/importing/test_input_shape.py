"""Sizes of the input that a file leaves open, and shapes that do not fit it."""

import numpy as np
import pytest

from model.graph.importing.network import load_network
from tests.graph.float_execution import run_nodes
from tests.graph.tiny_networks import CONV, WEIGHTS, write_network

OPEN = ("N", 2, "H", "W")


@pytest.mark.parametrize(
    ("declared", "given", "batch"),
    [
        (OPEN, (1, 2, 8, 9), None),
        (("N", "C", 8, "W"), (5, 2, 8, 9), None),
        ((3, 2, "H", 9), (3, 2, 8, 9), 3),
        ((3, 2, "H", 9), (1, 2, 8, 9), 3),
        (("N", 2, 8, 9), (7, 2, 8, 9), None),
        ((-1, 2, -1, -1), (1, 2, 8, 9), None),
    ],
)
def test_open_sizes_are_fixed(tmp_path, declared, given, batch):
    path = write_network(tmp_path / "open.onnx", [CONV], WEIGHTS, declared, ("N", 4, "H", "W"))
    network = load_network(path, given)
    assert (network.batch, network.input_shape) == (batch, (2, 8, 9))
    assert network.shapes[network.output] == (4, 6, 7)
    whole = load_network(write_network(tmp_path / "fixed.onnx", [CONV], WEIGHTS))
    images = np.random.default_rng(1).normal(0, 1, (3, 2, 8, 9)).astype(np.float32)
    np.testing.assert_array_equal(run_nodes(network, images)["y"], run_nodes(whole, images)["y"])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, r"\(N, 2, H, W\): all but the batch must be fixed: SHAPE= of a command, or `shape`"),
        ((1, 2, 8), r"shape 1,2,8: input 'x' has shape \(N, 2, H, W\), 4 sizes are expected"),
        ((1, 3, 8, 9), r"shape 1,3,8,9: input 'x' has shape \(N, 2, H, W\), 3 is not 2"),
        ((1, 2, 2, 9), r"tensor 'y' has shape \(4, 0, 7\) per image: no value is left"),
    ],
)
def test_a_shape_that_does_not_fit(tmp_path, given, message):
    path = write_network(tmp_path / "open.onnx", [CONV], WEIGHTS, OPEN, ("N", 4, "H", "W"))
    with pytest.raises(ValueError, match=message):
        load_network(path, given)
