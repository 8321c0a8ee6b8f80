"""Translate Relu and Clip into the activation of what feeds them."""

from __future__ import annotations

import math

import onnx

from ..network import Add, FloatOperation, Linear, Node, Pool, Product, Relu, Reshape
from .builder import Builder, attributes
from .float_operations import append_float_operation


def relu(builder: Builder, operator: onnx.NodeProto) -> None:
    """Translate a Relu."""
    _activate(builder, operator, math.inf)


def clip(builder: Builder, operator: onnx.NodeProto) -> None:
    """Translate a Clip: from zero to a positive bound it is an activation."""
    settings = attributes(operator)
    minimum, maximum = builder.constant(operator, 1), builder.constant(operator, 2)
    lower = settings.get("min", -math.inf) if minimum is None else minimum.item()
    upper = settings.get("max", math.inf) if maximum is None else maximum.item()
    if lower == 0 and upper > 0:
        _activate(builder, operator, upper)
    else:
        append_float_operation(builder, operator)


def _activate(builder: Builder, operator: onnx.NodeProto, upper: float) -> None:
    """Make it the activation of the node before, or else a node of its own.

    It commutes with whatever passes on values that it read: it goes to what feeds that.
    """
    last = node = builder.sole_producer(builder.operand(operator))
    while node is not None and _passes_values_on(node):
        node = builder.sole_producer(node.inputs[0])
    if node is None or not _takes_activation(node):
        append_float_operation(builder, operator)
        return
    changed = builder.replace(last, output=operator.output[0])
    node = changed if node is last else node
    previous = node.activation.upper if node.activation else math.inf
    builder.replace(node, activation=Relu(min(upper, previous)))


def _passes_values_on(node: Node) -> bool:
    arranges = isinstance(node, FloatOperation) and node.kind == "arrangement"
    return arranges or isinstance(node, Reshape) or (isinstance(node, Pool) and node.kind == "max")


def _takes_activation(node: Node) -> bool:
    if isinstance(node, FloatOperation):
        return node.kind == "elementwise"
    return isinstance(node, Linear | Product | Add | Pool)
