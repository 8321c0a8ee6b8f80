"""A product of two activations, matrix by matrix, as what an engine computes: one grouped product.

An engine takes its second operand as it takes weights, column by column, whoever made it. Every
matrix of every image of a batch is a group of a `GemmLayer`, which reads terms of its own alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..format.format import Format
from ..graph.network import Relu
from .gemm_layer import GemmLayer, Layer


@dataclass(frozen=True, eq=False, kw_only=True)
class ProductLayer(Layer):
    """The matrix products of two tensors of activations, each with a format of its own.

    Attributes
    ----------
    second_shape
        Shape of one image of the second operand, (..., K, N); the first is (..., M, K). Leading
        axes are as long as each other, or 1.
    fmt_a, fmt_b
        Formats of the operands.
    fmt_y, activation, rounding, clamp
        As of a `GemmLayer`.
    """

    second_shape: tuple[int, ...]
    fmt_a: Format
    fmt_b: Format
    fmt_y: Format | None
    activation: Relu | None = None
    rounding: str = "rne"
    clamp: int | None = None

    def bind(self, first: np.ndarray, second: np.ndarray) -> tuple[GemmLayer, np.ndarray]:
        """Return the layer that has the second operand for weights, and what it reads.

        Parameters
        ----------
        first, second
            Codes of a batch, (images, ...) uint8.
        """
        leading = (len(first), *self.output_shape[:-2])
        first, second = (np.broadcast_to(o, leading + o.shape[-2:]) for o in (first, second))
        groups = math.prod(leading)
        (rows, k), n = first.shape[-2:], second.shape[-1]
        a = np.moveaxis(first.reshape(groups, rows, k), 0, 1).reshape(1, rows, groups * k)
        w = np.moveaxis(second.reshape(groups, k, n), 0, 1).reshape(k, groups * n)
        fmt = self.fmt_b
        layer = GemmLayer(
            name=self.name,
            inputs=self.inputs[:1],
            output=self.output,
            input_shape=a.shape[1:],
            output_shape=(rows, groups * n),
            operator="MatMul",
            window=None,
            fmt_a=self.fmt_a,
            fmt_w=Format(fmt.sign, fmt.exponent, fmt.fraction, 0),
            biases_w=np.full(groups * n, fmt.bias, np.int64),
            w_codes=w,
            start=np.zeros(groups * n, np.float32),
            fmt_y=self.fmt_y,
            groups=groups,
            activation=self.activation,
            rounding=self.rounding,
            clamp=self.clamp,
            matrices=leading,
        )
        return layer, a

    def shaped(self, images: int) -> GemmLayer:
        """Return what `bind` makes of a batch whose codes are not known yet: zeros stand there."""
        shapes = self.input_shape, self.second_shape
        return self.bind(*(np.zeros((images, *shape), np.uint8) for shape in shapes))[0]

    def fold(self, layer: GemmLayer, results: np.ndarray) -> np.ndarray:
        """Turn the results of what `bind` returned into the output, (images, ..., M, N)."""
        rows, n = self.output_shape[-2:]
        by_group = layer.fold(results).reshape(rows, -1, n)
        return np.moveaxis(by_group, 1, 0).reshape(-1, *self.output_shape)
