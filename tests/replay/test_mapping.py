"""Mappings of layers to the array: what they cost, and which is chosen."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from model import Format
from model.graph.network import Linear, Window
from model.quantization.gemm_layer import GemmLayer
from verif.replay.mapping import (
    DENSE,
    Axis,
    Geometry,
    Mapping,
    axis_positions,
    bound,
    candidates,
    choose_mapping,
    cycles,
    depth,
    tiles,
)

ARRAYS = [(1, 1), (1, 5), (4, 3), (5, 17), (16, 16), (17, 5)]


def convolution(
    images: int, groups: int, channels: int, filters: int, size: tuple[int, int], window: Window
) -> Geometry:
    """Return the geometry of a convolution of images of a size."""
    shapes = (groups * channels, *size), (groups * filters, *window.output_size(*size))
    return Geometry(images, groups, channels, filters, window, *shapes)


def square(
    groups: int, size: int, kernel: int, stride: int = 1, channels: int = 1, filters: int = 1
) -> Geometry:
    """Return the geometry of a convolution of one image that keeps its size, but for the stride."""
    window = Window((kernel, kernel), (stride, stride), (kernel // 2,) * 4)
    return convolution(1, groups, channels, filters, (size, size), window)


def random_geometry(rng: np.random.Generator) -> Geometry:
    """Draw a small layer: any strides, dilations and pads, also kernels larger than the map."""
    images, groups, channels, filters = (int(rng.integers(1, most)) for most in (6, 6, 4, 5))
    if rng.random() < 0.1:
        rows = int(rng.integers(1, 5))
        return Geometry(images, 1, channels, filters, None, (rows, channels), (rows, filters))
    while True:
        kernel, strides, dilations, pads = (
            tuple(rng.integers(first, most, count).tolist())
            for first, most, count in ((1, 6, 2), (1, 4, 2), (1, 4, 2), (0, 4, 4))
        )
        window = Window(kernel, strides, pads, dilations)
        height, width = rng.integers(1, 10, 2).tolist()
        if min(window.output_size(height, width)) > 0:
            return convolution(images, groups, channels, filters, (height, width), window)


def positions_by_hand(axis: Axis, block: int) -> list[int]:
    """Look at each position of a block's span: does an output there ever read a pixel."""

    def read(first: int, position: int) -> bool:
        pixel = first * axis.stride + position - axis.before
        own = range(min(block, axis.outputs - first))
        return 0 <= pixel < axis.inputs and any(
            output * axis.stride + tap * axis.dilation == position
            for output, tap in product(own, range(axis.kernel))
        )

    span = (block - 1) * axis.stride + (axis.kernel - 1) * axis.dilation + 1
    firsts = range(0, axis.outputs, block)
    kept = [at for at in range(span) if any(read(first, at) for first in firsts)]
    return kept or [0]


def cycles_by_hand(geometry: Geometry, mapping: Mapping, rows: int, cols: int) -> int:
    """Count blocks and columns one by one, and cycles from them."""
    axes, sides = geometry.axes, (mapping.height, mapping.width)
    sums = [len(positions_by_hand(axis, side)) for axis, side in zip(axes, sides, strict=True)]
    starts = [range(0, axis.outputs, side) for axis, side in zip(axes, sides, strict=True)]
    blocks = len(list(product(range(geometry.images), *starts)))
    parts = len(range(0, geometry.groups, mapping.together))
    columns = mapping.together * geometry.filters * mapping.height * mapping.width
    k = mapping.together * geometry.channels * sums[0] * sums[1]
    count = len(range(0, blocks, rows)) * parts * len(range(0, columns, cols))
    return count * max(k, rows, cols)


def test_a_mapping_says_what_it_is():
    described = [str(Mapping(*sizes)) for sizes in ((), (8,), (1, 4, 4), (2, 2, 4), (1, 1, 2))]
    assert described == [
        "dense",
        "8 groups",
        "4 x 4 outputs",
        "2 groups, 2 x 4 outputs",
        "1 x 2 outputs",
    ]


def test_layers_and_nodes_have_a_geometry():
    window = Window((3, 2), (2, 1), (1, 0, 1, 1))
    shapes = {"x": (6, 5, 4), "y": (9, 3, 4)}
    weights, bias = np.zeros((2 * 6, 9)), np.zeros(9)
    node = Linear(
        "c", ("x",), "y", operator="Conv", weights=weights, bias=bias, window=window, groups=3
    )
    geometry = Geometry(7, 3, 2, 3, window, (6, 5, 4), (9, 3, 4))
    assert Geometry.of_node(node, shapes, 7) == geometry
    assert Geometry.of_node(node, shapes) == replace(geometry, images=1)
    layer = GemmLayer(
        name="c",
        inputs=("x",),
        output="y",
        input_shape=(6, 5, 4),
        output_shape=(9, 3, 4),
        operator="Conv",
        window=window,
        fmt_a=Format.parse("s0e3f5b6"),
        fmt_w=Format.parse("s1e3f4b0"),
        biases_w=np.zeros(9, int),
        w_codes=np.zeros((12, 9), np.uint8),
        start=np.zeros(9, np.float32),
        fmt_y=None,
        groups=3,
    )
    assert Geometry.of_layer(layer, 7) == geometry
    assert (geometry.k, geometry.n, geometry.rows) == (layer.k, layer.n, layer.rows)
    assert geometry.macs == 7 * layer.macs
    matrix = replace(layer, window=None, groups=1, input_shape=(5, 12), output_shape=(5, 9))
    connected = Geometry.of_layer(matrix, 2)
    assert (connected.k, connected.n, connected.rows) == (12, 9, 5)
    assert connected.axes == (Axis(1, 1), Axis(5, 5))


def test_positions_that_are_padding_for_all_or_read_by_nobody_are_left_out():
    whole = Axis(inputs=7, outputs=7, kernel=5, before=2)
    assert axis_positions(whole, 7) == tuple(range(2, 9))
    assert axis_positions(whole, 6) == tuple(range(9))
    assert axis_positions(whole, 2) == tuple(range(6))
    dilated = Axis(inputs=20, outputs=14, kernel=3, dilation=3)
    assert axis_positions(dilated, 1) == (0, 3, 6)
    assert axis_positions(dilated, 2) == (0, 1, 3, 4, 6, 7)
    strided = Axis(inputs=20, outputs=5, kernel=2, stride=4)
    assert axis_positions(strided, 3) == (0, 1, 4, 5, 8, 9)
    only_padding = Axis(inputs=1, outputs=1, kernel=1, before=1)
    assert axis_positions(only_padding, 1) == (0,)


@pytest.mark.parametrize("seed", range(60))
def test_positions_and_cycles_are_those_counted_by_hand(seed):
    rng = np.random.default_rng(seed)
    geometry, (rows, cols) = random_geometry(rng), ARRAYS[seed % len(ARRAYS)]
    for axis in geometry.axes:
        for block in range(1, axis.outputs + 3):
            assert list(axis_positions(axis, block)) == positions_by_hand(axis, block)
    for mapping in rng.permutation(list(candidates(geometry, cols, 8192)))[:10]:
        counted = cycles_by_hand(geometry, mapping, rows, cols)
        assert cycles(geometry, mapping, rows, cols) == counted


@pytest.mark.parametrize("seed", range(60))
def test_the_chosen_mapping_takes_the_fewest_cycles(seed):
    rng = np.random.default_rng(1000 + seed)
    geometry, (rows, cols) = random_geometry(rng), ARRAYS[seed % len(ARRAYS)]
    k_max = depth(geometry, DENSE) * int(rng.integers(1, 10))
    chosen = choose_mapping(geometry, rows, cols, k_max)
    assert depth(geometry, chosen) <= k_max
    sides = [axis.outputs if geometry.window else 1 for axis in geometry.axes]
    least = cycles(geometry, chosen, rows, cols)
    for sizes in product(*(range(1, most + 1) for most in (geometry.groups, *sides))):
        mapping = Mapping(*sizes)
        columns = mapping.size * geometry.filters
        sensible = columns <= max(cols, geometry.filters)
        if not sensible or depth(geometry, mapping) > k_max:
            continue
        counted = cycles_by_hand(geometry, mapping, rows, cols)
        assert (least, chosen.size) <= (counted, mapping.size), str(mapping)
    assert least <= cycles(geometry, DENSE, rows, cols)


def test_of_equal_mappings_the_simplest_is_chosen():
    assert choose_mapping(square(1, 8, 3, channels=4, filters=16), 16, 16, 8192) == DENSE
    assert choose_mapping(square(8, 1, 1), 16, 16, 8192) == Mapping(together=8)
    two_ways = convolution(1, 1, 1, 4, (8, 8), Window((1, 1)))
    assert choose_mapping(two_ways, 4, 8, 8192) == Mapping(width=2)


def test_small_maps_leave_their_padding_out():
    geometry = replace(square(1, 2, 3, channels=8, filters=16), images=16)
    chosen = choose_mapping(geometry, 16, 16, 8192)
    assert chosen == Mapping(height=2, width=2)
    assert cycles(geometry, chosen, 16, 16) == 4 * 32
    assert bound(geometry, chosen, 16, 16) == 9 / 4
    geometry = replace(square(1, 3, 5, channels=8, filters=4), images=4)
    assert choose_mapping(geometry, 4, 4, 8192) == Mapping(height=3, width=3)


def test_fully_connected_layers_have_no_blocks():
    geometry = Geometry(2, 1, 3, 2, None, (9, 3), (9, 2))
    assert list(candidates(geometry, 16, 8192)) == [DENSE]
    assert tiles(geometry, DENSE, 4, 16) == 5
    assert cycles(geometry, DENSE, 4, 16) == 5 * 16
    assert bound(geometry, DENSE, 4, 16) == 18 * 6 / (4 * 16 * 80)


def test_sums_that_are_too_long_are_refused():
    geometry = square(1, 8, 3, channels=2)
    assert choose_mapping(geometry, 16, 16, 18) == DENSE
    with pytest.raises(ValueError, match="sums of 18 products, more than K_MAX=17 allows"):
        choose_mapping(geometry, 16, 16, 17)


DEPTHWISE = [
    (32, 112, 3, 1, Mapping(1, 4, 4), 4.0),
    (96, 112, 3, 2, Mapping(1, 4, 4), 1.7),
    (144, 56, 3, 1, Mapping(1, 4, 4), 4.0),
    (144, 56, 5, 2, Mapping(1, 4, 4), 3.3),
    (240, 28, 5, 1, Mapping(1, 4, 4), 6.2),
    (480, 14, 3, 1, Mapping(1, 2, 7), 3.5),
    (672, 14, 5, 1, Mapping(1, 2, 7), 5.3),
    (1152, 7, 5, 1, Mapping(1, 2, 7), 7.2),
]


@pytest.mark.parametrize(("groups", "size", "kernel", "stride", "mapping", "gain"), DEPTHWISE)
def test_depthwise_layers_take_a_fraction_of_the_cycles(
    groups, size, kernel, stride, mapping, gain
):
    geometry = replace(square(groups, size, kernel, stride), images=16)
    assert choose_mapping(geometry, 16, 16, 8192) == mapping
    diagonal = cycles(geometry, Mapping(together=16), 16, 16)
    assert diagonal >= gain * cycles(geometry, mapping, 16, 16)


def test_the_cycles_of_a_depthwise_layer_are_known():
    geometry = square(32, 112, 3)
    assert cycles(geometry, Mapping(together=16), 16, 16) == 784 * 2 * 144
    assert cycles(geometry, Mapping(1, 4, 4), 16, 16) == 49 * 32 * 36
    assert bound(geometry, Mapping(1, 4, 4), 16, 16) == 0.25
