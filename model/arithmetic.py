"""Exact FFP8 arithmetic: dot products, matrix products, residual addition, average pooling.

A sum of products of FFP8 codes is an integer on a grid, the product of the operands' units, so it
is computed without error and rounded once, by the encoder. No result here depends on the order of
summation.
"""

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from model.format import (
    Format,
    check_rounding,
    code_array,
    flag_bits,
    near_exponent,
    round_to_code,
    supported_splits,
)

ACCUMULATORS = ("exact",)

_LIMB = 17  # bits; two limbs hold 34, the integers of 5 exponent bits; three fit a float64
_LIMB_DEPTH = 2 ** (53 - 2 * _LIMB)  # products of limbs that a float64 adds up exactly
_MEAN_DEPTH = 2 ** (63 - 34)  # integers of 34 bits that an int64 adds up
_BLOCK_OUTPUTS, _BLOCK_OPERANDS = 2**16, 2**22  # elements in work at a time, for the caches
_BINARY32_FRACTION, _BINARY32_UNIT, _BINARY32_INFINITY = 23, -149, 0x7F800000

_Scaled = tuple[NDArray[np.float64], int | NDArray[np.int64]]  # values * 2**exponent


def accumulator_width(exp_max: int, k_max: int) -> int:
    """Return the bits of the exact accumulator, its sign included.

    Parameters
    ----------
    exp_max
        Exponent bits that the build supports, 0 to 8.
    k_max
        Longest dot product, at least 1.

    Returns
    -------
    The bits of the largest product of two operands, plus ceil(log2(k_max)) for their sum, plus
    one for the start value and one for the sign.
    """
    if k_max < 1:
        raise ValueError(f"k_max {k_max}: a dot product has at least 1 term")
    largest = max(Format(*split, 0).max_integer for split in supported_splits(exp_max))
    return (largest**2).bit_length() + (k_max - 1).bit_length() + 2


def start_integer(
    start: ArrayLike, grid_exponent: int | Sequence[int], width: int | None = None
) -> int | NDArray[np.object_]:
    """Return start values in units of the grid, each rounded once to nearest, ties to even.

    Parameters
    ----------
    start
        Finite binary32 values, one or an array (N,).
    grid_exponent
        Exponent of the grid's unit, one or (N,).
    width
        Accumulator width in bits, which takes start values of up to ``width - 1`` bits, sign
        included. None takes any.

    Returns
    -------
    A Python integer, or an array of them.

    Raises
    ------
    ValueError
        If a value is not binary32, not finite or too wide, naming its column.
    """
    values, exponents = np.broadcast_arrays(
        _binary32_values(start), np.array(grid_exponent, dtype=object)
    )
    integers = np.empty(values.shape, dtype=object)
    for index in np.ndindex(values.shape):
        value, exponent = Fraction(float(values[index])), exponents[index]
        integer = round(value / Fraction(2) ** exponent)
        if width is not None and not -(2 ** (width - 2)) <= integer < 2 ** (width - 2):
            raise ValueError(
                f"{_place('start', index)} = {values[index]}: not within {width - 1} bits on the "
                f"grid of 2^{exponent}, all that a {width}-bit accumulator takes"
            )
        integers[index] = integer
    return integers[()]


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
        Binary32 start value, rounded to the grid of the products.
    accumulator
        One of `ACCUMULATORS`.
    width
        Accumulator width in bits that `start` must fit, None for any.
    """
    _check_accumulator(accumulator)
    a, w = code_array(a_codes, "a_codes"), code_array(w_codes, "w_codes")
    if a.ndim != 1 or a.shape != w.shape:
        raise ValueError(f"a_codes {a.shape} and w_codes {w.shape}: (K,) each is needed")
    grid = fmt_a.unit_exponent + fmt_w.unit_exponent
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
    """Return ``encode(start[n] + sum over k of a[m, k] * w[k, n])``, rounded once.

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
        One of `ACCUMULATORS`.
    rounding, clamp
        As in `Format.encode_flags`; a raw output allows ``rne`` and None only.
    width
        Accumulator width in bits that `start` must fit, None for any.

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
    _check_accumulator(accumulator)
    check_rounding(rounding)
    if fmt_y is None and (rounding != "rne" or clamp is not None):
        raise ValueError(
            f"rounding {rounding!r}, clamp {clamp} with raw binary32 results: 'rne' and None only"
        )
    a, w = _matrices(a_codes, w_codes)
    formats = _column_formats(fmts_w, w.shape[1])
    grid = [fmt_a.unit_exponent + fmt.unit_exponent for fmt in formats]
    starts = start_integer(_start_row(start, w.shape[1]), grid, width)
    grid_exponents = np.array([near_exponent(exponent) for exponent in grid], dtype=np.int64)
    sum_rows = _row_summer(w, fmt_a, formats[0] if formats else fmt_a, starts)
    codes = np.empty((len(a), w.shape[1]), np.uint32 if fmt_y is None else np.uint8)
    flags = np.empty(codes.shape, np.uint8)
    height = min(_BLOCK_OUTPUTS // max(w.shape[1], 1), _BLOCK_OPERANDS // max(len(w), 1))
    for first in range(0, len(a), max(height, 1)):
        rows = slice(first, first + max(height, 1))
        values, exponent = sum_rows(a[rows])
        exponent = exponent + grid_exponents
        if fmt_y is None:
            codes[rows], flags[rows] = _encode_binary32(values, exponent)
        else:
            codes[rows], flags[rows] = fmt_y.encode_scaled(values, exponent, rounding, clamp)
    return codes, flags


def add(
    a_codes: ArrayLike,
    fmt_a: Format,
    b_codes: ArrayLike,
    fmt_b: Format,
    fmt_y: Format,
    rounding: str = "rne",
    clamp: int | None = None,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return codes and flags of the sum of two tensors of one shape, exact and rounded once."""
    a, b = code_array(a_codes, "a_codes"), code_array(b_codes, "b_codes")
    if a.shape != b.shape:
        raise ValueError(f"a_codes {a.shape} and b_codes {b.shape}: one shape is needed")
    pairs = a * np.intp(256) + b
    present = np.flatnonzero(np.bincount(pairs.reshape(-1), minlength=256 * 256))
    grid = min(fmt_a.unit_exponent, fmt_b.unit_exponent)
    terms = zip(
        fmt_a.integers(present >> 8).tolist(), fmt_b.integers(present & 255).tolist(), strict=True
    )
    shift_a, shift_b = fmt_a.unit_exponent - grid, fmt_b.unit_exponent - grid
    sums = [(x << shift_a) + (y << shift_b) for x, y in terms]
    tables = np.empty((2, 256 * 256), np.uint8)
    tables[:, present] = _encode_ratios(sums, 1, grid, fmt_y, rounding, clamp)
    return tables[0][pairs], tables[1][pairs]


def mean(
    codes: ArrayLike,
    fmt: Format,
    fmt_y: Format,
    rounding: str = "rne",
    clamp: int | None = None,
    count: int | None = None,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return codes and flags of the mean over the last axis, exact and rounded once.

    The sum is divided by `count`, the length of the axis unless given: average pooling that
    leaves padding out pads with code 0 and gives the number of real elements.
    """
    array = code_array(codes)
    if array.ndim == 0:
        raise ValueError("codes without an axis: a mean is over the last axis")
    count = array.shape[-1] if count is None else count
    if count < 1:
        raise ValueError(f"a mean over {count} elements: at least 1 is needed")
    if array.shape[-1] > _MEAN_DEPTH:
        raise ValueError(f"a mean over {array.shape[-1]} elements: at most {_MEAN_DEPTH} are added")
    sums = np.asarray(fmt.integers(array).sum(axis=-1))
    distinct, places = np.unique(sums, return_inverse=True)
    tables = _encode_ratios(distinct.tolist(), count, fmt.unit_exponent, fmt_y, rounding, clamp)
    places = places.reshape(sums.shape)
    return tables[0][places], tables[1][places]


def _check_accumulator(accumulator: str) -> None:
    if accumulator not in ACCUMULATORS:
        raise ValueError(f"accumulator {accumulator!r}: choose one of {', '.join(ACCUMULATORS)}")


def _place(name: str, index: tuple[int, ...]) -> str:
    return f"{name}[{', '.join(map(str, index))}]" if index else name


def _binary32_values(start: ArrayLike) -> NDArray[np.float32]:
    given = np.asarray(start)
    if given.dtype.kind not in "fiu":
        raise ValueError(f"start of type {given.dtype}: binary32 values are needed")
    with np.errstate(over="ignore"):
        values = given.astype(np.float32)
    for wrong, reason in (
        (~np.isfinite(given), "a start value is finite"),
        (values != given, "not a binary32 value, round it to float32 first"),
    ):
        if wrong.any():
            index = np.unravel_index(np.argmax(wrong), given.shape)
            raise ValueError(f"{_place('start', index)} = {given[index]}: {reason}")
    return values


def _start_row(start: ArrayLike, columns: int) -> NDArray:
    row = np.asarray(start)
    if row.shape not in ((), (columns,)):
        raise ValueError(f"start {row.shape}: one value or {columns}, one for each column of w")
    return np.broadcast_to(row, (columns,))


def _matrices(a_codes: ArrayLike, w_codes: ArrayLike) -> tuple[NDArray, NDArray]:
    a, w = code_array(a_codes, "a_codes"), code_array(w_codes, "w_codes")
    if a.ndim != 2 or w.ndim != 2 or a.shape[1] != w.shape[0]:
        raise ValueError(f"a_codes {a.shape} and w_codes {w.shape}: (M, K) and (K, N) are needed")
    return a, w


def _column_formats(fmts_w: Format | Sequence[Format], columns: int) -> list[Format]:
    if isinstance(fmts_w, Format):
        return [fmts_w] * columns
    formats = list(fmts_w)
    if len(formats) != columns:
        raise ValueError(f"fmts_w has {len(formats)} formats: one, or one for each of {columns}")
    for column, fmt in enumerate(formats):
        if (fmt.sign, fmt.exponent) != (formats[0].sign, formats[0].exponent):
            raise ValueError(
                f"fmts_w[{column}] = {fmt}: may differ from fmts_w[0] = {formats[0]} in bias only"
            )
    return formats


def _row_summer(
    w: NDArray[np.uint8], fmt_a: Format, fmt_w: Format, starts: NDArray[np.object_]
) -> Callable[[NDArray[np.uint8]], _Scaled]:
    """Return the function that sums rows of a with all columns of w, in grid units."""
    largest_start = max(map(abs, starts.tolist()), default=0)
    bound = max(len(w), 1) * fmt_a.max_integer * fmt_w.max_integer + largest_start
    if bound < 2**53:
        table, right = _limb_tables(fmt_a, 53)[0], _limb_tables(fmt_w, 53)[0][w]
        start_row = starts.astype(np.float64)
        return lambda a: (table[a] @ right + start_row, 0)
    tables, rights = _limb_tables(fmt_a, _LIMB), _limb_tables(fmt_w, _LIMB)[:, w]
    start_limbs = _limbs(starts.tolist(), _LIMB, bound.bit_length() // _LIMB + 1)
    return lambda a: _leading_bits(_sum_limbs(a, tables, rights, start_limbs))


def _limbs(integers: Sequence[int], bits: int, count: int) -> NDArray[np.int64]:
    """Split integers into `count` limbs (count, N), lowest first, the last one with the sign."""
    low = [[x >> bits * place & 2**bits - 1 for x in integers] for place in range(count - 1)]
    return np.array([*low, [x >> bits * (count - 1) for x in integers]], dtype=np.int64)


@lru_cache(maxsize=256)
def _limb_tables(fmt: Format, bits: int) -> NDArray[np.float64]:
    """Return the limbs (L, 256) of every code's integer, all of the integer's sign."""
    integers = fmt.integers(range(256)).tolist()
    count = -(-fmt.max_integer.bit_length() // bits)
    signs = np.sign([float(integer) for integer in integers])
    return signs * _limbs([abs(integer) for integer in integers], bits, count)


def _sum_limbs(
    a: NDArray[np.uint8],
    tables: NDArray[np.float64],
    rights: NDArray[np.float64],
    start_limbs: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Return ``start + a @ w`` as limbs (L, M, N) of at most `_LIMB` bits and a signed last one."""
    limbs = np.empty((len(start_limbs), len(a), rights.shape[2]), np.int64)
    limbs[:] = start_limbs[:, np.newaxis, :]
    for first in range(0, a.shape[1], _LIMB_DEPTH):
        terms = slice(first, first + _LIMB_DEPTH)
        for place, table in enumerate(tables):
            left = table[a[:, terms]]
            for offset, right in enumerate(rights):
                limbs[place + offset] += (left @ right[terms]).astype(np.int64)
    _carry(limbs)
    return limbs


def _carry(limbs: NDArray[np.int64]) -> None:
    for low, high in pairwise(limbs):
        high += low >> _LIMB
        low &= 2**_LIMB - 1


def _leading_bits(limbs: NDArray[np.int64]) -> _Scaled:
    """Return the leading bits of integers given as limbs, at least 35, the last one sticky."""
    negative = limbs[-1] < 0
    limbs = np.where(negative, -limbs, limbs)
    _carry(limbs)
    leading, exponent = np.zeros((2, *negative.shape), np.int64)
    for limb in limbs[::-1]:
        full = leading >= 2 ** (2 * _LIMB)
        leading = np.where(full, leading | (limb != 0), (leading << _LIMB) + limb)
        exponent += full * np.int64(_LIMB)
    return np.where(negative, -leading, leading).astype(np.float64), exponent


def _encode_binary32(
    values: NDArray[np.float64], exponent: NDArray[np.int64]
) -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
    """Round ``values * 2**exponent`` to IEEE binary32 words, to nearest even, zero being +0."""
    word, inexact = round_to_code(values, exponent - _BINARY32_UNIT, _BINARY32_FRACTION, "rne")
    underflow = (word == 0) & inexact
    overflow = word >= _BINARY32_INFINITY
    word = np.minimum(word, _BINARY32_INFINITY)
    word |= ((values < 0) & (word != 0)) * np.int64(2**31)
    return word.astype(np.uint32), flag_bits(inexact | overflow, underflow, overflow)


def _encode_ratios(
    numerators: Sequence[int],
    denominator: int,
    exponent: int,
    fmt_y: Format,
    rounding: str,
    clamp: int | None,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Encode ``numerator / denominator * 2**exponent`` for each of the numerators."""
    leading = [_leading_quotient(numerator, denominator) for numerator in numerators]
    values = np.array([value for value, _ in leading], dtype=np.float64)
    places = np.array([place for _, place in leading], dtype=np.int64)
    return fmt_y.encode_scaled(values, places + near_exponent(exponent), rounding, clamp)


def _leading_quotient(numerator: int, denominator: int) -> tuple[float, int]:
    """Return the 53 leading bits of a quotient, the last one sticky, and their exponent."""
    shift = max(54 + denominator.bit_length() - numerator.bit_length(), 0)
    quotient, remainder = divmod(abs(numerator) << shift, denominator)
    excess = max(quotient.bit_length() - 53, 0)
    dropped = quotient & (1 << excess) - 1
    leading = quotient >> excess | (remainder != 0 or dropped != 0)
    return float(-leading if numerator < 0 else leading), excess - shift
