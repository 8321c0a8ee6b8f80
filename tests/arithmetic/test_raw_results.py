"""Raw binary32 results against rationals and numpy's float32."""

from fractions import Fraction

import numpy as np
import pytest

from model import FLAG_INEXACT, FLAG_OVERFLOW, FLAG_UNDERFLOW, Format, dot, gemm
from model.format import rational
from tests.arithmetic.judged_products import assert_gemm_judged, random_codes


def test_raw_numpy(rng):
    """Sums that float64 holds round to the binary32 that numpy's cast makes of them."""
    seen = 0
    for bias in (-55, -40, 0, 7, 60, 75, 80):
        fmt_a, fmt_w = Format(1, 4, 3, bias), Format(1, 3, 4, bias)
        a, w = random_codes(rng, 60, 9), random_codes(rng, 9, 60)
        sums = fmt_a.decode(a) @ fmt_w.decode(w)
        codes, flags = gemm(a, w, fmt_a, fmt_w, 0, None)
        with np.errstate(over="ignore"):
            rounded = sums.astype(np.float32)
        expected = rounded.view(np.uint32) * (rounded != 0)
        np.testing.assert_array_equal(codes, expected)
        np.testing.assert_array_equal(flags & FLAG_INEXACT != 0, rounded != sums)
        np.testing.assert_array_equal(flags & FLAG_UNDERFLOW != 0, (rounded == 0) & (sums != 0))
        np.testing.assert_array_equal(flags & FLAG_OVERFLOW != 0, np.isinf(rounded))
        seen |= np.bitwise_or.reduce(flags, axis=None)
    assert seen == FLAG_INEXACT | FLAG_UNDERFLOW | FLAG_OVERFLOW


@pytest.mark.parametrize("bias_sum", [-126, -127, -120, 149, 150, 160, 163, 164, 170, 10**6])
def test_raw_ends(bias_sum, rng):
    """Subnormal, vanishing and overflowing raw results, as the judge has them."""
    flags = 0
    for split in [(1, 2, 5), (1, 5, 2), (0, 0, 8)]:
        fmt_a, fmt_w = Format(*split, 0), Format(*split, bias_sum)
        a, w = random_codes(rng, 8, 3), random_codes(rng, 3, 4)
        a[0], w[:, 0] = [0x01, 0x00, 0x00], 0x01  # one smallest product
        a[1], w[:, 1] = 0x7F, 0x7F
        start = np.zeros(4, np.float32)
        if bias_sum < 200:
            assert assert_gemm_judged(a, w, fmt_a, [fmt_w] * 4, start, None) == 32
        flags |= np.bitwise_or.reduce(gemm(a, w, fmt_a, fmt_w, start, None)[1], axis=None)
    assert bool(flags & FLAG_OVERFLOW) == (bias_sum < 0)
    assert bool(flags & FLAG_UNDERFLOW) == (14 + bias_sum > 150)


@pytest.mark.parametrize(
    ("start", "product", "word", "flags"),
    [
        (2.0**127, 2.0**127, 0x7F800000, FLAG_OVERFLOW | FLAG_INEXACT),
        (2.0**128 - 2.0**104, 2.0**103, 0x7F800000, FLAG_OVERFLOW | FLAG_INEXACT),
        (2.0**128 - 2.0**104, 2.0**102, 0x7F7FFFFF, FLAG_INEXACT),
        (2.0**127, 2.0**103, 0x7F000000, FLAG_INEXACT),
        (-(2.0**-149), 2.0**-150, 0x00000000, FLAG_UNDERFLOW | FLAG_INEXACT),
        (2.0**-149, 2.0**-150, 0x00000002, FLAG_INEXACT),
        (2.0**-126, -(2.0**-149), 0x007FFFFF, 0),
        (-1.0, 1.0, 0x00000000, 0),
    ],
)
def test_raw_threshold(start, product, word, flags):
    """Raw results at the very ends of binary32, ties included."""
    fmt_a = Format(1, 4, 3, 7)
    fmt_w = Format(1, 4, 3, 7 + 1 - int(np.frexp(product)[1]))
    a, w = np.uint8([[0x38 if product > 0 else 0xB8]]), np.uint8([[0x38]])
    assert dot(a[0], w[0], fmt_a, fmt_w) == Fraction(product)
    result = gemm(a, w, fmt_a, fmt_w, start, None)
    assert (result[0].item(), result[1].item()) == (word, flags)
    assert_gemm_judged(a, w, fmt_a, [fmt_w], np.float32([start]), None)


def test_judge_binary32(rng):
    """The judge's own binary32 is that of numpy, for float64 across the range and its ends."""
    values = np.ldexp(rng.uniform(-2, 2, 500), rng.integers(-152, 129, 500))
    halfway = np.arange(1, 60) * 2.0**-150
    values = np.concatenate([values, halfway, -halfway, [2.0**128 - 2.0**103, 2.0**128 - 2.0**104]])
    with np.errstate(over="ignore"):
        words = values.astype(np.float32)
    words = (words.view(np.uint32) * (words != 0)).tolist()
    assert [rational.encode_binary32(Fraction(value))[0] for value in values.tolist()] == words
