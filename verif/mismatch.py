"""Says what went wrong with one output: where, from which operands, expected and actual."""

from __future__ import annotations

import numpy as np

from model import FLAG_INEXACT, FLAG_OVERFLOW, FLAG_UNDERFLOW, Format
from verif.tile import Tile

FLAG_NAMES = {FLAG_INEXACT: "inexact", FLAG_UNDERFLOW: "underflow", FLAG_OVERFLOW: "overflow"}


def describe_code(fmt: Format, code: int) -> str:
    """Decode a code: code, value, sign, exponent field and significand."""
    magnitude = code & fmt.max_code
    field, trailing = magnitude >> fmt.fraction, magnitude & (2**fmt.fraction - 1)
    significand = trailing + (2**fmt.fraction if field else 0)
    sign = "-" if fmt.sign and code >> 7 else "+"
    value = float(fmt.exact(code))
    return f"{code:02x} = {value!r} ({sign}, exponent {field}, significand {significand})"


def describe_result(fmt: Format | None, result: int) -> str:
    """Decode a result; `fmt` None for a binary32 word."""
    if fmt is None:
        return f"{result:08x} = {float(np.uint32(result).view(np.float32))!r}"
    return describe_code(fmt, result)


def describe_flags(flags: int) -> str:
    """Names of the flags that are set."""
    return " ".join(name for bit, name in FLAG_NAMES.items() if flags & bit) or "no flags"


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
            f"{describe_flags(int(flags[row, col]))}"
        )
    lines.append(f"{'start':>10}: {float(tile.start[col])!r}")
    a_codes, w_codes = tile.a_codes[row], tile.w_codes[:, col]
    live = np.flatnonzero((fmt_a.integers(a_codes) != 0) & (fmt_w.integers(w_codes) != 0))
    for k in live[:operands]:
        a_text, w_text = (
            describe_code(fmt_a, int(a_codes[k])),
            describe_code(fmt_w, int(w_codes[k])),
        )
        lines.append(f"{f'k = {k}':>10}: a {a_text}; w {w_text}")
    rest = len(live) - len(live[:operands])
    lines.append(f"{'':>12}and {rest} more products; {tile.k - len(live)} of {tile.k} are zero")
    return "\n".join(lines)
