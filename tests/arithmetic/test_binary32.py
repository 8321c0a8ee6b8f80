"""The binary32 accumulator against rationals and, in its normal range, numpy's float32."""

from dataclasses import astuple
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import pytest

from model import FLAG_INEXACT, ROUNDINGS, Format, dot, gemm, supported_splits
from model.format import rational
from tests.arithmetic.judged_products import (
    assert_gemm_judged,
    near_format,
    random_case,
    random_codes,
)

HALF = Fraction(1, 2)


class Corner(NamedTuple):
    """One addition: start + x * y * 2**exponent, its result, and what 24 bits leave out.

    `remainder` is in units of the last place of the sum's magnitude.
    """

    start: float
    x: int
    y: int
    exponent: int
    result: Fraction
    remainder: Fraction


CORNERS = {
    "exact": Corner(2.0**23, 1, 1, 0, 2**23 + 1, 0),
    "guard, tie to even below": Corner(2.0**24, 1, 1, 0, 2**24, HALF),
    "guard, tie to even above": Corner(2.0**24 + 2, 1, 1, 0, 2**24 + 4, HALF),
    "guard and sticky": Corner(2.0**24, 27, 19, -9, 2**24 + 2, HALF + HALF**10),
    "guard and round": Corner(2.0**24, 3, 1, -1, 2**24 + 2, 3 * HALF**2),
    "round and sticky": Corner(2.0**24, 27, 19, -10, 2**24, HALF**2 + HALF**11),
    "sticky": Corner(2.0**24, 1, 1, -9, 2**24, HALF**10),
    "out of a binade, tie": Corner(2.0**24, -1, 1, -1, 2**24, HALF),
    "out of a binade, near a tie": Corner(2.0**24, -27, 19, -10, 2**24 - 1, HALF - HALF**10),
    "carry out of rounding": Corner(2.0**24 - 1, 1, 1, -1, 2**24, HALF),
    "carry out of the sum": Corner(2.0**24 - 1, 1, 1, 0, 2**24, 0),
    "cancelled to zero": Corner(127.0 * 101.0, -127, 101, 0, 0, 0),
    "cancelled to a unit": Corner(2.0**23 + 1, -1, 1, 23, 1, 0),
    "product 25 places below": Corner(1.0, 1, 1, -25, 1, HALF**2),
    "product 40 places below": Corner(1.0, 1, 1, -40, 1, HALF**17),
    "product 40 places below, less": Corner(1.0, -1, 1, -40, 1, 1 - HALF**16),
    "product 25 places above": Corner(1.0, 1, 1, 25, 2**25, HALF**2),
    "product 40 places above, less": Corner(-1.0, 1, 1, 40, 2**40, 1 - HALF**16),
    "start far above": Corner(
        2.0**127, 127, 127, -900, 2**127, 127 * 127 * Fraction(2) ** -(900 + 104)
    ),
    "start far below": Corner(
        2.0**-149, 3, 5, 1000, 15 * 2**1000, Fraction(2) ** -(149 + 1000 - 20)
    ),
    "start far below, alone": Corner(2.0**-149, 0, 5, 1000, Fraction(2) ** -149, 0),
}


def fixed_point(integer: int, exponent: int) -> tuple[Format, np.ndarray]:
    """Return a format of 7-bit integers times 2**exponent, and the code (1,) of one."""
    fmt = Format(1, 0, 7, -6 - exponent)
    code = abs(integer) | (0x80 if integer < 0 else 0)
    assert fmt.exact(code) == integer * Fraction(2) ** exponent
    return fmt, np.uint8([code])


def dropped(value: Fraction) -> Fraction:
    """Return the part of a magnitude below 24 significant bits, in units of the last place."""
    magnitude, unit = abs(value), Fraction(1)
    while magnitude and magnitude < unit * 2**23:
        unit /= 2
    while magnitude >= unit * 2**24:
        unit *= 2
    return magnitude / unit % 1


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("name", CORNERS)
def test_corner(name, sign):
    """One addition at each corner of rounding, which the exact sum shows that it is."""
    corner = CORNERS[name]
    fmt_a, a = fixed_point(corner.x, 0)
    fmt_w, w = fixed_point(corner.y * sign, corner.exponent)
    start = np.float32(corner.start * sign)
    exact = Fraction(float(start)) + fmt_a.exact(a[0]) * fmt_w.exact(w[0])
    assert dropped(exact) == corner.remainder
    assert dot(a, w, fmt_a, fmt_w, start, "binary32") == corner.result * sign
    case = (a[np.newaxis], w[:, np.newaxis], fmt_a, [fmt_w], [start])
    assert assert_gemm_judged(*case, None, accumulator="binary32") == 1
    fmt_y = Format(1, 4, 3, 8 - Fraction(corner.start).numerator.bit_length())
    assert assert_gemm_judged(*case, fmt_y, "rup", accumulator="binary32") == 1


def test_judged(rng):
    """Every pair of splits, in every rounding mode and raw, as the judge has it."""
    compared = 0
    for index, (split_a, split_w) in enumerate(
        (a, w) for a in supported_splits(8) for w in supported_splits(8)
    ):
        case = random_case(rng, split_a, split_w, 1 + index % 7)
        a, w, fmt_a, fmts_w, start = case
        fmt_y = near_format(rng, dot(a[0], w[:, 0], fmt_a, fmts_w[0], start[0], "binary32"))
        clamp = [None, int(rng.integers(fmt_y.max_code + 1))][index % 2]
        options = (fmt_y, ROUNDINGS[index % 5], clamp)
        compared += assert_gemm_judged(*case, *options, accumulator="binary32")
        compared += assert_gemm_judged(*case, None, accumulator="binary32")
    assert compared == 17 * 17 * 2 * 6


@pytest.mark.parametrize("spread", [0, 90, 700, 5000])
def test_judged_extreme_biases(spread, rng):
    """Columns whose grids, and start values, are as far apart as biases can put them."""
    ends = 0
    for _ in range(30):
        split_a, split_w = (supported_splits(8)[index] for index in rng.integers(0, 17, 2))
        fmt_a = Format(*split_a, int(rng.integers(-128, 128)))
        fmts_w = [Format(*split_w, bias) for bias in (-spread, 0, spread)]
        a, w = random_codes(rng, 3, 4), random_codes(rng, 4, 3)
        a[0, :2] = 0
        start = np.ldexp(rng.uniform(-2, 2, 3), rng.integers(-149, 126, 3)).astype(np.float32)
        assert assert_gemm_judged(a, w, fmt_a, fmts_w, start, None, accumulator="binary32") == 9
        words = gemm(a, w, fmt_a, fmts_w, start, None, "binary32")[0] & 0x7FFFFFFF
        ends += (words[:, 2] == 0x7F800000).any() or (words[:, 0] == 0x7F800000).any()
    assert ends or not spread


def sequential_float32(a, w, start):
    """Return start + a @ w as numpy's float32 adds it up term by term; all of it stays normal."""
    sums = np.broadcast_to(start, (len(a), w.shape[1])).astype(np.float32)
    for column, row in zip(a.T, w, strict=True):
        products = np.multiply.outer(column, row)
        assert (products.astype(np.float32) == products).all()
        sums = sums + products.astype(np.float32)
        assert ((np.abs(sums) >= 2.0**-126) | (sums == 0)).all()
        assert np.isfinite(sums).all()
    return sums


@pytest.mark.parametrize("shape", [(1, 300, 1), (90, 40, 3), (5, 40, 70), (70, 40, 70)])
@pytest.mark.parametrize("text", ["s1e4f3b7", "s0e8f0b120", "s1e5f2b20", "s1e2f5b0"])
def test_numpy(text, shape, rng):
    """Raw results are the words of numpy's float32 sums, but for the sign of zero."""
    fmt = Format.parse(text)
    rows, depth, columns = shape
    a, w = random_codes(rng, rows, depth), random_codes(rng, depth, columns)
    if fmt.exponent == 8:  # products within binary32
        a, w = (np.clip(codes, 0x50, 0xA0) for codes in (a, w))
    start = rng.normal(size=columns).astype(np.float32)
    expected = sequential_float32(fmt.decode(a), fmt.decode(w), start)
    words, _ = gemm(a, w, fmt, fmt, start, None, "binary32")
    np.testing.assert_array_equal(words, expected.view(np.uint32) * (expected != 0))
    if columns == 70:
        assert (gemm(a, w, fmt, fmt, start, None)[0] != words).any()


def test_zero_is_positive():
    """What numpy calls minus zero is plus zero here, be it the start value or a product."""
    fmt = Format(1, 4, 3, 7)
    words, flags = gemm([[0x80, 0x00]], [[0x38], [0xB8]], fmt, fmt, [-0.0], None, "binary32")
    assert (words.item(), flags.item()) == (0, 0)
    words, flags = gemm([[0x38]], [[0xB8]], fmt, fmt, [1.0], None, "binary32")
    assert (words.item(), flags.item()) == (0, 0)


def test_order_matters():
    """Unlike the exact sum, this one depends on the order: 2^24 + 1 - 2^24 is 0 or 1."""
    fmt_w = Format(1, 5, 2, 6)
    fmt_a, one = fixed_point(1, 0)
    w = np.array([fmt_w.encode(value) for value in (2.0**24, 1.0, -(2.0**24))])
    assert [fmt_w.exact(code) for code in w] == [2**24, 1, -(2**24)]
    a = np.repeat(one, 3)
    results = {
        accumulator: [
            dot(a, w[order], fmt_a, fmt_w, accumulator=accumulator)
            for order in ([0, 1, 2], [0, 2, 1])
        ]
        for accumulator in ("exact", "binary32")
    }
    assert results == {"exact": [1, 1], "binary32": [0, 1]}


def test_flags_are_of_the_accumulator():
    """A sum that the accumulator rounded and the encoder did not is not inexact."""
    fmt_a, a = fixed_point(1, 0)
    fmt_w, w = fixed_point(1, 0)
    fmt_y = Format(1, 5, 2, 0)
    case = (a[np.newaxis], w[:, np.newaxis], fmt_a, fmt_w, [2.0**24], fmt_y)
    assert gemm(*case, "binary32")[1].item() == 0
    assert gemm(*case, "exact")[1].item() == FLAG_INEXACT


def test_any_start_fits():
    """The accumulator's width in bits is one of the exact accumulator alone."""
    fmt_a, a = fixed_point(1, 0)
    case = (a[np.newaxis], a[:, np.newaxis], fmt_a, fmt_a, [2.0**127], None)
    with pytest.raises(ValueError, match="28-bit accumulator"):
        gemm(*case, "exact", width=28)
    assert gemm(*case, "binary32", width=28)[0].item() == 0x7F000000
    assert dot(a, a, fmt_a, fmt_a, 2.0**127, "binary32", width=28) == 2**127


def test_judge_rounds_like_numpy(rng):
    """The judge's rounding to 24 bits is numpy's cast in the normal range."""
    values = np.ldexp(rng.uniform(-2, 2, 300), rng.integers(-120, 120, 300))
    ties = (2.0**24 + np.arange(-9, 9)) + 0.5
    values = np.concatenate([values, ties, -ties, [0.0]])
    rounded = values.astype(np.float32)
    assert (rounded != values).sum() > 300
    for value, expected in zip(values.tolist(), rounded.tolist(), strict=True):
        assert rational.round_significand(Fraction(value), 24) == Fraction(expected)
    fields = astuple(Format(1, 4, 3, 7))
    assert rational.accumulate_binary32(fields, fields, [], [], HALF) == HALF
