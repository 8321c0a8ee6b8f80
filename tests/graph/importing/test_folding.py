"""What is folded into layers, what is not, and that neither changes the function."""

import numpy as np
import pytest

from model.graph.importing.network import load_network
from model.graph.network import Linear
from tests.graph.float_execution import assert_same_function, described
from tests.graph.importing.folded import CONSTANTS, FIRST, norm
from tests.graph.tiny_networks import normal, operator, write_network

BEHIND = {
    "normalization": ([norm("c", "y")], ""),
    "chain": (
        [
            operator("Sub", "c four", "1"),
            operator("Mul", "1 batched", "2"),
            operator("Add", "scalar 2", "3"),
            operator("Div", "3 four", "y"),
        ],
        "",
    ),
    "from a constant": ([operator("Sub", "four c", "y")], ""),
    "activation behind": ([operator("Mul", "c four", "1"), operator("Relu", "1", "y")], "+"),
    "activation before": (
        [operator("Relu", "c", "r"), norm("r", "y")],
        "+ BatchNormalization elementwise",
    ),
    "another reader": (
        [norm("c", "n"), operator("Add", "n c", "y")],
        " BatchNormalization elementwise Add",
    ),
    "not by channels": ([operator("Add", "c plane", "y")], " Add elementwise"),
    "by rows": ([operator("Mul", "c rows", "y")], " Mul elementwise"),
    "one over": (
        [operator("Div", "scalar c", "1"), operator("Clip", "1 none", "y")],
        " Div elementwise+",
    ),
    "larger result": (
        [operator("GlobalAveragePool", "c", "p"), operator("Add", "p plane", "y")],
        " average Add elementwise",
    ),
}


@pytest.mark.parametrize("case", BEHIND)
def test_map_behind_a_convolution(tmp_path, case):
    operators, expected = BEHIND[case]
    path = write_network(tmp_path / "tiny.onnx", [FIRST, *operators], CONSTANTS)
    assert " ".join(described(assert_same_function(path))) == "Conv" + expected


def test_map_that_makes_more_channels(tmp_path):
    """The result of a convolution for four constants is another shape: no channel's bias."""
    operators = [operator("Conv", "x k", "c"), operator("Mul", "c four", "y")]
    constants = CONSTANTS | {"k": normal(1, 1, 2, 3, 3)}
    path = write_network(tmp_path / "tiny.onnx", operators, constants)
    assert described(assert_same_function(path)) == ["Conv", "Mul elementwise"]


BEFORE = {
    "normalization": ([norm("c", "n"), operator("Conv", "n u", "y")], "Conv"),
    "normalization, padded": (
        [norm("c", "n"), operator("Conv", "n u", "y", pads=[0, 0, 0, 1])],
        "BatchNormalization elementwise, Conv",
    ),
    "scale, padded": (
        [operator("Mul", "batched c", "n"), operator("Conv", "n u", "y", pads=[1, 1, 1, 1])],
        "Conv",
    ),
    "division, padded": (
        [operator("Div", "c four", "n"), operator("Conv", "n u", "y", pads=[1, 1, 1, 1])],
        "Conv",
    ),
    "chain": (
        [
            operator("Sub", "c four", "1"),
            operator("Div", "1 batched", "2"),
            operator("Mul", "2 four", "3"),
            operator("Add", "scalar 3", "4"),
            operator("Conv", "4 u", "y"),
        ],
        "Conv",
    ),
    "chain, padded": (
        [
            operator("Mul", "c four", "1"),
            operator("Add", "1 four", "2"),
            operator("Mul", "2 scalar", "3"),
            operator("Conv", "3 u", "y", pads=[1, 1, 1, 1]),
        ],
        "Mul elementwise, Add elementwise, Conv",
    ),
    "depthwise": ([norm("c", "n"), operator("Conv", "n d", "y", group=4)], "Conv"),
    "two groups": ([norm("c", "n"), operator("Conv", "n two", "y", group=2)], "Conv"),
    "several readers": (
        [
            norm("c", "n"),
            operator("Conv", "n d", "1", group=4),
            operator("Conv", "n two", "2", group=2, dilations=[2, 2]),
            operator("Concat", "1 2", "y", axis=1),
        ],
        "Conv, Conv, Concat other",
    ),
    "several readers, one padded": (
        [
            norm("c", "n"),
            operator("Conv", "n d", "1", group=4),
            operator("Conv", "n d", "2", group=4, pads=[0, 0, 0, 2], strides=[1, 1]),
            operator("GlobalMaxPool", "2", "3"),
            operator("Mul", "1 3", "y"),
        ],
        "BatchNormalization elementwise, Conv, Conv, max, Mul elementwise",
    ),
    "another kind of reader": (
        [
            operator("Mul", "c four", "n"),
            operator("Conv", "n d", "1", group=4, pads=[1, 1, 1, 1]),
            operator("Add", "n 1", "y"),
        ],
        "Mul elementwise, Conv, Add",
    ),
    "flattened": (
        [norm("c", "n"), operator("Flatten", "n", "1"), operator("Gemm", "1 f", "y")],
        "Reshape, Gemm",
    ),
    "chain, flattened": (
        [
            operator("Sub", "c plane", "1"),
            operator("Mul", "1 four", "2"),
            operator("Flatten", "2", "3"),
            norm("3", "4", "l"),
            operator("MatMul", "4 f", "y"),
        ],
        "Reshape, MatMul",
    ),
    "flattened, another reader": (
        [
            operator("Mul", "c four", "1"),
            operator("Flatten", "1", "2"),
            operator("MatMul", "2 f", "3"),
            operator("Concat", "2 3", "y", axis=1),
        ],
        "Mul elementwise, Reshape, MatMul, Concat other",
    ),
    "positions": (
        [operator("Mul", "c plane", "1"), operator("Conv", "1 u", "y")],
        "Mul elementwise, Conv",
    ),
    "last axis": ([operator("Mul", "c last", "1"), operator("MatMul", "1 m", "y")], "MatMul"),
    "channels of a product along the last axis": (
        [operator("Mul", "c four", "1"), operator("MatMul", "1 m", "y")],
        "Mul elementwise, MatMul",
    ),
    "zero padding": (
        [operator("Pad", "c pads none", "1"), operator("Conv", "1 u", "y", pads=[0, 1, 0, 0])],
        "Conv",
    ),
    "zero padding, several readers": (
        [
            operator("Pad", "c pads", "1"),
            operator("Conv", "1 d", "2", group=4, strides=[2, 1]),
            operator("Conv", "1 d", "3", group=4, strides=[2, 1]),
            operator("Add", "2 3", "y"),
        ],
        "Conv, Conv, Add",
    ),
    "zero padding of a pooling": (
        [operator("Pad", "c pads", "1"), operator("MaxPool", "1", "y", kernel_shape=[3, 3])],
        "Pad arrangement, max",
    ),
    "other padding": (
        [operator("Pad", "c pads scalar", "1"), operator("Conv", "1 u", "y")],
        "Pad other, Conv",
    ),
    "reflection": (
        [operator("Pad", "c pads", "1", mode="reflect"), operator("Conv", "1 u", "y")],
        "Pad arrangement, Conv",
    ),
    "padding of channels": (
        [operator("Pad", "c beside", "1"), operator("Conv", "1 five", "y")],
        "Pad arrangement, Conv",
    ),
    "negative padding": (
        [operator("Pad", "c cut", "1"), operator("Conv", "1 u", "y")],
        "Pad arrangement, Conv",
    ),
    "zero padding of a product along the last axis": (
        [operator("Pad", "c last_axis", "1"), operator("MatMul", "1 m", "y")],
        "Pad arrangement, MatMul",
    ),
    "activated map": (
        [norm("c", "n"), operator("Relu", "n", "1"), operator("Conv", "1 u", "y")],
        "BatchNormalization elementwise+, Conv",
    ),
    "map, then padding": (
        [norm("c", "n"), operator("Pad", "n pads", "1"), operator("Conv", "1 u", "y")],
        "BatchNormalization elementwise, Conv",
    ),
}


@pytest.mark.parametrize("case", BEFORE)
def test_map_before_layers(tmp_path, case):
    """``c`` is the network's input here, so that nothing can fold backward."""
    operators, expected = BEFORE[case]
    constants = CONSTANTS | {
        "five": normal(15, 3, 5, 2, 2),
        "last_axis": np.array([0, 0, 0, 0, 0, 0, 0, 2]),
        "m": normal(6, 11 if "Pad" in [node.op_type for node in operators] else 9, 5),
    }
    operators = [operator("Identity", "x", "c"), *operators]
    path = write_network(tmp_path / "tiny.onnx", operators, constants, shape=("N", 4, 8, 9))
    assert ", ".join(described(assert_same_function(path))) == expected


def test_padding_of_some_axes(tmp_path):
    operators = [operator("Pad", "x pads  axes", "1"), operator("Conv", "1 w", "y")]
    constants = CONSTANTS | {"pads": np.array([2, 1]), "axes": np.array([3])}
    path = write_network(tmp_path / "tiny.onnx", operators, constants, opset=18)
    (node,) = assert_same_function(path).nodes
    assert isinstance(node, Linear) and node.window.pads == (0, 2, 0, 1)


def test_map_folds_forward_behind_an_activation(tmp_path):
    operators = [
        FIRST,
        operator("Relu", "c", "r"),
        norm("r", "n"),
        operator("Conv", "n u", "y"),
    ]
    path = write_network(tmp_path / "tiny.onnx", operators, CONSTANTS)
    network = assert_same_function(path)
    assert described(network) == ["Conv+", "Conv"] and network.nodes[1].inputs == ("r",)


def test_networks_answer_is_not_folded_away(tmp_path):
    path = write_network(tmp_path / "tiny.onnx", [norm("x", "y", "i")], CONSTANTS)
    assert described(assert_same_function(path)) == ["BatchNormalization elementwise"]
    operators = [norm("x", "y", "i"), operator("Conv", "y w", "unread")]
    path = write_network(tmp_path / "tiny.onnx", operators, CONSTANTS)
    assert described(assert_same_function(path)) == ["BatchNormalization elementwise"]
    operators = [norm("x", "n", "i"), operator("Flatten", "n", "y")]
    path = write_network(tmp_path / "tiny.onnx", operators, CONSTANTS)
    assert described(assert_same_function(path)) == ["BatchNormalization elementwise", "Reshape"]


@pytest.mark.parametrize("batch", ["N", 3])
def test_flattened_tensor_is_added_to_the_model(tmp_path, batch):
    operators = [norm("x", "n"), operator("Flatten", "n", "1"), operator("Gemm", "1 f", "y")]
    shape = (batch, 4, 8, 9)
    path = write_network(tmp_path / "tiny.onnx", operators, CONSTANTS, shape=shape)
    network = assert_same_function(path)
    assert [node.output for node in network.nodes] == ["1/unmapped", "y"]
    assert network.shapes["1/unmapped"] == (288,)
    assert "1/unmapped" in [info.name for info in network.model.graph.value_info]


def test_folding_forward_keeps_small_factors_exact(tmp_path):
    """In float64, scales far from one come out as if the weights had been written so."""
    scale = np.array([1e-6, 1e6, 1, -3], np.float32).reshape(4, 1, 1)
    operators = [operator("Mul", "x s", "1"), operator("Conv", "1 u", "y")]
    constants = {"s": scale, "u": CONSTANTS["u"]}
    write_network(tmp_path / "tiny.onnx", operators, constants, shape=("N", 4, 8, 9))
    (node,) = load_network(tmp_path / "tiny.onnx").nodes
    expected = CONSTANTS["u"].astype(np.float64) * scale[None].astype(np.float64)
    assert np.array_equal(node.weights, expected.reshape(5, -1).T)
