"""INT8 against onnxruntime and brute force, Flexpoint against exact rationals."""

from fractions import Fraction

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from model.comparison.schemes import OTHER_SCHEMES
from model.comparison.schemes.flexpoint import EXPONENT_MAX, EXPONENT_MIN, unit_exponent
from model.comparison.schemes.int8_scales import _fit_zero_points, affine_scale, symmetric_scales
from model.comparison.schemes.integers import quantize_integers, stored_scale
from model.graph.runtime import onnxruntime
from model.quantization.histogram import Histogram

SCHEMES = {scheme.name: scheme for scheme in OTHER_SCHEMES}


def onnx_quantize(
    values: np.ndarray, scale: np.ndarray, zero_point: np.ndarray, least: int | None = None
) -> np.ndarray:
    """Quantize and dequantize by onnxruntime, along the last axis if there are several scales.

    `least`, if given, raises the codes in between: ONNX has no range without -128.
    """
    axis = {"axis": values.ndim - 1} if np.ndim(scale) else {}
    code_type = helper.np_dtype_to_tensor_dtype(zero_point.dtype)
    constants = [numpy_helper.from_array(np.asarray(scale), "scale")]
    constants.append(numpy_helper.from_array(zero_point, "zero"))
    results = []
    for kind, source, types in (
        ("QuantizeLinear", values, (TensorProto.FLOAT, code_type)),
        ("DequantizeLinear", None, (code_type, TensorProto.FLOAT)),
    ):
        source = results[-1] if source is None else source
        x, y = (
            helper.make_tensor_value_info(name, kind_of, values.shape)
            for name, kind_of in zip("xy", types, strict=True)
        )
        node = helper.make_node(kind, ["x", "scale", "zero"], ["y"], **axis)
        graph = helper.make_graph([node], "one", [x], [y], constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 19)], ir_version=9)
        onnx.checker.check_model(model)
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), providers=["CPUExecutionProvider"]
        )
        result = session.run(None, {"x": source})[0]
        if least is not None and kind == "QuantizeLinear":
            result = np.maximum(result, np.int8(least))
        results.append(result)
    return results[-1]


def ties_and_more(scale: np.float32, rng: np.random.Generator) -> np.ndarray:
    """Float32 values of which many are near halves of a scale, inside the range and beyond."""
    halves = (np.arange(-600, 601) * (scale / np.float32(2))).astype(np.float32)
    around = [np.nextafter(halves, np.float32(end)) for end in (-np.inf, np.inf)]
    random = (scale * 150 * rng.standard_normal(20_000)).astype(np.float32)
    return np.concatenate([halves, *around, random])


@pytest.mark.parametrize("scale", [0.037, 1 / 3, 1e-30, 7.7e29, 0.125])
def test_onnxruntime_affine(scale, rng):
    """Activations, for zero points at both ends and between, bit for bit."""
    scale = np.float32(scale)
    values = ties_and_more(scale, rng)
    for zero_point in (0, 1, 77, 128, 254, 255):
        result = quantize_integers(values, scale, -zero_point, 255 - zero_point)
        expected = onnx_quantize(values, scale, np.array(zero_point, np.uint8))
        np.testing.assert_array_equal(result, expected)
        assert len(np.unique(expected)) == 256


def test_onnxruntime_schemes(rng):
    """What the schemes do to tensors is what onnxruntime does with the scales they chose."""
    tensor = rng.standard_normal((300, 7)) * 2.0 ** np.arange(-3, 4)
    tensor[:, 4] = 0
    single = tensor.astype(np.float32)
    for histogram in (Histogram(single), Histogram(abs(single)), Histogram(-abs(single))):
        scale, zero_point = affine_scale(histogram)
        expected = onnx_quantize(single, scale, np.array(zero_point, np.uint8))
        for name in ("INT8 per tensor", "INT8 per channel"):
            quantize = SCHEMES[name].activations(histogram)
            np.testing.assert_array_equal(quantize(single), expected)
    columns = symmetric_scales(np.float64(single.T))
    assert columns.shape == (7,) and columns.dtype == np.float32
    expected = onnx_quantize(single, columns, np.zeros(7, np.int8), least=-127)
    np.testing.assert_array_equal(SCHEMES["INT8 per channel"].weights(tensor), expected)
    whole = Histogram(single)
    scale = symmetric_scales(whole.values[np.newaxis], whole.counts)[0]
    expected = onnx_quantize(single, scale, np.array(0, np.int8), least=-127)
    np.testing.assert_array_equal(SCHEMES["INT8 per tensor"].weights(tensor), expected)


def test_onnxruntime_per_channel_saturates(rng):
    """With ties, and columns that reach beyond -127 and 127."""
    scales = np.array([0.037, 1 / 3, 5.5], np.float32)
    values = np.stack([ties_and_more(scale, rng) for scale in scales], axis=1)
    result = quantize_integers(values, scales, -127, 127)
    np.testing.assert_array_equal(
        result, onnx_quantize(values, scales, np.zeros(3, np.int8), least=-127)
    )
    np.testing.assert_array_equal(abs(result).max(axis=0), np.float32(127) * scales)


def search_tensors(rng: np.random.Generator, size: int) -> dict[str, np.ndarray]:
    """Tensors (size,), float32 numbers, for which different clippings are best."""
    normal = rng.standard_normal(size)
    tensors = {
        "normal": normal,
        "heavy tail": normal * np.exp(1.5 * rng.standard_normal(size)),
        "outlier": np.append(normal[1:], 60),
        "positive": np.abs(normal),
        "negative": -np.abs(normal),
        "shifted": rng.uniform(-1, 2, size),
        "far from zero": rng.uniform(5, 6, size),
        "lattice": rng.integers(-100, 101, size) * 0.37,
    }
    return {name: tensor.astype(np.float32) for name, tensor in tensors.items()}


def error(values: np.ndarray, scale: float, least: int, greatest: int) -> float:
    """Squared error by float64 arithmetic."""
    codes = np.clip(np.rint(values.astype(np.float64) / scale), least, greatest)
    return float(np.square(codes * scale - values).sum())


# By which part of its error a grid of a thousand scales may beat the search, which takes larger
# steps for more values.
SIZES = pytest.mark.parametrize(("size", "tolerance"), [(9, 0.05), (100, 0.05), (1500, 0.1)])


@SIZES
def test_symmetric_search(size, tolerance, rng):
    """Nothing on a fine grid is better; min-max never is."""
    better_than_largest = 0
    for name, values in search_tensors(rng, size).items():
        scale = float(symmetric_scales(np.float64(values)[np.newaxis])[0])
        found = error(values, scale, -127, 127)
        whole = float(np.float32(abs(values).max() / 127))
        grid = whole * np.exp(np.linspace(np.log(0.05), np.log(2), 1000))
        noise = 1e-13 * float(np.square(values, dtype=float).sum())
        best = min(error(values, tried, -127, 127) for tried in grid)
        assert found <= best * (1 + tolerance) + noise, name
        assert found <= error(values, whole, -127, 127) + noise, name
        better_than_largest += found < 0.9 * error(values, whole, -127, 127)
    assert better_than_largest


@SIZES
def test_affine_search(size, tolerance, rng):
    """Nothing on a grid of scales and zero points is better; min-max never is."""
    better_than_range = 0
    for name, tensor in search_tensors(rng, size).items():
        histogram = Histogram(tensor)
        values = np.repeat(histogram.values, histogram.counts)  # what the search knows
        scale, zero_point = affine_scale(histogram)
        assert isinstance(scale, np.float32) and 0 <= zero_point <= 255
        found = error(values, float(scale), -zero_point, 255 - zero_point)
        least, greatest = min(histogram.least, 0.0), max(histogram.greatest, 0.0)
        whole = float(np.float32((greatest - least) / 255))
        middle = int(np.rint(-least / whole))
        simple = error(values, whole, -middle, 255 - middle)
        near = {0, 255, *range(max(middle - 40, 0), min(middle + 41, 256), 4)}
        grid = whole * np.exp(np.linspace(np.log(0.2), np.log(2), 200))
        best = min(error(values, s, -zero, 255 - zero) for s in grid for zero in near)
        noise = 1e-13 * float(np.square(values, dtype=float).sum())
        assert found <= best * (1 + tolerance) + noise, name
        assert found <= simple + noise, name
        better_than_range += found < 0.95 * simple
    assert better_than_range


def test_clipping_pays(rng):
    """Of many values and one far away, the latter is given up, in either search, as far as pays."""
    distinct = rng.standard_normal(300).astype(np.float32)
    values = np.append(np.repeat(distinct, 3000), np.float32(12))
    histogram = Histogram(values)
    scale = float(symmetric_scales(histogram.values[np.newaxis], histogram.counts)[0])
    affine, zero_point = affine_scale(histogram)
    span = (12 - float(distinct.min())) / 255
    middle = round(12 / span) - 255
    for found, least, greatest, whole, simple in (
        (scale, -127, 127, 12 / 127, (-127, 127)),
        (float(affine), -zero_point, 255 - zero_point, span, (middle, 255 + middle)),
    ):
        grid = whole * np.exp(np.linspace(np.log(0.1), 0, 300))
        best = min(error(values, tried, least, greatest) for tried in grid)
        achieved = error(values, found, least, greatest)
        assert achieved <= best * 1.05
        assert achieved < error(values, whole, *simple) / 2


def test_all_zero_points_at_once(rng):
    """For each zero point: the best scale for the codes, its error, and that of saturation."""
    values = np.append(rng.standard_normal(200), np.full(20, 2.2)).astype(np.float64)
    counts = rng.integers(1, 9, 220).astype(np.float64)
    scale = 0.011
    fitted, errors, saturation = _fit_zero_points(values, counts, scale)
    for zero_point in range(256):
        least, greatest = -zero_point, 255 - zero_point
        whole = np.rint(values / scale)
        codes = np.clip(whole, least, greatest)
        best = counts @ (values * codes) / (counts @ np.square(codes))
        assert fitted[zero_point] == pytest.approx(best, rel=1e-12)
        found = counts @ np.square(best * codes - values)
        assert errors[zero_point] == pytest.approx(found, abs=1e-9)
        lost = counts @ (np.square(scale * codes - values) * (whole != codes))
        assert saturation[zero_point] == pytest.approx(lost, abs=1e-9)


def test_exact_lattices():
    """Tensors that some scale holds exactly are held exactly."""
    symmetric = np.arange(-90, 91, dtype=np.float32).reshape(-1, 1) * np.float32(0.375)
    affine = np.arange(-30, 200, dtype=np.float32) * np.float32(0.375)
    for name in ("INT8 per tensor", "INT8 per channel"):
        np.testing.assert_array_equal(SCHEMES[name].weights(symmetric), symmetric)
        np.testing.assert_array_equal(SCHEMES[name].activations(Histogram(affine))(affine), affine)


def test_counts_weigh(rng):
    """A histogram of repeated values is searched as the values themselves."""
    values = rng.standard_normal(40).astype(np.float32)
    counts = rng.integers(1, 50, 40)
    repeated = np.repeat(values, counts)
    row = np.float64(repeated)[np.newaxis]
    weighted = symmetric_scales(np.float64(values)[np.newaxis], counts)[0]
    plain = symmetric_scales(row)[0]
    assert error(repeated, weighted, -127, 127) <= error(repeated, plain, -127, 127) * (1 + 1e-6)
    scale, zero = affine_scale(Histogram(repeated))
    alone, alone_zero = affine_scale(Histogram(values))
    found = error(repeated, scale, -zero, 255 - zero)
    assert found < error(repeated, alone, -alone_zero, 255 - alone_zero)


def test_dead_rows():
    """A row of zeros gets scale 1 and disturbs no other."""
    rows = np.array([[0.0, 0, 0], [1, -2, 0.3], [0, 0, 0]])
    scales = symmetric_scales(rows)
    assert scales[0] == scales[2] == 1
    assert scales[1] == symmetric_scales(rows[1:2])[0]
    assert affine_scale(Histogram(np.zeros(5))) == (1, 0)


def test_stored_scale():
    """Never zero, never such that the largest code overflows, else the nearest float32."""
    given = np.array([0.1, 1e-60, 3.4e38, 1e300])
    scales = stored_scale(given, 127)
    assert scales.dtype == np.float32 and scales[0] == np.float32(0.1) and scales[1] > 0
    assert np.isfinite(scales * np.float32(127)).all() and scales[3] == scales[2] > 2.6e36


def flexpoint(values: np.ndarray) -> list[Fraction]:
    """Flexpoint by rationals: the least exponent with which no value rounds to more than 127."""
    exact = [Fraction(float(value)) for value in values]
    unit = next(
        unit
        for exponent in range(EXPONENT_MIN, EXPONENT_MAX + 1)
        if (unit := Fraction(2) ** exponent) * Fraction(255, 2) > max(map(abs, exact))
    )
    return [round(value / unit) * unit for value in exact]


@pytest.mark.parametrize("largest", [1, 0.99, 127, 127.49, 127.5, 128, 1e-3, 32000, 3e-7, 0.2500])
def test_flexpoint(largest, rng):
    """As by rationals, in which Python rounds ties to even."""
    random = rng.uniform(-largest, largest, 2000).astype(np.float32)
    halves = np.float32(largest) * np.arange(-256, 257, dtype=np.float32) / np.float32(256)
    values = np.concatenate([random, halves])
    scheme = SCHEMES["Flexpoint 8+5"]
    expected = [float(value) for value in flexpoint(values)]
    np.testing.assert_array_equal(scheme.activations(Histogram(values))(values), expected)
    np.testing.assert_array_equal(scheme.weights(values.reshape(-1, 1))[:, 0], expected)


def test_flexpoint_exponents():
    """The largest integer is 64 to 127 wherever 5 bits hold the exponent, and 32 there are."""
    assert EXPONENT_MAX - EXPONENT_MIN == 31
    assert [unit_exponent(v) for v in (64, 127, 127.4, 127.5, 128, 0.5)] == [0, 0, 0, 1, 1, -7]
    assert [unit_exponent(v) for v in (0, 1e-30, 1e30)] == [-23, -23, 8]
    beyond = SCHEMES["Flexpoint 8+5"].activations(Histogram(np.array([1.0])))
    np.testing.assert_array_equal(beyond(np.array([5, -5], np.float32)), [127 / 64, -2])
