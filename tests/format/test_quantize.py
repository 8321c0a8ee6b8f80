"""Encode and decode in one go."""

import numpy as np
import pytest

from model import Format, supported_splits


@pytest.mark.parametrize("split", supported_splits(8), ids=lambda split: "s{}e{}f{}".format(*split))
@pytest.mark.parametrize("bias", [-20, 0, 7, 40])
def test_quantize_is_decode_of_encode(rng, split, bias):
    """At values, midpoints, their neighbours and far beyond, in float32 and float64."""
    fmt = Format(*split, bias)
    values = np.unique(fmt.decode(range(256)))
    middles = (values[1:] + values[:-1]) / 2
    spread = rng.normal(size=20_000) * np.exp2(rng.uniform(-9, 2**fmt.exponent + 9, 20_000))
    given = np.concatenate([values, middles, spread * fmt.unit, [np.inf, -np.inf, 0.0, -0.0]])
    with np.errstate(over="ignore"):
        single = given.astype(np.float32)
    around = [np.nextafter(single, np.float32(to)) for to in (np.inf, -np.inf)]
    for array in (given, np.concatenate([single, *around])):
        expected = fmt.decode(fmt.encode(array))
        found = fmt.quantize(array)
        held = fmt.unit >= 2.0**-149 and fmt.max < 2.0**128
        assert found.dtype == (array.dtype if held else np.float64)
        assert np.array_equal(found, expected)
        assert not np.signbit(found[found == 0]).any()


@pytest.mark.parametrize(
    ("text", "single"),
    [
        ("s1e5f2b132", True),  # the unit is 2^-133
        ("s1e5f2b148", True),  # 2^-149, the smallest that float32 has
        ("s1e5f2b149", False),
        ("s1e5f2b-96", True),  # the largest is 1.75 * 2^127
        ("s1e5f2b-97", False),
        ("s0e8f0b0", False),  # from 1 to 2^254: neither end of float32 holds all of it
    ],
)
def test_a_value_that_float32_lacks_comes_in_float64(text: str, single: bool) -> None:
    fmt = Format.parse(text)
    given = np.array([0, 1.5, -2.75, np.inf, 3e38, 1e-45], np.float32)
    found = fmt.quantize(given)
    assert found.dtype == (np.float32 if single else np.float64)
    np.testing.assert_array_equal(found, fmt.decode(fmt.encode(given)))
    assert np.isfinite(found).all()


def test_quantize_refuses_nan():
    for dtype in (np.float32, np.float64):
        with pytest.raises(ValueError, match=r"values\[1\] is NaN"):
            Format.parse("s1e4f3b7").quantize(np.array([1, np.nan, 2], dtype))
