"""Translate poolings; what `Pool` cannot express stays a float operation."""

from __future__ import annotations

from typing import Literal

import onnx

from ..network import Pool, Window
from .builder import Builder, attributes
from .float_operations import append_float_operation
from .windows import window_of


def average_pool(builder: Builder, operator: onnx.NodeProto) -> None:
    """Translate an AveragePool."""
    _pool(builder, operator, "average")


def max_pool(builder: Builder, operator: onnx.NodeProto) -> None:
    """Translate a MaxPool."""
    _pool(builder, operator, "max")


def global_average_pool(builder: Builder, operator: onnx.NodeProto) -> None:
    """Translate a GlobalAveragePool."""
    _global_pool(builder, operator, "average")


def global_max_pool(builder: Builder, operator: onnx.NodeProto) -> None:
    """Translate a GlobalMaxPool."""
    _global_pool(builder, operator, "max")


def _pool(builder: Builder, operator: onnx.NodeProto, kind: Literal["average", "max"]) -> None:
    shape = builder.shape(builder.operand(operator))
    if len(shape) == 3:
        window = window_of(builder, operator, tuple(attributes(operator)["kernel_shape"]))
        # With ceil_mode the last window may reach over the edge: no Window does.
        inside = window.output_size(*shape[1:]) == builder.shape(operator.output[0])[1:]
        if inside and not (kind == "average" and any(window.pads)):
            _append(builder, operator, kind, window)
            return
    append_float_operation(builder, operator)


def _global_pool(
    builder: Builder, operator: onnx.NodeProto, kind: Literal["average", "max"]
) -> None:
    _, *size = builder.shape(builder.operand(operator))
    if len(size) == 2:
        _append(builder, operator, kind, Window((size[0], size[1])))
    else:
        append_float_operation(builder, operator)


def _append(
    builder: Builder, operator: onnx.NodeProto, kind: Literal["average", "max"], window: Window
) -> None:
    name, source = builder.name(operator), builder.operand(operator)
    builder.nodes.append(Pool(name, (source,), operator.output[0], kind=kind, window=window))
