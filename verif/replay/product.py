"""A layer's matrix product as a job for simulator processes: files in, files out.

The operands travel in one ``product.npz``; each process simulates a range of tiles, keeps
``progress`` up to date and leaves a ``part.npz``. Nothing in these files is executed.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from model import Format
from model.quantization.grouping import GroupPart, group_parts
from verif.commands.files import write_arrays
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

    def digest(self) -> str:
        """Return a hash of everything that the product holds."""
        whole = hashlib.sha256(repr((self.configuration, self.together)).encode())
        for name in ARRAYS:
            array = np.ascontiguousarray(getattr(self, name))
            whole.update(f"{name} {array.dtype} {array.shape}".encode())
            whole.update(array)
        return whole.hexdigest()


ARRAYS = ("a_codes", "w_codes", "start", "biases_w", "expected", "flags")


def save_product(product: Product, path: Path, **extra: int | str) -> None:
    """Write a product, whole or not at all, with `extra` numbers or texts beside it."""
    configuration = product.configuration
    description = {
        "fmt_a": str(configuration.fmt_a),
        "fmt_w": str(configuration.fmt_w),
        "fmt_y": configuration.fmt_y and str(configuration.fmt_y),
        "rounding": configuration.rounding,
        "clamp": configuration.clamp,
        "together": product.together,
    }
    arrays = {name: getattr(product, name) for name in ARRAYS}
    write_arrays(path, description=json.dumps(description | extra), **arrays)


def load_product(path: Path) -> tuple[Product, dict[str, int | str]]:
    """Read what `save_product` has written: the product and everything in its description.

    Raises
    ------
    ValueError
        If the file is missing, or is not such a file.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            description = json.loads(str(file["description"]))
            arrays = {name: file[name] for name in ARRAYS}
        fmt_y = description["fmt_y"]
        configuration = Configuration(
            Format.parse(description["fmt_a"]),
            Format.parse(description["fmt_w"]),
            Format.parse(fmt_y) if fmt_y else None,
            description["rounding"],
            description["clamp"],
        )
        together = description["together"]
    except FileNotFoundError:
        raise ValueError(f"{path}: no such file") from None
    except Exception as error:  # whatever numpy, zipfile or json say of a damaged file
        raise ValueError(f"{path}: not a file of a matrix product ({error})") from None
    return Product(configuration, **arrays, together=together), description
