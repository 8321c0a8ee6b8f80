"""Operators that multiply each value by a constant and add one.

BatchNormalization is one, and so are Add, Sub, Mul and Div with a constant operand.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx

from .builder import Builder, attributes

AFFINE_OPERATORS = frozenset(("Add", "Sub", "Mul", "Div", "BatchNormalization"))


@dataclass(frozen=True, eq=False)
class Affine:
    """The map ``x * scale + shift``.

    ``source`` is the tensor mapped, ``shape`` the shape of one image of it; ``scale`` and
    ``shift`` are float64 of as many axes, and broadcast to ``shape``.
    """

    source: str
    shape: tuple[int, ...]
    scale: np.ndarray
    shift: np.ndarray

    def along(self, axis: int) -> tuple[np.ndarray, np.ndarray] | None:
        """Return (n,) scales and shifts of the n positions along an axis, if no other counts."""
        factors = []
        for values in (self.scale, self.shift):
            if values.size != values.shape[axis]:
                return None
            factors.append(np.broadcast_to(values.ravel(), self.shape[axis]))
        return factors[0], factors[1]

    def flat(self) -> tuple[np.ndarray, np.ndarray]:
        """Return (n,) scales and shifts of the n values of one flattened image."""
        scale, shift = (np.broadcast_to(v, self.shape).ravel() for v in (self.scale, self.shift))
        return scale, shift


def affine_map(builder: Builder, operator: onnx.NodeProto) -> Affine | None:
    """Return the map that an operator is, or None if it is none or changes the shape.

    Raises
    ------
    ValueError
        If a BatchNormalization has a variance that is not positive.
    """
    constant = [builder.is_constant(name) for name in operator.input]
    if operator.op_type == "BatchNormalization":
        return _normalization(builder, operator)
    if constant.count(True) != 1 or (operator.op_type == "Div" and constant[0]):
        return None
    index = constant.index(True)
    source = builder.operand(operator, 1 - index)
    shape = builder.shape(source)
    value = _per_image(builder.constant(operator, index), len(shape))
    if value is None or builder.shape(operator.output[0]) != shape:
        return None
    one, zero = np.ones_like(value), np.zeros_like(value)
    if operator.op_type == "Add":
        return Affine(source, shape, one, value)
    if operator.op_type == "Sub":
        scale, shift = (-one, value) if index == 0 else (one, -value)
        return Affine(source, shape, scale, shift)
    if operator.op_type == "Mul":
        return Affine(source, shape, value, zero)
    return Affine(source, shape, 1 / value, zero) if value.all() else None


def _per_image(constant: np.ndarray, rank: int) -> np.ndarray | None:
    """Give a constant the axes of one image, unless it differs between images."""
    if constant.ndim > rank + 1 or (constant.ndim == rank + 1 and len(constant) != 1):
        return None
    trailing = constant.shape[1:] if constant.ndim > rank else constant.shape
    return constant.reshape((1,) * (rank - len(trailing)) + trailing).astype(np.float64)


def _normalization(builder: Builder, operator: onnx.NodeProto) -> Affine:
    source = builder.operand(operator)
    shape = builder.shape(source)
    gamma, beta, mean, variance = (
        builder.constant(operator, index).astype(np.float64) for index in range(1, 5)
    )
    spread = variance + attributes(operator).get("epsilon", 1e-5)
    if not (spread > 0).all():
        index = int(np.argmin(spread))
        raise ValueError(
            f"tensor '{operator.input[4]}' holds the variance {variance[index]} at index {index}"
        )
    scale = (gamma / np.sqrt(spread)).reshape(-1, *(1,) * (len(shape) - 1))
    shift = beta.reshape(scale.shape) - mean.reshape(scale.shape) * scale
    return Affine(source, shape, scale, shift)
