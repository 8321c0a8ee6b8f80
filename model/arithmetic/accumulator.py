"""The accumulator of a dot product: its width, and the start values that it takes."""

from collections.abc import Sequence
from fractions import Fraction
from math import isfinite
from numbers import Integral

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..format.format import Format
from ..format.splits import supported_splits

ACCUMULATORS = ("exact", "binary32")

_FAR = 2000  # exponent that takes every binary32 value beyond float64's range


def check_accumulator(accumulator: str) -> None:
    """Raise ValueError if `accumulator` is not one of `ACCUMULATORS`."""
    if accumulator not in ACCUMULATORS:
        raise ValueError(f"accumulator {accumulator!r}: choose one of {', '.join(ACCUMULATORS)}")


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
    one for the start value and one for the sign; at least the 26 that the conversion of a start
    value's significand needs.
    """
    if k_max < 1:
        raise ValueError(f"k_max {k_max}: a dot product has at least 1 term")
    largest = max(Format(*split, 0).max_integer for split in supported_splits(exp_max))
    return max(26, (largest**2).bit_length() + (k_max - 1).bit_length() + 2)


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
        If a value is not binary32, not finite or too wide, naming its column, or the width is no
        integer of at least 2 bits.
    """
    if width is not None and (not isinstance(width, Integral) or width < 2):
        raise ValueError(f"width {width!r}: an accumulator has a whole number of bits, at least 2")
    values, exponents = np.broadcast_arrays(
        binary32_values(start), np.array(grid_exponent, dtype=object)
    )
    integers = np.empty(values.shape, dtype=object)
    integers.reshape(-1)[:] = _round_to_grid(values.reshape(-1), exponents.reshape(-1).tolist())
    if width is not None:
        _check_width(values, exponents, integers, width)
    return integers[()]


def held_start(start: ArrayLike, grid_exponent: Sequence[int]) -> NDArray[np.float64]:
    """Return start values as an accumulator holds them, rounded to the grid, (N,).

    They are as `start_integer` takes them.
    """
    return np.ldexp(start_integer(start, grid_exponent).astype(np.float64), grid_exponent)


def _round_to_grid(values: NDArray[np.float32], exponents: list[int]) -> list[int]:
    near = {exponent: -max(-_FAR, min(_FAR, exponent)) for exponent in set(exponents)}
    shifts = np.array([near[exponent] for exponent in exponents], dtype=np.int64)
    with np.errstate(over="ignore"):
        units = np.rint(np.ldexp(values.astype(np.float64), shifts))
    return [
        int(unit) if isfinite(unit) else int(Fraction(value) * Fraction(2) ** -exponent)
        for unit, value, exponent in zip(units.tolist(), values.tolist(), exponents, strict=True)
    ]


def _check_width(
    values: NDArray[np.float32], exponents: NDArray, integers: NDArray[np.object_], width: int
) -> None:
    largest = 2 ** (width - 2)
    for index in np.ndindex(values.shape):
        if not -largest <= integers[index] < largest:
            raise ValueError(
                f"{_place('start', index)} = {values[index]}: not within {width - 1} bits on the "
                f"grid of 2^{exponents[index]}, all that a {width}-bit accumulator takes"
            )


def binary32_values(start: ArrayLike) -> NDArray[np.float32]:
    """Return start values as float32; ValueError if one is not finite or not binary32."""
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


def _place(name: str, index: tuple[int, ...]) -> str:
    return f"{name}[{', '.join(map(str, index))}]" if index else name
