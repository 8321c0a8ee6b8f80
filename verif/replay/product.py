"""A layer's matrix product as a job for the engine, in tiles."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from model.quantization.grouping import GroupPart, group_parts
from verif.engine.tile import Configuration, Tile, cut


@dataclass(frozen=True, eq=False)
class Product:
    """A matrix product for the engine, and what the model says its result is.

    Its columns may be divided among groups, in order; column n then reads only the activations of
    its own group. A tile lies within neighbouring groups, with zero codes between them.

    Attributes
    ----------
    configuration
        Formats, rounding, clamp.
    a_codes, w_codes
        (M, groups * K) and (K, N) uint8.
    start
        (N,) float32.
    biases_w
        (N,) exponent biases of w.
    expected, flags
        (M, N): codes (uint8) or binary32 words (uint32), and flags (uint8).
    together
        How many groups a tile may lie within.
    """

    configuration: Configuration
    a_codes: np.ndarray
    w_codes: np.ndarray
    start: np.ndarray
    biases_w: np.ndarray
    expected: np.ndarray
    flags: np.ndarray
    together: int = 1

    @property
    def k(self) -> int:
        """Products in each sum, those with zeros between groups not counted."""
        return self.w_codes.shape[0]

    @property
    def groups(self) -> int:
        """Groups of columns."""
        return self.a_codes.shape[1] // self.k

    @cached_property
    def _group_parts(self) -> list[GroupPart]:
        return group_parts(self.w_codes.shape, self.groups, self.together)

    def _group_part(self, column: int) -> GroupPart:
        """Return the groups whose columns may share a tile with a column."""
        width = self._group_parts[0].columns.stop
        return self._group_parts[column // width]

    def tiles(self, rows: int, cols: int) -> list[tuple[int, int]]:
        """First row and column of each tile on a (rows, cols) array."""
        columns = [
            column
            for part in self._group_parts
            for column in range(part.columns.start, part.columns.stop, cols)
        ]
        return [(row, column) for row in range(0, len(self.a_codes), rows) for column in columns]

    def part(self, first: tuple[int, int], shape: tuple[int, int]) -> tuple[slice, slice]:
        """Index of the tile's outputs in the product, without padding."""
        (row, col), (rows, cols) = first, shape
        last_row = min(row + rows, len(self.a_codes))
        last_col = min(col + cols, self._group_part(col).columns.stop)
        return slice(row, last_row), slice(col, last_col)

    def alone(self, first: tuple[int, int], shape: tuple[int, int]) -> Product:
        """Return a tile, without padding, as a product of one group."""
        rows, columns = self.part(first, shape)
        groups = self._group_part(columns.start)
        before = groups.columns.start
        return Product(
            self.configuration,
            self.a_codes[rows, groups.terms],
            groups.weights(self.w_codes)[:, columns.start - before : columns.stop - before],
            self.start[columns],
            self.biases_w[columns],
            self.expected[rows, columns],
            self.flags[rows, columns],
        )

    def tile(self, first: tuple[int, int], shape: tuple[int, int]) -> Tile:
        """Return the padded operands of a tile."""
        alone = self.alone(first, shape)
        operands = (alone.a_codes, alone.w_codes, alone.start, alone.biases_w)
        return cut(self.configuration, *operands, (0, 0), shape)
