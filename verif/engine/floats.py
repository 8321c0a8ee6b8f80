"""The classical accumulator's numbers as the ports carry them: {sign, exponent, significand}.

A number is (-1)^sign * significand * 2^exponent, the exponent 11 bits in two's complement, the
significand 24 bits with bit 23 set; zero is all bits zero.
"""

from __future__ import annotations

from fractions import Fraction

from model.format.rational import round_significand
from verif.engine import describe

BITS = 36
SIGNIFICAND_BITS = 24
EXPONENTS = range(-1024, 1024)
LEAST, MOST = 1 << 23, (1 << 24) - 1
"""Smallest and largest significand."""


def rounded(value: Fraction) -> Fraction:
    """Return a rational rounded to 24 significand bits, to nearest, ties to even."""
    return round_significand(value, SIGNIFICAND_BITS)


def scaled(significand: int, exponent: int) -> Fraction:
    """Return significand * 2^exponent."""
    return significand * Fraction(2) ** exponent


def binade(value: Fraction) -> int:
    """Return the exponent of the leading one of a rational that is an integer over a power of 2."""
    return abs(value.numerator).bit_length() - value.denominator.bit_length()


def pack(value: Fraction) -> int:
    """Return the bits of a number.

    Raises
    ------
    ValueError
        If it has more than 24 significant bits, or an exponent beyond 11 bits.
    """
    if value == 0:
        return 0
    exponent = binade(value) - SIGNIFICAND_BITS + 1
    significand = abs(value) / Fraction(2) ** exponent
    if significand.denominator != 1 or exponent not in EXPONENTS:
        raise ValueError(f"{describe.dyadic(value)}: 24 bits and exponents of 11 bits only")
    return int(value < 0) << 35 | (exponent & 0x7FF) << 24 | int(significand)


def unpack(bits: int) -> Fraction:
    """Return the value of the bits; of any bits, whether or not a number looks like that."""
    exponent = (bits >> 24 & 0x7FF ^ 0x400) - 0x400
    return scaled((-1) ** (bits >> 35) * (bits & MOST), exponent)


def text(bits: int) -> str:
    """Return a number as a person reads it."""
    exponent = (bits >> 24 & 0x7FF ^ 0x400) - 0x400
    return (
        f"{bits:#011x} = {describe.dyadic(unpack(bits))} "
        f"(sign {bits >> 35}, exponent {exponent}, significand {bits & MOST:#08x})"
    )
