"""A layer's operands as the beats of tiles, and its outputs from them.

A tile is at (row tile, part, column tile). Its rows are blocks, ordered by image, block down,
block across. Its columns are ordered by group of the part, filter, and the output's place in the
block, down and across; its products by group of the part, channel, and position, down and across.
Where two weights of a column are not zero, they are in im2col order.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from verif.replay.boxes import Box, boxes, window_of
from verif.replay.mapping import Geometry, Mapping, cycles, depth, grid, positions, tile_counts

BYTES_AT_ONCE = 1 << 20
"""Beats to prepare at once: as many as a processor's cache holds."""


@dataclass(frozen=True)
class Layout:
    """A layer, mapped to an array.

    Attributes
    ----------
    geometry
        Of the layer.
    mapping
        Which outputs share a tile.
    rows, cols
        Of the array.
    """

    geometry: Geometry
    mapping: Mapping
    rows: int
    cols: int

    @cached_property
    def _counts(self) -> tuple[int, int, int]:
        return tile_counts(self.geometry, self.mapping, self.rows, self.cols)

    @property
    def row_tiles(self) -> int:
        """Tiles that the blocks of all images make."""
        return self._counts[0]

    @property
    def parts(self) -> int:
        """Parts that the groups are divided in; the last may be padded with groups of zeros."""
        return self._counts[1]

    @property
    def column_tiles(self) -> int:
        """Tiles that the columns of a part make; the last may be padded."""
        return self._counts[2]

    @cached_property
    def k(self) -> int:
        """Products in each sum of a tile, zeros included."""
        return depth(self.geometry, self.mapping)

    @property
    def cycles(self) -> int:
        """Cycles of all tiles, one right after the other."""
        return cycles(self.geometry, self.mapping, self.rows, self.cols)

    @property
    def columns(self) -> int:
        """Columns of a part that may hold outputs."""
        return self.mapping.size * self.geometry.filters

    @cached_property
    def _blocks(self) -> tuple[int, int, int]:
        """Images, and blocks of each, down and across."""
        return self.geometry.images, *grid(self.geometry, self.mapping)

    @cached_property
    def _positions(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        return positions(self.geometry, self.mapping)

    @cached_property
    def _steps(self) -> tuple[int, int]:
        """Pixels from a block to the next one, down and across."""
        vertical, horizontal = self.geometry.axes
        return self.mapping.height * vertical.stride, self.mapping.width * horizontal.stride

    @property
    def _every_group(self) -> int:
        """Groups, with those that pad the last part."""
        return self.parts * self.mapping.together

    def a_beats(self, codes: np.ndarray, first: int, last: int) -> np.ndarray:
        """Lay out the activations of a range of row tiles.

        Parameters
        ----------
        codes
            The layer's input: (images, C, H, W) uint8, or (images, ..., K) for a fully connected
            layer.
        first, last
            The row tiles are ``first`` to ``last - 1``.

        Returns
        -------
        numpy.ndarray
            (last - first, parts, K, ROWS) uint8, contiguous.
        """
        images = self._images(codes)
        shape = last - first, self.parts, self.k, self.rows
        beats = np.empty(shape, np.uint8)
        whole = beats.view(f"V{self.rows}")[..., 0]
        step = max(BYTES_AT_ONCE // math.prod(shape[1:]), 1)
        for start in range(first, last, step):
            stop = min(start + step, last)
            whole[start - first : stop - first] = self._whole_beats(images, start, stop)
        return beats

    def _whole_beats(self, images: np.ndarray, first: int, last: int) -> np.ndarray:
        """Show what a range of row tiles reads as (last - first, parts, K) beats of ROWS bytes."""
        seen = self._seen(images, first * self.rows, last * self.rows).view(f"V{self.rows}")
        return seen.reshape(self.parts, self.k, last - first).transpose(2, 0, 1)

    def _images(self, codes: np.ndarray) -> np.ndarray:
        """Show the input as (images, channels, H, W); the rows of a matrix are one line of it."""
        geometry = self.geometry
        if geometry.window is not None:
            return codes.reshape(geometry.images, *geometry.input_shape)
        channels = geometry.groups * geometry.channels
        matrices = codes.reshape(geometry.images, geometry.rows, channels)
        return matrices.transpose(0, 2, 1)[:, :, None]

    def _seen(self, images: np.ndarray, first: int, last: int) -> np.ndarray:
        """Collect what a range of blocks reads.

        Returns
        -------
        numpy.ndarray
            (channels of all groups, positions down, positions across, last - first) uint8, zero
            for blocks beyond the last one, and for groups that pad the last part.
        """
        channels = images.shape[1]
        down, across = map(len, self._positions)
        every = self._every_group * self.geometry.channels
        seen = np.empty((every, down, across, last - first), np.uint8)
        existing = min(last, math.prod(self._blocks)) - first
        seen[channels:] = 0
        seen[..., existing:] = 0
        for start, box in boxes(first, first + existing, self._blocks):
            sizes = [part.stop - part.start for part in box]
            target = seen[:channels, ..., start : start + math.prod(sizes)]
            self._fill(target.reshape(channels, down, across, *sizes), images, box)
        return seen

    def _fill(self, target: np.ndarray, images: np.ndarray, box: Box) -> None:
        """Write what a box of blocks reads into (channels, positions, blocks of the box)."""
        (down, tall), (across, wide) = (
            self._reach(axis, part) for axis, part in enumerate(box[1:])
        )
        window = window_of(images[box[0]], (down, across), (tall, wide)).swapaxes(0, 1)
        vertical, horizontal = self._steps
        for y, row in enumerate(self._positions[0]):
            lines = window[:, :, row::vertical][:, :, : target.shape[4]]
            for x, column in enumerate(self._positions[1]):
                target[:, y, x] = lines[..., column::horizontal][..., : target.shape[5]]

    def _reach(self, axis: int, blocks: slice) -> tuple[int, int]:
        """Return the first pixel that blocks in a line read, and how many they span."""
        step, last = self._steps[axis], self._positions[axis][-1]
        first = blocks.start * step - self.geometry.axes[axis].before
        return first, (blocks.stop - blocks.start - 1) * step + last + 1

    def w_beats(self, w_codes: np.ndarray) -> np.ndarray:
        """Lay out the weights: between those of a column lie zeros, where it reads nothing.

        Parameters
        ----------
        w_codes
            (K, N) uint8, K in im2col order: channel of the group, kernel row, kernel column.

        Returns
        -------
        numpy.ndarray
            (parts, column tiles, K of a tile, COLS) uint8, contiguous.
        """
        together = self.mapping.together
        blocks = self._block_weights(w_codes)
        k, columns = blocks.shape[1:]
        beats = np.zeros((self.parts, together, k, self.column_tiles * self.cols), np.uint8)
        used = beats[..., : self.columns].reshape(self.parts, together, k, together, columns)
        every = np.arange(together)
        used[:, every, :, every] = blocks.reshape(self.parts, together, k, columns).swapaxes(0, 1)
        beats = beats.reshape(self.parts, self.k, self.column_tiles, self.cols)
        return np.ascontiguousarray(beats.swapaxes(1, 2))

    def _block_weights(self, w_codes: np.ndarray) -> np.ndarray:
        """Return each group's weights, (groups, products, columns), for all outputs of a block."""
        geometry, mapping = self.geometry, self.mapping
        groups, filters = geometry.groups, geometry.filters
        kernels = w_codes.reshape(geometry.channels, *geometry.kernel, groups, filters)
        kept = map(len, self._positions)
        block = mapping.height, mapping.width
        blocks = np.zeros((geometry.channels, *kept, self._every_group, filters, *block), np.uint8)
        for y, x in np.ndindex(block):
            (rows, down), (columns, across) = self._taps(0, y), self._taps(1, x)
            own = kernels[:, down[:, None], across]
            blocks[..., y, x][:, rows[:, None], columns, :groups] = own
        products = geometry.channels * math.prod(map(len, self._positions))
        return blocks.transpose(3, 0, 1, 2, 4, 5, 6).reshape(self._every_group, products, -1)

    def _taps(self, axis: int, place: int) -> tuple[np.ndarray, np.ndarray]:
        """Return where, among the kept positions, an output of a block has which weights."""
        own = self.geometry.axes[axis]
        spots = place * own.stride + np.arange(own.kernel) * own.dilation
        found = np.isin(spots, self._positions[axis])
        return np.searchsorted(self._positions[axis], spots[found]), np.flatnonzero(found)

    def per_column(self, values: np.ndarray, fill: int | float = 0) -> np.ndarray:
        """Lay out one value for each output channel, such as start values or exponent biases.

        Parameters
        ----------
        values
            (N,) of any dtype.
        fill
            What columns without outputs get.

        Returns
        -------
        numpy.ndarray
            (parts, column tiles, COLS) of the same dtype.
        """
        mapping, groups = self.mapping, self.geometry.groups
        channels = np.full((self._every_group, self.geometry.filters), fill, values.dtype)
        channels[:groups] = values.reshape(groups, -1)
        columns = np.full((self.parts, self.column_tiles * self.cols), fill, values.dtype)
        repeated = channels.repeat(mapping.height * mapping.width, axis=1)
        columns[:, : self.columns] = repeated.reshape(self.parts, -1)
        return columns.reshape(self.parts, self.column_tiles, self.cols)

    def gather(self, outputs: np.ndarray) -> np.ndarray:
        """Put the outputs of all tiles in the layer's order, and drop those that are padding.

        Parameters
        ----------
        outputs
            (row tiles, parts, column tiles, ROWS, COLS) of any dtype.

        Returns
        -------
        numpy.ndarray
            (M, N) of the same dtype, M in the order of images, lines, and outputs of a line.
        """
        geometry, mapping = self.geometry, self.mapping
        images, down, across = self._blocks
        vertical, horizontal = (axis.outputs for axis in geometry.axes)
        lines = outputs.transpose(0, 3, 1, 2, 4).reshape(self.row_tiles * self.rows, self.parts, -1)
        used = lines[: math.prod(self._blocks), :, : self.columns]
        block = mapping.height, mapping.width
        used = used.reshape(images, down, across, self._every_group, geometry.filters, *block)
        used = used[:, :, :, : geometry.groups].transpose(0, 1, 5, 2, 6, 3, 4)
        padded = used.reshape(images, down * block[0], across * block[1], geometry.n)
        return padded[:, :vertical, :horizontal].reshape(-1, geometry.n)

    def spread(self, values: np.ndarray) -> np.ndarray:
        """Put the layer's outputs where tiles have them: what `gather` undoes.

        Parameters
        ----------
        values
            (M, N) of any dtype.

        Returns
        -------
        numpy.ndarray
            (row tiles, parts, column tiles, ROWS, COLS) of the same dtype, 0 where a tile has no
            output.
        """
        geometry, mapping = self.geometry, self.mapping
        images, down, across = self._blocks
        vertical, horizontal = (axis.outputs for axis in geometry.axes)
        tall, wide, filters = mapping.height, mapping.width, geometry.filters
        shape = self.row_tiles * self.rows, self.parts, self.column_tiles * self.cols
        lines = np.zeros(shape, values.dtype)
        every = np.zeros(
            (images, down * tall, across * wide, self._every_group, filters), lines.dtype
        )
        own = values.reshape(images, vertical, horizontal, geometry.groups, filters)
        every[:, :vertical, :horizontal, : geometry.groups] = own
        every = every.reshape(images, down, tall, across, wide, self._every_group, filters)
        every = every.transpose(0, 1, 3, 5, 6, 2, 4).reshape(-1, self.parts, self.columns)
        lines[: len(every), :, : self.columns] = every
        shape = self.row_tiles, self.rows, self.parts, self.column_tiles, self.cols
        return lines.reshape(shape).transpose(0, 2, 3, 1, 4)

    def of_groups(self, first: int, last: int) -> Layout:
        """Return the layout of the groups ``first`` to ``last - 1`` alone, mapped alike."""
        geometry, count = self.geometry, last - first
        channels, filters = count * geometry.channels, count * geometry.filters
        if geometry.window is not None:
            shapes = (channels, *geometry.input_shape[1:]), (filters, *geometry.output_shape[1:])
        else:
            shapes = (*geometry.input_shape[:-1], channels), (*geometry.output_shape[:-1], filters)
        own = replace(geometry, groups=count, input_shape=shapes[0], output_shape=shapes[1])
        return replace(self, geometry=own)

    def place(self, m: int, n: int) -> tuple[int, int, int, int, int]:
        """Return row tile, part, column tile, row and column of an output of the layer.

        ``m`` and ``n`` are its place in what `gather` returns; arrays of them give arrays.
        """
        geometry, mapping = self.geometry, self.mapping
        _, down, across = self._blocks
        vertical, horizontal = (axis.outputs for axis in geometry.axes)
        line, x = divmod(m, horizontal)
        image, y = divmod(line, vertical)
        block_y, y = divmod(y, mapping.height)
        block_x, x = divmod(x, mapping.width)
        row_tile, row = divmod((image * down + block_y) * across + block_x, self.rows)
        part, channel = divmod(n, mapping.together * geometry.filters)
        column = (channel * mapping.height + y) * mapping.width + x
        column_tile, column = divmod(column, self.cols)
        return row_tile, part, column_tile, row, column

    def outputs(self, row_tile: int, part: int, column_tile: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the outputs that a tile holds.

        Returns
        -------
        tuple of numpy.ndarray
            Rows and columns, in what `gather` returns: (ROWS, COLS) int64 each, -1 where there is
            no output.
        """
        geometry, mapping = self.geometry, self.mapping
        images, down, across = self._blocks
        vertical, horizontal = (axis.outputs for axis in geometry.axes)
        line, block_x = np.divmod(row_tile * self.rows + np.arange(self.rows)[:, None], across)
        image, block_y = np.divmod(line, down)
        column = column_tile * self.cols + np.arange(self.cols)
        channel, x = np.divmod(column, mapping.width)
        channel, y = np.divmod(channel, mapping.height)
        y, x = block_y * mapping.height + y, block_x * mapping.width + x
        n = part * mapping.together * geometry.filters + channel
        there = (image < images) & (y < vertical) & (x < horizontal)
        there &= (column < self.columns) & (n < geometry.n)
        m = (image * vertical + y) * horizontal + x
        return np.where(there, m, -1), np.where(there, n, -1)
