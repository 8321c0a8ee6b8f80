"""Exact FFP8 arithmetic against rationals, unlimited integers and numpy's float32."""

from dataclasses import astuple
from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from model import (
    FLAG_INEXACT,
    FLAG_OVERFLOW,
    FLAG_UNDERFLOW,
    ROUNDINGS,
    Format,
    accumulator_width,
    add,
    dot,
    gemm,
    mean,
    rational,
    start_integer,
    supported_splits,
)

NARROW = supported_splits(5)
WIDE = [split for split in supported_splits(8) if split[1] > 5]


@pytest.fixture
def rng(seed: int) -> np.random.Generator:
    """Return the test's random source."""
    return np.random.default_rng(seed)


def random_codes(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Return codes of any value, extremes and zeros often among them."""
    codes = rng.integers(0, 256, shape, dtype=np.uint8)
    corners = rng.choice(np.array([0x00, 0x01, 0x7F, 0x80, 0x81, 0xFF], np.uint8), shape)
    return np.where(rng.random(shape) < 0.2, corners, codes)


def near_format(rng: np.random.Generator, value: Fraction) -> Format:
    """Return an output format in whose range, or about its ends, the value lies."""
    split = supported_splits(8)[rng.integers(17)]
    size = abs(value) or Fraction(1)
    exponent = size.numerator.bit_length() - size.denominator.bit_length()
    reach = 2 ** split[1] + split[2]
    return Format(*split, int(rng.integers(-3, reach + 3)) - exponent)


def assert_gemm_judged(a, w, fmt_a, fmts_w, start, fmt_y, rounding="rne", clamp=None) -> int:
    """Compare every result of gemm and dot with the judge's; return how many."""
    codes, flags = gemm(a, w, fmt_a, fmts_w, start, fmt_y, rounding=rounding, clamp=clamp)
    assert codes.shape == flags.shape == (len(a), w.shape[1])
    for m, n in np.ndindex(codes.shape):
        total = rational.accumulate(
            astuple(fmt_a), astuple(fmts_w[n]), a[m], w[:, n], Fraction(float(start[n]))
        )
        assert dot(a[m], w[:, n], fmt_a, fmts_w[n], start[n]) == total
        if fmt_y is None:
            expected = rational.encode_binary32(total)
        else:
            expected = rational.encode(astuple(fmt_y), total, rounding, clamp)
        assert (codes[m, n], flags[m, n]) == expected, (
            f"{fmt_a} {fmts_w[n]} start {start[n]} -> {fmt_y} {rounding} {clamp} [{m}, {n}]"
        )
    return codes.size


def random_case(rng, split_a, split_w, depth):
    """Return operands, formats with a bias per column, and starts on, near and off the grid."""
    a, w = random_codes(rng, 2, depth), random_codes(rng, depth, 3)
    fmt_a = Format(*split_a, int(rng.integers(-20, 20)))
    fmts_w = [Format(*split_w, int(bias)) for bias in rng.integers(-20, 20, 3)]
    grids = [fmt_a.unit_exponent + fmt.unit_exponent for fmt in fmts_w]
    exponents = np.clip(grids + rng.integers(-30, 90, 3), -149, 126)
    start = np.ldexp(rng.uniform(-2, 2, 3), exponents).astype(np.float32)
    return a, w, fmt_a, fmts_w, start * (rng.random(3) < 0.8).astype(np.float32)


def test_gemm_small(rng):
    """Every pair of splits with up to 5 exponent bits, in every mode and raw."""
    compared = 0
    for split_a, split_w in product(NARROW, NARROW):
        for depth, rounding in zip((1, 2, 7, 3, 1), ROUNDINGS, strict=True):
            a, w, fmt_a, fmts_w, start = random_case(rng, split_a, split_w, depth)
            total = dot(a[0], w[:, 0], fmt_a, fmts_w[0], start[0])
            fmt_y = near_format(rng, total)
            clamp = [None, int(rng.integers(fmt_y.max_code + 1))][rng.integers(2)]
            case = (a, w, fmt_a, fmts_w, start)
            compared += assert_gemm_judged(*case, fmt_y, rounding, clamp)
            compared += assert_gemm_judged(*case, None)
    assert compared == 144 * 5 * 2 * 6


def test_gemm_wide(rng):
    """Pairs with 6 to 8 exponent bits, whose sums have up to 500 bits and more."""
    compared = 0
    for split_a, split_w in [*product(WIDE, WIDE), *product(WIDE, NARROW[::5])]:
        case = random_case(rng, split_a, split_w, 4)
        fmt_y = near_format(rng, dot(case[0][0], case[1][:, 0], case[2], case[3][0], case[4][0]))
        compared += assert_gemm_judged(*case, fmt_y, ROUNDINGS[rng.integers(5)])
        compared += assert_gemm_judged(*case, None)
    assert compared == (len(WIDE) * (len(WIDE) + 3)) * 2 * 6


@pytest.mark.parametrize("text", ["s0e4f4b0", "s0e5f3b0", "s1e5f2b0", "s0e8f0b0"])
@pytest.mark.parametrize("exponent", [40, 47, 53, 54, 59, 67, 90])
@pytest.mark.parametrize(("tie", "even", "above"), [(17, 0x38, 0x39), (-19, 0xBA, 0xB9)])
def test_sticky_far_below(text, exponent, tie, even, above):
    """A start value that is a tie stays one without products, and none with the smallest."""
    fmt = Format.parse(text)
    grid = 2 * fmt.unit_exponent
    start = np.ldexp(np.float32([tie / 16] * 2), exponent + grid)
    fmt_y = Format(1, 4, 3, 7 - exponent - grid)
    a, w = np.uint8([[0x01]]), np.uint8([[0x00, 0x01]])
    codes, _ = gemm(a, w, fmt, fmt, start, fmt_y)
    assert codes.tolist() == [[even, above]]
    assert_gemm_judged(a, w, fmt, [fmt, fmt], start, fmt_y)
    assert_gemm_judged(a, w, fmt, [fmt, fmt], start, None)


def test_cancellation(rng):
    """Large products that cancel leave the small ones exactly."""
    for split in [(1, 4, 3), (1, 5, 2), (1, 6, 1), (1, 7, 0)]:
        fmt = Format(*split, 3)
        large = rng.integers(0x70, 0x80, 6).astype(np.uint8)
        small = rng.integers(0, 0x10, 3).astype(np.uint8)
        a = np.concatenate([large, large, small])[np.newaxis]
        w = np.concatenate([large, large | 0x80, small])[:, np.newaxis]
        expected = sum(fmt.exact(code) ** 2 for code in small)
        assert dot(a[0], w[:, 0], fmt, fmt) == expected
        assert_gemm_judged(a, w, fmt, [fmt], np.float32([0]), near_format(rng, expected))
        assert_gemm_judged(a, w, fmt, [fmt], np.float32([0]), None)


@pytest.mark.parametrize("split", [(0, 3, 5), (0, 4, 4), (1, 4, 3), (0, 5, 3), (1, 5, 2)])
@pytest.mark.parametrize("depth", [4096, 8192])
def test_long(split, depth, rng):
    """Long sums, the largest possible among them, against integers without limit."""
    fmt = Format(*split, 0)
    a = random_codes(rng, 3, depth)
    w = random_codes(rng, depth, 2)
    a[0], w[:, 0] = fmt.max_code, fmt.max_code
    width = accumulator_width(fmt.exponent, depth)
    start = np.float32([2.0 ** (width - 2 - 24) * (2**24 - 1), -(2.0 ** (width - 2))])
    start = np.ldexp(start, 2 * fmt.unit_exponent).astype(np.float32)
    codes, flags = gemm(a, w, fmt, fmt, start, None, width=width)
    for m, n in np.ndindex(codes.shape):
        total = start_integer(start[n], 2 * fmt.unit_exponent)
        for x, y in zip(a[m].tolist(), w[:, n].tolist(), strict=True):
            total += int(fmt.integers(x)) * int(fmt.integers(y))
        assert total.bit_length() < width
        expected = rational.encode_binary32(total * Fraction(2) ** (2 * fmt.unit_exponent))
        assert (codes[m, n], flags[m, n]) == expected


@pytest.mark.parametrize(
    ("text_a", "text_w", "code_a", "code_w", "depth", "integer"),
    [
        ("s0e5f3b0", "s0e4f4b0", 0xF8, 0xF0, 8, 2**54),
        ("s0e4f4b0", "s0e4f4b0", 0xF0, 0xF0, 2**18, 2**54),
        ("s0e5f3b0", "s0e5f3b0", 0x77, 0x77, 2**20, 225 * 2**46),
        ("s1e5f2b0", "s0e5f3b0", 0xBB, 0x77, 2**20, -105 * 2**46),
    ],
)
def test_sum_beyond_float64(text_a, text_w, code_a, code_w, depth, integer):
    """The smallest product counts beside a sum, or a sum of limbs, of more than 53 bits."""
    fmt_a, fmt_w = Format.parse(text_a), Format.parse(text_w)
    a, w = np.full((1, depth + 1), code_a, np.uint8), np.full((depth + 1, 2), code_w, np.uint8)
    a[0, -1], w[-1] = 0x01, [0x00, 0x01]
    grid = fmt_a.unit_exponent + fmt_w.unit_exponent
    sign = int(integer < 0)
    unit_exponent = grid + (47 if integer == 2**54 else 46)
    fmt_y = Format(sign, 0, 8 - sign, 1 - (8 - sign) - unit_exponent)
    exact = rational.encode(astuple(fmt_y), integer * Fraction(2) ** grid)
    assert exact[1] == 0
    codes, flags = gemm(a, w, fmt_a, fmt_w, 0, fmt_y, rounding="rup")
    step = 1 if integer > 0 else -1
    assert codes.tolist() == [[exact[0], exact[0] + step]]
    assert flags.tolist() == [[0, FLAG_INEXACT]]


def test_many_outputs(rng):
    """A result computed in several blocks of rows is that of float64, which is exact here."""
    fmt_a, fmt_y = Format(1, 4, 3, 7), Format(0, 4, 4, 1)
    fmts_w = [Format(1, 3, 4, int(bias)) for bias in rng.integers(-3, 9, 96)]
    a, w = random_codes(rng, 2500, 20), random_codes(rng, 20, 96)
    weights = np.stack([fmt.decode(w[:, n]) for n, fmt in enumerate(fmts_w)], axis=1)
    codes, flags = gemm(a, w, fmt_a, fmts_w, 0.5, fmt_y, clamp=0xF0)
    expected = fmt_y.encode_flags(fmt_a.decode(a) @ weights + 0.5, clamp=0xF0)
    np.testing.assert_array_equal(codes, expected[0])
    np.testing.assert_array_equal(flags, expected[1])


def test_order(rng):
    """No result depends on the order of the terms."""
    for split in [(1, 4, 3), (0, 5, 3), (1, 5, 2), (1, 7, 0)]:
        fmt = Format(*split, 4)
        a, w = random_codes(rng, 5, 300), random_codes(rng, 300, 4)
        start = rng.normal(size=4).astype(np.float32)
        expected = gemm(a, w, fmt, fmt, start, None)
        for _ in range(3):
            order = rng.permutation(300)
            result = gemm(a[:, order], w[order], fmt, fmt, start, None)
            np.testing.assert_array_equal(result, expected)
            assert dot(a[0, order], w[order, 0], fmt, fmt) == dot(a[0], w[:, 0], fmt, fmt)


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


def test_accumulator_width():
    """Widths of the builds, and that the largest sum with the largest start fits."""
    products = [16, 16, 18, 24, 38, 68, 130, 256, 509]
    assert [accumulator_width(exp_max, 1) - 2 for exp_max in range(9)] == products
    assert [accumulator_width(3, k) - 26 for k in (1, 2, 3, 4, 5, 8192)] == [0, 1, 2, 2, 3, 13]
    for exp_max, depth in product(range(9), (1, 2, 5, 4096)):
        width = accumulator_width(exp_max, depth)
        pairs = product(supported_splits(exp_max), repeat=2)
        largest = max(Format(*a, 0).max_integer * Format(*w, 0).max_integer for a, w in pairs)
        assert depth * largest + 2 ** (width - 2) <= 2 ** (width - 1)
    with pytest.raises(ValueError, match="k_max 0"):
        accumulator_width(3, 0)


def test_start_rounding(rng):
    """Start values round to the grid once, to nearest, ties to even."""
    assert [start_integer(x / 2, 0) for x in range(-5, 6)] == [-2, -2, -2, -1, 0, 0, 0, 1, 2, 2, 2]
    assert start_integer(np.float32(2.0**-149), -200) == 2**51
    assert start_integer(2.0**127, -300) == 2**427
    assert start_integer(2.0**127, 300) == 0
    values = rng.normal(size=50).astype(np.float32)
    grids = rng.integers(-60, 5, 50).tolist()
    for value, grid, result in zip(values, grids, start_integer(values, grids), strict=True):
        assert result == round(Fraction(float(value)) / Fraction(2) ** grid)


@pytest.mark.parametrize("width", [28, 39, 54, 94])
def test_start_width(width):
    """Starts fit up to W - 1 signed bits, and the next one up is refused by its column."""
    largest = float(2 ** (width - 2) - 2 ** max(width - 2 - 24, 0))
    lowest = -(2.0 ** (width - 2))
    assert start_integer([largest, lowest], 0, width).tolist() == [int(largest), int(lowest)]
    fmt = Format(0, 3, 5, -4)
    a, w = np.ones((1, 1), np.uint8), np.ones((1, 3), np.uint8)
    gemm(a, w, fmt, fmt, [0, largest, lowest], None, width=width)
    beyond = float(np.nextafter(np.float32(lowest), np.float32(-np.inf)))
    for start in ([0, -lowest, 0], [0, beyond, 0]):
        with pytest.raises(ValueError, match=rf"start\[1\] = .* {width}-bit accumulator"):
            gemm(a, w, fmt, fmt, start, None, width=width)


@pytest.mark.parametrize("exponent", [45, 50, 51, 52, 53, 54, 60, 100, 127])
@pytest.mark.parametrize("split", [(1, 3, 4), (1, 4, 3)])
def test_start_beyond_float64(split, exponent, rng):
    """Start values about and far above 2^53 grid units lose nothing of the products."""
    fmt = Format(*split, 1 - split[2])
    a, w = random_codes(rng, 6, 9), random_codes(rng, 9, 2)
    start = np.float32([2.0**exponent, -(2.0**exponent) * 1.5])
    for rounding in ("rup", "rdn"):
        fmt_y = Format(1, 4, 3, 8 - exponent)
        assert_gemm_judged(a, w, fmt, [fmt] * 2, start, fmt_y, rounding)


def test_negative_results_are_relu(rng):
    """An unsigned output format gives 0 for every negative sum, inexact and nothing else."""
    fmt, fmt_y = Format(1, 5, 2, 15), Format(0, 4, 4, 7)
    a, w = random_codes(rng, 20, 5), random_codes(rng, 5, 20)
    negative = fmt.decode(a) @ fmt.decode(w) < 0
    codes, flags = gemm(a, w, fmt, fmt, 0, fmt_y)
    assert negative.any()
    assert not codes[negative].any()
    assert (flags[negative] == FLAG_INEXACT).all()


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


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"accumulator": "binary64"}, "'binary64': choose one of exact"),
        ({"rounding": "up"}, "choose one of rne"),
        ({"fmt_y": None, "rounding": "rtz"}, "raw binary32 results: 'rne' and None only"),
        ({"fmt_y": None, "clamp": 3}, "raw binary32"),
        ({"clamp": 0x85}, "clamp 0x85"),
        ({"a_codes": np.zeros((2, 4), np.uint8)}, r"\(2, 4\) and w_codes \(3, 2\)"),
        ({"a_codes": np.zeros(3, np.uint8)}, r"\(M, K\) and \(K, N\)"),
        ({"w_codes": np.zeros((3, 2))}, "w_codes of type float64"),
        ({"w_codes": [[300, 1]] * 3}, "w_codes from 1 to 300"),
        ({"fmts_w": [Format(1, 4, 3, 7)]}, "fmts_w has 1 formats: one, or one for each of 2"),
        ({"fmts_w": [Format(1, 4, 3, 7), Format(1, 3, 4, 7)]}, r"fmts_w\[1\] = s1e3f4b7"),
        ({"start": [0.0, 0.1]}, r"start\[1\] = 0.1: not a binary32 value"),
        ({"start": np.float32([0, np.inf])}, r"start\[1\] = inf: a start value is finite"),
        ({"start": np.float32([np.nan, 0])}, r"start\[0\] = nan"),
        ({"start": [2.0**128, 0]}, r"start\[0\]"),
        ({"start": [0.0, 0.0, 0.0]}, r"start \(3,\): one value or 2"),
        ({"start": "x"}, "start of type"),
    ],
)
def test_gemm_refusals(arguments, message):
    """Wrong arguments are refused in a sentence that names them."""
    fmt = Format(1, 4, 3, 7)
    good = {
        "a_codes": np.zeros((2, 3), np.uint8),
        "w_codes": np.zeros((3, 2), np.uint8),
        "fmt_a": fmt,
        "fmts_w": fmt,
        "start": 0.0,
        "fmt_y": fmt,
    }
    gemm(**good)
    with pytest.raises(ValueError, match=message):
        gemm(**(good | arguments))


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


def test_empty_sizes():
    """No rows, no columns or no terms are no special case."""
    fmt = Format(1, 4, 3, 7)
    for rows, depth, columns in [(0, 3, 2), (2, 3, 0), (2, 0, 2)]:
        a, w = np.zeros((rows, depth), np.uint8), np.zeros((depth, columns), np.uint8)
        codes, flags = gemm(a, w, fmt, fmt, 1.0, fmt)
        assert codes.shape == (rows, columns)
        assert (codes == 0x38).all()
        assert not flags.any()
    assert dot([], [], fmt, fmt, 2.0) == 2
