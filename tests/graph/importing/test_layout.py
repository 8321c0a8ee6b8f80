"""Files that keep channels last: Transposes around convolutions vanish where they can."""

import numpy as np
import pytest

from tests.graph.float_execution import assert_same_function, described
from tests.graph.tiny_networks import Operator, normal, operator, write_network

CONSTANTS = {
    "w": normal(1, 4, 3, 3, 3),
    "u": normal(2, 4, 4, 1, 1),
    "v": normal(3, 4),
    "scale": normal(4, 1, 1, 1, 4),
    "one": np.float32(1.3),
    "m": normal(5, 4, 2),
    "axes": np.array([1, 2]),
    "last": np.array([3]),
    "columns": normal(6, 9, 1),
    "rows": np.linspace(0.1, 1, 8, dtype=np.float32),
    "f": normal(7, 288, 3),
}


def channels_last(*operators: Operator) -> list[Operator]:
    """Put operators behind a padded convolution whose input and result ``c`` are (8, 9, C)."""
    return [
        operator("Transpose", "x", "t", perm=[0, 3, 1, 2]),
        operator("Conv", "t w", "e", pads=[1, 1, 1, 1]),
        operator("Transpose", "e", "c", perm=[0, 2, 3, 1]),
        *operators,
    ]


def write(path, operators, opset=17):
    return write_network(path, operators, CONSTANTS, shape=("N", 8, 9, 3), opset=opset)


CASES = {
    "bias, scale and activation": (
        [
            operator("Add", "c v", "1"),
            operator("Mul", "1 scale", "2"),
            operator("Add", "one 2", "3"),
            operator("Relu", "3", "4"),
            operator("Transpose", "4", "5", perm=[0, 3, 1, 2]),
            operator("Conv", "5 u", "y"),
        ],
        "Conv+, Conv",
    ),
    "residual": (
        [
            operator("Relu", "c", "1"),
            operator("Transpose", "1", "2", perm=[0, 3, 1, 2]),
            operator("Conv", "2 u", "3"),
            operator("Transpose", "3", "4", perm=[0, 2, 3, 1]),
            operator("Add", "4 1", "5"),
            operator("Clip", "5 zero six", "6"),
            operator("Transpose", "6", "y", perm=[0, 3, 1, 2]),
        ],
        "Conv+, Conv, Add+",
    ),
    "answer with channels last": (
        [operator("Add", "c v", "1"), operator("Sigmoid", "1", "y")],
        "Conv, Sigmoid elementwise, Transpose arrangement",
    ),
    "squeeze and excite": (
        [
            operator("ReduceMean", "c", "1", axes=[1, 2], keepdims=1),
            operator("Sigmoid", "1", "2"),
            operator("Mul", "c 2", "3"),
            operator("Concat", "3 c", "4", axis=-1),
            operator("Transpose", "4", "y", perm=[0, 3, 1, 2]),
        ],
        "Conv, average, Sigmoid elementwise, Mul elementwise, Concat other",
    ),
    "mean and classifier": (
        [operator("ReduceMean", "c", "1", axes=[1, 2], keepdims=0), operator("MatMul", "1 m", "y")],
        "Conv, average, Reshape, MatMul",
    ),
    "mean of channels": (
        [operator("ReduceMean", "c", "1", axes=[3]), operator("Tanh", "1", "y")],
        "Conv, Transpose arrangement, ReduceMean other, Tanh elementwise",
    ),
    "constant for columns": (
        [operator("Mul", "c columns", "1"), operator("Transpose", "1", "y", perm=[0, 3, 1, 2])],
        "Conv, Mul elementwise",
    ),
    "flattened with channels last": (
        [operator("Flatten", "c", "1"), operator("Gemm", "1 f", "y")],
        "Conv, Transpose arrangement, Reshape, Gemm",
    ),
    "made once for two": (
        [
            operator("Softmax", "c", "1", axis=3),
            operator("Softmax", "c", "2", axis=1),
            operator("Add", "1 2", "y"),
        ],
        "Conv, Transpose arrangement, Softmax other, Softmax other, Add",
    ),
    "with a tensor that has channels last anyway": (
        [operator("Slice", "x zeros ones last", "s"), operator("Sub", "c s", "y")],
        "Conv, Slice arrangement, Transpose arrangement, Sub elementwise",
    ),
    "normalization of rows": (
        [
            operator("BatchNormalization", "c rows rows rows rows", "1"),
            operator("Transpose", "1", "y", perm=[0, 3, 1, 2]),
        ],
        "Conv, Transpose arrangement, BatchNormalization elementwise, Transpose arrangement",
    ),
    "another permutation": (
        [operator("Transpose", "c", "1", perm=[0, 3, 2, 1]), operator("Tanh", "1", "y")],
        "Conv, Transpose arrangement, Transpose arrangement, Tanh elementwise",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_channels_last(tmp_path, case):
    operators, expected = CASES[case]
    constants = CONSTANTS | {
        "zero": np.float32(0),
        "six": np.float32(0.6),
        "zeros": np.array([0]),
        "ones": np.array([1]),
    }
    path = write_network(
        tmp_path / "tiny.onnx", channels_last(*operators), constants, shape=("N", 8, 9, 3)
    )
    network = assert_same_function(path)
    assert ", ".join(described(network)) == f"Transpose arrangement, {expected}"


def test_mean_in_the_newest_spelling(tmp_path):
    operators = channels_last(
        operator("ReduceMean", "c axes", "1", keepdims=0), operator("MatMul", "1 m", "y")
    )
    path = write(tmp_path / "tiny.onnx", operators, opset=18)
    expected = ["Transpose arrangement", "Conv", "average", "Reshape", "MatMul"]
    assert described(assert_same_function(path)) == expected
