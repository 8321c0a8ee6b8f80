"""Every operator that is imported, in each spelling that it has had since opset 11."""

import numpy as np
import onnx
import pytest
from onnx import helper

from model.graph.network import FloatOperation
from tests.graph.float_execution import assert_same_function, described
from tests.graph.importing.opsets import OPSETS
from tests.graph.tiny_networks import Operator, normal, operator, write_network

Case = tuple[list[Operator], dict[str, np.ndarray], list[str]]


def unary(kind: str, **attributes: object) -> Case:
    """Make a case of one operator on one tensor that stays in float, value by value."""
    return [operator(kind, "c", "y", **attributes)], {}, [f"{kind} elementwise"]


def axes_case(kind: str, axes: list[int], since: int, opset: int, expected: list[str]) -> Case:
    """Make a case of an operator whose axes became an input in opset ``since``."""
    if opset < since:
        return [operator(kind, "c", "y", axes=axes)], {}, expected
    return [operator(kind, "c axes", "y")], {"axes": np.array(axes)}, expected


def mean(axes: list[int], keep: int, opset: int, expected: list[str]) -> Case:
    """Make a case of a mean over some axes."""
    if opset < 18:
        return [operator("ReduceMean", "c", "y", axes=axes, keepdims=keep)], {}, expected
    constants = {"axes": np.array(axes)}
    return [operator("ReduceMean", "c axes", "y", keepdims=keep)], constants, expected


def split(opset: int) -> Case:
    """Make a case of a Split into unequal parts that both are read."""
    sizes = {"split": [1, 3]} if opset < 13 else {}
    inputs = ["c"] if opset < 13 else ["c", "sizes"]
    operators = [
        helper.make_node("Split", inputs, ["p", "q"], name="split", axis=1, **sizes),
        operator("Mul", "q p", "y"),
    ]
    constants = {} if opset < 13 else {"sizes": np.array([1, 3])}
    return operators, constants, ["Split arrangement", "Split arrangement", "Mul elementwise"]


def pad(opset: int, mode: str, fill: float, expected: str) -> Case:
    """Make a case of padding that no convolution takes over."""
    constants = {"pads": np.array([0, 0, 1, 0, 0, 1, 0, 2]), "fill": np.float32(fill)}
    return [operator("Pad", "c pads fill", "y", mode=mode)], constants, [expected]


def resize(opset: int, mode: str, expected: str, sizes: tuple[int, ...] = ()) -> Case:
    """Make a case of a Resize by a factor or to a size."""
    settings = {"mode": mode, "coordinate_transformation_mode": "asymmetric"}
    if mode == "nearest":
        settings["nearest_mode"] = "floor"
    constants = {
        "roi": np.zeros(0, np.float32),
        "none": np.zeros(0, np.float32),
        "scales": np.array([1, 1, 2, 1.5], np.float32),
        "sizes": np.array(sizes),
    }
    omitted = "none" if opset < 13 else ""
    inputs = f"c roi {omitted} sizes" if sizes else "c roi scales"
    used = {name: constants[name] for name in inputs.split(" ") if name in constants}
    return [operator("Resize", inputs, "y", **settings)], used, [expected]


def cases(opset: int) -> dict[str, Case]:
    """Return what follows a convolution whose result ``c`` is (4, 8, 9), and what it becomes."""
    other = normal(5, 4, 1, 1)
    found: dict[str, Case] = {
        **{
            kind: unary(kind)
            for kind in (
                *("Sigmoid", "HardSigmoid", "Tanh", "Softplus", "Softsign", "Selu", "Elu"),
                *("Erf", "Abs", "Neg", "Exp", "Celu"),
            )
            if not (kind == "Celu" and opset < 12)
        },
        "LeakyRelu": unary("LeakyRelu", alpha=0.3),
        "PRelu": ([operator("PRelu", "c s", "y")], {"s": other}, ["PRelu elementwise"]),
        "Clip": (
            [operator("Clip", "c lower upper", "y")],
            {"lower": np.float32(-0.3), "upper": np.float32(0.4)},
            ["Clip elementwise"],
        ),
        "Clip above": (
            [operator("Clip", "c lower", "y")],
            {"lower": np.float32(-0.2)},
            ["Clip elementwise"],
        ),
        "Clip to infinity": (
            [operator("Clip", "c lower upper", "y")],
            {"lower": np.float32(0), "upper": np.float32(np.inf)},
            ["+"],
        ),
        "Pow": ([operator("Pow", "c two", "y")], {"two": np.float32(2)}, ["Pow elementwise"]),
        "Max": ([operator("Max", "c m", "y")], {"m": other}, ["Max elementwise"]),
        "Concat": ([operator("Concat", "c x c", "y", axis=1)], {}, ["Concat other"]),
        "Softmax": ([operator("Softmax", "c", "y", axis=-1)], {}, ["Softmax other"]),
        "LogSoftmax": (
            [operator("LogSoftmax", "c", "y", axis=1)],
            {},
            ["LogSoftmax other"]
            if opset >= 13  # before, all axes from this one on were one
            else ["Reshape", "LogSoftmax other", "Reshape arrangement"],
        ),
        "Transpose": (
            [operator("Transpose", "c", "y", perm=[0, 1, 3, 2])],
            {},
            ["Transpose arrangement"],
        ),
        "Reshape": (
            [operator("Reshape", "c target", "y")],
            {"target": np.array([0, 2, -1, 4])},
            ["Reshape arrangement"],
        ),
        "Reshape flat": (
            [operator("Reshape", "c target", "y")],
            {"target": np.array([-1, 288])},
            ["Reshape"],
        ),
        "Flatten": ([operator("Flatten", "c", "y")], {}, ["Reshape"]),
        "Flatten negative": ([operator("Flatten", "c", "y", axis=-3)], {}, ["Reshape"]),
        "Slice": (
            [operator("Slice", "c starts ends axes steps", "y")],
            {
                "starts": np.array([1, -1]),
                "ends": np.array([3, -100]),
                "axes": np.array([1, 3]),
                "steps": np.array([1, -2]),
            },
            ["Slice arrangement"],
        ),
        "Gather": (
            [operator("Gather", "c i", "y", axis=1)],
            {"i": np.array([3, 0])},
            ["Gather arrangement"],
        ),
        "DepthToSpace": (
            [operator("DepthToSpace", "c", "y", blocksize=2)],
            {},
            ["DepthToSpace arrangement"],
        ),
        "Unsqueeze": axes_case("Unsqueeze", [2], 13, opset, ["Unsqueeze arrangement"]),
        "Split": split(opset),
        "Pad with zeros": pad(opset, "constant", 0, "Pad arrangement"),
        "Pad with ones": pad(opset, "constant", 1, "Pad other"),
        "Pad by the edge": pad(opset, "edge", 0, "Pad arrangement"),
        "Resize nearest": resize(opset, "nearest", "Resize arrangement"),
        "Resize linear": resize(opset, "linear", "Resize other"),
        "Mean of rows and columns": mean([2, 3], 1, opset, ["average"]),
        "Mean of columns and rows": mean([-1, -2], 0, opset, ["average", "Reshape"]),
        "Mean of rows": mean([2], 1, opset, ["ReduceMean other"]),
        "Mean of channels": mean([1, 2], 0, opset, ["ReduceMean other"]),
        "Greatest": axes_case("ReduceMax", [2, 3], 18, opset, ["ReduceMax arrangement"]),
        "GlobalAveragePool": ([operator("GlobalAveragePool", "c", "y")], {}, ["average"]),
        "GlobalMaxPool": ([operator("GlobalMaxPool", "c", "y")], {}, ["max"]),
        "MaxPool ceil_mode": (
            [operator("MaxPool", "c", "y", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)],
            {},
            ["MaxPool arrangement"],
        ),
        "MaxPool ceil_mode that fits": (
            [operator("MaxPool", "c", "y", kernel_shape=[2, 3], strides=[2, 2], ceil_mode=1)],
            {},
            ["max"],
        ),
        "MaxPool SAME_UPPER": (
            [operator("MaxPool", "c", "y", kernel_shape=[3, 2], auto_pad="SAME_UPPER")],
            {},
            ["max"],
        ),
        "AveragePool": ([operator("AveragePool", "c", "y", kernel_shape=[3, 2])], {}, ["average"]),
        "AveragePool padded": (
            [operator("AveragePool", "c", "y", kernel_shape=[3, 3], pads=[1, 0, 1, 1])],
            {},
            ["AveragePool other"],
        ),
        "AveragePool padding counted": (
            [
                operator(
                    *("AveragePool", "c", "y"),
                    kernel_shape=[3, 3],
                    pads=[1, 1, 1, 1],
                    count_include_pad=1,
                )
            ],
            {},
            ["AveragePool other"],
        ),
        "AveragePool ceil_mode": (
            [operator("AveragePool", "c", "y", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)],
            {},
            ["AveragePool other"],
        ),
        "LRN": ([operator("LRN", "c", "y", size=3)], {}, ["LRN other"]),
        "ConvTranspose": (
            [operator("ConvTranspose", "c k", "y", strides=[2, 2])],
            {"k": normal(6, 4, 3, 2, 2)},
            ["Conv", "DepthToSpace arrangement"],
        ),
        "Add of two shapes": (
            [operator("GlobalAveragePool", "c", "g"), operator("Add", "g c", "y")],
            {},
            ["average", "Add elementwise"],
        ),
        "Mul of two": ([operator("Mul", "c c", "y")], {}, ["Mul elementwise"]),
        "Sub of two": (
            [operator("Tanh", "c", "t"), operator("Sub", "c t", "y")],
            {},
            ["Tanh elementwise", "Sub elementwise"],
        ),
        "Div of two": (
            [operator("Exp", "c", "t"), operator("Div", "c t", "y")],
            {},
            ["Exp elementwise", "Div elementwise"],
        ),
        "Add of one shape": (
            [operator("Tanh", "c", "t"), operator("Add", "c t", "y")],
            {},
            ["Tanh elementwise", "Add"],
        ),
        "Sum of two": (
            [operator("Tanh", "c", "t"), operator("Sum", "c t", "y")],
            {},
            ["Tanh elementwise", "Add"],
        ),
        "Sum with a constant": (
            [operator("Sum", "c m", "y")],
            {"m": other},
            ["Sum elementwise"],
        ),
        "MatMul of two": (
            [operator("Transpose", "c", "t", perm=[0, 1, 3, 2]), operator("MatMul", "c t", "y")],
            {},
            ["Transpose arrangement", "Product"],
        ),
        "MatMul along the last axis": (
            [operator("MatMul", "c m", "y")],
            {"m": normal(6, 9, 5)},
            ["MatMul"],
        ),
        "MatMul by an unsqueezed matrix": (
            [operator("MatMul", "c m", "y")],
            {"m": normal(6, 1, 9, 5)},
            ["MatMul"],
        ),
        "MatMul by one matrix for each channel": (
            [operator("MatMul", "c m", "y")],
            {"m": normal(6, 4, 9, 5)},
            ["MatMul other"],
        ),
        "MatMul from the left": (
            [operator("MatMul", "m c", "y")],
            {"m": normal(6, 5, 8)},
            ["MatMul other"],
        ),
        "Swish": (
            [operator("Sigmoid", "c", "s"), operator("Mul", "c s", "y")],
            {},
            ["Sigmoid elementwise", "Mul elementwise"],
        ),
        "Hard swish": (
            [
                operator("Add", "c three", "a"),
                operator("Clip", "a zero six", "b"),
                operator("Mul", "c b", "d"),
                operator("Div", "d six", "y"),
            ],
            {"three": np.float32(3), "zero": np.float32(0), "six": np.float32(6)},
            ["Add elementwise+", "Mul elementwise", "Div elementwise"],
        ),
        "Cast, Identity and Dropout": (
            [
                operator("Cast", "c", "a", to=onnx.TensorProto.FLOAT),
                operator("Identity", "a", "b"),
                operator("Dropout", "b", "d"),
                operator("Relu", "d", "e"),
                operator("Cast", "e", "y", to=onnx.TensorProto.FLOAT),
            ],
            {},
            ["+"],
        ),
    }
    if opset >= 13:
        found["Resize to a size"] = resize(opset, "nearest", "Resize arrangement", (3, 4, 13, 9))
    if opset >= 14:
        found["HardSwish"] = unary("HardSwish")
    if opset >= 18:
        found["Mish"] = unary("Mish")
        found["Split by number"] = (
            [
                helper.make_node("Split", ["c"], ["p", "q"], name="s", axis=1, num_outputs=2),
                operator("Add", "q p", "y"),
            ],
            {},
            ["Split arrangement", "Split arrangement", "Add"],
        )
        found["Pad some axes"] = (
            [operator("Pad", "c pads fill axes", "y")],
            {"pads": np.array([1, 2]), "fill": np.float32(0), "axes": np.array([3])},
            ["Pad arrangement"],
        )
    if opset >= 20:
        found["Gelu"] = unary("Gelu")
    return found


@pytest.mark.parametrize(
    ("opset", "case"), [(opset, case) for opset in OPSETS for case in cases(opset)]
)
def test_operator_equals_onnxruntime(tmp_path, opset, case):
    operators, constants, expected = cases(opset)[case]
    path = write_network(
        tmp_path / "tiny.onnx",
        [operator("Conv", "x w", "c", pads=[1, 1, 1, 1]), *operators],
        {"w": normal(1, 4, 2, 3, 3, scale=1), **constants},
        shape=(3 if case == "Resize to a size" else "N", 2, 8, 9),
        opset=opset,
    )
    network = assert_same_function(path)
    joined = "Conv" + expected[0] if expected == ["+"] else " ".join(["Conv", *expected])
    assert " ".join(described(network)) == joined
    for node in network.nodes:
        if isinstance(node, FloatOperation):
            onnx.checker.check_model(node.model, full_check=True)
            assert [i.name for i in node.model.graph.input] == list(node.inputs)
            assert [o.name for o in node.model.graph.output] == [node.output]
            assert node.model.opset_import == network.model.opset_import
            sizes = {i.type.tensor_type.shape.dim[0].dim_value for i in node.model.graph.input}
            assert sizes == {network.batch or 0}
