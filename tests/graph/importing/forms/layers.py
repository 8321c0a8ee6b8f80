"""Forms of convolutions, products, poolings, and of what is dropped in preparing a network."""

import numpy as np
import onnx
from onnx import helper

from tests.graph.importing.forms.arrangements import floats
from tests.graph.importing.forms.form import Form, form
from tests.graph.importing.opsets import NEWEST
from tests.graph.tiny_networks import normal, operator

KERNELS = {"k": normal(2, 3, 4, 3, 2), "b": normal(3, 3)}
TURNED = {"k": normal(2, 4, 3, 3, 2), "b": normal(3, 3)}
TURNED_ROWS = operator("Transpose", "c", "t", perm=[0, 1, 3, 2])
FLAT = operator("Flatten", "c", "f")
ACROSS = {"strides": [2, 1], "pads": [1, 0, 0, 1]}
POOLED = {"kernel_shape": [3, 2]}
KINDS = ("NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER")

LAST_QUANTIZED = 27
"""The opset whose successor onnxruntime lacks QuantizeLinear and DequantizeLinear of."""


def _convolutions() -> list[Form]:
    depthwise = {"k": normal(2, 8, 1, 3, 3)}
    found = []
    for kind, constants in (("Conv", KERNELS), ("ConvTranspose", TURNED)):
        found += [
            form(kind, "by default", "c k", constants=constants),
            form(kind, "with a bias", "c k b", constants=constants, kernel_shape=[3, 2]),
            form(kind, "with strides", "c k b", constants=constants, **ACROSS),
            form(kind, "dilated", "c k b", constants=constants, dilations=[2, 3]),
        ]
        found += [
            form(kind, f"padded {name}", "c k", constants=constants, auto_pad=name, strides=[2, 3])
            for name in KINDS
        ]
    return [
        *found,
        form("Conv", "by groups", "c k", constants=depthwise, group=4),
        form("ConvTranspose", "by groups", "c k", constants={"k": normal(2, 4, 2, 3, 3)}, group=2),
        form(
            *("ConvTranspose", "larger", "c k"),
            constants=TURNED,
            strides=[2, 2],
            output_padding=[1, 0],
        ),
        form(
            *("ConvTranspose", "to a size", "c k"),
            constants=TURNED,
            strides=[2, 2],
            output_shape=[16, 18],
        ),
    ]


def _pools() -> list[Form]:
    found = []
    for kind in ("MaxPool", "AveragePool", "LpPool"):
        found += [
            form(kind, "by default", **POOLED),
            form(kind, "with strides", **POOLED, **ACROSS),
        ]
        found += [
            form(kind, f"padded {name}", **POOLED, auto_pad=name, strides=[2, 2]) for name in KINDS
        ]
        for setting, value, maximum, average, norm in (
            ("ceil_mode", 1, 10, 10, 18),
            ("dilations", [2, 3], 10, 19, 18),
        ):
            first = {"MaxPool": maximum, "AveragePool": average, "LpPool": norm}[kind]
            found.append(
                form(kind, f"with {setting}", **POOLED, **ACROSS, **{setting: value}, first=first)
            )
    return [
        *found,
        form("MaxPool", "stored by rows", **POOLED, storage_order=0, first=8),
        form("AveragePool", "padding counted", **POOLED, **ACROSS, count_include_pad=1),
        form("LpPool", "of order 1", **POOLED, p=1),
    ]


def _products() -> list[Form]:
    wide, tall, added = normal(2, 5, 288), normal(2, 288, 5), normal(3, 5)
    turned = (FLAT, operator("Transpose", "f", "t", perm=[1, 0]))
    scaled = {"alpha": 0.7, "beta": 1.6}
    return [
        form("Gemm", "by default", "f m b", before=(FLAT,), constants={"m": tall, "b": added}),
        form("Gemm", "without a bias", "f m", before=(FLAT,), constants={"m": tall}, first=11),
        form(
            *("Gemm", "turned and scaled", "f m b"),
            before=(FLAT,),
            constants={"m": wide, "b": added},
            transB=1,
            **scaled,
        ),
        form(
            *("Gemm", "of turned images", "t m b"),
            before=turned,
            constants={"m": tall, "b": added},
            transA=1,
        ),
        form(
            *("Gemm", "with a bias of two axes", "f m b"),
            before=(FLAT,),
            constants={"m": tall, "b": added[np.newaxis]},
        ),
        form(
            *("Gemm", "with one number added", "f m b"),
            before=(FLAT,),
            constants={"m": tall, "b": np.array([0.3], np.float32)},
        ),
        form("MatMul", "by a matrix", "c m", constants={"m": normal(2, 9, 5)}),
        form("MatMul", "from the left", "m c", constants={"m": normal(2, 5, 8)}),
        form("MatMul", "of two", "c t", before=(TURNED_ROWS,)),
    ]


def _samplers() -> list[Form]:
    """Make forms of a GridSample, whose modes have other names since opset 20."""
    before = (
        operator("Tanh", "c", "t"),
        operator("Gather", "t i", "h", axis=1),
        operator("Transpose", "h", "g", perm=[0, 2, 3, 1]),
    )
    constants = {"i": np.array([3, 1])}
    found = [form("GridSample", "by default", "c g", before=before, constants=constants, first=16)]
    for mode, first, last in (
        *(("bilinear", 16, 19), ("bicubic", 16, 19), ("nearest", 16, NEWEST)),
        *(("linear", 20, NEWEST), ("cubic", 20, NEWEST)),
    ):
        for padding, aligned in (("zeros", 1), ("border", 0), ("reflection", 1)):
            found.append(
                form(
                    *("GridSample", f"{mode}, {padding}", "c g"),
                    before=before,
                    constants=constants,
                    mode=mode,
                    padding_mode=padding,
                    align_corners=aligned,
                    first=first,
                    last=last,
                )
            )
    return found


def _branches() -> list[Form]:
    def branch(name: str, kind: str) -> onnx.GraphProto:
        result = [onnx.ValueInfoProto(name=f"{name}_y")]
        return helper.make_graph([operator(kind, "c", f"{name}_y")], name, [], result)

    settings = {"then_branch": branch("then", "Tanh"), "else_branch": branch("else", "Abs")}
    return [
        form("If", f"that is {truth}", "q", constants={"q": np.array(truth)}, **settings)
        for truth in (True, False)
    ]


def _quantized() -> list[Form]:
    """Make forms of constants that are quantized, and stay what their codes stand for."""
    codes = {"q": np.random.default_rng(5).integers(-99, 99, (3, 4, 3, 2)).astype(np.int8)}
    scales = floats(s=[0.01, 0.02, 0.03])
    zeros = {"z": np.array([3, 0, -7], np.int8)}
    one = floats(s=0.02)
    layer = operator("Conv", "c k", "y")
    found = []
    for name, inputs, constants, settings, first in (
        ("by one step", "q s", codes | one, {}, 10),
        ("from a zero", "q s z", codes | one | {"z": np.array(5, np.int8)}, {}, 10),
        ("by channels", "q s z", codes | scales | zeros, {"axis": 0}, 13),
    ):
        made = operator("DequantizeLinear", inputs, "k", **settings)
        begun = operator("QuantizeLinear", inputs.replace("q", "v", 1), "q", **settings)
        floating = {key: value for key, value in constants.items() if key != "q"}
        floating["v"] = normal(5, 3, 4, 3, 2)
        for kind, operators, stored in (
            ("DequantizeLinear", (made, layer), constants),
            ("QuantizeLinear", (begun, made, layer), floating),
        ):
            found.append(Form(kind, name, operators, stored, first, LAST_QUANTIZED))
            today = f"{name} of today"
            lacking = "NOT_IMPLEMENTED .* (Deq|Q)uantizeLinear.28"
            found.append(Form(kind, today, operators, stored, LAST_QUANTIZED + 1, refused=lacking))
    return found


LAYERS = [
    *_convolutions(),
    *_pools(),
    *_products(),
    *_samplers(),
    *_branches(),
    *_quantized(),
]
"""Of all of them."""
