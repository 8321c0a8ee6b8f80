"""What the FFP8 codec promises of every format and value, tried on what hypothesis finds."""

from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import strategies

from model import ROUNDINGS, Format, supported_splits
from tests.format.properties import try_all

SPLITS = supported_splits(8)
MIRRORED = {"rup": "rdn", "rdn": "rup"}

splits = strategies.sampled_from(SPLITS)
signed_splits = strategies.sampled_from([split for split in SPLITS if split[0]])
biases = strategies.integers(-400, 400)
formats = strategies.builds(lambda split, bias: Format(*split, bias), splits, biases)
roundings = strategies.sampled_from(ROUNDINGS)


@strategies.composite
def formats_and_values(draw: Callable, count: int, splits=splits) -> tuple[Format, list[float]]:
    """Draw a format and finite values: of any size, or near to the format's own."""
    fmt = Format(*draw(splits), draw(biases))
    near = strategies.builds(
        lambda code, offset: float(fmt.exact(code) * (1 + Fraction(offset, 2**12))),
        strategies.integers(0, 255),
        strategies.integers(-(2**10), 2**10),
    )
    anywhere = strategies.floats(allow_nan=False, allow_infinity=False)
    values = strategies.lists(near | anywhere, min_size=count, max_size=count)
    return fmt, draw(values)


def test_monotonic(seed):
    """A larger value never gets a smaller code."""

    def check(drawn, rounding):
        fmt, values = drawn
        decoded = fmt.decode(fmt.encode(sorted(values), rounding))
        assert (np.diff(decoded) >= 0).all()

    try_all(seed, check, drawn=formats_and_values(6), rounding=roundings)


def test_neighbour(seed):
    """The result is the value itself or a neighbour on the side that the rounding allows."""

    def check(drawn, rounding):
        fmt, (value,) = drawn
        result, exact = fmt.exact(int(fmt.encode(value, rounding))), Fraction(value)
        every = sorted({fmt.exact(code) for code in range(256)})
        inside = min(max(exact, every[0]), every[-1])
        below = max(number for number in every if number <= inside)
        above = min(number for number in every if number >= inside)
        toward_zero = below if exact > 0 else above
        allowed = {"rtz": {toward_zero}, "rup": {above}, "rdn": {below}}
        assert result in allowed.get(rounding, {below, above})
        if rounding in ("rne", "rmm"):
            assert abs(result - inside) == min(inside - below, above - inside)

    try_all(seed, check, drawn=formats_and_values(1), rounding=roundings)


def test_idempotent(seed):
    """What was encoded once is encoded again to the same code, without a flag."""

    def check(drawn, first, second):
        fmt, values = drawn
        codes = fmt.encode(values, first)
        again, flags = fmt.encode_flags(fmt.decode(codes), second)
        assert again.tolist() == codes.tolist()
        assert not flags.any()

    try_all(seed, check, drawn=formats_and_values(4), first=roundings, second=roundings)


def test_round_trip(seed):
    """Every code is its value's code, but for minus zero, which is never made."""

    def check(fmt, rounding):
        codes = np.arange(256)
        expected = np.where((codes == 0x80) & (fmt.sign == 1), 0, codes)
        np.testing.assert_array_equal(fmt.encode(fmt.decode(codes), rounding), expected)

    try_all(seed, check, fmt=formats, rounding=roundings)


def test_sign_symmetry(seed):
    """Signed formats treat a negative value as its mirror image, rounded the mirrored way."""

    def check(drawn, rounding):
        fmt, values = drawn
        codes, flags = fmt.encode_flags(np.negative(values), rounding)
        mirrored, same = fmt.encode_flags(values, MIRRORED.get(rounding, rounding))
        assert codes.tolist() == [code and code ^ 0x80 for code in mirrored.tolist()]
        assert flags.tolist() == same.tolist()

    drawn = formats_and_values(4, signed_splits)
    try_all(seed, check, drawn=drawn, rounding=roundings)


@pytest.mark.parametrize("sign", [0, 1])
def test_one_exponent_bit(sign, seed):
    """One exponent bit is as good as none: (s, 1, f, b) and (s, 0, f + 1, b - 1) are alike."""
    one = strategies.just((sign, 1, 7 - sign))

    def check(drawn, rounding):
        fmt, values = drawn
        other = Format(sign, 0, 8 - sign, fmt.bias - 1)
        np.testing.assert_array_equal(fmt.decode(range(256)), other.decode(range(256)))
        np.testing.assert_array_equal(
            fmt.encode_flags(values, rounding), other.encode_flags(values, rounding)
        )

    try_all(seed, check, drawn=formats_and_values(4, one), rounding=roundings)


def test_bias_is_a_power_of_two(seed):
    """A bias more by n is every value divided by 2^n."""

    def check(drawn, power, rounding):
        fmt, values = drawn
        other = Format(fmt.sign, fmt.exponent, fmt.fraction, fmt.bias + power)
        expected = [fmt.exact(code) / Fraction(2) ** power for code in range(256)]
        assert [other.exact(code) for code in range(256)] == expected
        with np.errstate(over="ignore"):
            scaled = np.ldexp(values, -power)
            exact = np.ldexp(scaled, power) == values  # neither vanished nor overflowed
        np.testing.assert_array_equal(
            fmt.encode_flags(np.array(values)[exact], rounding),
            other.encode_flags(scaled[exact], rounding),
        )

    drawn, power = formats_and_values(4), strategies.integers(-100, 100)
    try_all(seed, check, drawn=drawn, power=power, rounding=roundings)


def test_float_types(seed):
    """A value has the same code and flags whichever float type holds it."""

    def check(drawn, rounding):
        fmt, values = drawn
        with np.errstate(over="ignore"):
            single = np.array(values, np.float32)
            half = single.astype(np.float16)
        for given in (single, half):
            np.testing.assert_array_equal(
                fmt.encode_flags(given, rounding),
                fmt.encode_flags(given.astype(np.float64), rounding),
            )

    try_all(seed, check, drawn=formats_and_values(6), rounding=roundings)


@pytest.mark.parametrize("split", SPLITS)
def test_float32_at_every_bias(split):
    """Float32 is encoded like float64 whether or not a format's unit can be reached from it."""
    edges = np.array([float(Format(*split, 0).exact(code)) for code in range(256)])
    middles = (edges[1:] + edges[:-1]) / 2
    edges = np.concatenate([edges, middles, 1.001 * edges, 0.999 * middles])
    for bias in range(-200, 200):
        fmt = Format(*split, bias)
        with np.errstate(over="ignore"):
            single = np.ldexp(edges, -bias).astype(np.float32)
        for given in (single, -single):
            np.testing.assert_array_equal(
                fmt.encode_flags(given), fmt.encode_flags(given.astype(np.float64))
            )
