"""A network on FFP8 codes: every layer reads codes and makes codes.

What an engine computes, `GemmLayer`, is kept apart from what lies between (addition,
pooling, reshape), so that a replay can put simulated RTL in place of the model.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import onnx

from ..arithmetic.elementwise import add, mean
from ..format.format import Format
from ..graph.network import Relu, Window
from ..graph.runtime import onnxruntime
from .calibration import session
from .gemm_layer import GemmLayer, Layer, rectified
from .product_layer import ProductLayer

BATCH_BYTES, MOST_IMAGES = 2**24, 256
"""Codes of a tensor, and images, to hold at once in `QuantizedNetwork.run`; at least one image."""


@dataclass(frozen=True, eq=False, kw_only=True)
class AddLayer(Layer):
    """The exact sum of two tensors, encoded once."""

    fmt_a: Format
    fmt_b: Format
    fmt_y: Format
    activation: Relu | None = None
    rounding: str = "rne"
    clamp: int | None = None

    def apply(self, a_codes: np.ndarray, b_codes: np.ndarray) -> np.ndarray:
        """Return the codes of the sum."""
        how = self.fmt_y, self.rounding, self.clamp
        codes, _ = add(a_codes, self.fmt_a, b_codes, self.fmt_b, *how)
        return rectified(codes, self.fmt_y, self.activation)


@dataclass(frozen=True, eq=False, kw_only=True)
class AveragePoolLayer(Layer):
    """The exact mean of each window, encoded once."""

    window: Window
    fmt_a: Format
    fmt_y: Format
    activation: Relu | None = None
    rounding: str = "rne"
    clamp: int | None = None

    def apply(self, codes: np.ndarray) -> np.ndarray:
        """Return codes (batch, C, H_out, W_out)."""
        patches = self.window.patches(codes)
        elements = patches.reshape(*patches.shape[:4], -1)
        codes, _ = mean(elements, self.fmt_a, self.fmt_y, self.rounding, self.clamp)
        return rectified(codes, self.fmt_y, self.activation)


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

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Return codes, or numbers, (batch, F)."""
        return values.reshape(len(values), -1)


@dataclass(frozen=True, eq=False, kw_only=True)
class FloatLayer(Layer):
    """An operation that onnxruntime computes in float32, on the values of codes or on numbers.

    Attributes
    ----------
    model
        The operation, see `model.graph.network.FloatOperation`.
    formats
        Of each input; None where it is kept as numbers.
    fmt_y
        Format of the result; None if it is kept as numbers.
    """

    model: onnx.ModelProto
    formats: tuple[Format | None, ...]
    fmt_y: Format | None
    activation: Relu | None = None
    rounding: str = "rne"

    @cached_property
    def _session(self) -> onnxruntime.InferenceSession:
        return session(self.model)

    def apply(self, *operands: np.ndarray) -> np.ndarray:
        """Return codes, or float32 numbers; ValueError if codes are needed and one is NaN."""
        numbers = {
            name: fmt.decode(values).astype(np.float32) if fmt else values
            for name, values, fmt in zip(self.inputs, operands, self.formats, strict=True)
        }
        result = self._run(numbers)
        if self.activation:
            result = self.activation(result)
        if self.fmt_y is None:
            return result
        try:
            return self.fmt_y.encode(result, self.rounding)
        except ValueError as error:
            raise ValueError(f"tensor '{self.output}': {error}") from error

    @property
    def batch(self) -> int:
        """Images that the model takes at a time, 0 if any number."""
        return self.model.graph.input[0].type.tensor_type.shape.dim[0].dim_value

    def _run(self, numbers: dict[str, np.ndarray]) -> np.ndarray:
        """Run the model, which may take a fixed number of images at a time."""
        count = len(numbers[self.inputs[0]])
        size = self.batch or count
        results = []
        for first in range(0, count, size):
            batch = {
                name: np.resize(values[first : first + size], (size, *values.shape[1:]))
                for name, values in numbers.items()
            }
            results += self._session.run(None, batch)
        return np.concatenate(results)[:count]


Gemm = Callable[[GemmLayer, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Computes a layer: ``(layer, its input's codes) -> (codes (M, N), flags (M, N))``."""


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
        Format of every tensor; None where it is kept as binary32 numbers.
    exp_max, k_max
        The build that it was made for: exponent bits, and longest sum of products.
    scales
        What the values of a tensor's codes are to be multiplied with, where that is not 1.
    """

    name: str
    nodes: tuple[Layer, ...]
    input: str
    output: str
    input_shape: tuple[int, ...]
    formats: dict[str, Format | None]
    exp_max: int
    k_max: int
    scales: dict[str, float] = field(default_factory=dict)

    @property
    def layers(self) -> tuple[GemmLayer, ...]:
        """The layers that have weights, in order."""
        return tuple(node for node in self.nodes if isinstance(node, GemmLayer))

    def on_array(self, images: int = 1) -> tuple[GemmLayer, ...]:
        """Return what an engine computes for a batch, in order.

        The second operand of a product of two activations, which is made by then, is zero here.
        """
        return tuple(
            node.shaped(images) if isinstance(node, ProductLayer) else node
            for node in self.nodes
            if isinstance(node, GemmLayer | ProductLayer)
        )

    @property
    def batch_size(self) -> int:
        """Images that `run` computes at a time, the last ones perhaps fewer."""
        largest = max(math.prod(node.output_shape) for node in self.nodes)
        return min(max(BATCH_BYTES // largest, 1), MOST_IMAGES)

    def run(self, images: np.ndarray, gemm: Gemm = GemmLayer.multiply) -> np.ndarray:
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
        size = self.batch_size
        batches = [images[first : first + size] for first in range(0, len(images), size)]
        return np.concatenate([self._run_batch(batch, gemm) for batch in batches])

    def _run_batch(self, images: np.ndarray, gemm: Gemm) -> np.ndarray:
        fmt = self.formats[self.input]
        tensors = {self.input: fmt.encode(images) if fmt else images}
        for position, node in enumerate(self.nodes):
            operands = [tensors[name] for name in node.inputs]
            if isinstance(node, GemmLayer):
                tensors[node.output] = node.fold(gemm(node, operands[0])[0])
            elif isinstance(node, ProductLayer):
                layer, codes = node.bind(*operands)
                tensors[node.output] = node.fold(layer, gemm(layer, codes)[0])
            else:
                tensors[node.output] = node.apply(*operands)
            needed = {self.output}.union(*(later.inputs for later in self.nodes[position + 1 :]))
            tensors = {name: codes for name, codes in tensors.items() if name in needed}
        return self._values(tensors[self.output])

    def _values(self, answers: np.ndarray) -> np.ndarray:
        """Real values of the answers, (batch, classes) float32."""
        answers = answers.reshape(len(answers), -1)
        fmt = self.formats[self.output]
        return fmt.decode(answers).astype(np.float32) if fmt else answers
