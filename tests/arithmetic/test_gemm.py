"""Matrix products with the exact accumulator against rationals and unlimited integers."""

from dataclasses import astuple
from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from model import (
    FLAG_INEXACT,
    ROUNDINGS,
    Format,
    accumulator_width,
    dot,
    gemm,
    start_integer,
    supported_splits,
)
from model.arithmetic import exact_sums
from model.format import rational
from tests.arithmetic.judged_products import (
    assert_gemm_judged,
    near_format,
    random_case,
    random_codes,
    small_blocks,
)

NARROW = supported_splits(5)
WIDE = [split for split in supported_splits(8) if split[1] > 5]


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


def test_negative_results_are_relu(rng):
    """An unsigned output format gives 0 for every negative sum, inexact and nothing else."""
    fmt, fmt_y = Format(1, 5, 2, 15), Format(0, 4, 4, 7)
    a, w = random_codes(rng, 20, 5), random_codes(rng, 5, 20)
    negative = fmt.decode(a) @ fmt.decode(w) < 0
    codes, flags = gemm(a, w, fmt, fmt, 0, fmt_y)
    assert negative.any()
    assert not codes[negative].any()
    assert (flags[negative] == FLAG_INEXACT).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"accumulator": "binary64"}, "'binary64': choose one of exact, binary32"),
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


def test_start_far_above(rng):
    """A start value far above all products is rounded by their sign, however far that is."""
    fmt_a, fmt_y = Format(1, 7, 0, 60), Format(1, 4, 3, 7)
    for bias, split in product((60, 800, 5000), ((1, 4, 3), (1, 7, 0))):
        fmt_w = Format(*split, bias)
        a, w = random_codes(rng, 3, 4), random_codes(rng, 4, 3)
        a[:, 0], w[0] = 0x01, [0x00, 0x7F, 0xFF]
        a[0, 1:] = 0
        start = np.float32([1.0, -1.0, 1.0])
        case = (a, w, fmt_a, [fmt_w] * 3, start)
        for rounding in ("rup", "rdn", "rtz"):
            assert assert_gemm_judged(*case, fmt_y, rounding) == 9
        assert assert_gemm_judged(*case, None) == 9
        if bias > 60:
            codes, flags = gemm(*case, fmt_y, rounding="rtz")
            assert codes[0].tolist() == [0x38, 0xB7, 0x37]
            assert flags[0].tolist() == [0, FLAG_INEXACT, FLAG_INEXACT]


@pytest.mark.parametrize("exponent", [480, 505, 508, 510, 512, 530, 560, 590, 620])
def test_start_about_the_largest_products(exponent):
    """A start value of hundreds of bits is added exactly to products of as many, or nearly."""
    fmt_a, fmt_w = Format(0, 8, 0, 250), Format(0, 8, 0, exponent - 348)
    fmt_y = Format(1, 5, 2, 15 - 100)
    a, w = np.uint8([[0xFF, 0xFF, 0x01], [0xFF, 0x00, 0x01]]), np.uint8([[0xFF], [0xFE], [0x01]])
    start = np.float32([-(2.0**100)])
    assert fmt_a.unit_exponent + fmt_w.unit_exponent == 100 - exponent
    for rounding in ("rne", "rup", "rdn"):
        assert assert_gemm_judged(a, w, fmt_a, [fmt_w], start, fmt_y, rounding) == 2
    assert assert_gemm_judged(a, w, fmt_a, [fmt_w], start, None) == 2


@pytest.mark.parametrize("spread", [0, 3, 150, 299, 301, 2000])
@pytest.mark.parametrize("accumulator", ["exact", "binary32"])
def test_columns_far_apart(spread, accumulator, rng):
    """Columns whose biases are near or beyond what float64 bridges are judged alike."""
    for split in ((1, 4, 3), (1, 5, 2), (0, 8, 0)):
        fmt_a, a, w = Format(*split, 7), random_codes(rng, 3, 4), random_codes(rng, 4, 3)
        fmts_w = [Format(*split, bias) for bias in (7, 7 - spread, 7 + 1)]
        case = (a, w, fmt_a, fmts_w, np.zeros(3, np.float32))
        assert assert_gemm_judged(*case, None, accumulator=accumulator) == 9
        fmt_y = near_format(rng, dot(a[0], w[:, 1], fmt_a, fmts_w[1]))
        assert assert_gemm_judged(*case, fmt_y, accumulator=accumulator) == 9


@pytest.mark.parametrize("accumulator", ["exact", "binary32"])
@pytest.mark.parametrize("split", [(1, 4, 3), (0, 5, 3), (1, 7, 0)])
def test_blocks(split, accumulator, rng, monkeypatch):
    """Results computed piece by piece, in both directions and in depth, are those of one piece."""
    fmt, fmt_y = Format(*split, 4), Format(1, 5, 2, 8)
    a, w = random_codes(rng, 21, 30), random_codes(rng, 30, 17)
    start = rng.normal(size=17).astype(np.float32)
    whole = gemm(a, w, fmt, fmt, start, fmt_y, accumulator)
    small_blocks(monkeypatch)
    pieces = gemm(a, w, fmt, fmt, start, fmt_y, accumulator)
    assert exact_sums.best_columns(30, fmt, fmt) < 17
    np.testing.assert_array_equal(pieces, whole)


@pytest.mark.parametrize("split", supported_splits(8))
def test_points(split):
    """The parts of a split make up its integers, and no point of them has more than 19 bits."""
    fmt = Format(*split, 0)
    count = exact_sums._part_count(fmt)
    points = exact_sums._point_tables(fmt, count)
    assert len(points) == 3 ** (count.bit_length() - 1)
    assert max(np.abs(table).max() for table in points) < 2**19
    one = exact_sums._point_tables(Format(0, 0, 8, 0), count)
    digits = exact_sums._interpolate(
        [point * other[1] for point, other in zip(points, one, strict=True)]
    )
    integers = sum(digit.astype(object) * 2 ** (16 * place) for place, digit in enumerate(digits))
    assert integers.tolist() == fmt.integers(range(256)).tolist()
