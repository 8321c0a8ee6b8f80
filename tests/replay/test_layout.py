"""Layouts of layers on the array: operands as beats, and outputs from tiles."""

import itertools
import math
import tracemalloc
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from model import ACCUMULATORS, Format
from model.graph.network import Window
from model.quantization.gemm_layer import GemmLayer
from tests.replay.test_mapping import convolution, random_geometry, square
from verif.engine.tile import Configuration, Tile
from verif.replay import job
from verif.replay import layout as layout_module
from verif.replay.boxes import boxes, window_of
from verif.replay.layout import Layout
from verif.replay.mapping import DENSE, Geometry, Mapping, candidates, cycles, tiles

SEEDS = range(40)


def random_layouts(seed: int) -> tuple[np.random.Generator, list[Layout]]:
    """Draw a layer and an array from 1 x 1 to 17 x 17, and lay it out in every way."""
    rng = np.random.default_rng(seed)
    geometry, (rows, cols) = random_geometry(rng), rng.integers(1, 18, 2).tolist()
    mappings = candidates(geometry, cols, 8192)
    return rng, [Layout(geometry, mapping, rows, cols) for mapping in mappings]


def random_operands(rng: np.random.Generator, geometry: Geometry) -> tuple[np.ndarray, np.ndarray]:
    """Draw input codes and weight codes."""
    shape = geometry.images, *geometry.input_shape
    return (
        rng.integers(0, 256, shape, np.uint8),
        rng.integers(0, 256, (geometry.k, geometry.n), np.uint8),
    )


def grouped_product(geometry: Geometry, a_codes: np.ndarray, w_codes: np.ndarray) -> np.ndarray:
    """Multiply the layer's matrices, with codes as integers, (M, N) float64 that are whole."""
    left = a_codes
    if geometry.window:
        left = geometry.window.patches(a_codes).transpose(0, 2, 3, 1, 4, 5)
    left = left.reshape(-1, geometry.groups, geometry.k).swapaxes(0, 1).astype(float)
    right = w_codes.reshape(geometry.k, geometry.groups, -1).swapaxes(0, 1).astype(float)
    return (left @ right).swapaxes(0, 1).reshape(-1, geometry.n)


def product_of_tiles(layout: Layout, a_codes: np.ndarray, w_codes: np.ndarray) -> np.ndarray:
    """Multiply the beats of every tile, (row tiles, parts, column tiles, ROWS, COLS)."""
    a_beats = layout.a_beats(a_codes, 0, layout.row_tiles)
    w_beats = layout.w_beats(w_codes)
    assert a_beats.shape == (layout.row_tiles, layout.parts, layout.k, layout.rows)
    assert w_beats.shape == (layout.parts, layout.column_tiles, layout.k, layout.cols)
    left = a_beats.swapaxes(2, 3)[:, :, None].astype(float)
    return left @ w_beats.astype(float)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_tiles_compute_the_layer(seed):
    rng, layouts = random_layouts(seed)
    geometry = layouts[0].geometry
    a_codes, w_codes = random_operands(rng, geometry)
    expected = grouped_product(geometry, a_codes, w_codes)
    for layout in layouts:
        outputs = product_of_tiles(layout, a_codes, w_codes)
        assert (layout.gather(outputs) == expected).all(), str(layout.mapping)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_weights_of_every_column_are_in_im2col_order(seed):
    _, layouts = random_layouts(seed)
    geometry = layouts[0].geometry
    assert geometry.k < 256
    numbered = np.arange(1, geometry.k + 1, dtype=np.uint8)[:, None].repeat(geometry.n, axis=1)
    for layout in layouts:
        for column in layout.w_beats(numbered).swapaxes(2, 3).reshape(-1, layout.k):
            weights = column[column != 0].astype(int)
            assert (np.diff(weights) > 0).all(), str(layout.mapping)


@pytest.mark.parametrize("seed", SEEDS)
def test_ranges_of_row_tiles_make_up_the_whole(seed, monkeypatch):
    rng, layouts = random_layouts(seed)
    a_codes, _ = random_operands(rng, layouts[0].geometry)
    for layout in layouts:
        whole = layout.a_beats(a_codes, 0, layout.row_tiles)
        assert whole.dtype == np.uint8 and whole.flags.c_contiguous
        cuts = np.unique([0, *rng.integers(0, layout.row_tiles, 3), layout.row_tiles])
        with monkeypatch.context() as patch:
            patch.setattr(layout_module, "BYTES_AT_ONCE", int(rng.integers(1, whole.nbytes + 1)))
            ranges = [layout.a_beats(a_codes, *cuts[i : i + 2]) for i in range(len(cuts) - 1)]
        assert (np.concatenate(ranges) == whole).all(), str(layout.mapping)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_output_has_one_place(seed):
    _, layouts = random_layouts(seed)
    geometry = layouts[0].geometry
    m, n = np.indices((geometry.images * geometry.rows, geometry.n))
    for layout in layouts:
        shape = layout.row_tiles, layout.parts, layout.column_tiles
        seen = np.zeros(m.shape, int)
        for tile in np.ndindex(shape):
            rows, columns = layout.outputs(*tile)
            assert rows.shape == columns.shape == (layout.rows, layout.cols)
            there = rows >= 0
            assert (there == (columns >= 0)).all()
            np.add.at(seen, (rows[there], columns[there]), 1)
            row_tile, part, column_tile, row, column = layout.place(rows[there], columns[there])
            for found, own in zip((row_tile, part, column_tile), tile, strict=True):
                assert (found == own).all()
            assert (np.stack([row, column]) == np.nonzero(there)).all()
        assert (seen == 1).all(), str(layout.mapping)


@pytest.mark.parametrize("seed", SEEDS)
def test_places_are_those_that_outputs_are_gathered_from(seed):
    rng, layouts = random_layouts(seed)
    geometry = layouts[0].geometry
    m, n = np.indices((geometry.images * geometry.rows, geometry.n))
    for layout in layouts:
        shape = layout.row_tiles, layout.parts, layout.column_tiles, layout.rows, layout.cols
        tiled = rng.integers(0, 2**32, shape, np.uint32)
        gathered = layout.gather(tiled)
        assert gathered.dtype == np.uint32
        assert (gathered == tiled[layout.place(m, n)]).all(), str(layout.mapping)
        last = layout.place(int(m.max()), int(n.max()))
        assert gathered[-1, -1] == tiled[last]


@pytest.mark.parametrize("seed", SEEDS)
def test_cycles_are_those_of_the_tiles_in_use(seed):
    rng, layouts = random_layouts(seed)
    geometry = layouts[0].geometry
    _, w_codes = random_operands(rng, geometry)
    m, n = np.indices((geometry.images * geometry.rows, geometry.n))
    for layout in layouts:
        used = [set(np.ravel(index).tolist()) for index in layout.place(m, n)[:3]]
        counts = layout.row_tiles, layout.parts, layout.column_tiles
        assert used == [set(range(count)) for count in counts], str(layout.mapping)
        own = geometry, layout.mapping, layout.rows, layout.cols
        assert tiles(*own) == math.prod(counts)
        each = max(len(layout.w_beats(w_codes)[0, 0]), layout.rows, layout.cols)
        assert cycles(*own) == math.prod(counts) * each


@pytest.mark.parametrize("seed", SEEDS)
def test_values_of_output_channels_lie_over_their_columns(seed):
    rng, layouts = random_layouts(seed)
    geometry = layouts[0].geometry
    biases = rng.integers(-128, 0, geometry.n).astype(np.int8)
    for layout in layouts:
        laid = layout.per_column(biases, fill=7)
        assert laid.shape == (layout.parts, layout.column_tiles, layout.cols)
        assert laid.dtype == np.int8
        used = np.zeros(laid.shape, bool)
        for m in range(geometry.rows):
            for n in range(geometry.n):
                _, *tile, _, column = layout.place(m, n)
                assert laid[(*tile, column)] == biases[n]
                used[(*tile, column)] = True
        assert (laid[~used] == 7).all()
        floats = layout.per_column(biases / np.float32(3))
        assert floats.dtype == np.float32
        assert (floats == np.where(used, laid, 0) / np.float32(3)).all()


@pytest.mark.parametrize("accumulator", ACCUMULATORS)
def test_tiles_give_the_codes_and_flags_of_the_layer(accumulator):
    rng = np.random.default_rng(4)
    window = Window((3, 3), (1, 1), (1, 1, 1, 1))
    geometry = convolution(2, 3, 2, 1, (4, 5), window)
    a_codes, w_codes = random_operands(rng, geometry)
    layer = GemmLayer(
        name="c",
        inputs=("x",),
        output="y",
        input_shape=geometry.input_shape,
        output_shape=geometry.output_shape,
        operator="Conv",
        window=window,
        fmt_a=Format.parse("s0e3f5b6"),
        fmt_w=Format.parse("s1e3f4b0"),
        biases_w=rng.integers(2, 5, geometry.n),
        w_codes=w_codes,
        start=rng.standard_normal(geometry.n).astype(np.float32),
        fmt_y=None,
        groups=geometry.groups,
    )
    expected = layer.compute(layer.im2col(a_codes), accumulator)
    layout = Layout(Geometry.of_layer(layer, 2), Mapping(2, 2, 3), 4, 8)
    a_beats, w_beats = layout.a_beats(a_codes, 0, layout.row_tiles), layout.w_beats(w_codes)
    start, biases = layout.per_column(layer.start), layout.per_column(layer.biases_w)
    shape = layout.row_tiles, layout.parts, layout.column_tiles
    words, flags = np.zeros((*shape, 4, 8), np.uint32), np.zeros((*shape, 4, 8), np.uint8)
    configuration = Configuration(layer.fmt_a, layer.fmt_w, None)
    for at in np.ndindex(shape):
        a_tile, own = a_beats[at[:2]].T, at[1:]
        tile = Tile(configuration, a_tile, w_beats[own], start[own], biases[own])
        words[at], flags[at] = tile.expected(width=80, accumulator=accumulator)
    assert (layout.gather(words) == expected[0]).all()
    assert (layout.gather(flags) == expected[1]).all()


def test_wide_layers_have_several_column_tiles():
    layout = Layout(square(1, 5, 3, channels=2, filters=64), DENSE, 16, 16)
    assert (layout.row_tiles, layout.parts, layout.column_tiles, layout.k) == (2, 1, 4, 18)
    assert layout.place(17, 33) == (1, 0, 2, 1, 1)


def test_the_rows_of_a_fully_connected_layer_are_in_order():
    geometry = Geometry(2, 1, 3, 2, None, (3, 3), (3, 2))
    layout = Layout(geometry, DENSE, 4, 2)
    codes = np.arange(1, 19, dtype=np.uint8).reshape(2, 3, 3)
    first, second = layout.a_beats(codes, 0, 2)[:, 0].swapaxes(1, 2).tolist()
    assert first == [[1, 2, 3], [4, 5, 6], [7, 8, 9], [10, 11, 12]]
    assert second == [[13, 14, 15], [16, 17, 18], [0, 0, 0], [0, 0, 0]]
    assert layout.w_beats(codes[0, :, :2])[0, 0].tolist() == [[1, 2], [4, 5], [7, 8]]


def test_columns_are_ordered_by_group_filter_and_place_in_the_block():
    layout = Layout(square(4, 4, 3, filters=3), Mapping(2, 1, 2), 4, 8)
    first, second = (layout.outputs(1, 1, column_tile) for column_tile in (0, 1))
    assert first[1][0].tolist() == [6, 6, 7, 7, 8, 8, 9, 9]
    assert first[0][0].tolist() == [8, 9, 8, 9, 8, 9, 8, 9]
    assert second[1][0].tolist() == [10, 10, 11, 11, -1, -1, -1, -1]
    assert layout.outputs(1, 1, 0)[0][:, 0].tolist() == [8, 10, 12, 14]


def test_a_block_of_a_whole_line_reads_no_padding():
    layout = Layout(square(1, 7, 5), Mapping(height=1, width=7), 7, 7)
    assert layout.k == 5 * 7
    codes = np.arange(1, 50, dtype=np.uint8).reshape(1, 1, 7, 7)
    beats = layout.a_beats(codes, 0, 1)[0, 0].reshape(5, 7, 7)
    assert (beats[2] == codes[0, 0].T).all()
    assert (beats[:2, :, 0] == 0).all() and (beats[2:, :, 0] == codes[0, 0, :3]).all()
    weights = np.arange(1, 26, dtype=np.uint8)[:, None]
    across = layout.w_beats(weights).reshape(5, 7, 7)[0]
    assert across[:, 0].tolist() == [3, 4, 5, 0, 0, 0, 0]
    assert across[:, 3].tolist() == [0, 1, 2, 3, 4, 5, 0]
    assert across[:, 6].tolist() == [0, 0, 0, 0, 1, 2, 3]


def test_rows_beyond_the_last_block_and_groups_beyond_the_last_are_zero():
    geometry = replace(square(3, 3, 1), images=2)
    layout = Layout(geometry, Mapping(together=2), 5, 4)
    codes = np.full((2, 3, 3, 3), 9, np.uint8)
    beats = layout.a_beats(codes, 0, layout.row_tiles)
    assert beats.shape == (4, 2, 2, 5)
    assert (beats[:3, 0] == 9).all() and (beats[:3, 1, 0] == 9).all()
    assert (beats[3, 0] == [9, 9, 9, 0, 0]).all()
    assert (beats[:, 1, 1] == 0).all()
    weights = layout.w_beats(np.array([[1, 2, 3]], np.uint8))
    assert weights[:, 0].tolist() == [[[1, 0, 0, 0], [0, 2, 0, 0]], [[3, 0, 0, 0], [0, 0, 0, 0]]]


@pytest.mark.parametrize("mapping", [DENSE, Mapping(2, 2, 3)], ids=str)
def test_codes_may_lie_in_any_order_in_memory(mapping):
    rng = np.random.default_rng(3)
    geometry = convolution(3, 4, 2, 1, (6, 5), Window((3, 3), (1, 1), (1, 0, 0, 1)))
    a_codes, _ = random_operands(rng, geometry)
    layout = Layout(geometry, mapping, 5, 4)
    last = np.ascontiguousarray(a_codes.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    last.flags.writeable = False
    beats = layout.a_beats(a_codes, 0, layout.row_tiles)
    assert (layout.a_beats(last, 0, layout.row_tiles) == beats).all()


@pytest.mark.parametrize("pad", [0, 1])
def test_a_range_touches_no_more_than_it_needs(pad):
    window = Window((3, 3), (1, 1), (pad,) * 4)
    geometry = convolution(4, 1, 16, 16, (100, 100), window)
    layout = Layout(geometry, DENSE, 16, 16)
    codes = np.zeros((4, 16, 100, 100), np.uint8)
    tracemalloc.start()
    try:
        for first, last in ((300, 301), (0, layout.row_tiles)):
            tracemalloc.reset_peak()
            before, _ = tracemalloc.get_traced_memory()
            size = layout.a_beats(codes, first, last).nbytes
            _, peak = tracemalloc.get_traced_memory()
            assert size == (last - first) * layout.k * 16
            assert peak - before < size + min(2 * size, 2 << 20) + 10_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("seed", range(20))
def test_boxes_are_a_range_in_order(seed):
    rng = np.random.default_rng(seed)
    shape = tuple(rng.integers(1, 6, 3).tolist())
    numbers = np.arange(math.prod(shape)).reshape(shape)
    first, last = sorted(rng.integers(0, numbers.size + 1, 2).tolist())
    found = []
    for start, box in boxes(first, last, shape):
        assert start == len(found)
        found += numbers[box].ravel().tolist()
    assert found == list(range(first, last))


def test_a_window_is_zero_outside_of_the_image():
    images = np.arange(1, 25, dtype=np.uint8).reshape(2, 3, 4)
    padded = np.pad(images, ((0, 0), (9, 9), (9, 9)))
    for top, left, height, width in np.ndindex(14, 14, 5, 5):
        window = window_of(images, (top - 5, left - 5), (height, width))
        top_left = padded[:, top + 4 :, left + 4 :]
        assert (window == top_left[:, :height, :width]).all()
    assert np.shares_memory(window_of(images, (1, 1), (2, 3)), images)


@pytest.mark.parametrize("seed", SEEDS)
def test_spreading_is_what_gathering_undoes(seed):
    rng, layouts = random_layouts(seed)
    geometry = layouts[0].geometry
    values = rng.integers(1, 2**32, (geometry.images * geometry.rows, geometry.n), np.uint32)
    for layout in layouts:
        tiles = layout.spread(values)
        shape = layout.row_tiles, layout.parts, layout.column_tiles, layout.rows, layout.cols
        assert (tiles.shape, tiles.dtype) == (shape, values.dtype)
        assert (layout.gather(tiles) == values).all(), str(layout.mapping)
        assert np.count_nonzero(tiles) == values.size


@pytest.mark.parametrize("seed", SEEDS)
def test_jobs_hold_the_tiles_of_their_layer(seed, monkeypatch):
    """Cut as finely as small memories want it: by rows, by columns, within a part and across."""
    rng, layouts = random_layouts(seed)
    layout = layouts[int(rng.integers(len(layouts)))]
    geometry = layout.geometry
    a_codes, w_codes = random_operands(rng, geometry)
    layer = SimpleNamespace(
        fmt_a=None, fmt_w=None, fmt_y=None, rounding="rne", clamp=None, w_codes=w_codes,
        start=rng.standard_normal(geometry.n).astype(np.float32),
        biases_w=rng.integers(-128, 128, geometry.n),
    )  # fmt: skip
    small = {"A_DEPTH": 3 * layout.k, "W_DEPTH": 2 * layout.k, "C_DEPTH": 3 * layout.cols}
    monkeypatch.setattr(job, "DEPTHS", small | {"TILES": 5})
    a_beats = layout.a_beats(a_codes, 0, layout.row_tiles)
    w_beats, starts = layout.w_beats(w_codes), layout.per_column(layer.start)
    seen = np.zeros((layout.row_tiles, layout.parts * layout.column_tiles), int)
    for span, make in job.LayerJobs(layer, a_codes, layout).jobs():
        one = make()
        assert len(one.a) <= small["A_DEPTH"] and len(one.w) <= small["W_DEPTH"]
        assert len(one.c) <= small["C_DEPTH"] and len(one.program) == span.tiles <= 5
        rows, columns = (range(part.start, part.stop) for part in (span.rows, span.columns))
        for index, (row, column) in enumerate(itertools.product(rows, columns)):
            part, column_tile = divmod(column, layout.column_tiles)
            tile = one.tile(index)
            assert (a_beats[row, part] == tile.a_codes.T).all()
            assert (tile.w_codes == w_beats[part, column_tile]).all()
            assert (tile.start == starts[part, column_tile]).all()
            seen[row, column] += 1
    assert (seen == 1).all()
