"""Golden vectors of decode and encode, and what random dot products are drawn from.

Every result comes from `model.format.rational`, never from the fast model.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from fractions import Fraction

from model import ROUNDINGS, supported_splits
from model.format import rational
from verif.vectors.files import (
    Layout,
    Row,
    flags_field,
    format_text,
    rounding_field,
    signed,
    unsigned,
)

Fields = rational.Fields

SPLITS = supported_splits(8)
DECODE_BIASES = (-128, -1, 0, 7, 15, 127)
NEIGHBOUR = Fraction(1, 2**24)  # how far, of a step, a neighbour is from a value or a midpoint

DECODE = Layout(
    "decode",
    "The value of every code of every split, at several biases. Code 80 is zero in signed formats.",
    (
        format_text("format", "the format"),
        unsigned("code", 8, "the code"),
        signed("significand", 16, "significand of its value, odd or zero, two's complement in hex"),
        signed("exponent", 16, "exponent of its value, two's complement in hex"),
    ),
)
ENCODE = Layout(
    "encode",
    "Codes of numbers, for every split and rounding mode: the format's own values, the midpoints "
    "between them, numbers close to either, and numbers past both ends.",
    (
        format_text("format", "the format"),
        rounding_field(),
        signed(
            "significand", 48, "significand of the number, odd or zero, two's complement in hex"
        ),
        signed("exponent", 16, "exponent of the number, two's complement in hex"),
        unsigned("code", 8, "its code"),
        flags_field(),
    ),
)


def text(fields: Fields) -> str:
    """Return a format as it is written."""
    sign, exponent, fraction, bias = fields
    return f"s{sign}e{exponent}f{fraction}b{bias}"


def significand_and_exponent(value: Fraction) -> tuple[int, int]:
    """Return a dyadic rational as an odd integer times a power of two; zero is 0 times 1."""
    integer = value.numerator
    if integer == 0:
        return 0, 0
    places = (integer & -integer).bit_length() - 1
    return integer >> places, places - (value.denominator.bit_length() - 1)


def decode_count() -> int:
    """Return how many decode vectors there are."""
    return len(SPLITS) * len(DECODE_BIASES) * 256


def decode_rows() -> Iterator[Row]:
    """Yield the vectors of every code."""
    for split in SPLITS:
        for bias in DECODE_BIASES:
            fields = (*split, bias)
            for code in range(256):
                value = rational.decode(fields, code)
                yield [text(fields), code, *significand_and_exponent(value)]


def encode_inputs(fields: Fields) -> list[Fraction]:
    """Return what is encoded to a format: values, midpoints, neighbours, and past both ends."""
    values = [rational.decode(fields, code) for code in range(2 ** (8 - fields[0]))]
    largest, step = values[-1], values[-1] - values[-2]
    numbers = {Fraction(0), largest * 2**40, (values[1] or largest) / 2**40}
    for low, high in zip(values, [*values[1:], largest + step], strict=True):
        for point in (low, (low + high) / 2):
            near = (high - low) * NEIGHBOUR
            numbers |= {point, point + near, abs(point - near)}
    numbers |= {largest + step, largest + step * (1 + NEIGHBOUR)}
    negative = sorted(-number for number in numbers if number)
    return (negative if fields[0] else negative[:: len(negative) // 16]) + sorted(numbers)


def encode_count() -> int:
    """Return how many encode vectors there are."""
    return len(ROUNDINGS) * sum(len(encode_inputs((*split, 0))) for split in SPLITS)


def encode_rows(seed: int) -> Iterator[Row]:
    """Yield the vectors of every split and rounding mode, each pair at a bias of its own."""
    source = random.Random(f"encode {seed}")
    for split in SPLITS:
        for rounding in ROUNDINGS:
            fields = (*split, draw_bias(source))
            for number in encode_inputs(fields):
                result = rational.encode(fields, number, rounding)
                yield [text(fields), rounding, *significand_and_exponent(number), *result]


def draw_bias(source: random.Random) -> int:
    """Draw a bias that a register holds: mostly moderate, sometimes any, sometimes an extreme."""
    kind = source.random()
    if kind < 0.1:
        return source.choice((-128, 127))
    return source.randint(-128, 127) if kind < 0.3 else source.randint(-20, 20)
