"""The floating-point schemes, against ml_dtypes, gfloat and S2FP8 in plain float64."""

import bisect
import math

import gfloat
import ml_dtypes
import numpy as np
import pytest

from model import Format
from model.comparison.schemes import OTHER_SCHEMES
from model.comparison.schemes.float_formats import (
    EXPONENT_MIN,
    least_error_exponent,
    scaled_quantizer,
)
from model.comparison.schemes.shifted_squeezed import Squeeze, fit_squeeze
from model.comparison.schemes.step_function import step_function
from model.format.presets import PRESETS
from model.quantization.histogram import Histogram
from verif.bench import gfloat_format

SCHEMES = {scheme.name: scheme for scheme in OTHER_SCHEMES}
# Preset, the judge's type, and the largest finite magnitude as published.
SCALED = {
    "OCP E4M3": ("ocp_e4m3", ml_dtypes.float8_e4m3fn, 448.0),
    "OCP E5M2": ("ocp_e5m2", ml_dtypes.float8_e5m2, 57344.0),
    "LLVM E3M4": ("llvm_e3m4", ml_dtypes.float8_e3m4, 15.5),
}
EXPONENTS = (-120, -30, -7, -1, 0, 1, 6, 40, 100)


def boundary_values(magnitudes: np.ndarray) -> np.ndarray:
    """Float32 values at, around and midway between magnitudes, and beyond the largest."""
    middles = (magnitudes[1:] + magnitudes[:-1]) / 2
    exact = np.concatenate([magnitudes, middles, magnitudes[-1] * np.array([1.01, 1.2, 2, 7])])
    exact = exact.astype(np.float32)
    around = [np.nextafter(exact, np.float32(end)) for end in (0, np.inf)]
    values = np.concatenate([exact, *around])
    return np.concatenate([values, -values])


def ml_quantize(kind: type, largest: float, values: np.ndarray, exponent: int) -> np.ndarray:
    """Round float32 values, divided by the scale and saturated, to a type of ml_dtypes."""
    scaled = np.ldexp(values.astype(np.float64), -exponent)
    nearest = np.clip(scaled, -largest, largest).astype(np.float32).astype(kind)
    return np.ldexp(nearest.astype(np.float64), exponent)


@pytest.mark.parametrize("name", SCALED)
def test_ml_dtypes(name, rng):
    """Every value, midpoint and neighbour, and random values, with small and large scales."""
    preset, kind, largest = SCALED[name]
    codes = np.arange(128, dtype=np.uint8).view(kind).astype(np.float64)
    magnitudes = codes[np.isfinite(codes)]
    assert magnitudes.max() == largest
    random = (rng.standard_normal(5000) * largest / 4).astype(np.float32)
    values = np.concatenate([boundary_values(magnitudes), random])
    for exponent in EXPONENTS:
        given = np.ldexp(values, exponent)
        result = scaled_quantizer(PRESETS[preset], exponent)(given)
        np.testing.assert_array_equal(result, ml_quantize(kind, largest, given, exponent))
        assert abs(result).max() == math.ldexp(largest, exponent)


@pytest.mark.parametrize(
    ("name", "fmt", "largest"),
    [("FP8 (1,5,2,15)", "s1e5f2b15", 114688.0), ("HFP8 (1,4,3,11)", "s1e4f3b11", 30.0)],
)
def test_gfloat(name, fmt, largest, rng):
    """The formats without a scale: gfloat's finite ones, whatever the tensor is."""
    info = gfloat_format(Format.parse(fmt))
    magnitudes = gfloat.decode_ndarray(info, np.arange(128))
    assert magnitudes.max() == largest
    random = rng.standard_normal(2000).astype(np.float32)
    values = np.concatenate([boundary_values(magnitudes), random, 1000 * random])
    expected = gfloat.round_ndarray(info, values.astype(np.float64), sat=True)
    for histogram in (Histogram(), Histogram(values)):
        np.testing.assert_array_equal(SCHEMES[name].activations(histogram)(values), expected)
    np.testing.assert_array_equal(SCHEMES[name].weights(values.reshape(-1, 1))[:, 0], expected)


def test_hfp8_is_ml_dtypes_e4m3b11(rng):
    """HFP8's values are those of float8_e4m3b11fnuz, which has a code for NaN but not minus 0."""
    values = rng.uniform(-30, 30, 20_000).astype(np.float32)
    result = SCHEMES["HFP8 (1,4,3,11)"].activations(Histogram(values))(values)
    expected = values.astype(ml_dtypes.float8_e4m3b11fnuz).astype(np.float32)
    np.testing.assert_array_equal(result, expected)


def scale_tensors(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Tensors for which different scales are best."""
    normal = rng.standard_normal(300)
    return {
        "normal": normal,
        "small": normal * 1e-3,
        "heavy tail": normal * np.exp(2 * rng.standard_normal(300)),
        "worth saturating": np.append(np.full(2000, 2.0**-6), 15.9),
        "positive": np.abs(normal),
        "beyond the middle": np.append(np.full(2000, 2.0**-9), 460),
        "one": np.array([1.0]),
    }


@pytest.mark.parametrize("name", SCALED)
def test_scale_of_least_error(name, rng):
    """No power of two is better, judged by ml_dtypes on every value."""
    preset, kind, largest = SCALED[name]
    saturated = 0
    for tensor in scale_tensors(rng).values():
        single = tensor.astype(np.float32)
        errors = {
            exponent: np.square(ml_quantize(kind, largest, single, exponent) - single).sum()
            for exponent in range(-60, 61)
        }
        chosen = least_error_exponent(PRESETS[preset], Histogram(single))
        assert errors[chosen] <= min(errors.values()) * (1 + 1e-3)
        saturated += abs(single).max() > math.ldexp(largest, chosen)
        weights = SCHEMES[name].weights(tensor.reshape(-1, 1))[:, 0]
        np.testing.assert_array_equal(weights, ml_quantize(kind, largest, single, chosen))
    # E5M2 has the same neighbours beyond its largest value as with twice the scale
    assert saturated or name == "OCP E5M2"


@pytest.mark.parametrize("name", SCALED)
def test_each_column_of_weights_has_a_scale_of_its_own(name, rng):
    """As if it were alone, one of zeros among them; any matrix is rounded so."""
    preset, kind, largest = SCALED[name]
    sizes = np.exp2(rng.integers(-12, 12, 40))
    weights = (rng.standard_normal((37, 40)) ** 3 * sizes).astype(np.float32)
    weights[:, 7] = 0
    given = rng.standard_normal((5, 3, 40)).astype(np.float32) * sizes.astype(np.float32)
    quantize = SCHEMES[name].weight_quantizer(weights)
    chosen = [least_error_exponent(PRESETS[preset], Histogram(column)) for column in weights.T]
    assert len(set(chosen)) > 10 and chosen[7] == 0
    for n, exponent in enumerate(chosen):
        for matrix in (weights[:, n], given[..., n]):
            whole = np.zeros((*matrix.shape, 40), np.float32)
            whole[..., n] = matrix
            expected = ml_quantize(kind, largest, matrix, exponent)
            np.testing.assert_array_equal(quantize(whole)[..., n], expected)


def test_scale_limits():
    """Scales stay where one byte holds their exponent and float32 every value."""
    for preset in ("ocp_e4m3", "ocp_e5m2", "llvm_e3m4"):
        tiny = least_error_exponent(PRESETS[preset], Histogram(np.array([1e-45])))
        huge = least_error_exponent(PRESETS[preset], Histogram(np.array([3.4e38])))
        assert tiny >= EXPONENT_MIN == -127
        assert math.ldexp(PRESETS[preset].max, huge) < 2.0**128
        assert math.ldexp(PRESETS[preset].max, huge + 1) >= 2.0**128
        assert least_error_exponent(PRESETS[preset], Histogram(np.zeros(3))) == 0


def plain_squeeze(values: np.ndarray) -> tuple[float, float]:
    """Alpha and beta as the paper has them, from all values."""
    logarithms = [math.log2(abs(value)) for value in values.tolist() if value]
    mean = math.fsum(logarithms) / len(logarithms)
    alpha = 15 / (max(logarithms) - mean)
    return alpha, -alpha * mean


def plain_s2fp8(value: float, squeeze: Squeeze, magnitudes: list[float]) -> float:
    """S2FP8 of one value by the formula; ties between (1,5,2) values go to the even code."""
    if value == 0:
        return 0.0
    mapped = 2.0 ** min(squeeze.alpha * math.log2(abs(value)) + squeeze.beta, 1000)
    above = min(bisect.bisect_left(magnitudes, mapped), len(magnitudes) - 1)
    below = max(above - 1, 0)
    gap = (mapped - magnitudes[below]) - (magnitudes[above] - mapped)
    code = above if gap > 0 or (gap == 0 and above % 2 == 0) else below
    if code == 0:
        return 0.0
    back = 2.0 ** min((math.log2(magnitudes[code]) - squeeze.beta) / squeeze.alpha, 1000)
    return math.copysign(back, value)


def s2fp8_tensors(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Tensors of float32 whose logarithms have a wide, a usual and a narrow range."""
    normal = rng.standard_normal(3000).astype(np.float32)
    return {
        "normal": normal,
        "relu": np.maximum(normal, 0),
        "tiny": normal * np.float32(1e-30),
        "wide": (normal * 2.0 ** rng.uniform(-60, 60, 3000)).astype(np.float32),
        "lopsided": np.where(rng.random(3000) < 0.999, np.float32(1e-20), normal),
        "narrow": np.float32(3) + normal * np.float32(0.01),
        "very narrow": np.float32(1) + normal * np.float32(0.0002),
    }


def test_s2fp8(rng):
    """Every value as by the formula, on both sides of each step; parameters as in the paper."""
    magnitudes = np.arange(0x7C, dtype=np.uint8).view(ml_dtypes.float8_e5m2).astype(float).tolist()
    assert len(magnitudes) == 124 and magnitudes[-1] == 57344
    for name, tensor in s2fp8_tensors(rng).items():
        histogram = Histogram(tensor)
        squeeze = fit_squeeze(histogram)
        alpha, beta = plain_squeeze(tensor)
        assert squeeze.alpha == pytest.approx(alpha, rel=1e-3)
        assert squeeze.beta == pytest.approx(beta, rel=1e-3, abs=1e-6 * alpha)
        quantize = SCHEMES["S2FP8 (1,5,2)"].activations(histogram)
        middles = np.add(magnitudes[1:], magnitudes[:-1]) / 2
        with np.errstate(over="ignore"):
            steps = np.exp2((np.log2(middles) - squeeze.beta) / squeeze.alpha).astype(np.float32)
        steps = steps[np.isfinite(steps) & (steps > 0)]
        near = [np.nextafter(steps, np.float32(end)) for end in (0, np.inf)]
        values = np.concatenate([tensor, steps, -steps, *near, 3 * tensor[:500], [0, 1e-45, 3e38]])
        values = values.astype(np.float32)
        expected = [plain_s2fp8(value, squeeze, magnitudes) for value in values.tolist()]
        limited = np.clip(expected, -float(np.finfo(np.float32).max), np.finfo(np.float32).max)
        np.testing.assert_allclose(quantize(values), limited, rtol=2e-7, atol=2e-45, err_msg=name)


def test_s2fp8_maps_mean_to_0_and_largest_to_15():
    squeeze = fit_squeeze(Histogram(np.array([2.0**-6, -(2.0**-2), 0, 2.0**-1])))
    assert (squeeze.alpha, squeeze.beta) == (7.5, 22.5)
    quantize = SCHEMES["S2FP8 (1,5,2)"].activations(
        Histogram(np.array([2.0**-6, -(2.0**-2), 0, 2.0**-1]))
    )
    np.testing.assert_array_equal(quantize(np.array([0.5, -0.5], np.float32)), [0.5, -0.5])


@pytest.mark.parametrize("value", [1.0, -0.3, 1e-30, 1e30, 1e-38])
@pytest.mark.parametrize("ratio", [1, 1 + 1e-6])
def test_s2fp8_of_equal_magnitudes(value, ratio):
    """There is no alpha then; the values survive, but for what float32 loses of beta."""
    tensor = np.array([value, -value, 0, value * ratio], np.float32)
    histogram = Histogram(tensor)
    assert fit_squeeze(histogram).alpha == 1
    result = SCHEMES["S2FP8 (1,5,2)"].activations(histogram)(tensor)
    np.testing.assert_allclose(result, tensor, rtol=1e-5)
    assert fit_squeeze(Histogram(np.zeros(4))) == Squeeze(1.0, 0.0)


@pytest.mark.parametrize(
    "places",
    [
        [0.5],
        [0.1, 0.10000001, 0.10000002],
        [1, 2, 4],
        [1, 1, 1, 2, 2],
        [1e-45, 1e-30, 1, 3e38],
        [1.0, 1.0000001, 1.0000002, 2],
    ],
)
def test_step_function(places, rng):
    """The value changes exactly at the steps, for numbers of any size and either sign."""
    steps = np.array(places, np.float32)
    values = np.arange(len(places) + 1).astype(np.float32)
    around = [np.nextafter(steps, np.float32(end)) for end in (0, np.inf)]
    random = rng.integers(0, 0x7F800001, 1000, dtype=np.int32).view(np.float32)
    numbers = np.concatenate([steps, *around, random, np.zeros(1, np.float32)])
    expected = [sum(step <= number for step in steps) for number in numbers]
    function = step_function(steps.view(np.int32), values)
    np.testing.assert_array_equal(function(numbers), expected)
    np.testing.assert_array_equal(function(-numbers), np.negative(expected))
    assert set(places) != set() and len(set(expected)) == len(set(steps.tolist())) + 1
