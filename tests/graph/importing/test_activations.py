"""Activations in every place, and layers along another axis."""

import numpy as np
import pytest
from onnx import helper

from model.graph.importing.network import load_network
from model.graph.network import Linear, Relu
from tests.graph.float_execution import assert_same_function, described
from tests.graph.importing.folded import CONSTANTS, FIRST, norm
from tests.graph.tiny_networks import normal, operator, write_network

ACTIVATIONS = {
    "pre-activation": (
        [
            FIRST,
            norm("c", "n"),
            operator("Relu", "n", "r"),
            operator("Conv", "r d", "e", group=4, pads=[1, 1, 1, 1]),
            operator("Add", "e c", "y"),
        ],
        "Conv, BatchNormalization elementwise+, Conv, Add",
    ),
    "shared input": (
        [FIRST, operator("Relu", "c", "r"), operator("Add", "r c", "y")],
        "Conv, Relu elementwise, Add",
    ),
    "network input": ([operator("Relu", "x", "y")], "Relu elementwise"),
    "shared behind a pooling": (
        [
            FIRST,
            operator("MaxPool", "c", "p", kernel_shape=[1, 1]),
            operator("Relu", "p", "r"),
            operator("Add", "r c", "y"),
        ],
        "Conv, max, Relu elementwise, Add",
    ),
    "after Concat": (
        [FIRST, operator("Concat", "c x", "1", axis=1), operator("Relu", "1", "y")],
        "Conv, Concat other, Relu elementwise",
    ),
    "dense block": (
        [
            operator("Concat", "x x", "1", axis=1),
            norm("1", "2"),
            operator("Relu", "2", "3"),
            operator("Conv", "3 u", "y", pads=[1, 1, 1, 1]),
        ],
        "Concat other, BatchNormalization elementwise+, Conv",
    ),
    "behind arrangements": (
        [
            FIRST,
            operator("Transpose", "c", "1", perm=[0, 2, 3, 1]),
            operator("Pad", "1 pads", "2"),
            operator("Flatten", "2", "3"),
            operator("Clip", "3 none scalar", "y"),
        ],
        "Conv+, Transpose arrangement, Pad arrangement, Reshape",
    ),
    "behind one part of a Split": (
        [
            FIRST,
            helper.make_node("Split", ["c", "halves"], ["1", "2"], axis=1),
            operator("Relu", "1", "3"),
            operator("Add", "2 3", "y"),
        ],
        "Conv, Split arrangement, Split arrangement, Relu elementwise, Add",
    ),
    "behind an average": (
        [FIRST, operator("GlobalAveragePool", "c", "p"), operator("Relu", "p", "y")],
        "Conv, average+",
    ),
    "behind softmax": (
        [FIRST, operator("Softmax", "c", "p"), operator("Relu", "p", "y")],
        "Conv, Softmax other, Relu elementwise",
    ),
    "negative upper bound": (
        [FIRST, operator("Clip", "c lower upper", "y")],
        "Conv, Clip elementwise",
    ),
}


@pytest.mark.parametrize("case", ACTIVATIONS)
def test_activation_in_every_place(tmp_path, case):
    operators, expected = ACTIVATIONS[case]
    constants = CONSTANTS | {
        "halves": np.array([2, 2]),
        "lower": np.float32(-2),
        "upper": np.float32(-0.1),
    }
    path = write_network(tmp_path / "tiny.onnx", operators, constants)
    assert ", ".join(described(assert_same_function(path))) == expected


def test_clip_to_a_negative_bound(tmp_path):
    operators = [FIRST, operator("Clip", "c none upper", "y")]
    constants = CONSTANTS | {"upper": np.float32(-0.1)}
    path = write_network(tmp_path / "tiny.onnx", operators, constants)
    assert described(load_network(path)) == ["Conv", "Clip elementwise"]


def test_clip_attributes_of_opset_6(tmp_path):
    operators = [FIRST, operator("Clip", "c", "1", min=0.0, max=0.5), operator("Clip", "1", "y")]
    path = write_network(tmp_path / "tiny.onnx", operators, CONSTANTS, opset=10)
    network = assert_same_function(path)
    assert described(network) == ["Conv+", "Clip elementwise"]
    assert network.nodes[0].activation == Relu(0.5)


def test_layers_along_the_last_axis(tmp_path):
    operators = [
        operator("MatMul", "x m", "1"),
        operator("Add", "bias 1", "2"),
        operator("Mul", "2 scalar", "3"),
        operator("Relu", "3", "4"),
        operator("Add", "4 bias", "5"),
        operator("MatMul", "5 k", "y"),
    ]
    constants = CONSTANTS | {"bias": normal(20, 5), "k": normal(21, 5, 3)}
    path = write_network(tmp_path / "tiny.onnx", operators, constants, shape=("N", 7, 9))
    network = assert_same_function(path)
    assert described(network) == ["MatMul+", "MatMul"]
    assert all(isinstance(node, Linear) and node.window is None for node in network.nodes)
    assert network.shapes[network.output] == (7, 3)
