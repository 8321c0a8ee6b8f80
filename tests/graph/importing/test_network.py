"""The ONNX import against onnxruntime, and every way in which it refuses a file."""

import numpy as np
import pytest
from onnx import helper

from model.graph.files import existing_file
from model.graph.images import read_images
from model.graph.importing.network import load_network
from model.graph.network import FloatOperation, Linear, Relu
from model.quantization.calibration import FloatNetwork
from tests.graph.float_execution import assert_close, assert_same_function, run_nodes
from tests.graph.tiny_networks import (
    CONV,
    WEIGHTS,
    norm_parameters,
    normal,
    operator,
    residual_network,
    write_network,
)


def test_folded_network_equals_onnxruntime(path, seed):
    network = load_network(residual_network(path, seed % 1000))
    assert [type(node).__name__ for node in network.nodes] == [
        *("Linear", "Linear", "Add", "Pool", "Linear", "Pool", "Pool", "Pool", "Reshape"),
        "Linear",
    ]
    assert [node.activation for node in network.nodes if node.activation] == [
        *(Relu(), Relu(6.0), Relu()),
    ]
    assert_same_function(path)


def test_committed_network_equals_onnxruntime():
    images = read_images("fashion_mnist_test").images[:8]
    network = assert_same_function(existing_file("fashion_resnet8", ".onnx"), images)
    assert not any(isinstance(node, FloatOperation) for node in network.nodes)


def test_committed_network_has_short_names():
    names = [
        node.name for node in load_network("fashion_resnet8").nodes if isinstance(node, Linear)
    ]
    assert names == [
        *("stem", "block1/conv1", "block1/conv2", "block2/conv1", "block2/conv2"),
        *("block2/shortcut.0", "block3/conv1", "block3/conv2", "block3/shortcut.0"),
        "classifier",
    ]


def test_names_are_unique(path):
    operators = [operator("Conv", "x w", "c"), operator("Conv", "c u", "y")]
    operators[0].name = operators[1].name = "/body/Conv"
    write_network(path, operators, {**WEIGHTS, "u": normal(2, 3, 4, 1, 1)})
    assert [node.name for node in load_network(path).nodes] == ["body", "body#2"]


GEOMETRIES = {
    "1x1": ((1, 1), {}),
    "stride": ((3, 3), {"strides": [2, 3]}),
    "asymmetric pads": ((3, 2), {"pads": [0, 1, 2, 3]}),
    "dilation": ((2, 3), {"dilations": [3, 2]}),
    "all": ((2, 3), {"pads": [2, 0, 1, 1], "strides": [3, 2], "dilations": [2, 2]}),
    "auto_pad VALID": ((3, 3), {"auto_pad": "VALID", "strides": [2, 2]}),
    "auto_pad SAME_UPPER": ((2, 4), {"auto_pad": "SAME_UPPER", "strides": [3, 2]}),
    "auto_pad SAME_LOWER": ((2, 4), {"auto_pad": "SAME_LOWER", "strides": [3, 2]}),
}


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_convolution_geometry(path, seed, geometry):
    kernel, attributes = GEOMETRIES[geometry]
    constants = {"w": normal(seed, 4, 2, *kernel), "v": normal(seed + 1, 4)}
    write_network(path, [operator("Conv", "x w v", "y", **attributes)], constants)
    assert_same_function(path)


@pytest.mark.parametrize("kind", ["MaxPool", "AveragePool"])
def test_pool_geometry(path, seed, kind):
    pads = [1, 0, 0, 1] if kind == "MaxPool" else [0, 0, 0, 0]
    pool = operator(kind, "x", "y", kernel_shape=[2, 3], strides=[3, 1], pads=pads)
    write_network(path, [pool], {})
    assert_same_function(path)


def test_fully_connected_forms(path, seed):
    operators = [
        helper.make_node("Constant", [], ["target"], value_ints=[0, -1]),
        operator("Reshape", "x target", "f"),
        operator("MatMul", "f w1", "m1"),
        operator("BatchNormalization", "m1 n_gamma n_beta n_mean n_variance", "b1"),
        operator("Add", "v1 b1", "a1"),
        operator("Clip", "a1 zero third", "c1"),
        operator("Relu", "c1", "r1"),
        operator("Gemm", "r1 w2", "y"),
    ]
    constants = {
        "w1": normal(seed, 24, 7),
        "v1": normal(seed + 1, 7),
        "w2": normal(seed + 2, 7, 3),
        "zero": np.float32(0),
        "third": np.float32(0.3),
        **norm_parameters(seed + 3, 7, "n"),
    }
    write_network(path, operators, constants, shape=("N", 2, 3, 4))
    nodes = load_network(path).nodes
    assert [type(node).__name__ for node in nodes] == ["Reshape", "Linear", "Linear"]
    assert nodes[1].activation == Relu(np.float32(0.3))
    assert_same_function(path)


def test_relu_moves_before_reshape_and_largest(path, seed):
    operators = [
        operator("Conv", "x w", "c"),
        operator("MaxPool", "c", "p", kernel_shape=[2, 2]),
        operator("Flatten", "p", "f"),
        operator("Relu", "f", "y"),
    ]
    write_network(path, operators, WEIGHTS)
    assert [node.activation for node in load_network(path).nodes] == [Relu(), None, None]
    assert_same_function(path)


@pytest.mark.parametrize("count", [1, 4, 5])
def test_fixed_batch_size(path, seed, count):
    write_network(path, [CONV], WEIGHTS, shape=(4, 2, 8, 9))
    network = load_network(path)
    images = normal(seed, count, 2, 8, 9)
    expected = FloatNetwork(network).run(images)
    assert network.batch == 4 and len(expected) == count
    actual = run_nodes(network, images)["y"]
    assert_close(actual.reshape(count, -1), expected, "y")
