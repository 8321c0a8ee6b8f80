"""What every 8-bit scheme must do, whatever its codes are."""

import numpy as np
import pytest

from model.comparison.schemes import OTHER_SCHEMES, Scheme
from model.comparison.schemes.scheme import refuse_nan
from model.quantization.histogram import Histogram

FIXED = ("FP8 (1,5,2,15)", "HFP8 (1,4,3,11)")
SCHEMES = pytest.mark.parametrize("scheme", OTHER_SCHEMES, ids=lambda scheme: scheme.name)


def edge_tensors(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Tensors (24, 6) float32 at the ends of what a network may hold."""
    normal = rng.standard_normal((24, 6)).astype(np.float32)
    dead = normal.copy()
    dead[:, 2] = 0
    return {
        "zeros": np.zeros((24, 6), np.float32),
        "one": np.full((24, 6), 1, np.float32),
        "constant": np.full((24, 6), -0.3, np.float32),
        "two magnitudes": np.where(normal > 0, np.float32(0.3), np.float32(-0.3)),
        "nearly constant": np.nextafter(np.float32(0.7), normal),
        "dead channel": dead,
        "tiny": normal * np.float32(1e-30),
        "huge": normal * np.float32(1e30),
        "subnormal": normal * np.float32(1e-44),
        "largest": np.where(normal > 0, np.finfo(np.float32).max, np.float32(-1)),
        "negative": -np.abs(normal) - np.float32(0.1),
        "positive": np.abs(normal) + np.float32(0.1),
        "one value": np.zeros((24, 6), np.float32) + (np.arange(6) == 3) * np.float32(-2.5),
    }


@SCHEMES
@pytest.mark.filterwarnings("error")
def test_edges(scheme: Scheme, rng):
    """Values stay finite and near, zero stays zero, no sign changes, nothing warns."""
    fixed = scheme.name in FIXED
    for name, tensor in edge_tensors(rng).items():
        weights = scheme.weights(tensor.astype(np.float64))
        quantize = scheme.activations(Histogram(tensor))
        for result, dtype in ((weights, np.float64), (quantize(tensor), np.float32)):
            assert result.dtype == dtype and result.shape == tensor.shape
            assert np.isfinite(result).all(), name
            assert (result[tensor == 0] == 0).all(), name
            assert (result * np.sign(tensor) >= 0).all(), name
        assert (quantize(np.zeros(3, np.float32)) == 0).all(), name
        beyond = quantize(np.array([np.inf, -np.inf, 3e38, -3e38], np.float32))
        assert np.isfinite(beyond).all() and beyond[0] >= beyond[2] >= 0 >= beyond[3] >= beyond[1]
        scaled = not fixed and name not in ("largest", "huge", "tiny", "subnormal")
        if scaled and tensor.any():
            errors = np.square(tensor - weights).sum() / np.square(tensor, dtype=float).sum()
            assert errors < 1 / 81, name  # a ninth is the most that 2 fraction bits are off


@SCHEMES
def test_wide_range(scheme: Scheme, rng):
    """Tensors of 1e-30 and 1e30 are quantized as well as those of 1, given a scale that reaches."""
    tensor = rng.standard_normal((500, 4))
    for factor in (1e-30, 1e30):
        result = scheme.weights(tensor * factor) / factor
        error = np.square(tensor - result).sum() / np.square(tensor).sum()
        reaches = scheme.name not in (*FIXED, "Flexpoint 8+5")
        assert (error < 0.005) == reaches, factor


@SCHEMES
def test_idempotent(scheme: Scheme, rng):
    """Quantized values are their own: all of them, as each stands for a code."""
    for name, tensor in edge_tensors(rng).items():
        quantize = scheme.activations(Histogram(tensor))
        values = np.concatenate([tensor.ravel(), np.linspace(-2, 2, 999, dtype=np.float32)])
        once = quantize(values)
        np.testing.assert_array_equal(quantize(once), once, err_msg=name)
        assert len(np.unique(once)) <= 256


@SCHEMES
def test_shapes(scheme: Scheme, rng):
    """Any shape and memory layout, longer than a block: the same values one by one."""
    tensor = rng.standard_normal((3, 50, 1000)).astype(np.float32)
    quantize = scheme.activations(Histogram(tensor))
    expected = quantize(tensor)
    assert not np.array_equal(expected, tensor)
    np.testing.assert_array_equal(quantize(tensor.T), expected.T)
    np.testing.assert_array_equal(quantize(tensor[:, ::3, ::7]), expected[:, ::3, ::7])
    np.testing.assert_array_equal(quantize(tensor.ravel()[-5:]), expected.ravel()[-5:])
    assert quantize(tensor[0, 0, 0].reshape(())) == expected[0, 0, 0]
    assert quantize(tensor[:0]).shape == (0, 50, 1000)


@SCHEMES
def test_refused(scheme: Scheme):
    """NaN is refused wherever it comes, infinite weights too, and a histogram of nothing."""
    tensor = np.ones((5, 3), np.float32)
    quantize = scheme.activations(Histogram(tensor))
    for index in ((0, 0), (2, 1), (4, 2)):
        for bad in (np.nan, np.inf, -np.inf, 1e39):
            weights = tensor.astype(np.float64)
            weights[index] = bad
            with pytest.raises(ValueError, match=r"value .* at \(\d, \d\): a finite float32"):
                scheme.weights(weights)
        activations = tensor.copy()
        activations[index] = np.nan
        with pytest.raises(ValueError, match=rf"{index[0]}, {index[1]}\S* is NaN"):
            quantize(activations)
    if scheme.name not in FIXED:
        with pytest.raises(ValueError, match="histogram of no values"):
            scheme.activations(Histogram())


def test_refuse_nan_names_the_first():
    values = np.array([[0, 1], [np.nan, np.nan]], np.float32)
    refuse_nan(values, values[:1])
    refuse_nan(values, values[:0])
    with pytest.raises(ValueError, match=r"value at \(1, 0\) is NaN"):
        refuse_nan(values, values[1:])


def test_table():
    """Names are different, each has one sentence, and what is kept with a tensor is this."""
    overheads = {
        scheme.name: (scheme.overhead_bytes(), scheme.overhead_bytes(64))
        for scheme in OTHER_SCHEMES
    }
    assert overheads == {
        "FP8 (1,5,2,15)": (0, 0),
        "HFP8 (1,4,3,11)": (0, 0),
        "OCP E4M3": (1, 64),
        "OCP E5M2": (1, 64),
        "LLVM E3M4": (1, 64),
        "S2FP8 (1,5,2)": (8, 8),
        "Flexpoint 8+5": (1, 1),
        "INT8 per tensor": (5, 4),
        "INT8 per channel": (5, 256),
    }
    assert list(overheads) == [scheme.name for scheme in OTHER_SCHEMES]
    for scheme in OTHER_SCHEMES:
        assert scheme.description.endswith(".") and len(scheme.description) > 30
