"""The FFP8 codec against its definition in exact rationals."""

from dataclasses import astuple
from fractions import Fraction

import numpy as np
import pytest

from model import FLAG_INEXACT, FLAG_OVERFLOW, ROUNDINGS, Format, supported_splits
from model.format import rational

SPLITS = supported_splits(8)


BIASES = (-300, -2, 0, 7, 127, 600)


NAMES = [f"s{sign}e{exponent}f{fraction}" for sign, exponent, fraction in SPLITS]


FLOAT64_MAX = np.finfo(np.float64).max


def middle_bias(split: tuple[int, int, int]) -> int:
    """Return the bias that puts 1.0 in the middle of the exponent range."""
    return 2 ** max(split[1] - 1, 0) - 1


def assert_judged(fmt: Format, values: np.ndarray, rounding: str, clamp: int | None = None) -> None:
    """Compare codes and flags with the judge's for every value."""
    codes, flags = fmt.encode_flags(values, rounding, clamp)
    assert codes.dtype == flags.dtype == np.uint8
    for value, code, flag in zip(values.tolist(), codes.tolist(), flags.tolist(), strict=True):
        expected = rational.encode(astuple(fmt), Fraction(value), rounding, clamp)
        assert (code, flag) == expected, f"{fmt} {rounding} clamp {clamp}: {value.hex()}"


def corner_values(fmt: Format) -> np.ndarray:
    """Return values, midpoints, the first value beyond, their neighbours, and the far ends."""
    magnitudes = fmt.decode(range(fmt.max_code + 1))
    beyond = fmt.max + (magnitudes[-1] - magnitudes[-2])
    magnitudes = np.append(magnitudes, beyond)
    exact = np.concatenate([magnitudes, (magnitudes[:-1] + magnitudes[1:]) / 2])
    corners = np.concatenate([np.nextafter(exact, -np.inf), exact, np.nextafter(exact, np.inf)])
    ends = [1.5 * beyond, 4 * beyond, FLOAT64_MAX, np.finfo(np.float64).tiny]
    corners = np.concatenate([corners, ends])
    return np.unique(np.concatenate([corners, -corners]))


def test_splits():
    """There are 9 unsigned and 8 signed splits, and fewer when the exponent is limited."""
    assert len(set(SPLITS)) == 17
    assert sum(sign for sign, _, _ in SPLITS) == 8
    assert [len(supported_splits(exp_max)) for exp_max in range(9)] == [
        2, 4, 6, 8, 10, 12, 14, 16, 17,
    ]  # fmt: skip
    with pytest.raises(ValueError, match="exp_max 9"):
        supported_splits(9)


def test_decode_every_code():
    """Every code of every split has the judge's value, as float64, rational and integer."""
    compared = 0
    for split in SPLITS:
        for bias in BIASES:
            fmt = Format(*split, bias)
            values, integers = fmt.decode(range(256)), fmt.integers(range(256))
            assert integers.dtype == (np.int64 if fmt.exponent <= 5 else object)
            for code in range(256):
                expected = rational.decode(astuple(fmt), code)
                assert Fraction(float(values[code])) == fmt.exact(code) == expected
                assert int(integers[code]) * Fraction(2) ** fmt.unit_exponent == expected
                compared += 1
    assert compared == 17 * 256 * len(BIASES)


def test_distinct_values():
    """A signed format has 255 distinct values, an unsigned one 256, and code 0x80 is +0.0."""
    for split in SPLITS:
        fmt = Format(*split, middle_bias(split))
        assert len({fmt.exact(code) for code in range(256)}) == 256 - fmt.sign
        if fmt.sign:
            assert fmt.decode(0x80) == 0
            assert not np.signbit(fmt.decode(0x80))


@pytest.mark.parametrize("split", SPLITS, ids=NAMES)
def test_encode_corners(split):
    """Values, midpoints and their float64 neighbours, in every mode, as the judge has it."""
    fmt = Format(*split, middle_bias(split))
    values = corner_values(fmt)
    corners = 2 * 2**fmt.magnitude_bits  # values but zero, the one beyond, and the midpoints
    assert len(values) == 2 * 3 * corners + 3 + 2 * 4
    for rounding in ROUNDINGS:
        assert_judged(fmt, values, rounding)


@pytest.mark.parametrize("split", SPLITS, ids=NAMES)
def test_encode_round_trip(split):
    """Every value encodes to its own code without a flag; minus zero is never made."""
    for bias in BIASES:
        fmt = Format(*split, bias)
        expected = np.arange(256) * (np.arange(256) != (0x80 if fmt.sign else 0))
        for rounding in ROUNDINGS:
            codes, flags = fmt.encode_flags(fmt.decode(range(256)), rounding)
            np.testing.assert_array_equal(codes, expected)
            assert not flags.any()


@pytest.mark.parametrize("bias", [-5000, -900, -768, -128, 127, 1060, 1074, 1090, 9000])
def test_encode_any_float64(bias, rng):
    """Float64 of every kind, subnormals included, with biases inside and beyond its range."""
    patterns = rng.integers(0, 2**64, 30, dtype=np.uint64).view(np.float64)
    subnormals = rng.integers(1, 2**52, 10) * 5e-324
    tiny = np.arange(20) * 5e-324
    for split in SPLITS:
        fmt = Format(*split, bias)
        exponents = rng.integers(-9, 2**fmt.exponent + 9, 40) + fmt.unit_exponent
        near = np.ldexp(rng.uniform(1, 2, 40), np.clip(exponents, -1074, 1023))
        values = np.concatenate([patterns, subnormals, tiny, near])
        values = np.concatenate([values, -values])
        values = values[np.isfinite(values)]
        for rounding in ROUNDINGS:
            assert_judged(fmt, values, rounding)


def test_encode_clamp(rng):
    """Results beyond the clamp become it in either sign; flags are those of the definition."""
    compared = 0
    for split in SPLITS:
        fmt = Format(*split, middle_bias(split))
        values = rng.choice(corner_values(fmt), 100)
        for clamp in (0, 1, fmt.max_code - 1, fmt.max_code, int(rng.integers(fmt.max_code))):
            for rounding in ROUNDINGS:
                assert_judged(fmt, values, rounding, clamp)
                compared += len(values)
    assert compared == 17 * 5 * 5 * 100


@pytest.mark.parametrize("rounding", ROUNDINGS)
def test_encode_infinity(rounding):
    """Infinities saturate with overflow at any bias; negative ones vanish without a sign."""
    saturated = FLAG_OVERFLOW | FLAG_INEXACT
    for split in SPLITS:
        for bias in (-(10**20), -5000, 0, 10**20):
            fmt = Format(*split, bias)
            codes, flags = fmt.encode_flags([np.inf, 0.0, -0.0, -np.inf], rounding)
            low, low_flags = (0xFF, saturated) if fmt.sign else (0, FLAG_INEXACT)
            assert codes.tolist() == [fmt.max_code, 0, 0, low]
            assert flags.tolist() == [saturated, 0, 0, low_flags]


@pytest.mark.parametrize(
    ("text", "code", "value"),
    [
        ("s1e4f3b7", 0x01, Fraction(1, 2**9)),
        ("s1e4f3b7", 0x08, Fraction(1, 2**6)),
        ("s1e4f3b7", 0x38, 1),
        ("s1e4f3b7", 0x7F, 480),
        ("s1e4f3b7", 0x80, 0),
        ("s1e4f3b7", 0xFF, -480),
        ("s0e4f4b12", 0x01, Fraction(1, 2**15)),
        ("s0e4f4b12", 0x10, Fraction(1, 2**11)),
        ("s0e4f4b12", 0xC0, 1),
        ("s0e4f4b12", 0xFF, Fraction(31, 2)),
        ("s0e2f6b1", 0x01, Fraction(1, 2**6)),
        ("s0e2f6b1", 0x3F, Fraction(63, 64)),
        ("s0e2f6b1", 0x40, 1),
        ("s0e2f6b1", 0xFF, Fraction(127, 16)),
        ("s1e5f2b15", 0x7C, 65536),
        ("s1e5f2b15", 0x7F, 114688),
        ("s0e8f0b127", 0x00, 0),
        ("s0e8f0b127", 0x01, Fraction(1, 2**126)),
        ("s0e8f0b127", 0x7F, 1),
        ("s0e8f0b127", 0xFF, 2**128),
    ],
)
def test_decode_example(text, code, value):
    """The format's worked examples of decoding, model and judge alike."""
    fmt = Format.parse(text)
    assert fmt.exact(code) == fmt.decode(code) == rational.decode(astuple(fmt), code) == value


@pytest.mark.parametrize(
    ("text", "rounding", "value", "code", "flags"),
    [
        ("s1e4f3b7", "rne", Fraction(17, 16), 0x38, 1),
        ("s1e4f3b7", "rdn", Fraction(-17, 16), 0xB9, 1),
        ("s1e4f3b7", "rne", Fraction(19, 16), 0x3A, 1),
        ("s1e4f3b7", "rne", 464, 0x7E, 1),
        ("s1e4f3b7", "rne", 495, 0x7F, 1),
        ("s1e4f3b7", "rne", 496, 0x7F, 5),
        ("s1e4f3b7", "rne", Fraction(1, 2**10), 0x00, 3),
        ("s1e4f3b7", "rne", Fraction(3, 2**10), 0x02, 1),
        ("s0e4f4b7", "rne", -3, 0x00, 1),
        ("s0e8f0b127", "rne", Fraction(3, 2), 0x80, 1),
        ("s0e8f0b127", "rne", 3, 0x80, 1),
    ],
)
def test_encode_example(text, rounding, value, code, flags):
    """The format's worked examples of encoding, model and judge alike."""
    fmt = Format.parse(text)
    assert fmt.encode_flags(float(value), rounding) == (code, flags)
    assert rational.encode(astuple(fmt), Fraction(value), rounding) == (code, flags)


def test_identities():
    """One exponent bit is as good as none, and the bias is a power of two."""
    for sign in (0, 1):
        one, none = Format(sign, 1, 7 - sign, 5), Format(sign, 0, 8 - sign, 4)
        np.testing.assert_array_equal(one.decode(range(256)), none.decode(range(256)))
        values = corner_values(one)
        for rounding in ROUNDINGS:
            for left, right in zip(
                one.encode_flags(values, rounding),
                none.encode_flags(values, rounding),
                strict=True,
            ):
                np.testing.assert_array_equal(left, right)
    for split in SPLITS:
        for bias in BIASES:
            scaled = np.ldexp(Format(*split, 0).decode(range(256)), -bias)
            np.testing.assert_array_equal(Format(*split, bias).decode(range(256)), scaled)


@pytest.mark.parametrize("split", SPLITS, ids=NAMES)
def test_properties(split):
    """Text form, extremes and unit agree with the codes; the fields are plain integers."""
    fmt = Format(*map(np.int64, split), np.int64(-2))
    assert Format.parse(str(fmt)) == fmt
    assert hash(Format.parse(str(fmt))) == hash(fmt)
    assert [type(field) for field in astuple(fmt)] == [int] * 4
    values = fmt.decode(range(fmt.max_code + 1))
    assert fmt.max == values.max() == float(fmt.exact(fmt.max_code))
    assert fmt.unit == 2.0**fmt.unit_exponent
    normal = values[2**fmt.fraction] if fmt.exponent else None
    subnormal = values[1] if fmt.fraction else None
    assert (fmt.min_normal, fmt.min_subnormal) == (normal, subnormal)


@pytest.mark.parametrize(
    ("inside", "outside"),
    [
        ("s0e8f0b-768", "s0e8f0b-769"),
        ("s0e0f8b1067", "s0e0f8b1068"),
        ("s1e4f3b1072", "s1e4f3b1073"),
    ],
)
def test_float64_range(inside, outside):
    """Float64 results end where float64 does, rationals and encoding never."""
    fmt = Format.parse(inside)
    assert [Fraction(float(value)) for value in fmt.decode(range(256))] == [
        fmt.exact(code) for code in range(256)
    ]
    fmt = Format.parse(outside)
    for read in (lambda: fmt.decode(1), lambda: fmt.max, lambda: fmt.unit):
        with pytest.raises(ValueError, match=f"format {outside}"):
            read()
    assert fmt.exact(5) == rational.decode(astuple(fmt), 5)


FMT = Format.parse("s1e4f3b7")


def test_shapes():
    """Results keep the shape of the input, whatever its size; scalars give scalars."""
    fmt = Format.parse("s1e4f3b7")
    values = np.linspace(-600, 600, 3 * 40001).reshape(3, 40001)
    codes, flags = fmt.encode_flags(values)
    assert codes.shape == flags.shape == values.shape
    np.testing.assert_array_equal(codes[1], fmt.encode(values[1]))
    np.testing.assert_array_equal(codes.T, fmt.encode(values.T))
    np.testing.assert_array_equal(flags[2, ::-1], fmt.encode_flags(values[2, ::-1])[1])
    assert fmt.encode([]).shape == (0,)
    assert fmt.encode(np.float32(1)) == fmt.encode(1) == 0x38
    assert fmt.decode([[0x38], [0xB8]]).tolist() == [[1.0], [-1.0]]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Format(1, 6, 2, 3), "format s1e6f2: 9 bits, an FFP8 format has 8"),
        (lambda: Format(2, 3, 3, 3), "2 sign bits"),
        (lambda: Format(1, -1, 8, 3), "negative width"),
        (lambda: Format(1, 4, 3, 1.5), "bias 1.5: an integer"),
        (lambda: Format.parse("s1e4f3"), "'s1e4f3': write it like s1e4f3b7"),
        (lambda: Format.parse("s1e4f3b7 "), "write it like"),
        (lambda: FMT.encode([[1, 2], [np.nan, np.nan]]), r"values\[1, 0\] is NaN"),
        (lambda: FMT.encode(np.nan), "value is NaN"),
        (lambda: FMT.encode([2**53 + 1]), "2\\^53"),
        (lambda: FMT.encode([Fraction(1, 3)]), "type object"),
        (lambda: FMT.encode(1.0, "up"), "'up': choose one of rne, rmm, rtz, rup, rdn"),
        (lambda: FMT.encode(1.0, clamp=0x80), "clamp 0x80: .* 0x00 to 0x7f"),
        (lambda: FMT.encode([], clamp=-1), "clamp"),
        (lambda: FMT.decode([0, 256]), "0 to 256: a code is an integer from 0 to 255"),
        (lambda: FMT.decode([-1]), "codes from -1"),
        (lambda: FMT.decode([1.0]), "float64: codes are integers"),
    ],
)
def test_refusals(call, message):
    """What cannot be is refused in a sentence that says what would be right."""
    with pytest.raises(ValueError, match=message):
        call()
