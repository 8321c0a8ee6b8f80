"""Splits of eight bits into sign, exponent and fraction, and the integers that codes then are."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Split = tuple[int, int, int]
"""Sign, exponent and fraction bits."""


def supported_splits(exp_max: int) -> list[tuple[int, int, int]]:
    """Return the (sign, exponent, fraction) widths with at most `exp_max` exponent bits.

    Raises ValueError unless ``0 <= exp_max <= 8``; 8 gives all 17 splits.
    """
    if not 0 <= exp_max <= 8:
        raise ValueError(f"exp_max {exp_max}: an FFP8 format has 0 to 8 exponent bits")
    return [
        (sign, exponent, 8 - sign - exponent)
        for sign in (0, 1)
        for exponent in range(min(exp_max, 8 - sign) + 1)
    ]


@lru_cache
def integer_table(sign: int, exponent: int, fraction: int) -> NDArray:
    """Return the value of every code in units, (256,), read-only; see `Format.integers`."""
    magnitudes = []
    for code in range(2 ** (exponent + fraction)):
        field, trailing = divmod(code, 2**fraction)
        significand = trailing if field == 0 else trailing + 2**fraction
        magnitudes.append(significand << max(field - 1, 0))
    integers = magnitudes + [-magnitude for magnitude in magnitudes] * sign
    table = np.array(integers, dtype=np.int64 if exponent <= 5 else object)
    table.flags.writeable = False
    return table
