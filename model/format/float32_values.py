"""Holding float32 numbers to the values of a format by additions alone, without codes.

Adding a number of 24 bits, and taking it away again, rounds to the last place of the sum. The right
number for a value depends on its exponent, which is a few bits of it, and on nothing else.
"""

import numpy as np
from numpy.typing import NDArray

_BLOCK = 2**16  # elements at a time, so that intermediate arrays stay in the cache
_EXPONENT = np.int32(0x7F800000)
_FRACTION = 23
_LEAST_UNIT, _LARGEST = 2.0**-100, 2.0**100  # what leaves room for the numbers that are added


def exist(unit: float, largest: float) -> bool:
    """Tell whether float32 holds every value of a format: those of its ends suffice."""
    limits = np.finfo(np.float32)
    return unit >= float(limits.smallest_subnormal) and largest <= float(limits.max)


def holds(fraction: int, unit: float, largest: float) -> bool:
    """Tell whether `hold` serves a format; ties of one without fraction bits go by its exponent."""
    return fraction > 0 and unit >= _LEAST_UNIT and largest <= _LARGEST


def hold(
    values: NDArray[np.float32], signed: bool, fraction: int, unit: float, largest: float
) -> NDArray[np.float32]:
    """Round values to nearest, ties to even, and saturate.

    Parameters
    ----------
    values
        Of any shape. NaN stays NaN.
    signed, fraction
        Whether there is a sign bit; fraction bits.
    unit, largest
        Values of the smallest subnormal and the largest code.
    """
    result = np.empty(values.shape, np.float32)
    flat, flat_result = values.reshape(-1), result.reshape(-1)
    lowest = np.array(unit * 2.0**fraction, np.float32).view(np.int32)
    factor = np.float32(1.5 * 2.0 ** (_FRACTION - fraction))
    limits = np.float32(-largest if signed else 0), np.float32(largest)
    scratch = np.empty(min(_BLOCK, flat.size), np.int32)
    for first in range(0, flat.size, _BLOCK):
        part = flat_result[first : first + _BLOCK]
        exponents = scratch[: part.size]
        added = exponents.view(np.float32)
        np.clip(flat[first : first + _BLOCK], *limits, out=part)
        np.bitwise_and(part.view(np.int32), _EXPONENT, out=exponents)
        np.maximum(exponents, lowest, out=exponents)
        np.multiply(added, factor, out=added)
        np.add(part, added, out=part)
        np.subtract(part, added, out=part)
    return result
