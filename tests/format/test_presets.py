"""Named formats of other systems, against the libraries that define or implement them."""

import gfloat
import ml_dtypes
import numpy as np
import pytest
from gfloat.formats import format_info_ocp_e4m3, format_info_ocp_e5m2, format_info_p3109

from model import Format
from model.format.presets import PRESETS

ML_TYPES = {
    "ocp_e4m3": ml_dtypes.float8_e4m3fn,
    "ocp_e5m2": ml_dtypes.float8_e5m2,
    "llvm_e3m4": ml_dtypes.float8_e3m4,
    "llvm_e4m3b11fnuz": ml_dtypes.float8_e4m3b11fnuz,
}
INTEL_E3M4 = gfloat.FormatInfo(
    "intel_e3m4",
    8,
    5,
    bias=3,
    is_signed=True,
    domain=gfloat.Domain.Finite,
    has_nz=True,
    num_high_nans=1,
    has_subnormals=True,
    is_twos_complement=False,
)
GFLOAT_INFOS = {
    "ocp_e4m3": format_info_ocp_e4m3,
    "ocp_e5m2": format_info_ocp_e5m2,
    "intel_e3m4": INTEL_E3M4,
} | {
    f"binary8p{precision}{letter}{ending}": format_info_p3109(8, precision, signedness, domain)
    for letter, signedness, precisions in (
        ("s", gfloat.types.Signedness.Signed, range(1, 8)),
        ("u", gfloat.types.Signedness.Unsigned, range(1, 9)),
    )
    for precision in precisions
    for ending, domain in (("f", gfloat.Domain.Finite), ("e", gfloat.Domain.Extended))
}
CODES = np.arange(256, dtype=np.uint8)


def assert_same_values(name: str, expected: np.ndarray) -> None:
    """Compare the table of a preset, signs of zeros included."""
    values = PRESETS[name].values
    np.testing.assert_array_equal(values, expected)
    number = ~np.isnan(expected)
    np.testing.assert_array_equal(np.signbit(values)[number], np.signbit(expected)[number])


def test_names():
    """Every preset is known by its own name; an unknown one is answered with all names."""
    assert set(PRESETS) == {*ML_TYPES, *GFLOAT_INFOS, "wang_fp8", "hfp8_forward"}
    assert len(PRESETS) == 7 + 2 * (7 + 8)
    assert all(preset.name == name for name, preset in PRESETS.items())
    with pytest.raises(ValueError, match="preset 'e4m3': choose one of wang_fp8, .*binary8p8ue"):
        PRESETS["e4m3"]


@pytest.mark.parametrize("name", ML_TYPES)
def test_ml_dtypes_table(name):
    assert_same_values(name, CODES.view(ML_TYPES[name]).astype(np.float64))


@pytest.mark.parametrize("name", GFLOAT_INFOS)
def test_gfloat_table(name):
    assert_same_values(name, gfloat.decode_ndarray(GFLOAT_INFOS[name], CODES.astype(np.int64)))


@pytest.mark.parametrize(
    ("name", "text", "largest"),
    [("wang_fp8", "s1e5f2b15", 114688.0), ("hfp8_forward", "s1e4f3b11", 30.0)],
)
def test_ffp8_presets(name, text, largest):
    """FP8 of Wang et al. and HFP8's forward format are FFP8 formats, code for code."""
    preset = PRESETS[name]
    assert preset.is_ffp8 and preset.max == largest
    assert_same_values(name, Format.parse(text).decode(CODES))


@pytest.mark.parametrize("name", PRESETS)
def test_encode(name, seed):
    """Encoding takes the nearest finite value, ties to the even code, and saturates."""
    preset = PRESETS[name]
    finite = np.flatnonzero(np.isfinite(preset.values[: 256 >> preset.format.sign]))
    magnitudes = preset.values[finite]
    assert np.array_equal(finite, np.arange(preset.largest + 1))
    assert preset.max == magnitudes[-1] == magnitudes.max()
    middles = (magnitudes[:-1] + magnitudes[1:]) / 2
    random = np.random.default_rng(seed).uniform(0, 2 * preset.max, 200)
    edges = [np.nextafter(middles, end) for end in (-np.inf, np.inf)]
    values = np.concatenate([magnitudes, middles, *edges, random, [np.inf]])
    distances = abs(np.minimum(values, preset.max)[:, np.newaxis] - magnitudes)
    nearest = distances == distances.min(axis=1, keepdims=True)
    even = nearest & (nearest.sum(axis=1, keepdims=True) == 1) | nearest & (finite % 2 == 0)
    expected = finite[np.argmax(even, axis=1)]
    np.testing.assert_array_equal(preset.encode(values), expected)
    negative = np.where(expected != 0, expected | 0x80, 0) * preset.format.sign
    np.testing.assert_array_equal(preset.encode(-values), negative)
    np.testing.assert_array_equal(preset.decode(preset.encode(values)), magnitudes[expected])


def test_encode_nan():
    with pytest.raises(ValueError, match=r"values\[1\] is NaN"):
        PRESETS["ocp_e4m3"].encode([1.0, np.nan])
