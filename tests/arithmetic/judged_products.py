"""Random operands, and every result of a product compared with the judge's."""

from dataclasses import astuple
from fractions import Fraction

import numpy as np
import pytest

from model import Format, dot, gemm, supported_splits
from model.arithmetic import binary32, exact_sums, grouped_products
from model.format import rational

JUDGES = {"exact": rational.accumulate, "binary32": rational.accumulate_binary32}


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


def assert_gemm_judged(
    a, w, fmt_a, fmts_w, start, fmt_y, rounding="rne", clamp=None, accumulator="exact"
) -> int:
    """Compare every result of gemm and dot with the judge's; return how many."""
    codes, flags = gemm(a, w, fmt_a, fmts_w, start, fmt_y, accumulator, rounding, clamp)
    assert codes.shape == flags.shape == (len(a), w.shape[1])
    for m, n in np.ndindex(codes.shape):
        total = JUDGES[accumulator](
            astuple(fmt_a), astuple(fmts_w[n]), a[m], w[:, n], Fraction(float(start[n]))
        )
        assert dot(a[m], w[:, n], fmt_a, fmts_w[n], start[n], accumulator) == total
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


def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have products of a few dozen rows and columns computed piece by piece."""
    sums = {"_OUTPUTS": 60, "_ROWS": 4, "_MEMORY": 900, "_WEIGHTS": 400, "_BLOCK": 40, "_DEPTH": 7}
    products = {"_OPERANDS": 60, "_ROWS": 2}
    sizes = {exact_sums: sums, grouped_products: products, binary32: {"_BLOCK": 60}}
    for module, limits in sizes.items():
        for name, limit in limits.items():
            assert getattr(module, name) > limit
            monkeypatch.setattr(module, name, limit)
