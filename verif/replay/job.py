"""A job: tiles that a simulator computes on its own, with their operands in memories.

Operands are there once, however many tiles read them. A layer is cut into jobs by its size alone,
so that neither their number nor what they count depends on how many simulators there are.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from model.quantization.gemm_layer import GemmLayer
from verif.engine.tile import C_BEAT, Configuration, Tile
from verif.replay.layout import Layout

DEPTHS = {"A_DEPTH": 1 << 20, "W_DEPTH": 1 << 18, "C_DEPTH": 1 << 16, "TILES": 1 << 16}
"""Words in the simulator's memories: beats of a, w and c, and tiles of the program."""

SHORTEST = 2000
"""Cycles of a job that are worth its start; layers of up to twice as many are one job."""

LONGEST = 1 << 18
"""Cycles of a job that may be lost, with a simulator, without much regret."""

PROGRAM = np.dtype([("a", ">u4"), ("w", ">u4"), ("c", ">u4"), ("k", ">u4")])
"""A tile: the first word of a, w and c, and the number of products in its sums."""


@dataclass(frozen=True, eq=False)
class Job:
    """Tiles of one configuration, and their operands.

    Attributes
    ----------
    configuration
        Formats, rounding, clamp.
    a
        (words, ROWS) uint8: one k a word.
    w
        (words, COLS) uint8: one k a word.
    c
        (words,) of `C_BEAT`: one column a word.
    program
        (tiles,) of `PROGRAM`.
    """

    configuration: Configuration
    a: np.ndarray
    w: np.ndarray
    c: np.ndarray
    program: np.ndarray

    @property
    def raw(self) -> bool:
        """Whether results are binary32 words."""
        return self.configuration.fmt_y is None

    @property
    def shape(self) -> tuple[int, int]:
        """ROWS and COLS."""
        return self.a.shape[1], self.w.shape[1]

    @property
    def cycles(self) -> int:
        """Cycles that its tiles take if none waits."""
        return int(np.maximum(self.program["k"].astype(np.int64), max(self.shape)).sum())

    def hash(self) -> str:
        """Return a hash of everything that it holds."""
        whole = hashlib.blake2b(repr(self.configuration).encode(), digest_size=16)
        for array in (self.a, self.w, self.c, self.program):
            whole.update(f"{array.dtype} {array.shape}".encode())
            whole.update(np.ascontiguousarray(array).view(np.uint8))
        return whole.hexdigest()

    def tile(self, index: int) -> Tile:
        """Return the operands of a tile, as they are streamed."""
        entry = self.program[index]
        a, w, c, k = (int(entry[name]) for name in ("a", "w", "c", "k"))
        beats = self.c[c : c + self.shape[1]]
        return Tile(
            self.configuration,
            self.a[a : a + k].T,
            self.w[w : w + k],
            beats["start"].astype(np.float32),
            beats["bias"].astype(np.int64),
        )


@dataclass(frozen=True)
class Span:
    """The tiles of a layer that a job computes: some row tiles by some column tiles.

    Column tiles are counted through all parts.
    """

    rows: slice
    columns: slice

    @property
    def tiles(self) -> int:
        """How many."""
        return (self.rows.stop - self.rows.start) * (self.columns.stop - self.columns.start)


def spans(layout: Layout) -> list[Span]:
    """Cut a layer into jobs of about the same length, as far as the memories hold them."""
    each = max(layout.k, layout.rows, layout.cols)
    row_tiles, column_tiles = layout.row_tiles, layout.parts * layout.column_tiles
    cycles = row_tiles * column_tiles * each
    wanted = 2 * math.ceil(math.sqrt(cycles / SHORTEST) / 2) if cycles >= 2 * SHORTEST else 1
    tiles = max(min(math.ceil(row_tiles * column_tiles / wanted), LONGEST // each), 1)
    tiles = min(tiles, DEPTHS["TILES"])
    columns = _share(
        column_tiles,
        min(tiles, DEPTHS["W_DEPTH"] // layout.k, DEPTHS["C_DEPTH"] // layout.cols),
    )
    parts = -(-columns // layout.column_tiles) + (columns % layout.column_tiles > 0)
    rows = _share(row_tiles, min(tiles // columns, DEPTHS["A_DEPTH"] // (layout.k * parts)))
    return [
        Span(
            slice(row, min(row + rows, row_tiles)),
            slice(column, min(column + columns, column_tiles)),
        )
        for row in range(0, row_tiles, rows)
        for column in range(0, column_tiles, columns)
    ]


def _share(count: int, most: int) -> int:
    """Return the size of equal shares, of ``most`` at the most."""
    return -(-count // -(-count // max(most, 1)))


def configuration_of(layer: GemmLayer) -> Configuration:
    """Return what the engine's registers hold for a layer."""
    return Configuration(layer.fmt_a, layer.fmt_w, layer.fmt_y, layer.rounding, layer.clamp)


@dataclass(frozen=True, eq=False)
class LayerJobs:
    """A layer with its activations, laid out on the array, to be cut into jobs.

    Attributes
    ----------
    layer
        The layer.
    codes
        Its input, (images, ...) uint8.
    layout
        Where what lies.
    """

    layer: GemmLayer
    codes: np.ndarray
    layout: Layout

    def jobs(self) -> Iterator[tuple[Span, Cut]]:
        """Yield each job's tiles, and what makes it."""
        layout = self.layout
        w = layout.w_beats(self.layer.w_codes).reshape(-1, layout.k, layout.cols)
        c = np.zeros((len(w), layout.cols), C_BEAT)
        c["start"] = layout.per_column(self.layer.start).reshape(-1, layout.cols)
        c["bias"] = layout.per_column(self.layer.biases_w).reshape(-1, layout.cols)
        for span in spans(layout):
            yield span, Cut(self, span, w[span.columns], c[span.columns])


@dataclass(frozen=True, eq=False)
class Cut:
    """Makes a job, when there is a simulator for it: only then are its activations laid out."""

    whole: LayerJobs
    span: Span
    w: np.ndarray
    c: np.ndarray

    def __call__(self) -> Job:
        """Return the job."""
        layout, span = self.whole.layout, self.span
        tiles = layout.column_tiles
        parts = range(span.columns.start // tiles, -(-span.columns.stop // tiles))
        a = self._activations(parts)
        k, cols = layout.k, layout.cols
        row, column = np.indices((len(a), len(self.w)))
        part = (column + span.columns.start) // tiles - parts.start
        program = np.zeros(row.shape, PROGRAM)
        program["a"] = (row * len(parts) + part) * k
        program["w"] = column * k
        program["c"] = column * cols
        program["k"] = k
        return Job(
            configuration_of(self.whole.layer),
            a.reshape(-1, layout.rows),
            self.w.reshape(-1, cols),
            self.c.reshape(-1),
            program.reshape(-1),
        )

    def _activations(self, parts: range) -> np.ndarray:
        """Return the beats that the row tiles read in some parts, (rows, parts, K, ROWS)."""
        layout, codes = self.whole.layout, self.whole.codes
        geometry, rows = layout.geometry, self.span.rows
        if len(parts) < layout.parts:
            together = layout.mapping.together
            first, last = parts.start * together, min(parts.stop * together, geometry.groups)
            layout = layout.of_groups(first, last)
            channels = slice(first * geometry.channels, last * geometry.channels)
            codes = codes[:, channels] if geometry.window else codes[..., channels]
        return layout.a_beats(codes, rows.start, rows.stop)
