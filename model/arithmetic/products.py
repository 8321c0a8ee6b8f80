"""FFP8 dot products and matrix products, with an exact or a classical accumulator.

With the exact accumulator a sum of products is an integer on a grid, the product of the operands'
units, computed without error and rounded once, by the encoder: no result depends on the order of
summation. The binary32 accumulator rounds after every addition, so the order is part of its
definition.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..format.arrays import code_array
from ..format.format import Format, check_format
from ..format.rounding import check_rounding, near_exponent
from .accumulator import binary32_values, check_accumulator, start_integer
from .binary32 import Binary32Sums, encode_binary32
from .exact_sums import ExactSums, best_columns

_SPREAD = 300  # between exponents of columns, for which float64 has room beside any sum


def dot(
    a_codes: ArrayLike,
    w_codes: ArrayLike,
    fmt_a: Format,
    fmt_w: Format,
    start: float = 0.0,
    accumulator: str = "exact",
    width: int | None = None,
) -> Fraction:
    """Return the accumulator's final value for one output, exactly.

    Parameters
    ----------
    a_codes, w_codes
        Codes, (K,) each.
    fmt_a, fmt_w
        Their formats.
    start
        Binary32 start value; the exact accumulator rounds it to the grid of the products.
    accumulator
        One of `ACCUMULATORS`: ``exact``, or ``binary32``, which rounds to 24 bits after each
        addition, in increasing k, its exponent without end.
    width
        Bits of the exact accumulator that `start` must fit, None for any. The binary32
        accumulator takes any start value.
    """
    check_accumulator(accumulator)
    check_format(fmt_a, "fmt_a")
    check_format(fmt_w, "fmt_w")
    a, w = code_array(a_codes, "a_codes"), code_array(w_codes, "w_codes")
    if a.ndim != 1 or a.shape != w.shape:
        raise ValueError(f"a_codes {a.shape} and w_codes {w.shape}: (K,) each is needed")
    grid = fmt_a.unit_exponent + fmt_w.unit_exponent
    if accumulator == "binary32":
        row = binary32_values(start).reshape(1)
        sums = Binary32Sums(w[:, np.newaxis], 1, fmt_a, fmt_w, row, np.array([near_exponent(grid)]))
        values, far = sums.rows(a[np.newaxis])
        return Fraction(values.item()) * Fraction(2) ** (grid + far.item())
    products = zip(fmt_a.integers(a).tolist(), fmt_w.integers(w).tolist(), strict=True)
    total = start_integer(start, grid, width) + sum(x * y for x, y in products)
    return total * Fraction(2) ** grid


def gemm(
    a_codes: ArrayLike,
    w_codes: ArrayLike,
    fmt_a: Format,
    fmts_w: Format | Sequence[Format],
    start: ArrayLike,
    fmt_y: Format | None,
    accumulator: str = "exact",
    rounding: str = "rne",
    clamp: int | None = None,
    width: int | None = None,
) -> tuple[NDArray[np.uint8] | NDArray[np.uint32], NDArray[np.uint8]]:
    """Return ``encode(start[n] + sum over k of a[m, k] * w[k, n])``.

    Parameters
    ----------
    a_codes
        Activation codes, (M, K), of format `fmt_a`.
    w_codes
        Weight codes, (K, N).
    fmts_w
        The weights' format, or one for each of the N columns, differing in bias only.
    start
        Finite binary32 start values, one or (N,).
    fmt_y
        Output format; None for raw binary32.
    accumulator
        One of `ACCUMULATORS`, as in `dot`.
    rounding, clamp
        As in `Format.encode_flags`; a raw output allows ``rne`` and None only.
    width
        Bits of the exact accumulator that `start` must fit, None for any. The binary32
        accumulator takes any start value.

    Returns
    -------
    codes
        (M, N), uint8 codes of `fmt_y` or uint32 words of IEEE binary32.
    flags
        (M, N), uint8, relative to the accumulator's value.

    Raises
    ------
    ValueError
        For shapes, types, formats or start values that do not fit.
    """
    options = accumulator, rounding, clamp, width
    return grouped_gemm(a_codes, w_codes, 1, fmt_a, fmts_w, start, fmt_y, *options)


def grouped_gemm(
    a_codes: ArrayLike,
    w_codes: ArrayLike,
    groups: int,
    fmt_a: Format,
    fmts_w: Format | Sequence[Format],
    start: ArrayLike,
    fmt_y: Format | None,
    accumulator: str = "exact",
    rounding: str = "rne",
    clamp: int | None = None,
    width: int | None = None,
) -> tuple[NDArray[np.uint8] | NDArray[np.uint32], NDArray[np.uint8]]:
    """Return ``encode(start[n] + sum over k of a[m, g * K + k] * w[k, n])``, g being n's group.

    The columns of w are divided evenly among groups, in order, and so are those of a, which is
    (M, groups * K). The rest is as in `gemm`, which has one group.
    """
    check_accumulator(accumulator)
    check_rounding(rounding)
    check_format(fmt_a, "fmt_a")
    if fmt_y is not None:
        check_format(fmt_y, "fmt_y")
        if clamp is not None:
            clamp = fmt_y.check_clamp(clamp)
    if fmt_y is None and (rounding != "rne" or clamp is not None):
        raise ValueError(
            f"rounding {rounding!r}, clamp {clamp} with raw binary32 results: 'rne' and None only"
        )
    a, w = _matrices(a_codes, w_codes, groups)
    formats = _column_formats(fmts_w, w.shape[1])
    grid = _grid_exponents(fmt_a, formats)
    near = {exponent: near_exponent(exponent) for exponent in set(grid)}
    exponents = np.array([near[exponent] for exponent in grid], dtype=np.int64)
    scale = exponents - fmt_y.ready_exponent if fmt_y else exponents
    starts = binary32_values(_start_row(start, w.shape[1]))
    if accumulator == "exact":
        starts = start_integer(starts, grid, width)
    codes = np.empty((len(a), w.shape[1]), np.uint32 if fmt_y is None else np.uint8)
    flags = np.empty(codes.shape, np.uint8)
    fmt_w = formats[0] if formats else fmt_a
    for columns, terms, together in _group_blocks(w, groups, best_columns(len(w), fmt_a, fmt_w)):
        operands = (w[:, columns], together, fmt_a, fmt_w, starts[columns])
        if accumulator == "exact":
            sums = ExactSums(*operands, scale[columns] if fmt_y else None)
        else:
            sums = Binary32Sums(*operands, exponents[columns])
        for rows in _blocks(len(a), sums.height):
            values, far = sums.rows(a[rows, terms])
            values, exponent = _one_exponent(values, far + exponents[columns])
            if fmt_y is None:
                results = encode_binary32(values, exponent)
            else:
                results = fmt_y.encode_scaled(values, exponent, rounding, clamp)
            codes[rows, columns], flags[rows, columns] = results
    return codes, flags


def _start_row(start: ArrayLike, columns: int) -> NDArray:
    row = np.asarray(start)
    if row.shape not in ((), (columns,)):
        raise ValueError(f"start {row.shape}: one value or {columns}, one for each column of w")
    return np.broadcast_to(row, (columns,))


def _matrices(
    a_codes: ArrayLike, w_codes: ArrayLike, groups: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    a, w = code_array(a_codes, "a_codes"), code_array(w_codes, "w_codes")
    if a.ndim != 2 or w.ndim != 2 or a.shape[1] != groups * w.shape[0]:
        needed = "(M, K) and (K, N)" if groups == 1 else f"(M, {groups} * K) and (K, N)"
        raise ValueError(f"a_codes {a.shape} and w_codes {w.shape}: {needed} are needed")
    if groups < 1 or w.shape[1] % groups:
        raise ValueError(f"{groups} groups of {w.shape[1]} columns: not of one size")
    return a, w


def _group_blocks(
    w: NDArray[np.uint8], groups: int, most: int
) -> Iterator[tuple[slice, slice, int]]:
    """Yield about `most` columns of w at a time, the terms that they read, and how many groups."""
    depth, count = w.shape
    width = count // groups
    if groups == 1:
        yield from ((columns, slice(0, depth), 1) for columns in _blocks(count, most))
        return
    for block in _blocks(groups, max(most // width, 1)):
        first, last = block.start, min(block.stop, groups)
        columns, terms = slice(first * width, last * width), slice(first * depth, last * depth)
        yield columns, terms, last - first


def _column_formats(fmts_w: Format | Sequence[Format], columns: int) -> list[Format]:
    if isinstance(fmts_w, Format):
        return [fmts_w] * columns
    formats = [fmts_w] if isinstance(fmts_w, str) else list(fmts_w)
    for column, fmt in enumerate(formats):
        check_format(fmt, f"fmts_w[{column}]")
    if len(formats) != columns:
        raise ValueError(f"fmts_w has {len(formats)} formats: one, or one for each of {columns}")
    splits = [(fmt.sign, fmt.exponent) for fmt in formats]
    for column, fmt in enumerate(formats):
        if splits[column] != splits[0]:
            raise ValueError(
                f"fmts_w[{column}] = {fmt}: may differ from fmts_w[0] = {formats[0]} in bias only"
            )
    return formats


def _grid_exponents(fmt_a: Format, fmts_w: list[Format]) -> list[int]:
    """Return the exponent of each column's unit, for formats that differ in bias only."""
    if not fmts_w:
        return []
    unbiased = fmt_a.unit_exponent + fmts_w[0].unit_exponent + fmts_w[0].bias
    return [unbiased - fmt.bias for fmt in fmts_w]


def _blocks(length: int, size: int) -> Iterator[slice]:
    return (slice(first, first + size) for first in range(0, length, size))


def _one_exponent(
    values: NDArray[np.float64], exponents: NDArray[np.int64]
) -> tuple[NDArray[np.float64], np.int64 | NDArray[np.int64]]:
    """Return values of one exponent, unless exponents are too far apart for float64's range."""
    lowest = exponents.min()
    spread = exponents - lowest
    largest = spread.max()
    if largest > _SPREAD:
        return values, exponents
    return (values * np.ldexp(1.0, spread) if largest else values), lowest
