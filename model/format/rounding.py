"""Rounding a number to a code whose exponent has no end, and the flags that come of it.

This is the rule that everything fast here is tabulated from, and what encodes binary32.
"""

import numpy as np
from numpy.typing import NDArray

ROUNDINGS = ("rne", "rmm", "rtz", "rup", "rdn")
FLAG_INEXACT, FLAG_UNDERFLOW, FLAG_OVERFLOW = 1, 2, 4

_FAR = 2**40  # an exponent beyond any that a value in memory can reach, safe in int64


def check_rounding(rounding: str) -> None:
    """Raise ValueError if `rounding` is not one of `ROUNDINGS`."""
    if rounding not in ROUNDINGS:
        raise ValueError(f"rounding {rounding!r}: choose one of {', '.join(ROUNDINGS)}")


def near_exponent(exponent: int) -> int:
    """Return an exponent of any size limited to what int64 arrays can add up safely."""
    return max(-_FAR, min(_FAR, exponent))


def round_to_code(
    values: NDArray[np.float64], exponent: int | NDArray[np.int64], fraction: int, rounding: str
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Round the magnitude of ``values * 2**exponent`` units to a code with unbounded exponent.

    Parameters
    ----------
    values
        Finite. A value of more than 53 bits is given by its leading bits with a sticky last bit
        (set if anything below is set); all that rounding needs is in them.
    exponent
        Broadcastable to `values`.
    fraction
        Fraction bits of the result, 0 to 23.
    rounding
        One of `ROUNDINGS`.

    Returns
    -------
    code
        Exponent field and fraction field side by side, the former as wide as it needs to be.
        Negative values are rounded as such but give the code of their magnitude.
    inexact
        True where rounding changed the value.
    """
    scaled, leading = np.frexp(values)
    significand = np.abs(scaled * 2.0**62).astype(np.int64)  # 2^61 up to 2^62, or 0
    position = np.where(significand == 0, -64, np.clip(leading + exponent - 1, -64, 1024))
    step = np.maximum(position - fraction, 0)  # exponent of the last place kept, in units
    shift = np.minimum(step - position + 61, 63)  # at 63 the half exceeds every significand
    kept = significand >> shift
    remainder = significand - (kept << shift)
    code = (step << fraction) + kept
    inexact = remainder != 0
    if rounding == "rne":
        code += remainder + (code & 1) > (np.int64(1) << (shift - 1))
    elif rounding == "rmm":
        code += remainder >= (np.int64(1) << (shift - 1))
    elif rounding != "rtz":
        code += inexact & ((values < 0) == (rounding == "rdn"))
    return code, inexact


def flag_bits(
    inexact: NDArray[np.bool_], underflow: NDArray[np.bool_], overflow: NDArray[np.bool_]
) -> NDArray[np.uint8]:
    """Return the flags of each element packed into one uint8."""
    flags = inexact * np.uint8(FLAG_INEXACT)
    flags |= underflow * np.uint8(FLAG_UNDERFLOW)
    flags |= overflow * np.uint8(FLAG_OVERFLOW)
    return flags
