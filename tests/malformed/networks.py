"""ONNX files that are malformed, or are no network for the array: ``MODEL=``."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto

from tests.graph.tiny_networks import normal, operator, write_network
from tests.malformed.case import Case
from tests.malformed.payload import TOUCHED, Payload

WEIGHTS = {"w": normal(1, 4, 2, 3, 3)}
CONV = operator("Conv", "x w", "y")
Write = Callable[[Path], object]


def network(
    nodes: list[onnx.NodeProto], constants: dict[str, np.ndarray] | None = None, **how: object
) -> Write:
    """Return what writes a network of these operators."""
    how.setdefault("output_shape", ("N", "a", "b", "c"))
    return lambda path: write_network(path, nodes, WEIGHTS | (constants or {}), **how)


def edited(edit: Callable[[onnx.ModelProto], object]) -> Write:
    """Return what writes a good network that is changed then."""

    def write(path: Path) -> None:
        model = onnx.load(write_network(path, [CONV], WEIGHTS))
        edit(model)
        onnx.save(model, path)

    return write


def holding(make: Callable[[bytes], bytes]) -> Write:
    """Return what writes bytes, made of those of a good network."""

    def write(path: Path) -> None:
        write_network(path, [CONV], WEIGHTS)
        path.write_bytes(make(path.read_bytes()))

    return write


def external(location: str, **more: str) -> Callable[[onnx.ModelProto], None]:
    """Return what has the weights lie in another file."""

    def edit(model: onnx.ModelProto) -> None:
        (tensor,) = model.graph.initializer
        tensor.ClearField("raw_data")
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in {"location": location, **more}.items():
            entry = tensor.external_data.add()
            entry.key, entry.value = key, value

    return edit


def dimension(index: int, size: int | str) -> Callable[[onnx.ModelProto], None]:
    """Return what gives the input another dimension."""

    def edit(model: onnx.ModelProto) -> None:
        one = model.graph.input[0].type.tensor_type.shape.dim[index]
        one.Clear()
        setattr(one, "dim_param" if isinstance(size, str) else "dim_value", size)

    return edit


def opset(version: int) -> Callable[[onnx.ModelProto], None]:
    """Return what has the file claim an opset."""

    def edit(model: onnx.ModelProto) -> None:
        model.opset_import[0].version = version

    return edit


def claims(*dims: int) -> Callable[[onnx.ModelProto], None]:
    """Return what gives the weights dimensions that their data do not have."""

    def edit(model: onnx.ModelProto) -> None:
        model.graph.initializer[0].dims[:] = dims

    return edit


def two_outputs(model: onnx.ModelProto) -> None:
    """Make the input an answer, too."""
    model.graph.output.add().CopyFrom(model.graph.input[0])


def twice(model: onnx.ModelProto) -> None:
    """Have two operators make one tensor."""
    model.graph.node.add().CopyFrom(model.graph.node[0])


def weights_with(value: float) -> dict[str, np.ndarray]:
    """Return weights one of which has a value."""
    weights = WEIGHTS["w"].copy()
    weights[3, 1, 2, 0] = value
    return {"w": weights}


FILES: Mapping[str, tuple[Write, str]] = {
    "empty": (holding(lambda good: b""), "not an ONNX file"),
    "text": (holding(lambda good: b"no network"), "not an ONNX file, or truncated"),
    "truncated": (holding(lambda good: good[: len(good) // 2]), "not an ONNX file, or truncated"),
    "a byte short": (holding(lambda good: good[:-1]), "not an ONNX file, or truncated"),
    "noise": (holding(lambda good: bytes(range(256)) * 9), "not an ONNX file, or truncated"),
    "a pickle": (holding(lambda good: pickle.dumps(Payload())), "not an ONNX file"),
    "an archive": (holding(lambda good: b"PK\x03\x04" + good), "not an ONNX file, or truncated"),
    "no operator": (edited(lambda model: model.graph.ClearField("node")), "it holds no operators"),
    "no graph": (edited(lambda model: model.ClearField("graph")), "it holds no operators"),
    "no input": (edited(lambda model: model.graph.ClearField("input")), ""),
    "no output": (edited(lambda model: model.graph.ClearField("output")), ""),
    "no weights": (edited(lambda model: model.graph.ClearField("initializer")), ""),
    "no opset": (edited(lambda model: model.ClearField("opset_import")), ""),
    "no version": (edited(lambda model: model.ClearField("ir_version")), ""),
    "two outputs": (edited(two_outputs), "2 outputs (y, x), exactly one is supported"),
    "a tensor made twice": (edited(twice), ""),
    "opset 6": (edited(opset(6)), "opset 6"),
    "opset 1": (edited(opset(1)), "opset 1"),
    "opset 0": (edited(opset(0)), ""),
    "opset of the future": (edited(opset(999)), "opset 999: "),
    "negative opset": (edited(opset(-3)), ""),
    "unknown operator": (network([operator("Magic", "x w", "y")]), "Magic"),
    "unknown domain": (
        network([operator("Gelu", "x", "y", domain="com.microsoft")]),
        "com.microsoft::Gelu",
    ),
    "recurrent": (
        network([operator("LSTM", "x w w", "y", hidden_size=3)]),
        "unsupported: LSTM (node 'node_y')",
    ),
    "a cycle": (
        network(
            [operator("Add", "x b", "a"), operator("Relu", "a", "b"), operator("Conv", "b w", "y")]
        ),
        "not a valid ONNX model",
    ),
    "a cycle of one": (network([operator("Conv", "y w", "y")]), "not a valid ONNX model"),
    "wrong order": (
        network([operator("Relu", "t", "y"), operator("Conv", "x w", "t")]),
        "not a valid ONNX model",
    ),
    "reads nothing there is": (network([operator("Conv", "x nothing", "y")]), "not a valid ONNX"),
    "no such attribute": (network([operator("Conv", "x w", "y", colour=3)]), "colour"),
    "wrong attribute": (network([operator("Conv", "x w", "y", pads="none")]), "pads"),
    "negative pads": (network([operator("Conv", "x w", "y", pads=[-1] * 4)]), "node_y"),
    "strides of zero": (network([operator("Conv", "x w", "y", strides=[0, 0])]), "shapes do not"),
    "negative strides": (network([operator("Conv", "x w", "y", strides=[-1, 1])]), ""),
    "huge pads": (network([operator("Conv", "x w", "y", pads=[2**40] * 4)]), ""),
    "huge dilation": (network([operator("Conv", "x w", "y", dilations=[2**40, 1])]), ""),
    "groups of none": (
        network([operator("Conv", "x w", "y", group=0)]),
        "with group 0",
    ),
    "groups that do not divide": (network([operator("Conv", "x w", "y", group=3)]), ""),
    "kernel that is another": (
        network([operator("Conv", "x w", "y", kernel_shape=[5, 5])]),
        "_shape (5, 5)",
    ),
    "channels that do not fit": (
        network([CONV], {"w": normal(1, 4, 3, 3, 3)}),
        "",
    ),
    "kernel larger than images": (
        network([CONV], {"w": normal(1, 4, 2, 30, 30)}),
        "no value is",
    ),
    "weights NaN": (network([CONV], weights_with(np.nan)), "tensor 'w' holds nan at index (3, 1"),
    "weights infinite": (network([CONV], weights_with(-np.inf)), "tensor 'w' holds -inf at index"),
    "bias NaN": (
        network([operator("Conv", "x w v", "y")], {"v": np.full(4, np.nan, np.float32)}),
        "tensor 'v' holds nan at index (0,)",
    ),
    "weights of integers": (
        network([CONV], {"w": np.ones((4, 2, 3, 3), np.int64)}),
        "type INT64",
    ),
    "weights of text": (
        network([CONV], {"w": np.full((4, 2, 3, 3), "1", object)}),
        "type STRING",
    ),
    "weights of no size": (network([CONV], {"w": np.zeros((0, 2, 3, 3), np.float32)}), ""),
    "weights of no channel": (network([CONV], {"w": np.zeros((4, 0, 3, 3), np.float32)}), ""),
    "weights claim terabytes": (edited(claims(2**20, 2**20, 3, 3)), ""),
    "weights claim too little": (edited(claims(4, 2, 3, 2)), ""),
    "weights claim negative": (edited(claims(-4, 2, 3, 3)), ""),
    "no channel": (edited(dimension(1, 0)), "all but the batch must be fixed"),
    "no height": (edited(dimension(2, 0)), "all but the batch must be fixed"),
    "open height": (edited(dimension(2, "height")), "(N, 2, height, 9)"),
    "negative width": (edited(dimension(3, -9)), "all but the batch must be fixed"),
    "enormous image": (edited(dimension(2, 2**40)), "values are supported"),
    "enormous channels": (edited(dimension(1, 2**62)), ""),
    "enormous batch": (edited(dimension(0, 2**40)), "a batch of 1099511627776"),
    "input of integers": (network([CONV], data_type=TensorProto.INT64), ""),
    "input of text": (network([operator("Identity", "x", "y")], data_type=TensorProto.STRING), ""),
    "no layer": (
        network([operator("Relu", "x", "y")]),
        "has no Conv, Gemm or MatMul for the array",
    ),
    "activations multiplied": (
        network([operator("Mul", "x x", "y")], shape=("N", 2, 8, 8)),
        "has no Conv, Gemm or MatMul for the array",
    ),
    "3-D convolution": (
        network(
            [CONV],
            {"w": normal(1, 4, 2, 3, 3, 3)},
            shape=("N", 2, 8, 7, 6),
            output_shape=("N", "a", "b", "c", "d"),
        ),
        "3 axes expected",
    ),
    "external data missing": (edited(external("weights.bin")), "external data missing"),
    "external data above": (edited(external("../weights.bin")), "external data missing"),
    "external data elsewhere": (edited(external("/etc/passwd")), "external data missing"),
    "external data a folder": (edited(external(".")), "external data missing"),
    "external data nowhere": (edited(external("")), ""),
    "external data truncated": (
        edited(external("tiny.onnx", offset="10", length="999999")),
        "external data missing",
    ),
    "external data at a text": (edited(external("tiny.onnx", offset="x")), ""),
}


def _at(write: Write, more: Mapping[str, object], folder: Path) -> Mapping[str, object]:
    path = folder / "tiny.onnx"
    write(path)
    return {"MODEL": path, **more}


ON_IMAGES = {"DATA": "fashion_mnist_test", "CALIBRATION": "fashion_mnist_calibration"}
QUOTED = [
    f"$(touch {TOUCHED})",
    f"`touch {TOUCHED}`",
    f"x; touch {TOUCHED}",
    f"x' ; touch {TOUCHED} ; '",
    f"x | touch {TOUCHED}",
    "it's",
    'a "b" c',
    "$HOME",
    "$(MAKE)",
    "two\nlines",
    "\x1b[31mred",
    "[/bold]",
    " ",
    "-x",
    "--help",
    "\N{SNOWMAN}",
    "x" * 5000,
    "none.onnx",
    "/",
    "..",
    "fashion_resnet9",
    "FASHION_RESNET8",
    "http://localhost/net.onnx",
]
CASES = [
    *(
        Case(f"network, {name}", "layers", partial(_at, write, {}), says)
        for name, (write, says) in FILES.items()
    ),
    *(
        Case(f"network, {name}", command, partial(_at, FILES[name][0], ON_IMAGES), FILES[name][1])
        for command in ("replay", "accuracy")
        for name in ("truncated", "a pickle", "weights NaN", "unknown domain", "a cycle", "opset 6")
    ),
    Case("network, no layer", "replay", partial(_at, FILES["no layer"][0], ON_IMAGES), ""),
    Case("network, no layer", "accuracy", partial(_at, FILES["no layer"][0], ON_IMAGES), ""),
    *(
        Case(f"model {index}", command, lambda folder, name=name: {"MODEL": name}, "")
        for command in ("layers", "replay", "accuracy")
        for index, name in enumerate(QUOTED)
    ),
]
