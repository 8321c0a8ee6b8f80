"""Translate ONNX operators into nodes, folding what can be folded.

BatchNormalization and the addition of a constant fold into the convolution or fully
connected layer before them, in float64; Relu and Clip become the activation of the node
before them; Identity and Dropout vanish.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Literal

import numpy as np
import onnx

from model.builder import Builder, UnsupportedError
from model.graph import Add, Linear, Node, Pair, Pool, Relu, Reshape, Window


def translate(
    graph: onnx.GraphProto,
    shapes: dict[str, tuple[int, ...]],
    constants: dict[str, np.ndarray],
    batch: int | None,
) -> tuple[tuple[Node, ...], str, list[str]]:
    """Translate a checked graph whose operators are all in `TRANSLATIONS`.

    Parameters
    ----------
    graph
        The graph.
    shapes
        The shape of one image of every tensor that has one.
    constants
        The value of every initializer and Constant operator.
    batch
        The batch size, if it is fixed.

    Returns
    -------
    nodes
        In topological order.
    output
        The tensor that is the network's answer.
    problems
        One description of each operator whose setting or place is unsupported.

    Raises
    ------
    ValueError
        If a tensor's shape or value is wrong.
    """
    builder = Builder(graph, shapes, constants, batch)
    problems = []
    for operator in graph.node:
        try:
            for name in operator.output[1:]:
                if builder.is_read(name):
                    raise UnsupportedError(f"its output '{name}' is read")
            TRANSLATIONS[operator.op_type](builder, operator)
        except UnsupportedError as problem:
            builder.failed.add(operator.output[0])
            if problem.args:
                problems.append(f"{operator.op_type} (node '{operator.name}'): {problem}")
    if not problems and builder.output not in (node.output for node in builder.nodes):
        problems.append(f"output '{builder.output}', which no operator computes")
    return tuple(builder.nodes), builder.output, problems


def _conv(builder: Builder, operator: onnx.NodeProto) -> None:
    source, weights = builder.operand(operator), builder.constant(operator, 1)
    channels = builder.shape(source, rank=3)[0]
    outputs, *kernel = weights.shape
    _expect(operator.input[1], "input channels", weights.shape[1], channels)
    window = _window(builder, operator, (kernel[1], kernel[2]))
    bias = builder.constant(operator, 2)
    _append_linear(builder, operator, weights.reshape(outputs, -1).T, bias, window)


def _gemm(builder: Builder, operator: onnx.NodeProto) -> None:
    attributes = _attributes(operator)
    weights, bias = builder.constant(operator, 1), builder.constant(operator, 2)
    weights = weights.T if attributes.get("transB") else weights
    if bias is not None:
        bias = bias.astype(np.float64) * attributes.get("beta", 1.0)
    scaled = weights.astype(np.float64) * attributes.get("alpha", 1.0)
    _append_linear(builder, operator, scaled, bias)


def _matmul(builder: Builder, operator: onnx.NodeProto) -> None:
    builder.shape(builder.operand(operator), rank=1)
    weights = builder.constant(operator, 1)
    if weights.ndim != 2:
        raise UnsupportedError(f"a factor of shape {weights.shape}, a matrix is supported")
    _append_linear(builder, operator, weights, None)


def _append_linear(
    builder: Builder,
    operator: onnx.NodeProto,
    weights: np.ndarray,
    bias: np.ndarray | None,
    window: Window | None = None,
) -> None:
    outputs = weights.shape[1]
    bias = np.zeros(1) if bias is None else bias
    if bias.size not in (1, bias.shape[-1] if bias.ndim else 1):
        raise UnsupportedError(f"a bias of shape {bias.shape}, ({outputs},) is supported")
    builder.nodes.append(
        Linear(
            builder.name(operator),
            (builder.operand(operator),),
            operator.output[0],
            operator=operator.op_type,
            weights=weights.astype(np.float64),
            bias=np.broadcast_to(bias.ravel(), outputs).astype(np.float64),
            window=window,
        )
    )


def _foldable(builder: Builder, name: str) -> Linear:
    """Return the node that an affine map of tensor ``name`` can fold into."""
    node = builder.sole_producer(name, Linear)
    if node.activation:
        raise UnsupportedError(f"its input '{name}' has had an activation applied")
    return node


def _batch_normalization(builder: Builder, operator: onnx.NodeProto) -> None:
    node = _foldable(builder, builder.operand(operator))
    gamma, beta, mean, variance = (
        builder.constant(operator, index).astype(np.float64) for index in range(1, 5)
    )
    spread = variance + _attributes(operator).get("epsilon", 1e-5)
    if not (spread > 0).all():
        index = int(np.argmin(spread))
        raise ValueError(
            f"tensor '{operator.input[4]}' holds the variance {variance[index]} at index {index}"
        )
    scale = gamma / np.sqrt(spread)
    weights, bias = node.weights * scale, (node.bias - mean) * scale + beta
    builder.replace(node, weights=weights, bias=bias, output=operator.output[0])


def _add(builder: Builder, operator: onnx.NodeProto) -> None:
    for index in (0, 1):
        if builder.is_constant(operator.input[index]):
            _fold_constant(builder, operator, index)
            return
    sources = builder.operand(operator, 0), builder.operand(operator, 1)
    first, second = builder.shape(sources[0]), builder.shape(sources[1])
    if first != second:
        raise UnsupportedError(f"of shapes {first} and {second} per image, equal ones expected")
    builder.nodes.append(Add(builder.name(operator), sources, operator.output[0]))


def _fold_constant(builder: Builder, operator: onnx.NodeProto, index: int) -> None:
    """Fold the addition of the constant operand into the node before."""
    constant = builder.constant(operator, index)
    node = _foldable(builder, builder.operand(operator, 1 - index))
    trailing = constant.shape[-3:] if node.window else constant.shape[-1:]
    if constant.size > 1 and not constant.size == trailing[0] == node.bias.size:
        raise UnsupportedError(
            f"a constant of shape {constant.shape}, one value a channel is supported"
        )
    builder.replace(node, bias=node.bias + constant.ravel(), output=operator.output[0])


def _relu(builder: Builder, operator: onnx.NodeProto) -> None:
    _activate(builder, operator, math.inf)


def _clip(builder: Builder, operator: onnx.NodeProto) -> None:
    attributes = _attributes(operator)
    minimum, maximum = builder.constant(operator, 1), builder.constant(operator, 2)
    lower = attributes.get("min") if minimum is None else float(minimum)
    upper = attributes.get("max", math.inf) if maximum is None else float(maximum)
    if lower != 0 or not upper > 0:
        raise UnsupportedError(f"from {lower} to {upper}, from 0 to more is supported")
    _activate(builder, operator, upper)


def _activate(builder: Builder, operator: onnx.NodeProto, upper: float) -> None:
    """Make it the activation of the node before.

    The largest of some values and a reshape commute with it: it goes to what feeds them.
    """
    last = node = builder.sole_producer(builder.operand(operator))
    while isinstance(node, Reshape) or (isinstance(node, Pool) and node.kind == "max"):
        node = builder.sole_producer(node.inputs[0])
    builder.replace(last, output=operator.output[0])
    node = next(kept for kept in builder.nodes if kept.name == node.name)
    previous = node.activation.upper if node.activation else math.inf
    builder.replace(node, activation=Relu(min(upper, previous)))


def _global_average_pool(builder: Builder, operator: onnx.NodeProto) -> None:
    _, *size = builder.shape(builder.operand(operator), rank=3)
    _append_pool(builder, operator, "average", Window((size[0], size[1])))


def _average_pool(builder: Builder, operator: onnx.NodeProto) -> None:
    window = _window(builder, operator, tuple(_attributes(operator)["kernel_shape"]))
    if any(window.pads):
        raise UnsupportedError(f"padding {window.pads}, none is supported")
    _append_pool(builder, operator, "average", window)


def _max_pool(builder: Builder, operator: onnx.NodeProto) -> None:
    window = _window(builder, operator, tuple(_attributes(operator)["kernel_shape"]))
    _append_pool(builder, operator, "max", window)


def _append_pool(
    builder: Builder, operator: onnx.NodeProto, kind: Literal["average", "max"], window: Window
) -> None:
    name, source = builder.name(operator), builder.operand(operator)
    builder.nodes.append(Pool(name, (source,), operator.output[0], kind=kind, window=window))


def _window(builder: Builder, operator: onnx.NodeProto, kernel: Pair) -> Window:
    """Window of a convolution or pooling, held against the inferred shape."""
    _, height, width = builder.shape(builder.operand(operator), rank=3)
    attributes = _attributes(operator)
    window = Window(
        kernel,
        tuple(attributes.get("strides", (1, 1))),
        tuple(attributes.get("pads", (0, 0, 0, 0))),
        tuple(attributes.get("dilations", (1, 1))),
    )
    automatic = attributes.get("auto_pad", b"").decode()
    if automatic.startswith("SAME"):
        pads = window.same_pads((height, width), more_at_end=automatic == "SAME_UPPER")
        window = dataclasses.replace(window, pads=pads)
    size = builder.shape(operator.output[0])[1:]
    if window.output_size(height, width) != size:
        raise UnsupportedError(
            f"an output of {size}, {window.output_size(height, width)} is supported (ceil_mode)"
        )
    return window


def _flatten(builder: Builder, operator: onnx.NodeProto) -> None:
    axis = _attributes(operator).get("axis", 1)
    if axis not in (1, -len(builder.shape(builder.operand(operator)))):
        raise UnsupportedError(f"axis {axis}, 1 is supported")
    _append_reshape(builder, operator)


def _reshape(builder: Builder, operator: onnx.NodeProto) -> None:
    target = builder.constant(operator, 1)
    features = math.prod(builder.shape(builder.operand(operator)))
    batch = (0, -1, builder.batch)
    if len(target) != 2 or target[0] not in batch or target[1] not in (-1, features):
        raise UnsupportedError(f"to {target.tolist()}, (N, -1) is supported")
    _append_reshape(builder, operator)


def _append_reshape(builder: Builder, operator: onnx.NodeProto) -> None:
    name, source = builder.name(operator), builder.operand(operator)
    builder.nodes.append(Reshape(name, (source,), operator.output[0]))


def _skip(builder: Builder, operator: onnx.NodeProto) -> None:
    """Identity, Dropout and Constant make no node."""


def _attributes(operator: onnx.NodeProto) -> dict[str, object]:
    return {a.name: onnx.helper.get_attribute_value(a) for a in operator.attribute}


def _expect(tensor: str, what: str, actual: int, expected: int) -> None:
    if actual != expected:
        raise ValueError(f"tensor '{tensor}' has {actual} {what}, {expected} expected")


TRANSLATIONS = {
    "Add": _add,
    "AveragePool": _average_pool,
    "BatchNormalization": _batch_normalization,
    "Clip": _clip,
    "Constant": _skip,
    "Conv": _conv,
    "Dropout": _skip,
    "Flatten": _flatten,
    "Gemm": _gemm,
    "GlobalAveragePool": _global_average_pool,
    "Identity": _skip,
    "MatMul": _matmul,
    "MaxPool": _max_pool,
    "Relu": _relu,
    "Reshape": _reshape,
}
"""The supported operators and how each is translated."""
