"""Translate Conv, Gemm and MatMul into `Linear`, and fold per-channel maps into it."""

from __future__ import annotations

import dataclasses

import numpy as np
import onnx

from ..network import Linear, Product, Window
from .affine import Affine
from .builder import Builder, UnsupportedError, attributes
from .float_operations import append_float_operation
from .windows import image_size, window_of


def convolution(builder: Builder, operator: onnx.NodeProto) -> None:
    """Translate a Conv."""
    channels, _, _ = image_size(builder, operator)
    weights = builder.constant(operator, 1)
    outputs, _, *kernel = weights.shape
    groups = attributes(operator).get("group", 1)
    expected = channels // groups
    if weights.shape[1] != expected:
        raise ValueError(
            f"tensor '{operator.input[1]}' has {weights.shape[1]} input channels,"
            f" {expected} expected"
        )
    window = window_of(builder, operator, (kernel[0], kernel[1]))
    bias = builder.constant(operator, 2)
    _append(builder, operator, weights.reshape(outputs, -1).T, bias, window, groups)


def general_product(builder: Builder, operator: onnx.NodeProto) -> None:
    """Translate a Gemm."""
    settings = attributes(operator)
    weights, bias = builder.constant(operator, 1), builder.constant(operator, 2)
    weights = weights.T if settings.get("transB") else weights
    if bias is not None:
        bias = bias.astype(np.float64) * settings.get("beta", 1.0)
    _append(builder, operator, weights.astype(np.float64) * settings.get("alpha", 1.0), bias)


def matrix_product(builder: Builder, operator: onnx.NodeProto) -> None:
    """Translate a MatMul: `Linear` by one matrix, `Product` of two activations, or in float."""
    if builder.is_constant(operator.input[1]) and not builder.is_constant(operator.input[0]):
        weights = builder.constant(operator, 1)
        axes = len(builder.shape(builder.operand(operator))) + 1
        if 2 <= weights.ndim <= axes and weights.size == np.prod(weights.shape[-2:]):
            _append(builder, operator, weights.reshape(weights.shape[-2:]), None)
            return
    if _multiplies_activations(builder, operator):
        inputs = tuple(builder.source(name) for name in operator.input)
        builder.nodes.append(Product(builder.name(operator), inputs, operator.output[0]))
        return
    append_float_operation(builder, operator)


def _multiplies_activations(builder: Builder, operator: onnx.NodeProto) -> bool:
    """Tell whether both operands are matrices of each image, and none is one of several images."""
    if any(builder.is_constant(name) for name in operator.input):
        return False
    first, second = (builder.shape(name) for name in operator.input)
    return len(first) == len(second) >= 2


def _append(
    builder: Builder,
    operator: onnx.NodeProto,
    weights: np.ndarray,
    bias: np.ndarray | None,
    window: Window | None = None,
    groups: int = 1,
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
            groups=groups,
        )
    )


def fold_backward(builder: Builder, operator: onnx.NodeProto, affine: Affine) -> bool:
    """Fold a map into the `Linear` that makes what it reads, and tell whether that is exact."""
    node = builder.sole_producer(affine.source)
    if not isinstance(node, Linear) or node.activation:
        return False
    factors = affine.along(-1 if node.window is None else 0)
    if factors is None:
        return False
    scale, shift = factors
    weights, bias = node.weights * scale, node.bias * scale + shift
    builder.replace(node, weights=weights, bias=bias, output=operator.output[0])
    return True


def fold_forward(node: Linear, scale: np.ndarray, shift: np.ndarray) -> Linear | None:
    """Fold a map of what a `Linear` reads into it.

    Parameters
    ----------
    node
        The layer.
    scale, shift
        (channels,) for a convolution, else as many as the last axis is long.

    Returns
    -------
    Linear or None
        Without the input's name changed; None if padding, which is not mapped, is in the way.
    """
    if shift.any() and node.window and any(node.window.pads):
        return None
    area = len(node.weights) * node.groups // len(scale)
    columns = node.weights.shape[1] // node.groups

    def by_weight(factors: np.ndarray) -> np.ndarray:
        grouped = np.repeat(factors.reshape(node.groups, -1).T, area, axis=0)
        return np.repeat(grouped, columns, axis=1)

    bias = node.bias + (node.weights * by_weight(shift)).sum(axis=0)
    return dataclasses.replace(node, weights=node.weights * by_weight(scale), bias=bias)
