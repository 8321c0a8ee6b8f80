"""The ONNX import against onnxruntime, and every way in which it refuses a file."""

import math
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from model.graph.files import existing_file
from model.graph.images import read_images
from model.graph.importing.network import load
from model.graph.network import FloatOperation, Linear, Relu
from model.quantization.calibration import FloatNetwork
from tests.graph.float_execution import assert_close, assert_same_function, run_nodes
from tests.graph.tiny_networks import (
    norm_parameters,
    normal,
    operator,
    residual_network,
    write_network,
)

WEIGHTS = {"w": normal(1, 4, 2, 3, 3)}
CONV = operator("Conv", "x w", "y")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where a test may write a network."""
    return tmp_path / "tiny.onnx"


def test_folded_network_equals_onnxruntime(path, seed):
    network = load(residual_network(path, seed % 1000))
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
    names = [node.name for node in load("fashion_resnet8").nodes if isinstance(node, Linear)]
    assert names == [
        *("stem", "block1/conv1", "block1/conv2", "block2/conv1", "block2/conv2"),
        *("block2/shortcut.0", "block3/conv1", "block3/conv2", "block3/shortcut.0"),
        "classifier",
    ]


def test_names_are_unique(path):
    operators = [operator("Conv", "x w", "c"), operator("Conv", "c u", "y")]
    operators[0].name = operators[1].name = "/body/Conv"
    write_network(path, operators, {**WEIGHTS, "u": normal(2, 3, 4, 1, 1)})
    assert [node.name for node in load(path).nodes] == ["body", "body#2"]


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
    nodes = load(path).nodes
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
    assert [node.activation for node in load(path).nodes] == [Relu(), None, None]
    assert_same_function(path)


@pytest.mark.parametrize("count", [1, 4, 5])
def test_fixed_batch_size(path, seed, count):
    write_network(path, [CONV], WEIGHTS, shape=(4, 2, 8, 9))
    network = load(path)
    images = normal(seed, count, 2, 8, 9)
    expected = FloatNetwork(network).run(images)
    assert network.batch == 4 and len(expected) == count
    actual = run_nodes(network, images)["y"]
    assert_close(actual.reshape(count, -1), expected, "y")


UNSUPPORTED = {
    "several": (
        [
            operator("LSTM", "x w u", "s"),
            operator("Conv", "s w", "c", group=2),
            operator("DequantizeLinear", "c one", "q"),
            helper.make_node("Made", ["q"], ["d"], name="up", domain="house"),
            operator("Gemm", "d w", "e", transA=1),
            operator("TopK", "e one", "y"),
        ],
        "unsupported: LSTM (node 'node_s'); DequantizeLinear (node 'node_q');"
        " Made (node 'up'); Gemm with transA 1 (node 'node_e'); TopK (node 'node_y')",
    ),
    "flatten": (
        [operator("Flatten", "x", "y", axis=2)],
        "Flatten (node 'node_y'): its output 'y' has shape (2, 72) for 1, (4, 72) for 2 image(s)",
    ),
    "second output": (
        [
            helper.make_node("MaxPool", ["x"], ["m", "where"], name="pool", kernel_shape=[1, 1]),
            operator("Flatten", "where", "y"),
        ],
        "MaxPool (node 'pool'): its output 'where' is read",
    ),
    "two activations": (
        [
            operator("Flatten", "x", "f"),
            operator("Gemm", "f square f", "g"),
            operator("Gemm", "f square2 g", "y"),
        ],
        "Gemm (node 'node_g'): its input 'f' is not a constant;"
        " Gemm (node 'node_y'): its input 'g' is not a constant",
    ),
    "image as weight": (
        [operator("Conv", "one_image x", "y")],
        "Conv (node 'node_y'): its output 'y' has shape (1, 1, 1, 1) for 1, (1, 2, 1, 1) for 2",
    ),
    "constant answer": ([operator("Conv", "w w", "y")], "output 'y', which no operator computes"),
    "nothing": ([operator("Identity", "x", "y")], "output 'x', which no operator computes"),
}


@pytest.mark.parametrize("case", UNSUPPORTED)
def test_unsupported_is_named(path, case):
    operators, message = UNSUPPORTED[case]
    constants = {
        **WEIGHTS,
        "u": normal(2, 4, 3),
        "one": np.float32(1),
        "square": normal(3, 144, 144),
        "square2": normal(4, 144, 144),
        "one_image": normal(6, 1, 2, 8, 9),
    }
    write_network(path, operators, constants)
    with pytest.raises(ValueError) as refusal:
        load(path)
    assert message in str(refusal.value) and str(path) in str(refusal.value)


def test_weight_as_input(path):
    constants = {"image": normal(6, 1, 2, 8, 9)}
    write_network(path, [operator("Conv", "image x", "y")], constants, shape=(1, 2, 3, 3))
    with pytest.raises(
        ValueError, match=r"Conv \(node 'node_y'\): its input 'image' is a constant"
    ):
        load(path)


def test_one_dimensional_convolution(path):
    write_network(path, [CONV], {"w": normal(1, 4, 2, 3)}, shape=("N", 2, 8))
    with pytest.raises(ValueError, match=r"'x' has shape \(2, 8\) per image, 3 axes expected"):
        load(path)


def raw_bytes(path: Path, change: str) -> None:
    """Write a file that is no proper ONNX file."""
    content = write_network(path, [CONV], WEIGHTS).read_bytes()
    path.write_bytes({"empty": b"", "half": content[:150], "text": b"a text\n" * 9}[change])


@pytest.mark.parametrize("change", ["empty", "half", "text"])
def test_not_an_onnx_file(path, change):
    raw_bytes(path, change)
    with pytest.raises(ValueError, match=r"tiny\.onnx: not an ONNX file"):
        load(path)


def test_missing_file(tmp_path):
    with pytest.raises(ValueError, match=r"none: no such file, nor .*known: fashion_resnet8"):
        load("none")
    with pytest.raises(ValueError, match="is a folder"):
        load(tmp_path)


@pytest.mark.parametrize("size", [None, 20])
def test_external_data(path, seed, size):
    model = onnx.load(write_network(path, [CONV], WEIGHTS))
    onnx.save(model, path, save_as_external_data=True, location="data", size_threshold=0)
    assert_same_function(path)
    data = path.parent / "data"
    data.unlink() if size is None else data.write_bytes(bytes(size))
    with pytest.raises(ValueError, match="external data missing or truncated: .*'?w'?"):
        load(path)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_are_finite(path, value):
    weights = WEIGHTS["w"].copy()
    weights[3, 1, 0, 2] = value
    write_network(path, [CONV], {"w": weights})
    with pytest.raises(ValueError, match=rf"tensor 'w' holds {value} at index \(3, 1, 0, 2\)"):
        load(path)


def test_wrong_shapes(path):
    write_network(path, [CONV], {"w": normal(1, 4, 3, 3, 3)}, output_shape=("N", 4, 6, 7))
    with pytest.raises(ValueError, match="tensor 'w' has 3 input channels, 2 expected"):
        load(path)
    write_network(path, [CONV], WEIGHTS, output_shape=("N", 4, 6, 6))
    with pytest.raises(ValueError, match="shapes do not fit: .*Conv"):
        load(path)
    write_network(path, [CONV], WEIGHTS, shape=("N", 2, "H", "W"))
    with pytest.raises(ValueError, match=r"\(N, 2, H, W\): all but the batch must be fixed"):
        load(path)


def test_variance_must_be_positive(path):
    parameters = norm_parameters(1, 4, "n")
    parameters["n_variance"][2] = -1
    norm = operator("BatchNormalization", "c n_gamma n_beta n_mean n_variance", "y")
    write_network(path, [operator("Conv", "x w", "c"), norm], {**WEIGHTS, **parameters})
    with pytest.raises(ValueError, match="'n_variance' holds the variance -1.0 at index 2"):
        load(path)


def test_one_float32_input_and_one_output(path):
    constants = {"w": WEIGHTS["w"].astype(np.float64)}
    write_network(path, [CONV], constants, data_type=TensorProto.DOUBLE)
    with pytest.raises(ValueError, match="input 'x' is DOUBLE, FLOAT is expected"):
        load(path)
    model = onnx.load(write_network(path, [CONV], WEIGHTS))
    model.graph.output.append(model.graph.input[0])
    onnx.save(model, path)
    with pytest.raises(ValueError, match=r"2 outputs \(y, x\), exactly one is supported"):
        load(path)


def test_invalid_model(path):
    model = onnx.load(write_network(path, [CONV], WEIGHTS))
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.zeros(3, np.float32), "other"))
    onnx.save(model, path)
    with pytest.raises(ValueError, match="not a valid ONNX model: .*w"):
        load(path)


IMAGES = np.linspace(0, 1, 3 * math.prod((2, 8, 9)), dtype=np.float32).reshape(3, 2, 8, 9)


def with_value(value: float) -> np.ndarray:
    """Return images of which one value is changed."""
    images = IMAGES.copy()
    images[1, 0, 7, 2] = value
    return images


BAD_IMAGES = {
    "no images": ({"pictures": IMAGES}, "no array 'images' (arrays: pictures)"),
    "float64": ({"images": IMAGES.astype(np.float64)}, "float64, float32 is expected"),
    "rank": ({"images": IMAGES[0]}, "shape (2, 8, 9), (N, C, H, W) is expected"),
    "shape": ({"images": IMAGES[:, :1]}, "shape (1, 8, 9) each, the network 'tiny' takes (2, 8"),
    "none": ({"images": IMAGES[:0]}, "there is no image"),
    "nan": ({"images": with_value(np.nan)}, "images[1, 0, 7, 2] is nan"),
    "infinity": ({"images": with_value(-np.inf)}, "images[1, 0, 7, 2] is -inf"),
    "label count": ({"images": IMAGES, "labels": np.zeros(2, int)}, "shape (2,), (3,) is expected"),
    "label type": ({"images": IMAGES, "labels": np.zeros(3)}, "float64, integers are expected"),
    "label": ({"images": IMAGES, "labels": np.array([0, 168, 1])}, "labels[1] is 168, below 168"),
    "object": ({"images": np.array([None])}, "not a readable .npz file, or truncated (Object"),
}


@pytest.mark.parametrize("case", BAD_IMAGES)
def test_bad_images_are_refused(path, case):
    arrays, message = BAD_IMAGES[case]
    network = load(write_network(path, [CONV], WEIGHTS))
    np.savez(path.with_suffix(".npz"), **arrays)
    with pytest.raises(ValueError) as refusal:
        read_images(path.with_suffix(".npz"), network)
    assert message in str(refusal.value) and "tiny.npz" in str(refusal.value)


@pytest.mark.parametrize("change", ["truncated", "text", "npy"])
def test_unreadable_image_file(tmp_path, change):
    path = tmp_path / "images.npz"
    np.savez_compressed(path, images=IMAGES)
    content = path.read_bytes()
    path.write_bytes(content[:-30] if change == "truncated" else b"no archive\n")
    if change == "npy":
        np.save(path.open("wb"), IMAGES)
    with pytest.raises(ValueError, match=r"images\.npz: (not a readable \.npz|no array)"):
        read_images(path)


def test_images_and_labels(tmp_path):
    path = tmp_path / "images.npz"
    np.savez(path, images=IMAGES, labels=np.array([2, 0, 1], np.uint8))
    images = read_images(path)
    assert len(images) == 3 and images.labels.tolist() == [2, 0, 1]
    assert np.array_equal(images.first(2).images, IMAGES[:2]) and len(images.first(2).labels) == 2
    with pytest.raises(ValueError, match="no such file, nor a known .npz name"):
        read_images(tmp_path / "none.npz")
