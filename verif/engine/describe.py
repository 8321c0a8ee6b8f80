"""Numbers as a person who reads a failure wants to see them."""

from __future__ import annotations

from fractions import Fraction

from model import Format


def dyadic(value: Fraction) -> str:
    """Return an integer times a power of two as ``-13 * 2^-9``, whatever its size."""
    odd, exponent = value.numerator, 1 - value.denominator.bit_length()
    zeros = (odd & -odd).bit_length() - 1 if odd else 0
    odd, exponent = odd >> zeros, (exponent + zeros if odd else 0)
    return f"{odd} * 2^{exponent}" if exponent else str(odd)


def real(value: Fraction) -> str:
    """Return a value both ways, ``-0.40625 = -13 * 2^-5``; only the latter beyond float64."""
    try:
        return f"{float(value)!r} = {dyadic(value)}"
    except OverflowError:
        return dyadic(value)


def code(fmt: Format, number: int) -> str:
    """Return a code with its value, sign, exponent field and significand."""
    sign, magnitude = divmod(number, fmt.max_code + 1)
    field, trailing = divmod(magnitude, 2**fmt.fraction)
    significand = trailing + (2**fmt.fraction if field else 0)
    return (
        f"{number:#04x} of {fmt} = {real(fmt.exact(number))} "
        f"(sign {sign}, exponent {field}, significand {significand})"
    )


def binary32(word: int) -> str:
    """Return a binary32 word with its value, sign, exponent field and significand."""
    sign, field, trailing = word >> 31, word >> 23 & 0xFF, word & 0x7FFFFF
    if field == 255:
        return f"{word:#010x} = {'NaN' if trailing else '-infinity' if sign else 'infinity'}"
    significand = trailing + (2**23 if field else 0)
    value = (-1) ** sign * significand * Fraction(2) ** (max(field, 1) - 150)
    return (
        f"{word:#010x} = {real(value)} (sign {sign}, exponent {field}, significand {significand})"
    )


def flags(number: int) -> str:
    """Return the names of the flags that are set."""
    names = ("inexact", "underflow", "overflow")
    return " ".join(name for bit, name in enumerate(names) if number >> bit & 1) or "no flags"
