"""A layer's matrix product as a job for simulator processes: files in, files out.

The operands travel in one ``product.npz``; each process simulates a range of tiles, keeps
``progress`` up to date and leaves a ``part.npz``. Nothing in these files is executed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model import Format
from verif.files import write_arrays
from verif.tile import Configuration, Tile, cut, tiles_of


@dataclass(frozen=True, eq=False)
class Product:
    """A matrix product for the engine, and what the model says its result is.

    Attributes
    ----------
    configuration
        Formats, rounding, clamp.
    a_codes, w_codes
        (M, K) and (K, N) uint8.
    start
        (N,) float32.
    biases_w
        (N,) exponent biases of w.
    expected, flags
        (M, N): codes (uint8) or binary32 words (uint32), and flags (uint8).
    """

    configuration: Configuration
    a_codes: np.ndarray
    w_codes: np.ndarray
    start: np.ndarray
    biases_w: np.ndarray
    expected: np.ndarray
    flags: np.ndarray

    def tiles(self, rows: int, cols: int) -> list[tuple[int, int]]:
        """First row and column of each tile on a (rows, cols) array."""
        return list(tiles_of(*self.expected.shape, rows, cols))

    def tile(self, first: tuple[int, int], shape: tuple[int, int]) -> Tile:
        """Return the padded operands of a tile."""
        operands = (self.a_codes, self.w_codes, self.start, self.biases_w)
        return cut(self.configuration, *operands, first, shape)

    def part(self, first: tuple[int, int], shape: tuple[int, int]) -> tuple[slice, slice]:
        """Index of the tile's outputs in the product, without padding."""
        (row, col), (rows, cols) = first, shape
        return slice(row, row + rows), slice(col, col + cols)


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
    except FileNotFoundError:
        raise ValueError(f"{path}: no such file") from None
    except Exception as error:  # whatever numpy, zipfile or json say of a damaged file
        raise ValueError(f"{path}: not a file of a matrix product ({error})") from None
    return Product(configuration, **arrays), description
