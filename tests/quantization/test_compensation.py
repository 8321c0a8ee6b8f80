"""Compensated rounding against the same algorithm in plain loops, and what it is for."""

import numpy as np
import pytest

from model.format.format import Format
from model.quantization.compensation import DAMPING, Compensation
from model.quantization.selection import ColumnFormats

BLOCK = 8
SHAPES = [  # groups, terms, columns of a group, samples
    (1, BLOCK - 3, 4, 40),
    (1, BLOCK, 3, 100),
    (1, 2 * BLOCK + 7, 2, 200),
    (1, 5 * BLOCK, 4, 10),
    (2, BLOCK + 1, 2, 90),
    (3, BLOCK - 1, 2, 30),
    (6, BLOCK + 1, 1, 30),
]


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let few terms be several blocks."""
    monkeypatch.setattr("model.quantization.compensation._BLOCK", BLOCK)


def correlated(rng: np.random.Generator, groups: int, terms: int, samples: int) -> np.ndarray:
    """Draw activations (groups, samples, terms) of which neighbours are alike."""
    mixing = np.exp(-np.abs(np.subtract.outer(np.arange(terms), np.arange(terms))) / 3)
    values = rng.standard_normal((groups, samples, terms)) @ mixing
    return np.maximum(values + 0.5, 0)


def moments_of(activations: np.ndarray) -> np.ndarray:
    """Return the second moments, (groups, terms, terms)."""
    return activations.transpose(0, 2, 1) @ activations / activations.shape[1]


def column_formats(rng: np.random.Generator, columns: int) -> ColumnFormats:
    """Return formats of 4 bits or so of precision with a bias for each column."""
    return ColumnFormats(Format(1, 5, 2, 0), rng.integers(14, 18, columns), 0.0)


def round_by_loops(moments: np.ndarray, column: np.ndarray, chosen: Format) -> np.ndarray:
    """Round a column, taking each error back in what is still to come, by least squares.

    In terms of the remaining block of the moments: rounding the first of them, the others change
    by what leaves the least squared error of the sums.
    """
    largest = moments.diagonal().max()
    damping = DAMPING * moments.diagonal().mean() + np.finfo(np.float32).tiny * largest
    damped = moments + damping * np.eye(len(moments))
    left, rounded = column.copy(), np.empty_like(column)
    for term in range(len(column)):
        rounded[term] = chosen.decode(chosen.encode(left[term]))
        error = left[term] - rounded[term]
        if term + 1 < len(column):
            later = damped[term + 1 :, term + 1 :]
            left[term + 1 :] += np.linalg.solve(later, damped[term + 1 :, term]) * error
    return rounded


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_rounding_is_that_of_plain_loops(rng, shape):
    groups, terms, width, samples = shape
    moments = moments_of(correlated(rng, groups, terms, samples))
    weights = rng.standard_normal((terms, groups * width))
    chosen = column_formats(rng, groups * width)
    rounded = Compensation(moments).round(weights, chosen.quantize)
    for column, bias in enumerate(chosen.biases.tolist()):
        expected = round_by_loops(
            moments[column // width], weights[:, column], Format(1, 5, 2, bias)
        )
        np.testing.assert_allclose(rounded[:, column], expected, rtol=1e-12, err_msg=str(column))
    assert not np.array_equal(rounded, chosen.quantize(weights))


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_values_are_of_the_columns_formats(rng, shape):
    groups, terms, width, samples = shape
    moments = moments_of(correlated(rng, groups, terms, samples)).astype(np.float32)
    chosen = column_formats(rng, groups * width)
    weights = rng.standard_normal((terms, groups * width))
    rounded = Compensation(moments).round(weights, chosen.quantize)
    assert rounded.shape == weights.shape and rounded.dtype == np.float64
    np.testing.assert_array_equal(chosen.decode(chosen.encode(rounded)), rounded)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_output_error_is_the_mean_square_over_samples(rng, shape):
    groups, terms, width, samples = shape
    activations = correlated(rng, groups, terms, samples)
    errors = rng.standard_normal((terms, groups * width))
    expected = sum(
        np.square(activations[column // width] @ errors[:, column]).mean()
        for column in range(groups * width)
    )
    measured = Compensation(moments_of(activations)).output_error(errors)
    assert measured == pytest.approx(expected, rel=1e-9)


def test_less_output_error_than_rounding_to_nearest(rng):
    """With 32 columns or more it is never above, and a tenth of it in the geometric mean."""
    ratios = []
    for _ in range(60):
        groups, terms = int(rng.integers(1, 4)), int(rng.integers(4, 50))
        compensation = Compensation(moments_of(correlated(rng, groups, terms, 200)))
        weights = rng.standard_normal((terms, groups * 32))
        chosen = column_formats(rng, groups * 32)
        nearest = chosen.quantize(weights)
        rounded = compensation.round(weights, chosen.quantize)
        ratios.append(
            compensation.output_error(rounded - weights)
            / compensation.output_error(nearest - weights)
        )
    assert max(ratios) < 0.8  # 0.39 in 12 seeds
    assert np.exp(np.log(ratios).mean()) < 0.2  # 0.11


def test_blocks_do_not_change_what_is_rounded(rng, monkeypatch):
    compensation = Compensation(moments_of(correlated(rng, 2, 50, 100)))
    weights = rng.standard_normal((50, 6))
    chosen = column_formats(rng, 6)
    expected = compensation.round(weights, chosen.quantize)
    for size in (1, 49, 50, 64):
        monkeypatch.setattr("model.quantization.compensation._BLOCK", size)
        np.testing.assert_array_equal(compensation.round(weights, chosen.quantize), expected)


def test_no_moments_is_rounding_to_nearest(rng):
    weights = rng.standard_normal((70, 6))
    chosen = column_formats(rng, 6)
    rounded = Compensation(np.zeros((2, 70, 70), np.float32)).round(weights, chosen.quantize)
    np.testing.assert_array_equal(rounded, chosen.quantize(weights))


def test_a_group_of_zeros_beside_another(rng):
    """Its weights are rounded to nearest, the others as if they were alone."""
    moments = moments_of(correlated(rng, 3, 12, 40))
    moments[1] = 0
    weights = rng.standard_normal((12, 6))
    chosen = column_formats(rng, 6)
    rounded = Compensation(moments).round(weights, chosen.quantize)
    np.testing.assert_array_equal(rounded[:, 2:4], chosen.quantize(weights)[:, 2:4])
    alone = ColumnFormats(chosen.fmt, chosen.biases[4:], 0.0)
    expected = Compensation(moments[2:]).round(weights[:, 4:], alone.quantize)
    np.testing.assert_allclose(rounded[:, 4:], expected, rtol=1e-12)


def test_dead_terms_do_not_matter(rng):
    """Terms whose activations are always zero neither give nor take errors."""
    moments = moments_of(correlated(rng, 1, 20, 100))
    dead = np.array([0, 7, 8, 19])
    moments[:, dead] = moments[:, :, dead] = 0
    weights = rng.standard_normal((20, 3))
    chosen = column_formats(rng, 3)
    rounded = Compensation(moments).round(weights, chosen.quantize)
    np.testing.assert_array_equal(rounded[dead], chosen.quantize(weights)[dead])


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_the_unit_of_moments_does_not_matter(rng, scale):
    moments = moments_of(correlated(rng, 2, 30, 100)).astype(np.float32)
    weights = rng.standard_normal((30, 4))
    chosen = column_formats(rng, 4)
    expected = Compensation(moments).round(weights, chosen.quantize)
    power = np.float32(np.exp2(np.rint(np.log2(scale))))
    rounded = Compensation(moments * power).round(weights, chosen.quantize)
    np.testing.assert_array_equal(rounded, expected)
