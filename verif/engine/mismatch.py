"""Says what went wrong with one output: where, from which operands, expected and actual."""

from __future__ import annotations

import numpy as np

from model import Format
from verif.engine import describe
from verif.engine.tile import Tile


def describe_result(fmt: Format | None, result: int) -> str:
    """Return a code decoded, or a binary32 word where `fmt` is None."""
    return describe.binary32(result) if fmt is None else describe.code(fmt, result)


def first_difference(
    expected: tuple[np.ndarray, np.ndarray], actual: tuple[np.ndarray, np.ndarray]
) -> tuple[int, int] | None:
    """Row and column of the first output whose result or flags differ, or None.

    Codes where words are expected, or the other way round, differ in the first output.
    """
    if expected[0].shape != actual[0].shape or expected[0].itemsize != actual[0].itemsize:
        return 0, 0
    differ = (expected[0] != actual[0]) | (expected[1] != actual[1])
    places = np.argwhere(differ)
    return tuple(map(int, places[0])) if len(places) else None


def describe_mismatch(
    tile: Tile,
    place: tuple[int, int],
    expected: tuple[np.ndarray, np.ndarray],
    actual: tuple[np.ndarray, np.ndarray],
    operands: int = 12,
) -> str:
    """Several lines on one output of a tile.

    Parameters
    ----------
    tile
        The operands.
    place
        Row and column in the tile.
    expected, actual
        Results and flags, (ROWS, COLS) each.
    operands
        How many operand pairs to list, those whose product is not zero first.
    """
    row, col = place
    configuration = tile.configuration
    fmt_a, fmt_w = configuration.fmt_a, configuration.fmts_w(tile.biases_w)[col]
    fmt_y = configuration.fmt_y
    lines = [
        f"row {row}, column {col} of the tile; a {fmt_a}, w {fmt_w}, "
        f"y {fmt_y or 'binary32'}, {configuration.rounding}"
        + (f", clamp {configuration.clamp:02x}" if configuration.clamp is not None else ""),
    ]
    for name, (results, flags) in (("expected", expected), ("actual", actual)):
        lines.append(
            f"{name:>10}: {describe_result(fmt_y, int(results[row, col]))}, "
            f"{describe.flags(int(flags[row, col]))}"
        )
    lines.append(f"{'start':>10}: {float(tile.start[col])!r}")
    a_codes, w_codes = tile.a_codes[row], tile.w_codes[:, col]
    live = np.flatnonzero((fmt_a.integers(a_codes) != 0) & (fmt_w.integers(w_codes) != 0))
    for k in live[:operands]:
        a_text, w_text = (
            describe.code(fmt_a, int(a_codes[k])),
            describe.code(fmt_w, int(w_codes[k])),
        )
        lines.append(f"{f'k = {k}':>10}: a {a_text}; w {w_text}")
    rest = len(live) - len(live[:operands])
    lines.append(f"{'':>12}and {rest} more products; {tile.k - len(live)} of {tile.k} are zero")
    return "\n".join(lines)
