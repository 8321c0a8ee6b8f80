"""Networks of one dimension as images of one row, against onnxruntime on the file."""

from pathlib import Path

import numpy as np
import pytest

from model.graph.network import Add, FloatOperation, Linear, Pool, Reshape
from tests.graph.float_execution import assert_same_function
from tests.graph.tiny_networks import norm_parameters, normal, operator, write_network


def recording(path: Path, seed: int, batch: int | str = "N") -> Path:
    """Write a residual classifier of recordings, as torch exports one."""
    operators = [
        operator("Conv", "x w0 b0", "c0", kernel_shape=[7], strides=[2], pads=[3, 2]),
        operator("BatchNormalization", "c0 n_gamma n_beta n_mean n_variance", "n0"),
        operator("Relu", "n0", "r0"),
        operator("MaxPool", "r0", "m0", kernel_shape=[3], strides=[2], pads=[1, 1]),
        operator("Conv", "m0 w1", "c1", dilations=[2], pads=[2, 2], group=2),
        operator("Mul", "c1 gains", "g1"),
        operator("PRelu", "g1 slopes", "p1"),
        operator("Add", "m0 p1", "a1"),
        operator("Relu", "a1", "r1"),
        operator("Concat", "r1 m0", "t2", axis=1),
        operator("AveragePool", "t2", "v2", kernel_shape=[2], strides=[2]),
        operator("ConvTranspose", "v2 w3", "c3", strides=[2]),
        operator("Clip", "c3 zero six", "r3"),
        operator("GlobalAveragePool", "r3", "g3"),
        operator("Flatten", "g3", "f3"),
        operator("Gemm", "f3 w4 b4", "y"),
    ]
    constants = {
        "w0": normal(seed, 4, 2, 7),
        "b0": normal(seed + 1, 4),
        "w1": normal(seed + 2, 4, 2, 3),
        "gains": normal(seed + 3, 4, 1),
        "slopes": normal(seed + 4, 4, 1),
        "w3": normal(seed + 5, 8, 6, 2),
        "zero": np.float32(0),
        "six": np.float32(6),
        "w4": normal(seed + 6, 6, 5),
        "b4": normal(seed + 7, 5),
        **norm_parameters(seed + 8, 4, "n"),
    }
    return write_network(path, operators, constants, (batch, 2, 41))


@pytest.mark.parametrize("batch", ["N", 3])
def test_a_network_of_rows_is_one_of_images(tmp_path, seed, batch):
    found = assert_same_function(recording(tmp_path / "net.onnx", seed, batch))
    assert found.input_shape == (2, 41)
    layers = [node for node in found.nodes if isinstance(node, Linear)]
    assert [node.operator for node in layers] == ["Conv", "Conv", "Conv", "Gemm"]
    assert [node.window.kernel for node in layers[:3]] == [(1, 7), (1, 3), (1, 1)]
    assert layers[0].activation and layers[0].window.pads == (0, 3, 0, 2)
    assert layers[1].groups == 2 and layers[1].window.dilations == (1, 2)
    assert layers[2].activation.upper == 6
    kinds = [type(node) for node in found.nodes]
    assert kinds.count(Pool) == 3 and kinds.count(Add) == 1 and kinds.count(Reshape) == 1
    floats = [node.operator for node in found.nodes if isinstance(node, FloatOperation)]
    assert floats.count("Unsqueeze") == 1 and "Squeeze" not in floats


def test_rows_that_are_needed_as_such(tmp_path, seed):
    """What looks at the axes sees three of them, once made however often it is read."""
    operators = [
        operator("Conv", "x w0", "c0", auto_pad="SAME_UPPER"),
        operator("Softmax", "c0", "s0", axis=-1),
        operator("Mul", "s0 c0", "m0"),
        operator("Concat", "m0 c0", "t0", axis=-1),
        operator("Transpose", "c0", "u0", perm=[0, 2, 1]),
        operator("MatMul", "u0 w1", "v0"),
        operator("Conv", "t0 w2", "c2", strides=[3]),
        operator("ReduceMean", "v0", "e0", axes=[1], keepdims=1),
        operator("ReduceMean", "c2", "e2", axes=[-1], keepdims=0),
        operator("Flatten", "e0", "f0"),
        operator("Concat", "f0 e2", "y", axis=1),
    ]
    constants = {
        "w0": normal(seed, 3, 2, 4),
        "w1": normal(seed + 1, 3, 4),
        "w2": normal(seed + 2, 5, 3, 2),
    }
    path = write_network(tmp_path / "net.onnx", operators, constants, ("N", 2, 11))
    found = assert_same_function(path)
    floats = [node.operator for node in found.nodes if isinstance(node, FloatOperation)]
    assert floats.count("Squeeze") == 2  # of c0 and of c2
    assert len(found.linears) == 3


def test_an_answer_of_rows_has_the_shape_of_the_file(tmp_path, seed):
    operators = [operator("Conv", "x w", "c"), operator("Tanh", "c", "y")]
    path = write_network(
        tmp_path / "net.onnx", operators, {"w": normal(seed, 3, 2, 2)}, ("N", 2, 9)
    )
    found = assert_same_function(path)
    assert found.shapes[found.output] == (3, 8)
