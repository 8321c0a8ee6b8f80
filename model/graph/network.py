"""The small typed graph that a network is imported into.

Nodes are frozen, in topological order, and name the tensors that they read and write.
A tensor's shape is that of one image: (C, H, W) or (F,); the batch is the leading axis
of every array.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import onnx

Pair = tuple[int, int]

DRAWN_WEIGHTS = ("weights", "drawn")
"""Metadata of an ONNX file whose weights nobody has trained."""


@dataclass(frozen=True)
class Window:
    """How a convolution or a pooling slides over an image.

    ``kernel``, ``strides`` and ``dilations`` are (vertical, horizontal); ``pads`` is
    (top, left, bottom, right), the order of ONNX.
    """

    kernel: Pair
    strides: Pair = (1, 1)
    pads: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilations: Pair = (1, 1)

    @property
    def extent(self) -> Pair:
        """Height and width that the dilated kernel covers."""
        vertical, horizontal = (
            (size - 1) * dilation + 1
            for size, dilation in zip(self.kernel, self.dilations, strict=True)
        )
        return vertical, horizontal

    def output_size(self, height: int, width: int) -> Pair:
        """Output height and width for an input of ``height`` by ``width``."""
        top, left, bottom, right = self.pads
        return (
            (height + top + bottom - self.extent[0]) // self.strides[0] + 1,
            (width + left + right - self.extent[1]) // self.strides[1] + 1,
        )

    def same_pads(self, size: Pair, more_at_end: bool) -> tuple[int, int, int, int]:
        """Return padding that makes the output the input's ``size`` over the stride."""
        totals = [
            max((-(-length // stride) - 1) * stride + extent - length, 0)
            for length, stride, extent in zip(size, self.strides, self.extent, strict=True)
        ]
        less = totals[0] // 2, totals[1] // 2
        more = totals[0] - less[0], totals[1] - less[1]
        return (*less, *more) if more_at_end else (*more, *less)

    def patches(self, images: np.ndarray, fill: int | float = 0) -> np.ndarray:
        """Show every position of the window as a patch.

        Parameters
        ----------
        images
            (batch, C, H, W) of any dtype.
        fill
            What the padding holds.

        Returns
        -------
        numpy.ndarray
            (batch, C, H_out, W_out, kernel height, kernel width), a read-only view.
        """
        top, left, bottom, right = self.pads
        margins = ((0, 0), (0, 0), (top, bottom), (left, right))
        if any(self.pads):
            images = np.pad(images, margins, constant_values=fill)
        windows = np.lib.stride_tricks.sliding_window_view(images, self.extent, axis=(2, 3))
        (down, across), (tall, wide) = self.strides, self.dilations
        return windows[:, :, ::down, ::across, ::tall, ::wide]


@dataclass(frozen=True)
class Relu:
    """Zero for negative values; no more than ``upper``, where that is finite."""

    upper: float = math.inf

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Apply to real values of any shape."""
        return np.clip(values, 0, self.upper)


@dataclass(frozen=True, eq=False)
class Node:
    """What every node has: ``activation`` applies to the node's own result."""

    name: str
    inputs: tuple[str, ...]
    output: str
    activation: Relu | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class Linear(Node):
    """A convolution (``window`` given) or a fully connected layer along the last axis.

    ``weights`` is (K, N) float64, K in im2col order: channel of one group, kernel row,
    kernel column; ``bias`` is (N,) float64. Both have BatchNormalization folded in. The
    input's channels and the columns are divided evenly among ``groups``, in order: column n
    reads the channels of group ``n // (N // groups)``.
    """

    operator: str
    weights: np.ndarray
    bias: np.ndarray
    window: Window | None = None
    groups: int = 1


@dataclass(frozen=True, eq=False, kw_only=True)
class Product(Node):
    """Matrix products of two tensors, (..., M, K) by (..., K, N), each made of the image."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Add(Node):
    """The sum of two tensors of one shape."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Pool(Node):
    """Average (never padded) or largest value of each window."""

    kind: Literal["average", "max"]
    window: Window


@dataclass(frozen=True, eq=False, kw_only=True)
class Reshape(Node):
    """Flatten each image to one dimension."""


@dataclass(frozen=True, eq=False, kw_only=True)
class FloatOperation(Node):
    """An operator that stays in float, and that onnxruntime computes.

    Attributes
    ----------
    operator
        The ONNX operator's type.
    model
        A complete model of this one operator: graph inputs named like ``inputs``, one graph
        output named ``output`` before ``activation``, constants as initializers.
    kind
        "elementwise" if each value depends on one position of each input; "arrangement" if
        the values are some of those of the only input, and zeros; "other" for the rest.
    """

    operator: str
    model: onnx.ModelProto
    kind: Literal["elementwise", "arrangement", "other"]


@dataclass(frozen=True, eq=False)
class Network:
    """An imported network.

    ``shapes`` holds the shape of one image of every tensor, ``batch`` the fixed batch
    size of the file or None, and ``model`` the ONNX model with the shape of every tensor:
    the float reference runs that, unfolded. It is the file's but for what depends on no
    image, which is constant, channels that the file keeps last, convolutions of one dimension,
    which are of images of one row, and transposed ones, which are plain. ``notes`` are sentences on
    what of the file is not what it seems, or not used as it is.
    """

    name: str
    nodes: tuple[Node, ...]
    input: str
    output: str
    shapes: dict[str, tuple[int, ...]]
    batch: int | None
    model: onnx.ModelProto
    notes: tuple[str, ...] = ()

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one input image."""
        return self.shapes[self.input]

    @property
    def linears(self) -> list[Linear]:
        """The convolutions and the matrix products by weights, in order."""
        return [node for node in self.nodes if isinstance(node, Linear)]

    @property
    def on_array(self) -> list[Linear | Product]:
        """What an array computes, in order: `linears`, and products of two activations."""
        return [node for node in self.nodes if isinstance(node, Linear | Product)]

    def depth(self, node: Linear | Product) -> int:
        """Return how many products each sum of a node has."""
        return len(node.weights) if isinstance(node, Linear) else self.shapes[node.inputs[0]][-1]

    @property
    def classes(self) -> int:
        """Number of values in one image's answer."""
        return math.prod(self.shapes[self.output])
