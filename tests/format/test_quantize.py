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
        expected = fmt.decode(fmt.encode(array)).astype(array.dtype)
        found = fmt.quantize(array)
        assert found.dtype == array.dtype and np.array_equal(found, expected)
        assert not np.signbit(found[found == 0]).any()


def test_quantize_refuses_nan():
    for dtype in (np.float32, np.float64):
        with pytest.raises(ValueError, match=r"values\[1\] is NaN"):
            Format.parse("s1e4f3b7").quantize(np.array([1, np.nan, 2], dtype))
