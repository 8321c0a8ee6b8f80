"""How a layer lies on the array: which outputs share a tile, and what that costs in cycles."""

from __future__ import annotations

import math
from collections.abc import Iterator
from collections.abc import Mapping as Named
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np

from model.graph.network import Linear, Product, Window
from model.quantization.gemm_layer import GemmLayer

Shape = tuple[int, ...]


class Axis(NamedTuple):
    """A direction, vertical or horizontal, in which a window slides over an image.

    Attributes
    ----------
    inputs, outputs
        Lengths of the image, without padding, and of the map of outputs.
    kernel, stride, dilation
        Of the window.
    before
        Padding before the first pixel.
    """

    inputs: int
    outputs: int
    kernel: int = 1
    stride: int = 1
    dilation: int = 1
    before: int = 0


@dataclass(frozen=True)
class Geometry:
    """What of a layer decides how it can lie on an array.

    Attributes
    ----------
    images
        In the batch.
    groups
        Groups that input and output channels are divided among, in order.
    channels, filters
        Input and output channels of one group.
    window
        The convolution's window; None for a fully connected layer.
    input_shape
        Of one image: (C, H, W), or (..., K) for a fully connected layer.
    output_shape
        Of one image: (N, H, W), or (..., N) for a fully connected layer.
    """

    images: int
    groups: int
    channels: int
    filters: int
    window: Window | None
    input_shape: Shape
    output_shape: Shape

    @classmethod
    def of_layer(cls, layer: GemmLayer, images: int) -> Geometry:
        """Return the geometry of a quantized layer for a batch of images."""
        shapes = layer.input_shape, layer.output_shape
        return cls._of_product(layer.w_codes.shape, layer.groups, layer.window, shapes, images)

    @classmethod
    def of_node(
        cls, node: Linear | Product, shapes: Named[str, Shape], images: int = 1
    ) -> Geometry:
        """Return the geometry of a network's node, with the shapes of the network's tensors.

        Each matrix of a product of two activations is a group.
        """
        own = shapes[node.inputs[0]], shapes[node.output]
        if isinstance(node, Product):
            *leading, rows, n = own[1]
            k, groups = own[0][-1], images * math.prod(leading)
            return cls(1, groups, k, n, None, (rows, groups * k), (rows, groups * n))
        return cls._of_product(node.weights.shape, node.groups, node.window, own, images)

    @classmethod
    def _of_product(
        cls,
        weights: tuple[int, int],
        groups: int,
        window: Window | None,
        shapes: tuple[Shape, Shape],
        images: int,
    ) -> Geometry:
        k, n = weights
        channels = k // math.prod(window.kernel) if window else k
        return cls(images, groups, channels, n // groups, window, *shapes)

    @property
    def kernel(self) -> tuple[int, int]:
        """Height and width of the kernel, 1 x 1 for a fully connected layer."""
        return self.window.kernel if self.window else (1, 1)

    @property
    def k(self) -> int:
        """Products in each sum, those with padding included."""
        return self.channels * math.prod(self.kernel)

    @property
    def n(self) -> int:
        """Output channels of all groups."""
        return self.groups * self.filters

    @property
    def rows(self) -> int:
        """Outputs of each channel that one image has."""
        return math.prod(self.output_shape) // self.n

    @property
    def macs(self) -> int:
        """Multiply-accumulates for all images, those with padding included."""
        return self.images * self.rows * self.k * self.n

    @cached_property
    def axes(self) -> tuple[Axis, Axis]:
        """The vertical and the horizontal axis; a fully connected layer's rows are in a line."""
        if self.window is None:
            return Axis(1, 1), Axis(self.rows, self.rows)
        window = self.window
        vertical, horizontal = map(
            Axis,
            self.input_shape[1:],
            self.output_shape[1:],
            window.kernel,
            window.strides,
            window.dilations,
            window.pads[:2],
        )
        return vertical, horizontal


@dataclass(frozen=True)
class Mapping:
    """Which outputs of one image lie side by side in the columns of a tile.

    The columns hold, for each of ``together`` neighbouring groups, the group's output channels at
    each of ``height`` x ``width`` neighbouring outputs: a block. A row of the array takes one
    block. All columns read the same activations, those that the block's windows cover, and have
    zero weights for those that are not their own.
    """

    together: int = 1
    height: int = 1
    width: int = 1

    @property
    def size(self) -> int:
        """Outputs in a row of a tile, for each filter of a group."""
        return self.together * self.height * self.width

    def __str__(self) -> str:
        """Describe it in a few words."""
        words = []
        if self.together > 1:
            words.append(f"{self.together} groups")
        if self.height * self.width > 1:
            words.append(f"{self.height} x {self.width} outputs")
        return ", ".join(words) or "dense"


DENSE = Mapping()


@lru_cache(maxsize=4096)
def axis_positions(axis: Axis, block: int) -> tuple[int, ...]:
    """Return the positions along an axis that the sums of a block run over.

    A block of outputs spans (block - 1) * stride + (kernel - 1) * dilation + 1 positions. Kept
    are those at which, in some block of the layer, some output reads a pixel of the image. The
    others are padding for whoever reads them, or between what is read. At least one is kept.

    Parameters
    ----------
    axis
        Of the layer.
    block
        Outputs of a block along the axis.

    Returns
    -------
    tuple of int
        Ascending; 0 is what the block's first output reads with its first weight.
    """
    outputs = np.arange(axis.outputs)[:, None]
    taps = np.arange(axis.kernel) * axis.dilation
    pixels = outputs * axis.stride + taps - axis.before
    positions = outputs % block * axis.stride + taps
    kept = positions[(pixels >= 0) & (pixels < axis.inputs)]
    return tuple(np.unique(kept).tolist()) or (0,)


def positions(geometry: Geometry, mapping: Mapping) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the vertical and the horizontal positions that a block's sums run over."""
    vertical, horizontal = geometry.axes
    return axis_positions(vertical, mapping.height), axis_positions(horizontal, mapping.width)


def depth(geometry: Geometry, mapping: Mapping) -> int:
    """Return K, the products in each sum of a tile, zeros included."""
    vertical, horizontal = positions(geometry, mapping)
    return mapping.together * geometry.channels * len(vertical) * len(horizontal)


def grid(geometry: Geometry, mapping: Mapping) -> tuple[int, int]:
    """Return how many blocks an image has, down and across."""
    vertical, horizontal = geometry.axes
    return -(-vertical.outputs // mapping.height), -(-horizontal.outputs // mapping.width)


def tile_counts(geometry: Geometry, mapping: Mapping, rows: int, cols: int) -> tuple[int, int, int]:
    """Return the row tiles, the parts that groups are divided in, and the column tiles of each.

    The last row tile, part and column tile may be padded: all tiles have the same shape.
    """
    blocks = geometry.images * math.prod(grid(geometry, mapping))
    columns = mapping.size * geometry.filters
    return -(-blocks // rows), -(-geometry.groups // mapping.together), -(-columns // cols)


def tiles(geometry: Geometry, mapping: Mapping, rows: int, cols: int) -> int:
    """Return how many tiles of a (rows, cols) array a layer is cut in."""
    return math.prod(tile_counts(geometry, mapping, rows, cols))


def cycles(geometry: Geometry, mapping: Mapping, rows: int, cols: int) -> int:
    """Return the cycles of all tiles, one right after the other, on a (rows, cols) array.

    A tile takes one cycle for each of its K products, but no fewer than the array has rows, or
    columns. What the first operands and the last results wait for is not counted.
    """
    each = max(depth(geometry, mapping), rows, cols)
    return tiles(geometry, mapping, rows, cols) * each


def bound(geometry: Geometry, mapping: Mapping, rows: int, cols: int) -> float:
    """Return the highest utilisation that a mapping allows on a (rows, cols) array.

    Multiply-accumulates with padding count as useful: where a mapping leaves most of them out, it
    can be above 1.
    """
    return geometry.macs / (rows * cols * cycles(geometry, mapping, rows, cols))


SMALL_MAP = 16
"""Outputs that a block may have on any array: that of a small map then leaves its padding out."""


def candidates(geometry: Geometry, cols: int, k_max: int) -> Iterator[Mapping]:
    """Yield the mappings worth a comparison whose sums have at most ``k_max`` products.

    A row of a tile then has no more outputs, for each filter, than the array has columns, or
    `SMALL_MAP`. A fully connected layer has no blocks.
    """
    vertical, horizontal = geometry.axes
    most = max(cols, SMALL_MAP)
    tallest, widest = (vertical.outputs, horizontal.outputs) if geometry.window else (1, 1)
    for height in range(1, min(tallest, most) + 1):
        tall = geometry.channels * len(axis_positions(vertical, height))
        for width in range(1, min(widest, most // height) + 1):
            k = tall * len(axis_positions(horizontal, width))
            largest = min(geometry.groups, most // (height * width), k_max // k)
            for together in range(1, largest + 1):
                yield Mapping(together, height, width)


@lru_cache(maxsize=4096)
def choose_mapping(geometry: Geometry, rows: int, cols: int, k_max: int) -> Mapping:
    """Return the mapping of the fewest cycles on a (rows, cols) array.

    Of several it is the one with the fewest outputs in a row of a tile, then the shortest sums,
    then the fewest groups together, then the flattest block.

    Raises
    ------
    ValueError
        If even the sums of the dense mapping have more than ``k_max`` products.
    """
    least = depth(geometry, DENSE)
    if least > k_max:
        raise ValueError(f"sums of {least} products, more than K_MAX={k_max} allows")

    def cost(mapping: Mapping) -> tuple[int, ...]:
        total, k = cycles(geometry, mapping, rows, cols), depth(geometry, mapping)
        return total, mapping.size, k, mapping.together, mapping.height

    return min(candidates(geometry, cols, k_max), key=cost)
