"""A network on FFP8 codes: every layer reads codes and makes codes.

What an engine computes, `GemmLayer`, is kept apart from what lies between (addition,
pooling, reshape), so that a replay can put simulated RTL in place of the model.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from model.arithmetic import gemm
from model.elementwise import add, mean
from model.format import Format
from model.graph import Window

BATCH_BYTES = 2**26
"""Codes of im2col to hold at once in `QuantizedNetwork.run`, at least one image's."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Layer:
    """What every layer has; shapes are those of one image."""

    name: str
    inputs: tuple[str, ...]
    output: str
    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]


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
        (K, N) uint8, K in im2col order: channel, kernel row, kernel column.
    start
        (N,) float32, the layer's bias.
    fmt_y
        Format of the result; None for raw binary32 words.
    rounding, clamp
        As in `model.gemm`.
    """

    operator: str
    window: Window | None
    fmt_a: Format
    fmt_w: Format
    biases_w: np.ndarray
    w_codes: np.ndarray
    start: np.ndarray
    fmt_y: Format | None
    rounding: str = "rne"
    clamp: int | None = None

    @property
    def k(self) -> int:
        """Products in each sum."""
        return self.w_codes.shape[0]

    @property
    def n(self) -> int:
        """Output channels."""
        return self.w_codes.shape[1]

    @property
    def rows(self) -> int:
        """Rows of the matrix product that one image makes."""
        return math.prod(self.output_shape[1:])

    @property
    def macs(self) -> int:
        """Multiply-accumulates for one image, padding included."""
        return self.rows * self.k * self.n

    @cached_property
    def fmts_w(self) -> tuple[Format, ...]:
        """Weight format of each of the N columns."""
        split = self.fmt_w.sign, self.fmt_w.exponent, self.fmt_w.fraction
        return tuple(Format(*split, int(bias)) for bias in self.biases_w)

    def im2col(self, codes: np.ndarray) -> np.ndarray:
        """Lay out activations as the left matrix; padding is code 0, the value zero.

        Parameters
        ----------
        codes
            (batch, C, H, W), or (batch, K) for a fully connected layer.

        Returns
        -------
        numpy.ndarray
            (M, K) of the same dtype, M = batch * H_out * W_out, images in order.
        """
        if self.window is None:
            return codes
        patches = self.window.patches(codes).transpose(0, 2, 3, 1, 4, 5)
        return patches.reshape(-1, self.k)

    def fold(self, codes: np.ndarray) -> np.ndarray:
        """Turn the product (M, N) into (batch, N, H_out, W_out), or leave it if fully connected."""
        if self.window is None:
            return codes
        _, height, width = self.output_shape
        return codes.reshape(-1, height, width, self.n).transpose(0, 3, 1, 2)

    def compute(
        self, a_codes: np.ndarray, accumulator: str = "exact"
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return codes (or words) and flags, (M, N) each, for activations (M, K)."""
        return gemm(
            a_codes,
            self.w_codes,
            self.fmt_a,
            self.fmts_w,
            self.start,
            self.fmt_y,
            accumulator=accumulator,
            rounding=self.rounding,
            clamp=self.clamp,
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class AddLayer(Layer):
    """The exact sum of two tensors, encoded once."""

    fmt_a: Format
    fmt_b: Format
    fmt_y: Format
    rounding: str = "rne"
    clamp: int | None = None

    def apply(self, a_codes: np.ndarray, b_codes: np.ndarray) -> np.ndarray:
        """Return the codes of the sum."""
        return add(a_codes, self.fmt_a, b_codes, self.fmt_b, self.fmt_y, self.rounding, self.clamp)[
            0
        ]


@dataclass(frozen=True, eq=False, kw_only=True)
class AveragePoolLayer(Layer):
    """The exact mean of each window, encoded once."""

    window: Window
    fmt_a: Format
    fmt_y: Format
    rounding: str = "rne"
    clamp: int | None = None

    def apply(self, codes: np.ndarray) -> np.ndarray:
        """Return codes (batch, C, H_out, W_out)."""
        patches = self.window.patches(codes)
        elements = patches.reshape(*patches.shape[:4], -1)
        return mean(elements, self.fmt_a, self.fmt_y, self.rounding, self.clamp)[0]


@dataclass(frozen=True, eq=False, kw_only=True)
class MaxPoolLayer(Layer):
    """The greatest of each window, a choice among codes of one format."""

    window: Window
    fmt: Format

    def apply(self, codes: np.ndarray) -> np.ndarray:
        """Return codes (batch, C, H_out, W_out)."""
        order = np.argsort(self.fmt.integers(np.arange(256)), kind="stable").astype(np.uint8)
        rank = np.argsort(order).astype(np.uint8)
        return order[self.window.patches(rank[codes]).max(axis=(4, 5))]


@dataclass(frozen=True, eq=False, kw_only=True)
class ReshapeLayer(Layer):
    """Flatten each image."""

    def apply(self, codes: np.ndarray) -> np.ndarray:
        """Return codes (batch, F)."""
        return codes.reshape(len(codes), -1)


Gemm = Callable[[GemmLayer, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Computes a layer: ``(layer, a_codes (M, K)) -> (codes (M, N), flags (M, N))``."""


@dataclass(frozen=True, eq=False)
class QuantizedNetwork:
    """A network whose tensors are FFP8 codes.

    Attributes
    ----------
    nodes
        All layers, in topological order.
    input, output
        Names of the network's input and answer.
    input_shape
        Shape of one image.
    formats
        Format of every tensor; None where it is raw binary32.
    exp_max, k_max
        The build that it was made for: exponent bits, and longest sum of products.
    """

    name: str
    nodes: tuple[Layer, ...]
    input: str
    output: str
    input_shape: tuple[int, ...]
    formats: dict[str, Format | None]
    exp_max: int
    k_max: int

    @property
    def layers(self) -> tuple[GemmLayer, ...]:
        """The layers that an engine computes, in order."""
        return tuple(node for node in self.nodes if isinstance(node, GemmLayer))

    def run(self, images: np.ndarray, gemm: Gemm = GemmLayer.compute) -> np.ndarray:
        """Compute the answers to images.

        Parameters
        ----------
        images
            (N, C, H, W) float32.
        gemm
            What computes a `GemmLayer`; the model itself unless given.

        Returns
        -------
        numpy.ndarray
            (N, classes) float32.

        Raises
        ------
        ValueError
            If there is no image, images have another shape than the network's, or hold NaN.
        """
        if not len(images) or images.shape[1:] != self.input_shape:
            raise ValueError(
                f"images of shape {images.shape}: at least one of {self.input_shape} is expected"
            )
        largest = max((layer.rows * layer.k for layer in self.layers), default=1)
        size = max(BATCH_BYTES // largest, 1)
        batches = [images[first : first + size] for first in range(0, len(images), size)]
        return np.concatenate([self._run_batch(batch, gemm) for batch in batches])

    def _run_batch(self, images: np.ndarray, gemm: Gemm) -> np.ndarray:
        tensors = {self.input: self.formats[self.input].encode(images)}
        for position, node in enumerate(self.nodes):
            operands = [tensors[name] for name in node.inputs]
            if isinstance(node, GemmLayer):
                tensors[node.output] = node.fold(gemm(node, node.im2col(operands[0]))[0])
            else:
                tensors[node.output] = node.apply(*operands)
            needed = {self.output}.union(*(later.inputs for later in self.nodes[position + 1 :]))
            tensors = {name: codes for name, codes in tensors.items() if name in needed}
        return self._values(tensors[self.output])

    def _values(self, answers: np.ndarray) -> np.ndarray:
        """Real values of the answers, (batch, classes) float32."""
        answers = answers.reshape(len(answers), -1)
        fmt = self.formats[self.output]
        if fmt is None:
            return answers.view(np.float32)
        return fmt.decode(answers).astype(np.float32)
