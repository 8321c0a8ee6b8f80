"""ConvTranspose as plain convolutions, in every setting, against onnxruntime on the file."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from model.graph.network import FloatOperation, Linear, Network
from tests.graph.float_execution import assert_same_function
from tests.graph.tiny_networks import norm_parameters, normal, operator, write_network

SETTINGS = {
    "plain": {},
    "doubled": {"kernel": (2, 2), "strides": [2, 2]},
    "overlapping": {"kernel": (4, 4), "strides": [2, 2], "pads": [1, 1, 1, 1]},
    "more at the end": {
        "kernel": (3, 3), "strides": [2, 2], "pads": [1, 1, 1, 1], "output_padding": [1, 1],
    },
    "beyond the last weight": {"kernel": (2, 4), "strides": [2, 4], "output_padding": [1, 3]},
    "uneven": {"kernel": (3, 5), "strides": [1, 3], "pads": [0, 2, 1, 0]},
    "gaps": {"kernel": (2, 1), "strides": [3, 3]},
    "grouped": {"kernel": (3, 3), "strides": [2, 2], "group": 2},
    "depthwise": {"kernel": (4, 4), "strides": [2, 2], "pads": [1, 1, 1, 1], "group": 4},
    "same upper": {"kernel": (3, 3), "strides": [2, 2], "auto_pad": "SAME_UPPER"},
    "same lower": {"kernel": (3, 4), "strides": [2, 2], "auto_pad": "SAME_LOWER"},
    "valid": {"kernel": (3, 3), "strides": [2, 2], "auto_pad": "VALID"},
    "of a shape": {"kernel": (3, 3), "strides": [2, 2], "output_shape": [12, 11]},
}  # fmt: skip


Parts = tuple[list[onnx.NodeProto], dict[str, np.ndarray]]


def parts(seed: int, kernel: tuple[int, int] = (3, 3), **settings: object) -> Parts:
    """Return a ConvTranspose with a normalization and a Relu, and a convolution behind it."""
    groups = settings.get("group", 1)
    operators = [
        operator("ConvTranspose", "x w b", "t", **settings),
        operator("BatchNormalization", "t n_gamma n_beta n_mean n_variance", "n"),
        operator("Relu", "n", "r"),
        operator("Conv", "r v", "y"),
    ]
    constants = {
        "w": normal(seed, 4, 8 // groups, *kernel),
        "b": normal(seed + 1, 8),
        "v": normal(seed + 2, 3, 8, 1, 1),
        **norm_parameters(seed + 3, 8, "n"),
    }
    return operators, constants


def written(path: Path, network: Parts, batch: int | str = "N") -> Path:
    """Write a network of images (4, 5, 6)."""
    return write_network(path, *network, (batch, 4, 5, 6))


def kinds(found: Network) -> list[str]:
    """Return the operators of a network, those of the array in capitals."""
    return [
        node.operator.upper() if isinstance(node, Linear) else getattr(node, "operator", "")
        for node in found.nodes
    ]


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("batch", ["N", 2])
def test_it_is_a_convolution_of_the_array(tmp_path, seed, setting, batch):
    path = written(tmp_path / "net.onnx", parts(seed, **SETTINGS[setting]), batch)
    found = assert_same_function(path)
    assert kinds(found)[0] == kinds(found)[-1] == "CONV"
    assert "ConvTranspose" not in kinds(found) and "BatchNormalization" not in kinds(found)
    first = found.nodes[0]
    assert first.activation  # the Relu, and the normalization, went into it
    assert all(n.kind == "arrangement" for n in found.nodes if isinstance(n, FloatOperation))


def test_no_more_products_than_there_are(tmp_path, seed):
    """A kernel as long as its stride: one product for each weight and input, none with a zero."""
    path = written(tmp_path / "net.onnx", parts(seed, (2, 2), strides=[2, 2]))
    first = assert_same_function(path).nodes[0]
    assert first.weights.shape == (4, 8 * 4) and first.window.kernel == (1, 1)
    assert (first.weights != 0).all()


@pytest.mark.parametrize("case", ["dilated", "read twice", "last"])
def test_what_stands_in_the_way(tmp_path, seed, case):
    more = {"dilations": [2, 2]} if case == "dilated" else {}
    operators, constants = parts(seed, (2, 2), strides=[2, 2], **more)
    if case == "read twice":  # before and behind the normalization
        operators[2] = operator("Add", "n t", "r")
    if case == "last":
        operators = [operator("ConvTranspose", "x w b", "y", strides=[2, 2])]
    path = written(tmp_path / "net.onnx", (operators, constants))
    found = assert_same_function(path)
    assert ("ConvTranspose" in kinds(found)) == (case == "dilated")
    assert ("BatchNormalization" in kinds(found)) == (case != "last")
