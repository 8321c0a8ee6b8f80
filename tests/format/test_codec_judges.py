"""The FFP8 codec before judges that were written without it: gfloat, ml_dtypes, exact rationals.

The sample that runs with every other test takes seconds. ``make judges`` sets JUDGES=complete: the
same tests, with a million values for every split before the rationals and many more for the rest.
"""

import os
from fractions import Fraction

import gfloat
import ml_dtypes
import numpy as np
import pytest

from model import FLAG_OVERFLOW, ROUNDINGS, Format, supported_splits
from model.format import rational
from verif.bench import gfloat_format

COMPLETE = os.environ.get("JUDGES") == "complete"
SPLITS = supported_splits(8)
NAMES = [f"s{sign}e{exponent}f{fraction}" for sign, exponent, fraction in SPLITS]
GFLOAT_BIASES = range(-20, 41)
RATIONAL_BIASES = (-128, -20, 0, 7, 15, 31, 63, 100, 127, 600)
GFLOAT_ROUNDINGS = {
    "rne": gfloat.RoundMode.TiesToEven,
    "rmm": gfloat.RoundMode.TiesToAway,
    "rtz": gfloat.RoundMode.TowardZero,
    "rup": gfloat.RoundMode.TowardPositive,
    "rdn": gfloat.RoundMode.TowardNegative,
}
# Formats that both have, and the largest magnitude code that is a number in ml_dtypes' too.
ML_FORMATS = {
    "float8_e5m2": ("s1e5f2b15", 0x7B),
    "float8_e4m3": ("s1e4f3b7", 0x77),
    "float8_e4m3fn": ("s1e4f3b7", 0x7E),
    "float8_e4m3b11fnuz": ("s1e4f3b11", 0x7F),
    "float8_e3m4": ("s1e3f4b3", 0x6F),
}


def boundaries(split: tuple[int, int, int]) -> np.ndarray:
    """Return, at bias 0, all values, the midpoints, the first one beyond, and their neighbours."""
    magnitudes = [rational.decode((*split, 0), code) for code in range(2 ** (8 - split[0]))]
    magnitudes.append(2 * magnitudes[-1] - magnitudes[-2])
    middles = [(low + high) / 2 for low, high in zip(magnitudes, magnitudes[1:], strict=False)]
    exact = np.array([float(value) for value in magnitudes + middles])
    below, above = (np.nextafter(exact, end) for end in (-np.inf, np.inf))
    return np.concatenate([exact, below, above, -exact, -below, -above])


def near_values(split: tuple[int, int, int], count: int, rng: np.random.Generator) -> np.ndarray:
    """Return random values, at bias 0, of the exponents that a split has and some around them."""
    exponents = rng.integers(-split[2] - 4, 2 ** split[1] + 3, count)
    return np.ldexp(rng.uniform(1, 2, count) * rng.choice([-1, 1], count), exponents)


def gfloat_codes(fmt: Format, values: np.ndarray, rounding: str) -> np.ndarray:
    """Return gfloat's codes, minus zero being zero and a negative number too without a sign."""
    info = gfloat_format(fmt)
    values = values if fmt.sign else np.maximum(values, 0)
    rounded = gfloat.round_ndarray(info, values, GFLOAT_ROUNDINGS[rounding], sat=True)
    codes = gfloat.encode_ndarray(info, rounded)
    return np.where((codes == 0x80) & (fmt.sign == 1), 0, codes)


@pytest.mark.parametrize("split", SPLITS, ids=NAMES)
def test_gfloat(split, rng):
    """Gfloat has the same codes at every bias in every rounding mode, from either float type."""
    compared, count = 0, 100_000 if COMPLETE else 200
    edges = boundaries(split)
    edges = edges[(edges == 0) | (abs(edges) > 1e-300)]  # gfloat's own scaling loses less
    for bias in GFLOAT_BIASES:
        fmt = Format(*split, bias)
        values = np.ldexp(np.concatenate([edges, near_values(split, count, rng)]), -bias)
        with np.errstate(over="ignore"):
            single = values.astype(np.float32)
        single = single[np.isfinite(single)]
        for rounding in ROUNDINGS:
            for given in (values, single):
                expected = gfloat_codes(fmt, given.astype(np.float64), rounding)
                np.testing.assert_array_equal(fmt.encode(given, rounding), expected)
                compared += 1
    assert compared == 61 * 5 * 2
    assert len(edges) == 2 * 3 * (2 * 2 ** (8 - split[0]) + 1) - 4


@pytest.mark.parametrize("split", SPLITS, ids=NAMES)
def test_gfloat_decode(split):
    """Gfloat has the same value for every code at every bias."""
    for bias in GFLOAT_BIASES:
        fmt = Format(*split, bias)
        expected = gfloat.decode_ndarray(gfloat_format(fmt), np.arange(256))
        np.testing.assert_array_equal(fmt.decode(range(256)), expected)


@pytest.mark.parametrize("name", ML_FORMATS)
def test_ml_dtypes(name, rng):
    """ml_dtypes has the same codes and values wherever its result is a number.

    From float32, or float64 that is float32 exactly: it rounds any other float64 twice.
    """
    text, largest = ML_FORMATS[name]
    fmt, kind = Format.parse(text), getattr(ml_dtypes, name)
    halves = np.arange(2**16, dtype=np.uint16).view(np.float16)
    patterns = rng.integers(0, 2**32, 20_000_000 if COMPLETE else 200_000, dtype=np.uint32)
    split = (fmt.sign, fmt.exponent, fmt.fraction)
    edges = np.ldexp(boundaries(split), -fmt.bias).astype(np.float32)
    singles = np.concatenate([patterns.view(np.float32), edges, np.nextafter(edges, np.float32(0))])
    singles = singles[~np.isnan(singles)]
    for values in (halves[~np.isnan(halves)], singles, singles.astype(np.float64)):
        codes, flags = fmt.encode_flags(values)
        with np.errstate(over="ignore"):
            result = values.astype(kind)
        number = np.isfinite(result.astype(np.float32))
        np.testing.assert_array_equal(
            number, ((codes & 0x7F) <= largest) & (flags & FLAG_OVERFLOW == 0)
        )
        expected = result.view(np.uint8)
        np.testing.assert_array_equal(codes[number], (expected * (expected != 0x80))[number])
        np.testing.assert_array_equal(fmt.decode(codes[number]), result[number].astype(np.float64))
        assert 0 < np.count_nonzero(~number) < np.count_nonzero(number)


@pytest.mark.parametrize("split", SPLITS, ids=NAMES)
def test_rationals(split, rng):
    """Exact rationals have the same code and flags, every boundary and either float included."""
    compared, total = 0, 1_000_000 if COMPLETE else 6_000
    edges = boundaries(split)
    while compared < total:
        bias = int(rng.choice(RATIONAL_BIASES))
        fmt = Format(*split, bias)
        numbers = np.concatenate([edges, near_values(split, len(edges), rng)])
        if not COMPLETE:
            numbers = rng.choice(numbers, 300)
        values = np.ldexp(numbers, -bias)
        if rng.integers(2):
            with np.errstate(over="ignore"):
                values = values.astype(np.float32)
            values = values[np.isfinite(values)]
        rounding = str(rng.choice(ROUNDINGS))
        for value, *result in zip(values, *fmt.encode_flags(values, rounding), strict=True):
            expected = rational.encode((*split, bias), Fraction(float(value)), rounding)
            assert tuple(result) == expected, f"{fmt} {rounding} {float(value).hex()}"
        compared += len(values)
    assert compared >= total
