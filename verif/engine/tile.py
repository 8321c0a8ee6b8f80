"""A tile: the unit of work of the engine, and how it lies on the streams.

One function for each step between codes and beats; nothing else in the environment knows
the layout of a beat.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from model import ROUNDINGS, Format, gemm

C_BEAT = np.dtype([("start", "<f4"), ("bias", "i1"), ("reserved", "V3")])
"""One beat of the c stream, 8 bytes: start value and exponent bias of w of one column."""


@dataclass(frozen=True)
class Configuration:
    """What the engine's registers hold for a tile.

    Attributes
    ----------
    fmt_a
        Format of the activations.
    fmt_w
        Format of the weights; its bias is of no meaning, each column has its own.
    fmt_y
        Format of the results, None for raw binary32.
    rounding, clamp
        As in `model.gemm`.
    """

    fmt_a: Format
    fmt_w: Format
    fmt_y: Format | None
    rounding: str = "rne"
    clamp: int | None = None

    def fmts_w(self, biases: np.ndarray) -> list[Format]:
        """Weight format of each column, for exponent biases (N,)."""
        split = self.fmt_w.sign, self.fmt_w.exponent, self.fmt_w.fraction
        return [Format(*split, int(bias)) for bias in biases]

    def register_writes(self) -> list[tuple[str, dict[str, int]]]:
        """Return each register that describes a tile, by name, with its fields."""
        writes = []
        for name, fmt in (("FORMAT_A", self.fmt_a), ("FORMAT_Y", self.fmt_y)):
            fmt = fmt or Format(0, 0, 8, 0)
            writes.append((name, {"sign": fmt.sign, "exponent": fmt.exponent, "bias": fmt.bias}))
        return [
            *writes,
            ("FORMAT_W", {"sign": self.fmt_w.sign, "exponent": self.fmt_w.exponent}),
            ("ROUNDING", {"mode": ROUNDINGS.index(self.rounding)}),
            ("CLAMP", {"code": self.clamp or 0, "enable": int(self.clamp is not None)}),
            ("OUTPUT", {"raw": int(self.fmt_y is None)}),
        ]


@dataclass(frozen=True, eq=False)
class Tile:
    """Operands of ROWS x COLS outputs.

    Attributes
    ----------
    configuration
        Formats, rounding, clamp.
    a_codes
        (ROWS, K) uint8.
    w_codes
        (K, COLS) uint8.
    start
        (COLS,) float32.
    biases_w
        (COLS,) exponent biases of w, -128 to 127.
    """

    configuration: Configuration
    a_codes: np.ndarray
    w_codes: np.ndarray
    start: np.ndarray
    biases_w: np.ndarray

    @property
    def k(self) -> int:
        """Length of the sums, the beats of a and w."""
        return self.a_codes.shape[1]

    def a_beats(self) -> bytes:
        """Packet of the a stream: K beats of ROWS bytes."""
        return np.ascontiguousarray(self.a_codes.T).tobytes()

    def w_beats(self) -> bytes:
        """Packet of the w stream: K beats of COLS bytes."""
        return np.ascontiguousarray(self.w_codes).tobytes()

    def c_beats(self) -> bytes:
        """Packet of the c stream: COLS beats of 8 bytes."""
        beats = np.zeros(len(self.start), C_BEAT)
        beats["start"] = self.start
        beats["bias"] = self.biases_w
        return beats.tobytes()

    def expected(self, width: int, accumulator: str = "exact") -> tuple[np.ndarray, np.ndarray]:
        """Results and flags, (ROWS, COLS) each, by the model.

        `width` is that of the exact accumulator, in bits.
        """
        configuration = self.configuration
        return gemm(
            self.a_codes,
            self.w_codes,
            configuration.fmt_a,
            configuration.fmts_w(self.biases_w),
            self.start,
            configuration.fmt_y,
            accumulator=accumulator,
            rounding=configuration.rounding,
            clamp=configuration.clamp,
            width=width,
        )


def unpack_rows(
    data: bytes, keep: list[int], user: list[int], cols: int
) -> tuple[np.ndarray, np.ndarray]:
    """Take a packet of the y stream apart.

    Parameters
    ----------
    data
        4 * cols bytes for each row.
    keep
        TKEEP of each byte.
    user
        TUSER, once for each byte of its beat.
    cols
        Columns of the array.

    Returns
    -------
    results
        (rows, cols) uint8 codes, or uint32 words where TKEEP keeps all bytes.
    flags
        (rows, cols) uint8.

    Raises
    ------
    ValueError
        If the packet is neither all codes nor all words, or a dropped byte is not zero.
    """
    rows = len(data) // (4 * cols)
    beats = np.frombuffer(data, np.uint8).reshape(rows, 4 * cols)
    kept = np.array(keep, bool).reshape(rows, 4 * cols)
    users = user[:: 4 * cols]
    flags = np.array([[word >> 3 * column & 7 for column in range(cols)] for word in users])
    if kept.all():
        results = beats.view("<u4")
    elif (kept == (np.arange(4 * cols) < cols)).all():
        results = beats[:, :cols]
        if beats[:, cols:].any():
            raise ValueError("a y beat of codes has data in bytes that TKEEP drops")
    else:
        raise ValueError("TKEEP of a y packet keeps neither codes nor words")
    return results, flags.astype(np.uint8)


def tiles_of(m: int, n: int, rows: int, cols: int) -> Iterator[tuple[int, int]]:
    """First row and first column of each tile of an (m, n) product, row by row."""
    for first_row in range(0, m, rows):
        for first_col in range(0, n, cols):
            yield first_row, first_col


def cut(
    configuration: Configuration,
    a_codes: np.ndarray,
    w_codes: np.ndarray,
    start: np.ndarray,
    biases_w: np.ndarray,
    first: tuple[int, int],
    shape: tuple[int, int],
) -> Tile:
    """Cut one tile out of a matrix product, padded to the array's size with zero codes.

    Parameters
    ----------
    configuration
        Formats, rounding, clamp.
    a_codes, w_codes, start, biases_w
        The whole product: (M, K), (K, N), (N,), (N,).
    first
        First row and column.
    shape
        ROWS and COLS of the array.
    """
    (row, col), (rows, cols) = first, shape
    a_part = a_codes[row : row + rows]
    columns = slice(col, col + cols)
    missing_rows, missing_cols = rows - len(a_part), cols - len(start[columns])
    return Tile(
        configuration,
        np.pad(a_part, ((0, missing_rows), (0, 0))),
        np.pad(w_codes[:, columns], ((0, 0), (0, missing_cols))),
        np.pad(start[columns], (0, missing_cols)),
        np.pad(biases_w[columns], (0, missing_cols)),
    )
