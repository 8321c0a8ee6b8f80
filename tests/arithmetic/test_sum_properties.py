"""What sums of products promise whatever the operands, tried on what hypothesis finds."""

from dataclasses import astuple
from fractions import Fraction

import numpy as np
from hypothesis import strategies

from model import Format, dot, gemm, supported_splits
from model.format import rational
from tests.format.properties import try_all

ACCUMULATORS = strategies.sampled_from(["exact", "binary32"])
codes = strategies.integers(0, 255)
terms = strategies.lists(strategies.tuples(codes, codes), min_size=1, max_size=24)
starts = strategies.floats(width=32, allow_nan=False, allow_infinity=False)
formats = strategies.builds(
    lambda split, bias: Format(*split, bias),
    strategies.sampled_from(supported_splits(8)),
    strategies.integers(-128, 127),
)


def columns(pairs: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    """Return the codes of both operands, (K,) each."""
    a, w = np.array(pairs, dtype=np.uint8).reshape(-1, 2).T
    return a, w


def test_exact_order(seed):
    """An exact sum is the same in any order, whether summed alone or in a matrix product."""

    def check(pairs, fmt_a, fmt_w, start, random):
        expected = dot(*columns(pairs), fmt_a, fmt_w, start)
        word = rational.encode_binary32(expected)
        shuffled = random.sample(pairs, len(pairs))
        a, w = columns(shuffled)
        assert dot(a, w, fmt_a, fmt_w, start) == expected
        results = gemm(a[np.newaxis], w[:, np.newaxis], fmt_a, fmt_w, start, None)
        assert tuple(result.item() for result in results) == word

    random = strategies.randoms(use_true_random=False)
    try_all(seed, check, pairs=terms, fmt_a=formats, fmt_w=formats, start=starts, random=random)


def test_exact_parts(seed):
    """An exact sum is the sum of its parts, wherever it is split."""

    def check(pairs, fmt_a, fmt_w, start):
        a, w = columns(pairs)
        whole = dot(a, w, fmt_a, fmt_w, start)
        for place in range(len(pairs) + 1):
            first = dot(a[:place], w[:place], fmt_a, fmt_w, start)
            assert first + dot(a[place:], w[place:], fmt_a, fmt_w) == whole

    try_all(seed, check, pairs=terms, fmt_a=formats, fmt_w=formats, start=starts)


def test_binary32_steps(seed):
    """A binary32 sum is the one of all terms but the last, plus that, rounded to 24 bits."""

    def check(pairs, fmt_a, fmt_w, start):
        a, w = columns(pairs)
        before = dot(a[:-1], w[:-1], fmt_a, fmt_w, start, "binary32")
        total = before + fmt_a.exact(a[-1]) * fmt_w.exact(w[-1])
        expected = rational.round_significand(total, 24)
        assert dot(a, w, fmt_a, fmt_w, start, "binary32") == expected

    try_all(seed, check, pairs=terms, fmt_a=formats, fmt_w=formats, start=starts)


def test_commutative(seed):
    """Exchanging the operands exchanges rows and columns of the results."""

    def check(pairs, fmt_a, fmt_w, accumulator):
        a, w = (np.stack([column, column[::-1]]) for column in columns(pairs))
        straight = gemm(a, w.T, fmt_a, fmt_w, 0.0, None, accumulator)
        exchanged = gemm(w, a.T, fmt_w, fmt_a, 0.0, None, accumulator)
        for result, other in zip(straight, exchanged, strict=True):
            np.testing.assert_array_equal(result, other.T)

    try_all(seed, check, pairs=terms, fmt_a=formats, fmt_w=formats, accumulator=ACCUMULATORS)


def test_bias_scales(seed):
    """A larger bias divides the sum by a power of two, if the start value is divided as well."""

    def check(pairs, fmt_a, fmt_w, integer, shift, accumulator):
        a, w = columns(pairs)
        scaled = Format(*astuple(fmt_a)[:3], fmt_a.bias + shift)
        plain = dot(a, w, fmt_a, fmt_w, float(integer), accumulator)
        result = dot(a, w, scaled, fmt_w, float(integer) * 2.0**-shift, accumulator)
        assert result == plain * Fraction(2) ** -shift

    try_all(
        seed,
        check,
        pairs=terms,
        fmt_a=formats,
        fmt_w=formats,
        integer=strategies.integers(-(2**24), 2**24),
        shift=strategies.integers(-90, 90),
        accumulator=ACCUMULATORS,
    )


def test_agreement_of_accumulators(seed):
    """Where no sum on the way has more than 24 bits, both accumulators hold the same."""
    fmt = Format(1, 2, 5, 0)

    def check(pairs, integer):
        a, w = columns(pairs)
        start = integer * fmt.unit**2
        exact = dot(a, w, fmt, fmt, start)
        assert dot(a, w, fmt, fmt, start, "binary32") == exact

    pairs = strategies.lists(strategies.tuples(codes, codes), min_size=1, max_size=128)
    integers = strategies.integers(-(2**22), 2**22)
    try_all(seed, check, pairs=pairs, integer=integers)
