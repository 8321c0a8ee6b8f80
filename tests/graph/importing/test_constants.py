"""Constants that a file computes, from others or from shapes; and what mixes images."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from model.graph.importing.network import load_network
from tests.graph.float_execution import assert_same_function, described
from tests.graph.tiny_networks import KERNEL, Operator, normal, operator, write_network

SPELLINGS = {
    "Cast": ([operator("Cast", "h", "w", to=TensorProto.FLOAT)], {"h": KERNEL.astype(np.float16)}),
    "Identity": ([operator("Identity", "h", "w")], {"h": KERNEL}),
    "Reshape": (
        [operator("Reshape", "h s", "w")],
        {"h": KERNEL.reshape(8, 9), "s": np.array(KERNEL.shape)},
    ),
    "Transpose": (
        [operator("Transpose", "h", "w", perm=[3, 2, 0, 1])],
        {"h": KERNEL.transpose(2, 3, 1, 0).copy()},
    ),
    "Unsqueeze": (
        [operator("Unsqueeze", "h a", "i"), operator("Concat", "i i", "w", axis=1)],
        {"h": KERNEL[:, 0], "a": np.array([1])},
    ),
    "Constant": (
        [helper.make_node("Constant", [], ["w"], value=numpy_helper.from_array(KERNEL))],
        {},
    ),
    "ConstantOfShape": (
        [
            operator(
                "ConstantOfShape", "s", "i", value=numpy_helper.from_array(KERNEL[:1, 0, 0, 0])
            ),
            operator("Range", "zero eight one", "j"),
            operator("Reshape", "j t", "k"),
            operator("Mul", "i k", "w"),
        ],
        {
            "s": np.array([4, 2, 3, 3]),
            "t": np.array([4, 2, 1, 1]),
            "zero": np.float32(-4),
            "eight": np.float32(4),
            "one": np.float32(1),
        },
    ),
    "Shape of a weight": (
        [
            operator("Shape", "h", "s"),
            operator("Gather", "s i", "n"),
            operator("Reshape", "g n", "w"),
        ],
        {"h": KERNEL, "i": np.array([0, 1, 2, 3]), "g": KERNEL.ravel()},
    ),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_computed_weights(tmp_path, spelling):
    operators, constants = SPELLINGS[spelling]
    operators = [*operators, operator("Conv", "x w", "y", pads=[1, 0, 0, 0])]
    path = write_network(tmp_path / "tiny.onnx", operators, constants, output_shape=("N", 4, 7, 7))
    network = assert_same_function(path)
    assert described(network) == ["Conv"]
    assert [node.op_type for node in network.model.graph.node] == ["Conv"]
    assert [tensor.name for tensor in network.model.graph.initializer] == ["w"]


def test_initializers_that_are_inputs_in_an_old_file(tmp_path):
    operators = [operator("Identity", "w", "v"), operator("Conv", "x v", "y")]
    path = write_network(
        tmp_path / "tiny.onnx", operators, {"w": KERNEL}, output_shape=("N", 4, 6, 7)
    )
    model = onnx.load(path)
    model.ir_version = 3
    model.graph.input.append(helper.make_tensor_value_info("w", TensorProto.FLOAT, KERNEL.shape))
    onnx.save(model, path)
    network = assert_same_function(path)
    assert [info.name for info in network.model.graph.input] == ["x"]


def flatten_by_shape(cast: bool) -> list[Operator]:
    """Flatten ``p`` into ``f`` as exporters do, with the batch size read from the shape."""
    return [
        operator("Shape", "p", "s"),
        *([operator("Cast", "s", "t", to=TensorProto.INT32)] if cast else []),
        operator("Gather", "t i" if cast else "s i", "b"),
        operator("Cast", "b", "d", to=TensorProto.INT64),
        operator("Unsqueeze", "d i", "n"),
        operator("Concat", "n minus", "target", axis=0),
        operator("Reshape", "p target", "f"),
    ]


@pytest.mark.parametrize("batch", ["N", None, 1, 3])
@pytest.mark.parametrize("cast", [False, True])
def test_flattening_by_the_shape(tmp_path, batch, cast):
    operators = [
        operator("AveragePool", "x", "p", kernel_shape=[3, 3]),
        *flatten_by_shape(cast),
        operator("Gemm", "f w", "y"),
    ]
    constants = {
        "i": np.array(0),
        "minus": np.array([-1]),
        "w": normal(1, 84, 3),
    }
    operators = [
        helper.make_node("Unsqueeze", ["d", "axis"], ["n"]) if node.op_type == "Unsqueeze" else node
        for node in operators
    ]
    constants["axis"] = np.array([0])
    shape = (batch, 2, 8, 9)
    path = write_network(tmp_path / "tiny.onnx", operators, constants, shape)
    assert described(assert_same_function(path)) == ["average", "Reshape", "Gemm"]


@pytest.mark.parametrize("batch", ["N", 2])
def test_channel_shuffle_by_the_shape(tmp_path, batch):
    operators = [
        operator("Shape", "x", "s"),
        operator("Slice", "s zero one", "n"),
        operator("Slice", "s two four", "size"),
        operator("Concat", "n groups size", "grouped", axis=0),
        operator("Concat", "n four size", "merged", axis=0),
        operator("Reshape", "x grouped", "1"),
        operator("Transpose", "1", "2", perm=[0, 2, 1, 3, 4]),
        operator("Reshape", "2 merged", "3"),
        operator("Conv", "3 w", "y", group=2),
    ]
    constants = {
        "zero": np.array([0]),
        "one": np.array([1]),
        "two": np.array([2]),
        "four": np.array([4]),
        "groups": np.array([2, 2]),
        "w": normal(1, 4, 2, 3, 3),
    }
    path = write_network(tmp_path / "tiny.onnx", operators, constants, (batch, 4, 5, 6))
    network = assert_same_function(path)
    expected = ["Reshape arrangement", "Transpose arrangement", "Reshape arrangement", "Conv"]
    assert described(network) == expected
    assert network.shapes["1"] == (2, 2, 5, 6)


@pytest.mark.parametrize("size", [(31, 13), (62, 26), (7, 11), (5, 3)])
@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_resize_to_a_size_computed_from_the_shape(tmp_path, size, mode):
    """In float32, 31 / 7 * 7 and 13 / 11 * 11 are less than 31 and 13."""
    operators = [
        operator("Shape", "x", "s"),
        operator("Slice", "s zero two", "n"),
        operator("Concat", "n size", "sizes", axis=0),
        operator("Resize", "x   sizes", "y", mode=mode),
    ]
    constants = {"zero": np.array([0]), "two": np.array([2]), "size": np.array(size)}
    path = write_network(tmp_path / "tiny.onnx", operators, constants, ("N", 2, 7, 11))
    network = assert_same_function(path)
    assert network.shapes["y"] == (2, *size)


def test_expanding_images_by_the_shape(tmp_path):
    operators = [
        operator("GlobalAveragePool", "x", "p"),
        operator("Shape", "x", "s"),
        operator("Expand", "p s", "e"),
        operator("Sub", "x e", "y"),
    ]
    path = write_network(tmp_path / "tiny.onnx", operators, {})
    expected = ["average", "Expand arrangement", "Sub elementwise"]
    assert described(assert_same_function(path)) == expected


def test_operators_needed_for_shapes_only_vanish(tmp_path):
    operators = [
        operator("Conv", "x w", "c"),
        operator("Shape", "c", "s"),
        operator("Gather", "s i", "n"),
        operator("Cast", "n", "f", to=TensorProto.FLOAT),
        operator("Mul", "x f", "y"),
    ]
    constants = {"w": KERNEL, "i": np.array([2, 3, 3, 3, 3, 3, 3, 3, 3])}
    path = write_network(tmp_path / "tiny.onnx", operators, constants)
    assert described(assert_same_function(path)) == ["Mul elementwise"]


@pytest.mark.parametrize("size", [-1, 0])
def test_open_batch_spelled_as_a_number(tmp_path, size):
    path = write_network(tmp_path / "tiny.onnx", [operator("Conv", "x w", "y")], {"w": KERNEL})
    model = onnx.load(path)
    for info in (model.graph.input[0], model.graph.output[0]):
        info.type.tensor_type.shape.dim[0].dim_value = size
    onnx.save(model, path)
    assert load_network(path).batch is None
    if size:
        assert_same_function(path)


def test_functions_of_the_file_are_inlined(tmp_path):
    conv = operator("Conv", "x w", "c")
    path = write_network(tmp_path / "tiny.onnx", [conv], {"w": KERNEL}, output_shape=("N", 4, 6, 7))
    model = onnx.load(path)
    body = [
        operator("Relu", "a", "b"),
        operator("Neg", "b", "c"),
    ]
    versions = [helper.make_opsetid("", 17)]
    model.functions.append(helper.make_function("house", "Down", ["a"], ["c"], body, versions))
    model.graph.node.append(helper.make_node("Down", ["c"], ["y"], domain="house"))
    onnx.save(model, path)
    assert described(assert_same_function(path)) == ["Conv+", "Neg elementwise"]
