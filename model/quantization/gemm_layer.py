"""What an engine computes: a convolution or fully connected layer on FFP8 codes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..arithmetic.products import grouped_gemm
from ..format.format import Format
from ..graph.network import Relu, Window

PIECE_BYTES = 2**24
"""Codes of the left matrix to hold at once, at least one image's."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Layer:
    """What every layer has; shapes are those of one image."""

    name: str
    inputs: tuple[str, ...]
    output: str
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]


def rectified(codes: np.ndarray, fmt: Format, activation: Relu | None) -> np.ndarray:
    """Make negative codes zero if an activation wants that; an unsigned format has none."""
    return np.where(codes & 0x80, np.uint8(0), codes) if activation and fmt.sign else codes


@dataclass(frozen=True, eq=False, kw_only=True)
class GemmLayer(Layer):
    """A convolution or fully connected layer as one matrix product.

    Attributes
    ----------
    operator
        "Conv", "Gemm" or "MatMul".
    window
        The convolution's window; None for a fully connected layer.
    fmt_a
        Format of the activations read.
    fmt_w
        Format of the weights at bias 0; column n has bias ``biases_w[n]`` instead.
    biases_w
        (N,) int64, each in -128..127.
    w_codes
        (K, N) uint8, K in im2col order: channel of one group, kernel row, kernel column.
    start
        (N,) float32, the layer's bias.
    fmt_y
        Format of the result; None for raw binary32 words.
    groups
        Groups that channels and columns are divided among, in order.
    activation
        Applied in float to raw results; to codes it is fmt_y and the clamp that do it, but for
        negative codes of a signed format, which become zero after the engine.
    rounding, clamp
        As in `model.gemm`.
    matrices
        Where the weights are activations of a batch, too: the matrices that the groups are of,
        images first; see `ProductLayer`.
    """

    operator: str
    window: Window | None
    fmt_a: Format
    fmt_w: Format
    biases_w: np.ndarray
    w_codes: np.ndarray
    start: np.ndarray
    fmt_y: Format | None
    groups: int = 1
    activation: Relu | None = None
    rounding: str = "rne"
    clamp: int | None = None
    matrices: tuple[int, ...] = ()

    @property
    def k(self) -> int:
        """Products in each sum."""
        return self.w_codes.shape[0]

    @property
    def n(self) -> int:
        """Output channels."""
        return self.w_codes.shape[1]

    @property
    def group_width(self) -> int:
        """Output channels of one group."""
        return self.n // self.groups

    @property
    def rows(self) -> int:
        """Rows of the matrix product that one image makes."""
        return math.prod(self.output_shape) // self.n

    @property
    def macs(self) -> int:
        """Multiply-accumulates for one image, padding included."""
        return self.rows * self.k * self.n

    @cached_property
    def fmts_w(self) -> tuple[Format, ...]:
        """Weight format of each of the N columns."""
        split = self.fmt_w.sign, self.fmt_w.exponent, self.fmt_w.fraction
        formats = {bias: Format(*split, bias) for bias in set(self.biases_w.tolist())}
        return tuple(formats[bias] for bias in self.biases_w.tolist())

    def im2col(self, codes: np.ndarray) -> np.ndarray:
        """Lay out activations as the left matrix; padding is code 0, the value zero.

        Parameters
        ----------
        codes
            (batch, C, H, W), or (batch, ..., groups * K) for a fully connected layer.

        Returns
        -------
        numpy.ndarray
            (M, groups * K) of the same dtype, M = batch * H_out * W_out, images in order.
        """
        if self.window is None:
            return codes.reshape(-1, self.groups * self.k)
        patches = self.window.patches(codes).transpose(0, 2, 3, 1, 4, 5)
        if self.window.kernel == (1, 1):
            return patches.reshape(-1, self.groups * self.k)
        matrix = np.empty(patches.shape, codes.dtype)
        for place in np.ndindex(self.window.kernel):  # a patch at a time is no run worth copying
            matrix[..., *place] = patches[..., *place]
        return matrix.reshape(-1, self.groups * self.k)

    def fold(self, results: np.ndarray) -> np.ndarray:
        """Turn the product (M, N) into the layer's output.

        Returns
        -------
        numpy.ndarray
            (batch, N, H_out, W_out), or (batch, ..., N) of a fully connected layer: uint8 codes,
            or float32 numbers, the activation applied, where the product was raw.
        """
        if self.fmt_y is None:
            results = results.view(np.float32)
            results = self.activation(results) if self.activation else results
        else:
            results = rectified(results, self.fmt_y, self.activation)
        if self.window is None:
            return results.reshape(-1, *self.output_shape)
        _, height, width = self.output_shape
        return results.reshape(-1, height, width, self.n).transpose(0, 3, 1, 2)

    def multiply(
        self, codes: np.ndarray, accumulator: str = "exact"
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return results and flags, (M, N) each, of the layer's input.

        The left matrix is made of some images at a time, see `PIECE_BYTES`.

        Parameters
        ----------
        codes
            As `im2col` takes them.
        accumulator
            As in `model.gemm`.

        Returns
        -------
        numpy.ndarray, numpy.ndarray
            uint8 codes, or uint32 words where ``fmt_y`` is None; and uint8 flags.
        """
        images = max(PIECE_BYTES // (self.rows * self.groups * self.k), 1)
        pieces = [
            self.compute(self.im2col(codes[first : first + images]), accumulator)
            for first in range(0, len(codes), images)
        ]
        if len(pieces) == 1:
            return pieces[0]
        results, flags = zip(*pieces, strict=True)
        return np.concatenate(results), np.concatenate(flags)

    def compute(
        self, a_codes: np.ndarray, accumulator: str = "exact"
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return codes (or words) and flags, (M, N) each, for activations (M, groups * K)."""
        return grouped_gemm(
            a_codes,
            self.w_codes,
            self.groups,
            self.fmt_a,
            self.fmts_w,
            self.start,
            self.fmt_y,
            accumulator=accumulator,
            rounding=self.rounding,
            clamp=self.clamp,
        )
