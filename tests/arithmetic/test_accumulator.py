"""The accumulator's width and its start values."""

from fractions import Fraction
from itertools import product

import numpy as np
import pytest

from model import Format, accumulator_width, gemm, start_integer, supported_splits
from tests.arithmetic.judged_products import assert_gemm_judged, random_codes


def test_accumulator_width():
    """Widths of the builds, and that the largest sum with the largest start fits."""
    products = [16, 16, 18, 24, 38, 68, 130, 256, 509]
    assert [accumulator_width(exp_max, 256) - 10 for exp_max in range(9)] == products
    assert {accumulator_width(exp_max, 1) for exp_max in range(4)} == {26}
    assert [accumulator_width(2, depth) for depth in (64, 65, 128)] == [26, 27, 27]
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
