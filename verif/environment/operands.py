"""Codes by what they are: classes of operands, shifts, ways of the accumulator, landings."""

from __future__ import annotations

from bisect import bisect_right
from functools import lru_cache

import numpy as np

from model import Format
from verif.environment.draw import choose

CLASSES = ("zero", "minus zero", "smallest", "subnormal", "normal", "largest", "most negative")
"""Classes of operands; every code is in one at least."""

WALKS = ("rises through zero", "falls through zero", "cancels to zero")
"""Ways of an accumulator that need products of both signs."""

QUARTERS = {"exact": (0,), "below tie": (1,), "tie to even down": (2,), "tie to even up": (2,)}
QUARTERS |= {"above tie": (3,), "next binade": (2, 3)}
"""Quarters of the step between two codes at which a total lies above the lower one."""

POSITIONS = tuple(QUARTERS)

TO_ZERO = ("below tie", "tie to even down")
"""Positions above zero from which nearest even goes to zero; a coarse sum has only a tie."""

REGIONS = ("subnormal", "normal", "largest")
"""Where the lower of the two neighbours of a total lies."""

BEYOND = {"the next code": (1, 1), "farther": (2, 8)}
"""Regions beyond the largest code: the least and the largest multiple of the code after it."""


def classes_of(fmt: Format, code: int) -> set[str]:
    """Return the classes of a code."""
    sign, magnitude = divmod(code, fmt.max_code + 1)
    if magnitude == 0:
        return {"minus zero" if sign else "zero"}
    found = {"normal" if magnitude >> fmt.fraction else "subnormal"}
    if magnitude == 1:
        found.add("smallest")
    if magnitude == fmt.max_code:
        found.add("most negative" if sign else "largest")
    return found


def holds(fmt: Format, name: str) -> bool:
    """Whether a format has a code of a class."""
    if name in ("minus zero", "most negative"):
        return fmt.sign == 1
    if name == "normal":
        return fmt.exponent > 0
    return fmt.fraction > 0 if name == "subnormal" else True


def code_of_class(random: np.random.Generator, fmt: Format, name: str) -> int:
    """Return a code of a class that the format has."""
    sign = int(random.integers(2)) * (fmt.max_code + 1) if fmt.sign else 0
    if name == "zero":
        return 0
    if name == "minus zero":
        return 0x80
    if name == "smallest":
        return sign | 1
    if name == "largest":
        return fmt.max_code
    if name == "most negative":
        return 0xFF
    least = 1 << fmt.fraction
    if name == "subnormal":
        return sign | int(random.integers(1, least))
    return sign | int(random.integers(least, fmt.max_code + 1))


def shift_of(fmt: Format, code: int) -> int:
    """Return by how much a code's significand is shifted, its exponent field less one."""
    return max((code & fmt.max_code) >> fmt.fraction, 1) - 1


def most_shift(of: Format | tuple[int, int]) -> int:
    """Return the largest shift of a format or split."""
    exponent = of.exponent if isinstance(of, Format) else of[1]
    return max(2**exponent - 2, 0)


def code_of_shift(random: np.random.Generator, fmt: Format, shift: int) -> int:
    """Return a code that is not zero and has this shift."""
    trailing = int(random.integers(0, 2**fmt.fraction))
    sign = int(random.integers(2)) * 0x80 if fmt.sign else 0
    if shift == 0 and fmt.exponent == 0:
        return sign | max(trailing, 1)
    return sign | (shift + 1) << fmt.fraction | trailing


def random_codes(random: np.random.Generator, fmt: Format, shape: tuple[int, int]) -> np.ndarray:
    """Return codes, uint8: any, many zeros, or of a few classes."""
    style = random.random()
    codes = random.integers(0, 256, shape).astype(np.uint8)
    if style < 0.5:
        return codes
    if style < 0.75:
        return codes * (random.random(shape) < 0.5)
    sign = 0x80 * fmt.sign
    special = np.array([0, sign, 1, sign | 1, fmt.max_code, sign | fmt.max_code], np.uint8)
    return random.choice(special, shape)


def walk_pairs(
    random: np.random.Generator, fmt_a: Format, fmt_w: Format, walk: str
) -> list[tuple[int, int]]:
    """Return pairs of codes whose products take the accumulator that way, or none.

    One of the formats has to be signed.
    """
    if not fmt_a.sign:
        pairs = walk_pairs(random, fmt_w, fmt_a, walk) if fmt_w.sign else []
        return [(a, w) for w, a in pairs]
    code = int(random.integers(1, fmt_a.max_code + 1))
    w_code = int(random.integers(1, fmt_w.max_code + 1))
    if walk == "cancels to zero":
        flip = int(random.integers(2)) * 0x80
        return [(code ^ flip, w_code), (code ^ 0x80 ^ flip, w_code)]
    smaller, larger = sorted((code, int(random.integers(1, fmt_a.max_code + 1))))
    if smaller == larger:
        smaller, larger = (1, 2) if larger == 1 else (larger - 1, larger)
    minus = walk == "rises through zero"
    first, second = (smaller | 0x80, larger) if minus else (smaller, larger | 0x80)
    return [(first, w_code), (second, w_code)]


ACCENTS = ("the first pair alone", "the last pair alone", "a pair twice", "the largest pair")
"""Which pair of a sum is to count: all others are zero, or take most of it away again."""


def accent_pairs(
    random: np.random.Generator, fmt_a: Format, fmt_w: Format, accent: str, k: int
) -> list[tuple[int, tuple[int, int]]]:
    """Return the pairs of a sum of k that are not zero, each with its place; k is at least 2."""
    if accent == "the largest pair":
        minus_a, minus_w = minus(fmt_a, fmt_w)
        largest = (fmt_a.max_code, fmt_w.max_code)
        back = (largest[0] | minus_a, (largest[1] - 1) | minus_w)
        return [(0, largest), (k - 1, back)] if minus_a or minus_w else [(0, largest)]
    codes = int(random.integers(1, fmt_a.max_code + 1)), int(random.integers(1, fmt_w.max_code + 1))
    if accent == "a pair twice":
        place = int(random.integers(k - 1))
        return [(place, codes), (place + 1, codes)]
    return [(0 if accent == "the first pair alone" else k - 1, codes)]


def carry_pairs(fmt_a: Format, fmt_w: Format, place: int) -> list[tuple[int, int]]:
    """Return pairs whose products are -2^m and 2^m, m the place or as near as formats allow.

    One of the formats has to be signed.
    """
    a, w = power_pair(fmt_a, fmt_w, place)
    minus_a, minus_w = minus(fmt_a, fmt_w)
    return [(a | minus_a, w | minus_w), (a, w)]


def power_pair(fmt_a: Format, fmt_w: Format, exponent: int) -> tuple[int, int]:
    """Return positive codes whose product is 2^exponent, or a power as near below as they have."""
    for m in range(exponent, -1, -1):
        for part in range(m + 1):
            a, w = power_code(fmt_a, m - part), power_code(fmt_w, part)
            if a is not None and w is not None:
                return a, w
    raise AssertionError(f"{fmt_a} and {fmt_w} have no code of integer 1")


def minus(fmt_a: Format, fmt_w: Format) -> tuple[int, int]:
    """Return the sign bits that make a product of positive codes negative, as formats allow."""
    return (0x80, 0) if fmt_a.sign else (0, 0x80 * fmt_w.sign)


def power_code(fmt: Format, exponent: int) -> int | None:
    """Return the positive code of integer 2^exponent, None if the format has none."""
    if exponent < fmt.fraction:
        return 1 << exponent
    code = (exponent - fmt.fraction + 1) << fmt.fraction
    return code if fmt.exponent and code <= fmt.max_code else None


def products(fmt_a: Format, fmt_w: Format, total: int, most: int) -> list[tuple[int, int]]:
    """Return pairs of positive codes whose products sum up to a total, the largest first.

    Not the whole of it, where more than `most` pairs would be needed.
    """
    table, found = _products(fmt_a, fmt_w), []
    while total and len(found) < most:
        place = bisect_right(table, total, key=lambda entry: entry[0]) - 1
        value, a, w = table[place]
        found.append((a, w))
        total -= value
    return found


@lru_cache(maxsize=8)
def _products(fmt_a: Format, fmt_w: Format) -> list[tuple[int, int, int]]:
    """Return every product of two positive codes, sorted: integer, code of a, code of w."""
    entries = {}
    for a in range(1, fmt_a.max_code + 1):
        for w in range(1, fmt_w.max_code + 1):
            entries[int(fmt_a.integers(a)) * int(fmt_w.integers(w))] = a, w
    return [(value, *codes) for value, codes in sorted(entries.items())]


def small_codes(fmt: Format, total: int) -> list[int]:
    """Return positive codes whose integers sum up to 0, 1, 2 or 3, one where there is such a code.

    Codes 1 and 2 are these integers in every format; without a fraction, code 3 is 4.
    """
    if total == 3 and not fmt.fraction:
        return [2, 1]
    return [total] if total else []


def quarters_of(position: str, words: bool) -> tuple[int, ...]:
    """Return by how many quarters of a step a total can lie above its lower neighbour.

    A tie carries in every word, a binary32 accumulator has no bit for the third quarter.
    """
    return (2,) if words and position == "next binade" else QUARTERS[position]


def code_landing(
    random: np.random.Generator, fmt: Format, position: str, region: str
) -> tuple[int, int]:
    """Return a code's significand and the exponent of its step, for a total at or above it.

    The region is of `REGIONS` or `BEYOND`, or ``zero``; where the format has no code in it, any
    will do.
    The position decides whether the code is even.
    """
    least = 1 << fmt.fraction
    if region == "zero":
        code = 0
    elif region == "largest" or region in BEYOND:
        code = fmt.max_code
    elif region == "subnormal" or least >= fmt.max_code:
        code = int(random.integers(0, min(least, fmt.max_code)))
    else:
        code = int(random.integers(least, fmt.max_code))
    if position == "next binade" and region == "subnormal":
        code = least - 1
    elif position == "next binade" and region == "normal":
        code = choose(random, range(2 * least - 1, fmt.max_code, least) or [code])
    elif position == "tie to even down":
        code &= ~1
    elif position == "tie to even up":
        code |= 1
    field, trailing = divmod(code, least)
    significand = trailing + (least if field else 0)
    if region in BEYOND:
        fewest, most = BEYOND[region]
        significand = (significand + 1) * int(random.integers(fewest, most + 1))
    return significand, max(field, 1) - 1 + fmt.unit_exponent


def binary32_landing(random: np.random.Generator, position: str, region: str) -> tuple[int, int]:
    """Return a binary32 significand and the exponent of its step, likewise."""
    if region == "largest":
        return 2**24 - 1, 104
    if region == "normal":
        significand = int(random.integers(2**23, 2**24 - 1))
        step = int(random.integers(-60, 60))
        top = 2**24 - 1
    else:  # few bits: a quarter more has to fit a binary32 accumulator
        significand = int(random.integers(0, 2**21)) if region == "subnormal" else 0
        step, top = -149, 2**23 - 1
    if position == "next binade":
        significand = top
    elif position == "tie to even down":
        significand &= ~1
    elif position == "tie to even up":
        significand |= 1
    return significand, step
