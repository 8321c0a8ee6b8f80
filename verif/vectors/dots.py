"""Golden vectors of dot products, random and at corners, by either accumulator."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from fractions import Fraction

from model import ACCUMULATORS, ROUNDINGS, accumulator_width
from model.format import rational
from verif.vectors.cases import SPLITS, Fields, text
from verif.vectors.files import (
    Layout,
    Row,
    choice,
    code_pairs,
    flags_field,
    format_text,
    optional_code,
    rounding_field,
    word32,
)

TERMS = 32
BIASES = (-128, -21, -4, 0, 7, 20, 127)  # of operands: few, since the judge tabulates each format
Operands = tuple[Fields, Fields, list[list[int]], Fraction]
JUDGES = {"exact": rational.accumulate, "binary32": rational.accumulate_binary32}


def random_operands(source: random.Random) -> Operands:
    """Draw anything, extremes and zeros often among the codes."""
    fields_a, fields_w = draw_fields(source), draw_fields(source)
    pairs = [[draw_code(source), draw_code(source)] for _ in range(source.randint(1, TERMS))]
    return fields_a, fields_w, pairs, draw_start(source, fields_a, fields_w)


def cancelling(source: random.Random) -> Operands:
    """Draw large products that cancel, in any order, and small ones that remain."""
    fields_a, fields_w = draw_fields(source), draw_fields(source, sign=1)
    pairs = []
    for _ in range(source.randint(1, TERMS // 2 - 2)):
        a, w = source.randint(0x60, 0x7F), source.randint(0x60, 0x7F)
        pairs += [[a, w], [a, w | 0x80]]
    source.shuffle(pairs)
    pairs += [[source.randint(0, 0x10), draw_code(source) & 0x8F] for _ in range(2)]
    return fields_a, fields_w, pairs, Fraction(0)


def largest(source: random.Random) -> Operands:
    """Draw the largest products that the formats have, all of them or all but a few."""
    fields_a, fields_w = draw_fields(source), draw_fields(source)
    top_a, top_w = (255 >> fields[0] for fields in (fields_a, fields_w))
    sign = 0x80 * source.randint(0, 1) * fields_w[0]
    pairs = [[top_a, top_w | sign] for _ in range(source.randint(1, TERMS))]
    if source.random() < 0.3:
        pairs[source.randrange(len(pairs))] = [draw_code(source), draw_code(source)]
    return fields_a, fields_w, pairs, draw_start(source, fields_a, fields_w)


def vanishing(source: random.Random) -> Operands:
    """Draw zeros of either sign and the smallest codes, with a start value or none."""
    fields_a, fields_w = draw_fields(source), draw_fields(source)
    pairs = [
        [source.choice((0x00, 0x80, 0x01)), source.choice((0x00, 0x80, 0x01, 0x81))]
        for _ in range(source.randint(0, 4))
    ]
    start = draw_start(source, fields_a, fields_w) if source.random() < 0.5 else Fraction(0)
    return fields_a, fields_w, pairs, start


def half_places(source: random.Random) -> Operands:
    """Draw a start value of 24 bits and products of about half its last place."""
    fields_a, fields_w = draw_fields(source, exponent=4), draw_fields(source, exponent=4)
    unit = rational.decode(fields_a, 8) * rational.decode(fields_w, 8)  # near to 1 in the codes
    place = unit * Fraction(2) ** source.randint(0, 6)
    start = place * source.choice((2**23, 2**24 - 1, 2**24 - 2, source.randint(2**23, 2**24 - 1)))
    pairs = [
        [source.randint(0x01, 0x30), source.randint(0x01, 0x30) | source.choice((0x00, 0x80))]
        for _ in range(source.randint(1, TERMS))
    ]
    start *= source.choice((-1, 1))
    return fields_a, fields_w, pairs, start if is_start(start, fields_a, fields_w) else Fraction(0)


KINDS: dict[str, Callable[[random.Random], Operands]] = {
    "random": random_operands,
    "cancelling": cancelling,
    "largest": largest,
    "vanishing": vanishing,
    "half_places": half_places,
}

DOT = Layout(
    "dot",
    "Sums start + a[0] * w[0] + a[1] * w[1] + ..., in this order, encoded. A start value fits the "
    f"exact accumulator of the smallest build that has the formats and takes {TERMS} terms.",
    (
        choice("kind", KINDS, "how the operands were drawn"),
        choice("accumulator", ACCUMULATORS, "the accumulator"),
        format_text("format_a", "format of a"),
        format_text("format_w", "format of w"),
        format_text("format_y", "format of the result; raw binary32 if null, or fffff in hex"),
        rounding_field(),
        optional_code("clamp", "largest magnitude code of the result"),
        word32("start", "IEEE binary32 word of the start value"),
        word32("result", "code of the result, or IEEE binary32 word of a raw one"),
        flags_field(),
        code_pairs("pairs", TERMS, "pairs of codes of a and w"),
    ),
)


def dot_rows(seed: int, count: int) -> Iterator[Row]:
    """Yield vectors, kinds and accumulators in turn."""
    source = random.Random(f"dot {seed}")
    for index in range(count):
        kind = list(KINDS)[index // 2 % len(KINDS)]
        yield dot_row(source, kind, ACCUMULATORS[index % 2])


def dot_row(source: random.Random, kind: str, accumulator: str) -> Row:
    """Return one vector."""
    fields_a, fields_w, pairs, start = KINDS[kind](source)
    codes = ([pair[0] for pair in pairs], [pair[1] for pair in pairs])
    total = JUDGES[accumulator](fields_a, fields_w, *codes, start)
    start_word = f"{rational.encode_binary32(start)[0]:08x}"
    head = [kind, accumulator, text(fields_a), text(fields_w)]
    if source.random() < 0.2:
        word, flags = rational.encode_binary32(total)
        return [*head, None, "rne", None, start_word, f"{word:08x}", flags, pairs]
    fields_y, rounding = draw_result_fields(source, total), source.choice(ROUNDINGS)
    clamp = source.randint(0, 255 >> fields_y[0]) if source.random() < 0.2 else None
    code, flags = rational.encode(fields_y, total, rounding, clamp)
    return [*head, text(fields_y), rounding, clamp, start_word, f"{code:08x}", flags, pairs]


def draw_fields(
    source: random.Random, sign: int | None = None, exponent: int | None = None
) -> Fields:
    """Draw a format, its sign or exponent bits given or any."""
    splits = [
        split for split in SPLITS if sign in (None, split[0]) and exponent in (None, split[1])
    ]
    return (*source.choice(splits), source.choice(BIASES))


def draw_code(source: random.Random) -> int:
    """Draw a code, extremes and zeros often."""
    if source.random() < 0.2:
        return source.choice((0x00, 0x01, 0x7F, 0x80, 0x81, 0xFF))
    return source.randint(0, 255)


def draw_start(source: random.Random, fields_a: Fields, fields_w: Fields) -> Fraction:
    """Draw a start value about the size of the products, or zero."""
    size = rational.decode(fields_a, draw_code(source)) * rational.decode(
        fields_w, draw_code(source)
    )
    value = round_binary32(size * source.randint(1, 2**24) / 2 ** source.randint(20, 26))
    return value if is_start(value, fields_a, fields_w) else Fraction(0)


def is_start(value: Fraction, fields_a: Fields, fields_w: Fields) -> bool:
    """Tell whether a value is binary32 and fits the exact accumulator of the smallest build."""
    if abs(value) >= 2**128 or round_binary32(value) != value:
        return False
    largest_start = 2 ** (accumulator_width(max(fields_a[1], fields_w[1]), TERMS) - 2)
    unit = Fraction(2) ** (2 - fields_a[2] - fields_a[3] - fields_w[2] - fields_w[3])
    return -largest_start <= round(value / unit) < largest_start


def round_binary32(value: Fraction) -> Fraction:
    """Return a rational rounded to binary32, or zero if that overflows."""
    word, flags = rational.encode_binary32(value)
    return Fraction(0) if flags & rational.OVERFLOW else rational.decode_binary32(word)


def draw_result_fields(source: random.Random, value: Fraction) -> Fields:
    """Draw a format in whose range, or about its ends, a value lies, as far as registers hold."""
    sign, exponent, fraction = source.choice(SPLITS)
    place = value.numerator.bit_length() - value.denominator.bit_length() if value else 0
    bias = source.randint(-3, 2**exponent + fraction + 2) - place
    return sign, exponent, fraction, max(-128, min(127, bias))
