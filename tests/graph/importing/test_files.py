"""Files that are no network, or none that is supported, are refused in one sentence."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from model.graph.importing.network import load_network
from tests.graph.float_execution import assert_same_function
from tests.graph.tiny_networks import (
    CONV,
    WEIGHTS,
    norm_parameters,
    normal,
    operator,
    write_network,
)

UNSUPPORTED = {
    "several": (
        [
            operator("LSTM", "x w u", "s"),
            operator("Conv", "s w", "c", group=2),
            helper.make_node("Made", ["c"], ["d"], name="up", domain="house"),
            operator("Gemm", "d w", "e", transA=1),
            operator("TopK", "e one", "y"),
        ],
        "unsupported: LSTM (node 'node_s'); house::Made (node 'up');"
        " Gemm with transA 1 (node 'node_e'); TopK (node 'node_y')",
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
            operator("Gemm", "f square f", "g", beta=0.5),
            operator("Gemm", "f square2 g", "y", beta=2.0),
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
        load_network(path)
    assert message in str(refusal.value) and str(path) in str(refusal.value)


def test_weight_as_input(path):
    constants = {"image": normal(6, 1, 2, 8, 9)}
    write_network(path, [operator("Conv", "image x", "y")], constants, shape=(1, 2, 3, 3))
    with pytest.raises(
        ValueError, match=r"Conv \(node 'node_y'\): its input 'image' is a constant"
    ):
        load_network(path)


def test_three_dimensional_convolution(path):
    write_network(path, [CONV], {"w": normal(1, 4, 2, 3, 3, 3)}, shape=("N", 2, 8, 7, 6))
    shape = r"\(2, 8, 7, 6\)"
    with pytest.raises(ValueError, match=f"'x' has shape {shape} per image, 3 axes expected"):
        load_network(path)


def raw_bytes(path: Path, change: str) -> None:
    """Write a file that is no proper ONNX file."""
    content = write_network(path, [CONV], WEIGHTS).read_bytes()
    path.write_bytes({"empty": b"", "half": content[:150], "text": b"a text\n" * 9}[change])


@pytest.mark.parametrize("change", ["empty", "half", "text"])
def test_not_an_onnx_file(path, change):
    raw_bytes(path, change)
    with pytest.raises(ValueError, match=r"tiny\.onnx: not an ONNX file"):
        load_network(path)


def test_missing_file(tmp_path):
    with pytest.raises(ValueError, match=r"none: no such file, nor .*known: fashion_resnet8"):
        load_network("none")
    with pytest.raises(ValueError, match="is a folder"):
        load_network(tmp_path)


@pytest.mark.parametrize("size", [None, 20])
def test_external_data(path, seed, size):
    model = onnx.load(write_network(path, [CONV], WEIGHTS))
    onnx.save(model, path, save_as_external_data=True, location="data", size_threshold=0)
    assert_same_function(path)
    data = path.parent / "data"
    data.unlink() if size is None else data.write_bytes(bytes(size))
    with pytest.raises(ValueError, match="external data missing or truncated: .*'?w'?"):
        load_network(path)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_are_finite(path, value):
    weights = WEIGHTS["w"].copy()
    weights[3, 1, 0, 2] = value
    write_network(path, [CONV], {"w": weights})
    with pytest.raises(ValueError, match=rf"tensor 'w' holds {value} at index \(3, 1, 0, 2\)"):
        load_network(path)


def test_wrong_shapes(path):
    write_network(path, [CONV], {"w": normal(1, 4, 3, 3, 3)}, output_shape=("N", 4, 6, 7))
    with pytest.raises(ValueError, match="tensor 'w' has 3 input channels, 2 expected"):
        load_network(path)
    write_network(path, [CONV], WEIGHTS, shape=("N", 2, "H", "W"))
    with pytest.raises(ValueError, match=r"\(N, 2, H, W\): all but the batch must be fixed"):
        load_network(path)


def test_variance_must_be_positive(path):
    parameters = norm_parameters(1, 4, "n")
    parameters["n_variance"][2] = -1
    norm = operator("BatchNormalization", "c n_gamma n_beta n_mean n_variance", "y")
    write_network(path, [operator("Conv", "x w", "c"), norm], {**WEIGHTS, **parameters})
    with pytest.raises(ValueError, match="'n_variance' holds the variance -1.0 at index 2"):
        load_network(path)


def test_one_float32_input_and_one_output(path):
    constants = {"w": WEIGHTS["w"].astype(np.float64)}
    write_network(path, [CONV], constants, data_type=TensorProto.DOUBLE)
    with pytest.raises(ValueError, match="input 'x' is DOUBLE, FLOAT is expected"):
        load_network(path)
    model = onnx.load(write_network(path, [CONV], WEIGHTS))
    model.graph.output.append(model.graph.input[0])
    onnx.save(model, path)
    with pytest.raises(ValueError, match=r"2 outputs \(y, x\), exactly one is supported"):
        load_network(path)


def test_invalid_model(path):
    model = onnx.load(write_network(path, [CONV], WEIGHTS))
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(np.zeros(3, np.float32), "other"))
    onnx.save(model, path)
    with pytest.raises(ValueError, match="not a valid ONNX model: .*w"):
        load_network(path)
