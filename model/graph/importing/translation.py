"""Translate ONNX operators into nodes, folding what can be folded.

BatchNormalization, and Add, Sub, Mul and Div by constants, fold into the convolution or
fully connected layer before or behind them, in float64; Relu and Clip become the activation
of the node before them; Identity, Dropout and Cast vanish. What has no node of its own in
`model.graph.network` stays a float operation.
"""

from __future__ import annotations

import onnx

from ..network import Add, Node, Reshape
from .absorption import absorb
from .activations import clip, relu
from .affine import affine_map
from .builder import Builder, UnsupportedError, attributes
from .float_operations import ARRANGEMENTS, ELEMENTWISE, OTHERS, append_float_operation
from .linear import convolution, fold_backward, general_product, matrix_product
from .pooling import average_pool, global_average_pool, global_max_pool, max_pool


def translate(
    model: onnx.ModelProto, shapes: dict[str, tuple[int, ...]], batch: int | None
) -> tuple[tuple[Node, ...], str, list[str]]:
    """Translate a resolved model whose operators are all in `TRANSLATIONS`.

    Parameters
    ----------
    model
        The model, see `model.graph.importing.resolution.resolve`; folding may add operators to it.
    shapes
        The shape of one image of every tensor; folding may add some.
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
    builder = Builder(model, shapes, batch)
    problems = []
    for operator in model.graph.node:
        try:
            _translate(builder, operator)
        except UnsupportedError as problem:
            problems.append(f"{operator.op_type} (node '{operator.name}'): {problem}")
    if not problems:
        if builder.output not in (node.output for node in builder.nodes):
            problems.append(f"output '{builder.output}', which no operator computes")
        absorb(builder)
    return tuple(builder.nodes), builder.output, problems


def _translate(builder: Builder, operator: onnx.NodeProto) -> None:
    if operator.op_type != "Split":
        for name in operator.output[1:]:
            if builder.is_read(name):
                raise UnsupportedError(f"its output '{name}' is read")
    TRANSLATIONS[operator.op_type](builder, operator)


def _map(builder: Builder, operator: onnx.NodeProto) -> None:
    """Fold a BatchNormalization, or Sub, Mul or Div by a constant, or leave it in float."""
    affine = affine_map(builder, operator)
    if affine is None or not fold_backward(builder, operator, affine):
        append_float_operation(builder, operator)


def _add(builder: Builder, operator: onnx.NodeProto) -> None:
    if any(builder.is_constant(name) for name in operator.input):
        _map(builder, operator)
        return
    sources = builder.operand(operator, 0), builder.operand(operator, 1)
    if builder.shape(sources[0]) == builder.shape(sources[1]):
        builder.nodes.append(Add(builder.name(operator), sources, operator.output[0]))
    else:
        append_float_operation(builder, operator)


def _sum(builder: Builder, operator: onnx.NodeProto) -> None:
    """Translate a Sum; one of two tensors is an Add."""
    if len(operator.input) == 2 and not any(builder.is_constant(n) for n in operator.input):
        _add(builder, operator)
    else:
        append_float_operation(builder, operator)


def _reshape(builder: Builder, operator: onnx.NodeProto) -> None:
    """Flatten each image, however that is spelled; other changes of shape stay in float."""
    source = builder.operand(operator)
    if len(builder.shape(operator.output[0])) == 1:
        builder.nodes.append(Reshape(builder.name(operator), (source,), operator.output[0]))
    else:
        append_float_operation(builder, operator)


def _cast(builder: Builder, operator: onnx.NodeProto) -> None:
    """Refuse a change of type; one to the type at hand makes no node."""
    kind = attributes(operator)["to"]
    if kind != onnx.TensorProto.FLOAT:
        name = onnx.TensorProto.DataType.Name(kind)
        raise UnsupportedError(f"to {name}, activations are FLOAT throughout")


def _dropout(builder: Builder, operator: onnx.NodeProto) -> None:
    """Refuse to drop anything."""
    training = builder.constant(operator, 2)
    if training is not None and training.any():
        raise UnsupportedError("in training mode, which is random")


def _skip(builder: Builder, operator: onnx.NodeProto) -> None:
    """Identity makes no node."""


TRANSLATIONS = dict.fromkeys(ELEMENTWISE | ARRANGEMENTS | OTHERS, append_float_operation) | {
    "Add": _add,
    "AveragePool": average_pool,
    "BatchNormalization": _map,
    "Cast": _cast,
    "Clip": clip,
    "Conv": convolution,
    "Div": _map,
    "Dropout": _dropout,
    "Flatten": _reshape,
    "Gemm": general_product,
    "GlobalAveragePool": global_average_pool,
    "GlobalMaxPool": global_max_pool,
    "Identity": _skip,
    "MatMul": matrix_product,
    "MaxPool": max_pool,
    "Mul": _map,
    "Relu": relu,
    "Reshape": _reshape,
    "Squeeze": _reshape,
    "Sub": _map,
    "Sum": _sum,
    "Unsqueeze": _reshape,
}
"""The supported operators and how each is translated."""
