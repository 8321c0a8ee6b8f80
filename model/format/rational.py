"""The judge: FFP8 by its definition, in exact rationals, slow and without a trick.

Written from the definition alone and sharing no code with the rest of the package, which it
judges. A format is given as its four fields (sign, exponent, fraction, bias).
"""

import struct
from bisect import bisect_right
from collections.abc import Iterable
from fractions import Fraction
from functools import lru_cache

Fields = tuple[int, int, int, int]

INEXACT, UNDERFLOW, OVERFLOW = 1, 2, 4


def decode(fields: Fields, code: int) -> Fraction:
    """Return the value of a code, 0 to 255."""
    sign_bits, *_ = fields
    negative = sign_bits == 1 and code >= 128
    magnitude = _magnitudes(fields)[code - 128 if negative else code]
    return -magnitude if negative else magnitude


def encode(
    fields: Fields, value: Fraction, rounding: str = "rne", clamp: int | None = None
) -> tuple[int, int]:
    """Return the code of a rational and its flags.

    Parameters
    ----------
    fields
        Sign, exponent and fraction bits, and bias.
    value
        What is encoded.
    rounding
        ``rne``, ``rmm``, ``rtz``, ``rup`` or ``rdn``.
    clamp
        Magnitude code that results of larger magnitude become.

    Returns
    -------
    The code, and the sum of 1 for inexact, 2 for underflow and 4 for overflow.
    """
    negative = value < 0
    if negative and fields[0] == 0:
        return 0, INEXACT
    magnitudes = _magnitudes(fields)
    beyond = len(magnitudes) - 1
    rounded = _round(magnitudes, abs(value), _direction(rounding, negative))
    code = min(rounded, beyond - 1 if clamp is None else clamp)
    flags = INEXACT if magnitudes[code] != abs(value) else 0
    if value != 0 and rounded == 0:
        flags |= UNDERFLOW
    if rounded == beyond:
        flags |= OVERFLOW
    return code + 128 if negative and code else code, flags


def encode_binary32(value: Fraction) -> tuple[int, int]:
    """Return the IEEE binary32 word of a rational, to nearest even, and its flags; zero is +0."""
    quantum = Fraction(2) ** max(_last_place(value, 24), -149)
    rounded = round(value / quantum) * quantum
    if abs(rounded) >= 2**128:
        return (0xFF800000 if value < 0 else 0x7F800000), OVERFLOW | INEXACT
    flags = INEXACT if rounded != value else 0
    if value != 0 and rounded == 0:
        flags |= UNDERFLOW
    return int.from_bytes(struct.pack(">f", float(rounded)), "big"), flags


def decode_binary32(word: int) -> Fraction:
    """Return the value of the word of a finite binary32 number."""
    return Fraction(struct.unpack(">f", word.to_bytes(4, "big"))[0])


def accumulate(
    fields_a: Fields,
    fields_w: Fields,
    a_codes: Iterable[int],
    w_codes: Iterable[int],
    start: Fraction = Fraction(0),
) -> Fraction:
    """Return the sum of products of the codes' values, after a start value put on their grid.

    The grid is the product of the smallest steps of the two formats; the start value is rounded
    to it, to nearest, ties to even.
    """
    grid = _step(fields_a) * _step(fields_w)
    total = round(start / grid) * grid
    for a_code, w_code in zip(a_codes, w_codes, strict=True):
        total += decode(fields_a, a_code) * decode(fields_w, w_code)
    return total


def accumulate_binary32(
    fields_a: Fields,
    fields_w: Fields,
    a_codes: Iterable[int],
    w_codes: Iterable[int],
    start: Fraction = Fraction(0),
) -> Fraction:
    """Return a start value plus products, added one by one and rounded to 24 bits each time.

    To nearest, ties to even; the exponent has no end. The start value is taken as it is.
    """
    total = start
    for a_code, w_code in zip(a_codes, w_codes, strict=True):
        total = round_significand(total + decode(fields_a, a_code) * decode(fields_w, w_code), 24)
    return total


def round_significand(value: Fraction, bits: int) -> Fraction:
    """Return a rational rounded to a significand of that many bits, to nearest, ties to even."""
    quantum = Fraction(2) ** _last_place(value, bits)
    return round(value / quantum) * quantum


def _last_place(value: Fraction, bits: int) -> int:
    """Return the exponent of the last place of a significand of that many bits."""
    # a quotient of numbers of n and d bits is above 2^(n - d - 1) and below 2^(n - d + 1)
    exponent = value.numerator.bit_length() - value.denominator.bit_length() - bits
    return exponent + 1 if abs(value) >= Fraction(2) ** (exponent + bits) else exponent


def _step(fields: Fields) -> Fraction:
    _, _, fraction, bias = fields
    return Fraction(2) ** (1 - bias - fraction)


@lru_cache(maxsize=256)
def _magnitudes(fields: Fields) -> list[Fraction]:
    """Return the magnitude of every magnitude code, and the next one had the exponent no end."""
    _, exponent, fraction, bias = fields
    magnitudes = []
    for code in range(2 ** (exponent + fraction) + 1):
        field, trailing = code >> fraction, code & (2**fraction - 1)
        if field == 0:
            value = trailing * Fraction(2) ** (1 - bias - fraction)
        else:
            value = (2**fraction + trailing) * Fraction(2) ** (field - bias - fraction)
        magnitudes.append(value)
    return magnitudes


def _direction(rounding: str, negative: bool) -> str:
    """Return how a magnitude is rounded: even, away (nearest), down or up."""
    return {
        "rne": "even",
        "rmm": "away",
        "rtz": "down",
        "rup": "down" if negative else "up",
        "rdn": "up" if negative else "down",
    }[rounding]


def _round(magnitudes: list[Fraction], magnitude: Fraction, direction: str) -> int:
    """Return the index of the magnitude rounded to; the last one stands for all beyond."""
    if magnitude >= magnitudes[-1]:
        return len(magnitudes) - 1
    below = bisect_right(magnitudes, magnitude) - 1
    if magnitudes[below] == magnitude or direction == "down":
        return below
    if direction == "up":
        return below + 1
    to_below, to_above = magnitude - magnitudes[below], magnitudes[below + 1] - magnitude
    if to_below == to_above:
        return below + 1 if direction == "away" or below % 2 == 1 else below
    return below if to_below < to_above else below + 1
