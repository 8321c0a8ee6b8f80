"""Residual addition and average pooling against rationals."""

from dataclasses import astuple
from fractions import Fraction

import numpy as np
import pytest

from model import FLAG_INEXACT, ROUNDINGS, Format, add, dot, mean, supported_splits
from model.arithmetic import elementwise
from model.format import rational
from tests.arithmetic.judged_products import near_format, random_codes


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_add(rounding, rng):
    """Sums of two tensors whose biases are near or hundreds apart, as the judge has them."""
    compared = 0
    for _ in range(40):
        splits = rng.integers(0, 17, 2)
        fmt_a, fmt_b = (
            Format(*supported_splits(8)[split], int(bias))
            for split, bias in zip(
                splits, rng.integers(-9, 9, 2) * rng.choice([1, 14]), strict=True
            )
        )
        a, b = random_codes(rng, 4, 6), random_codes(rng, 4, 6)
        fmt_y = near_format(rng, fmt_a.exact(a[0, 0]) + fmt_b.exact(b[0, 0]))
        clamp = [None, int(rng.integers(fmt_y.max_code + 1))][rng.integers(2)]
        codes, flags = add(a, fmt_a, b, fmt_b, fmt_y, rounding, clamp)
        for index in np.ndindex(a.shape):
            total = fmt_a.exact(a[index]) + fmt_b.exact(b[index])
            expected = rational.encode(astuple(fmt_y), total, rounding, clamp)
            assert (codes[index], flags[index]) == expected, f"{fmt_a} + {fmt_b} -> {fmt_y}"
            compared += 1
    assert compared == 40 * 24


def test_add_every_pair():
    """All 65536 pairs of one usual residual addition."""
    fmt_a, fmt_b, fmt_y = Format(0, 4, 4, 9), Format(1, 4, 3, 6), Format(0, 4, 4, 8)
    a, b = np.divmod(np.arange(2**16), 256)
    results = np.stack(add(a, fmt_a, b, fmt_b, fmt_y), axis=1).tolist()
    a_values, b_values = ([fmt.exact(code) for code in range(256)] for fmt in (fmt_a, fmt_b))
    for x, y, result in zip(a.tolist(), b.tolist(), results, strict=True):
        assert tuple(result) == rational.encode(astuple(fmt_y), a_values[x] + b_values[y])


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("count", [1, 2, 3, 7, 9, 49, 64])
def test_mean(rounding, count, rng):
    """Means of powers of two and other numbers of elements, as the judge has them."""
    for split in supported_splits(8):
        fmt = Format(*split, int(rng.integers(-9, 9)))
        codes = random_codes(rng, 2, 3, count)
        fmt_y = near_format(rng, sum(map(fmt.exact, codes[0, 0].tolist())) / count)
        for divisor in (None, count + 2):
            results, flags = mean(codes, fmt, fmt_y, rounding, count=divisor)
            assert results.shape == flags.shape == (2, 3)
            for index in np.ndindex(results.shape):
                value = sum(map(fmt.exact, codes[index].tolist())) / Fraction(divisor or count)
                expected = rational.encode(astuple(fmt_y), value, rounding)
                assert (results[index], flags[index]) == expected, f"{fmt} -> {fmt_y}"


def test_mean_tie():
    """A third away from a tie is no tie, however close; one code alone is its own mean."""
    fmt = Format(1, 4, 3, 7)
    codes, flags = mean([[0x38, 0x39, 0x39], [0x38, 0x38, 0x39]], fmt, fmt)
    assert codes.tolist() == [0x39, 0x38]
    assert flags.tolist() == [FLAG_INEXACT] * 2
    assert mean([0x39], fmt, fmt) == (0x39, 0)
    assert mean([0x38, 0x39], fmt, fmt) == (0x38, FLAG_INEXACT)
    fmt_y = Format(1, 4, 3, 67)
    for rounding, code in (("rne", 0x38), ("rup", 0x39)):
        assert mean([0x38], fmt, fmt_y, rounding, count=2**60 - 1) == (code, FLAG_INEXACT)


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("denominator", [1, 3, 5, 49, 2**20 + 1, 2**40 - 1])
@pytest.mark.parametrize("size", [2**50, 2**60])
def test_quotients_next_to_borders(rounding, denominator, size, rng):
    """Quotients as near to where rounding changes as there are, on either side.

    float64 tells those of numerators below 2**50 apart from the borders, not those of larger ones.
    """
    for split in supported_splits(8):
        fmt_y = Format(*split, int(rng.integers(-9, 9)))
        shifts = rng.integers(-9, size.bit_length(), 40).tolist()
        borders = [Fraction(2) ** shift * int(rng.integers(1, 2**10)) for shift in shifts]
        near = [int(border * denominator) + step for border in borders for step in (-1, 0, 1)]
        numerators = np.array([number for number in near if number < size])
        numerators *= rng.choice([-1, 1], numerators.shape)
        exponent = fmt_y.unit_exponent - int(rng.integers(0, 30))
        arguments = denominator, exponent, fmt_y, rounding, None
        codes, flags = elementwise._encode_ratios(numerators, *arguments)
        for numerator, *result in zip(numerators.tolist(), codes, flags, strict=True):
            value = Fraction(numerator, denominator) * Fraction(2) ** exponent
            assert tuple(result) == rational.encode(astuple(fmt_y), value, rounding)


@pytest.mark.parametrize("shift", [0, 20, 27, 28, 29, 40])
def test_sums_and_means_by_rationals_alone(shift, rng, monkeypatch):
    """What float64 divides, and int64 shifts, is the same by Python's integers."""
    for fmt_a in (Format(1, 3, 4, 0), Format(0, 5, 3, 0)):
        fmt_b, fmt_y = Format(1, 2, 5, -shift), Format(1, 4, 3, -shift)
        a, b = random_codes(rng, 2, 500)
        results = [add(a, fmt_a, b, fmt_b, fmt_y), mean(a.reshape(100, 5), fmt_a, fmt_y)]
        with monkeypatch.context() as patch:
            patch.setattr(elementwise, "_NUMERATOR", 0)
            same = [add(a, fmt_a, b, fmt_b, fmt_y), mean(a.reshape(100, 5), fmt_a, fmt_y)]
        for result, expected in zip(results, same, strict=True):
            np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda fmt: dot([1, 2], [1], fmt, fmt), r"\(K,\) each"),
        (lambda fmt: dot([1], [1], fmt, fmt, accumulator="fast"), "'fast'"),
        (lambda fmt: add([1, 2], fmt, [[1, 2]], fmt, fmt), "one shape"),
        (lambda fmt: mean(3, fmt, fmt), "without an axis"),
        (lambda fmt: mean(np.zeros((2, 0), np.uint8), fmt, fmt), "mean over 0 elements"),
        (lambda fmt: mean(np.broadcast_to(np.uint8(0), 2**29 + 1), fmt, fmt), "at most 536870912"),
    ],
)
def test_other_refusals(call, message):
    """Wrong arguments of the other functions are refused as well."""
    with pytest.raises(ValueError, match=message):
        call(Format(1, 4, 3, 7))
