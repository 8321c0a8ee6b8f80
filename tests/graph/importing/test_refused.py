"""What the importer refuses, by name and with what would be right."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from model.graph.importing.network import load_network
from tests.graph.float_execution import assert_same_function, described
from tests.graph.tiny_networks import KERNEL, normal, operator, write_network

REFUSED = {
    "transposed": (
        [operator("Transpose", "x", "y", perm=[1, 0, 2, 3])],
        "Transpose (node 'node_y'): its output 'y' has shape (2, 1, 8, 9) for 1, (2, 2, 8, 9) for"
        " 2 image(s): the first axis must count the images, and no other",
    ),
    "only the first": (
        [
            operator("Transpose", "x", "t", perm=[1, 0, 2, 3]),
            operator("Relu", "t", "r"),
            operator("Transpose", "r", "y", perm=[1, 0, 2, 3]),
        ],
        "unsupported: Transpose (node 'node_t'): its output 't' has shape (2, 1, 8, 9) for 1,"
        " (2, 2, 8, 9) for 2 image(s): the first axis must count the images, and no other",
    ),
    "merged": (
        [operator("Reshape", "x merged", "y")],
        "Reshape (node 'node_y'): its output 'y' has shape (2, 72) for 1, (4, 72) for 2 image(s)",
    ),
    "one image only": (
        [operator("Reshape", "x flat", "y")],
        "Reshape (node 'node_y'): its output 'y' has shape (1, 144) for 1, (1, 288) for 2",
    ),
    "sum": (
        [operator("ReduceMean", "x", "y", axes=[0])],
        "ReduceMean (node 'node_y'): its output 'y' has shape (1, 2, 8, 9) for 1, (1, 2, 8, 9)",
    ),
    "joined": (
        [operator("Concat", "x x", "y", axis=0)],
        "Concat (node 'node_y'): its output 'y' has shape (2, 2, 8, 9) for 1, (4, 2, 8, 9) for 2",
    ),
    "softmax": (
        [operator("Softmax", "x", "y", axis=0)],
        "Softmax (node 'node_y'): its result for one image depends on the others of a batch",
    ),
    "reversed": (
        [operator("Slice", "x last first zero minus", "y")],
        "Slice (node 'node_y'): its result for one image depends on the others of a batch",
    ),
    "another rank": (
        [
            operator("GlobalMaxPool", "x", "p"),
            operator("Flatten", "p", "f"),
            operator("Conv", "x w", "c"),
            operator("Mul", "f square", "y"),
        ],
        "Mul (node 'node_y'): its output 'y' has shape (2, 1, 2) for 1, (2, 2, 2) for 2",
    ),
    "batch size as a value": (
        [
            operator("Shape", "x", "s"),
            operator("Gather", "s zero", "n"),
            operator("Cast", "n", "f", to=TensorProto.FLOAT),
            operator("Div", "x f", "y"),
        ],
        "Div (node 'node_y'): its input 'f' depends on the number of images",
    ),
    "type": (
        [
            operator("Cast", "x", "h", to=TensorProto.INT32),
            operator("Abs", "h", "r"),
            operator("Cast", "r", "y", to=TensorProto.FLOAT),
        ],
        "unsupported: Cast (node 'node_h'): to INT32, activations are FLOAT throughout",
    ),
    "training": (
        [helper.make_node("Dropout", ["x", "half", "true"], ["y"], name="drop")],
        "Dropout (node 'drop'): in training mode, which is random",
    ),
    "random": (
        [
            helper.make_node("RandomNormal", [], ["r"], name="noise", shape=[1, 2, 8, 9]),
            operator("Add", "x r", "y"),
        ],
        "unsupported: RandomNormal (node 'noise')",
    ),
    "no constant bound": (
        [
            operator("ReduceMax", "x", "m", keepdims=0, axes=[1, 2, 3]),
            operator("Clip", "x zero_float m", "y"),
        ],
        "Clip (node 'node_y'): its input 'm' is not a constant",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused_is_named(tmp_path, case):
    operators, message = REFUSED[case]
    constants = {
        "w": KERNEL,
        "merged": np.array([-1, 72]),
        "flat": np.array([1, -1]),
        "square": normal(3, 2, 1, 2),
        "half": np.float32(0.5),
        "true": np.array(True),
        "zero": np.array([0]),
        "zero_float": np.float32(0),
        "last": np.array([-1]),
        "first": np.array([-100]),
        "minus": np.array([-1]),
    }
    path = write_network(tmp_path / "tiny.onnx", operators, constants)
    with pytest.raises(ValueError) as refusal:
        load_network(path)
    assert message in str(refusal.value)
    if message.startswith("unsupported: "):
        assert str(refusal.value).endswith(message), "nothing else is to be named"


@pytest.mark.parametrize("batch", [1, 2])
def test_mixing_in_a_fixed_batch(tmp_path, batch):
    """A batch of one has nothing to mix; in one of two, each image is told from the other."""
    operators = [operator("Softmax", "x", "s", axis=0), operator("Add", "x s", "y")]
    path = write_network(tmp_path / "tiny.onnx", operators, {}, shape=(batch, 2, 8, 9))
    if batch == 1:
        assert described(assert_same_function(path)) == ["Softmax other", "Add"]
    else:
        with pytest.raises(ValueError, match="depends on the others of a batch"):
            load_network(path)


def test_constants_that_differ_between_images(tmp_path):
    operators = [operator("Mul", "x m", "y")]
    constants = {"m": normal(1, 3, 1, 1, 1)}
    path = write_network(tmp_path / "tiny.onnx", operators, constants, shape=(3, 2, 8, 9))
    with pytest.raises(ValueError, match="Mul .*depends on the others of a batch"):
        load_network(path)


def test_batch_that_the_network_cannot_run(tmp_path):
    """The file says that any batch will do, but its own constants want one image."""
    operators = [
        operator("Reshape", "x flat", "f"),
        operator("Gemm", "f w", "y"),
    ]
    constants = {"flat": np.array([1, 144]), "w": normal(1, 144, 3)}
    path = write_network(tmp_path / "tiny.onnx", operators, constants, output_shape=("N", 3))
    with pytest.raises(ValueError, match="the network cannot run on a batch of 2: .*node_f"):
        load_network(path)


def test_a_branch_that_images_choose_is_refused(tmp_path):
    branch = helper.make_graph(
        [operator("Identity", "x", "z")], "branch", [], [onnx.ValueInfoProto(name="z")]
    )
    operators = [
        operator("ReduceMax", "x", "m", keepdims=0),
        operator("Cast", "m", "more", to=TensorProto.BOOL),
        helper.make_node(
            "If", ["more"], ["y"], name="choice", then_branch=branch, else_branch=branch
        ),
    ]
    path = write_network(tmp_path / "tiny.onnx", operators, {}, output_shape=("N", 2, 8, 9))
    with pytest.raises(ValueError, match=r"unsupported: If \(node 'choice'\)"):
        load_network(path)
