"""Exact FFP8 arithmetic of single elements: residual addition and average pooling.

Both round an exact rational once, by the encoder.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..format.arrays import code_array
from ..format.format import Format, check_format
from ..format.rounding import near_exponent

_MEAN_DEPTH = 2 ** (63 - 34)  # integers of 34 bits that an int64 adds up
_NUMERATOR, _DENOMINATOR = 2**50, 2**40  # below these, float64 divides well enough


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
    for fmt, name in ((fmt_a, "fmt_a"), (fmt_b, "fmt_b"), (fmt_y, "fmt_y")):
        check_format(fmt, name)
    a, b = code_array(a_codes, "a_codes"), code_array(b_codes, "b_codes")
    if a.shape != b.shape:
        raise ValueError(f"a_codes {a.shape} and b_codes {b.shape}: one shape is needed")
    pairs = a * np.intp(256) + b
    present = np.flatnonzero(np.bincount(pairs.ravel(order="K"), minlength=256 * 256))
    grid = min(fmt_a.unit_exponent, fmt_b.unit_exponent)
    left = _shifted(fmt_a.integers(present >> 8), fmt_a.unit_exponent - grid)
    right = _shifted(fmt_b.integers(present & 255), fmt_b.unit_exponent - grid)
    sums = left + right
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
    check_format(fmt, "fmt")
    check_format(fmt_y, "fmt_y")
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
    tables = _encode_ratios(distinct, count, fmt.unit_exponent, fmt_y, rounding, clamp)
    places = places.reshape(sums.shape)
    return tables[0][places], tables[1][places]


def _shifted(integers: NDArray, shift: int) -> NDArray:
    """Return ``integers * 2**shift``, as Python integers unless int64 holds them and their sums."""
    fits = integers.dtype == np.int64 and shift < 63 - 1 - 34
    return integers.astype(np.int64 if fits else object) << shift


def _encode_ratios(
    numerators: NDArray,
    denominator: int,
    exponent: int,
    fmt_y: Format,
    rounding: str,
    clamp: int | None,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Encode ``numerator / denominator * 2**exponent`` for each of the numerators.

    Rounding changes only where at most 10 significant bits say it all. A quotient that is not such
    a place differs from it, relative to itself, by more than the reciprocal of the numerator or of
    2**11 times the denominator; float64, which rounds by 2**-53, leaves it on its side.
    """
    exponent = near_exponent(exponent)
    if np.abs(numerators).max(initial=0) < _NUMERATOR and denominator < _DENOMINATOR:
        values = numerators.astype(np.float64) / denominator
        return fmt_y.encode_scaled(values, exponent, rounding, clamp)
    leading = [_leading_quotient(numerator, denominator) for numerator in numerators.tolist()]
    values = np.array([value for value, _ in leading], dtype=np.float64)
    places = np.array([place for _, place in leading], dtype=np.int64)
    return fmt_y.encode_scaled(values, places + exponent, rounding, clamp)


def _leading_quotient(numerator: int, denominator: int) -> tuple[float, int]:
    """Return the 53 leading bits of a quotient, the last one sticky, and their exponent."""
    shift = max(54 + denominator.bit_length() - numerator.bit_length(), 0)
    quotient, remainder = divmod(abs(numerator) << shift, denominator)
    excess = max(quotient.bit_length() - 53, 0)
    dropped = quotient & (1 << excess) - 1
    leading = quotient >> excess | (remainder != 0 or dropped != 0)
    return float(-leading if numerator < 0 else leading), excess - shift
