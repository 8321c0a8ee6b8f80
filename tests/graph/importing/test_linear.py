"""Layers of the array in every spelling: groups, attributes, shapes of images."""

import numpy as np
import pytest

from model.graph.network import Linear
from tests.graph.float_execution import assert_same_function, described
from tests.graph.importing.opsets import OPSETS
from tests.graph.tiny_networks import normal, operator, write_network


@pytest.mark.parametrize("opset", OPSETS)
def test_batch_normalization_in_every_opset(tmp_path, opset):
    constants = {name: np.abs(normal(i, 2)) + 0.1 for i, name in enumerate("sbmv")}
    operators = [operator("BatchNormalization", "x s b m v", "n"), operator("Tanh", "n", "y")]
    path = write_network(tmp_path / "tiny.onnx", operators, constants, opset=opset)
    expected = ["BatchNormalization elementwise", "Tanh elementwise"]
    assert described(assert_same_function(path)) == expected


GROUPS = {
    "two groups": ((6, 2, 3, 3), 2, {}),
    "depthwise": ((4, 1, 3, 2), 4, {"pads": [2, 0, 1, 1]}),
    "depthwise with a multiplier": ((8, 1, 3, 3), 4, {"dilations": [2, 1], "strides": [2, 1]}),
    "SAME_LOWER": ((4, 2, 4, 2), 2, {"auto_pad": "SAME_LOWER", "strides": [2, 3]}),
}


@pytest.mark.parametrize("case", GROUPS)
def test_grouped_convolution(tmp_path, case):
    shape, groups, settings = GROUPS[case]
    conv = operator("Conv", "x w v", "y", group=groups, **settings)
    constants = {"w": normal(1, *shape), "v": normal(2, shape[0])}
    path = write_network(tmp_path / "tiny.onnx", [conv], constants, shape=("N", 4, 8, 9))
    (node,) = assert_same_function(path).nodes
    assert isinstance(node, Linear) and node.groups == groups
    assert node.weights.shape == (np.prod(shape[1:]), shape[0])


@pytest.mark.parametrize("transposed", [0, 1])
def test_gemm_attributes(tmp_path, transposed):
    weights = normal(1, 5, 6)
    operators = [
        operator("Flatten", "x", "f"),
        operator("Gemm", "f w v", "y", transB=transposed, alpha=0.3, beta=3.0),
    ]
    constants = {"w": weights if transposed else weights.T.copy(), "v": normal(2, 1, 5)}
    path = write_network(tmp_path / "tiny.onnx", operators, constants, shape=("N", 1, 2, 3))
    assert described(assert_same_function(path)) == ["Reshape", "Gemm"]


@pytest.mark.parametrize("opset", OPSETS)
@pytest.mark.parametrize("batch", ["N", 1, 4])
def test_squeezed_images_are_flat(tmp_path, opset, batch):
    """A Squeeze to one axis is the flattening of each image; Unsqueeze brings axes back."""
    axes = [[2, 3], [1]]
    given = [{"axes": a} if opset < 13 else {} for a in axes]
    operators = [
        operator("GlobalMaxPool", "x", "p"),
        operator("Squeeze", "p" if opset < 13 else "p a", "s", **given[0]),
        operator("Unsqueeze", "s" if opset < 13 else "s b", "u", **given[1]),
        operator("MatMul", "u w", "y"),
    ]
    constants = {"w": normal(1, 2, 4)}
    constants |= {} if opset < 13 else {"a": np.array(axes[0]), "b": np.array(axes[1])}
    path = write_network(
        tmp_path / "tiny.onnx", operators, constants, shape=(batch, 2, 8, 9), opset=opset
    )
    expected = ["max", "Reshape", "Unsqueeze arrangement", "MatMul"]
    assert described(assert_same_function(path)) == expected
