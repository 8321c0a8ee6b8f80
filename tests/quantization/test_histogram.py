"""Histograms of tensors: what they keep exactly, what nearly, and in how much memory."""

import numpy as np
import pytest

from model.quantization.histogram import Histogram


def as_dict(histogram: Histogram) -> dict[float, int]:
    """Return the counts by value."""
    return dict(zip(histogram.values.tolist(), histogram.counts.tolist(), strict=True))


def test_few_distinct_values_are_exact(rng):
    """One value in each bin is kept as it is, of any size and sign, however often it occurs."""
    distinct = np.array([0, 1, -1, 0.1, -0.3, 1e-38, 1e-30, -1e30, 3.4e38], np.float32)
    counts = rng.integers(1, 10_000, len(distinct))
    values = rng.permutation(np.repeat(distinct, counts))
    histogram = Histogram(values)
    assert as_dict(histogram) == dict(zip(distinct.tolist(), counts.tolist(), strict=True))
    assert histogram.size == counts.sum()
    assert (histogram.least, histogram.greatest) == (distinct.min(), distinct.max())


def test_means_of_bins(rng):
    """Values that differ in the first ten bits of the fraction are apart, others are averaged."""
    values = np.array([1, 1 + 2**-11, 1 + 2**-10, -1, -1 - 2**-12, 2, 2 + 2**-9, 2 - 2**-23])
    expected = {
        1 + 2**-12: 2,
        1 + 2**-10: 1,
        -1 - 2**-13: 2,
        2.0: 1,
        2 + 2**-9: 1,
        2 - 2**-23: 1,
    }
    assert as_dict(Histogram(rng.permutation(values))) == expected


@pytest.mark.parametrize("scale", [1.0, 1e-30, 1e30])
def test_bins_stand_for_their_values(scale, rng):
    """Every value is near the mean of its bin; sums are kept, the extremes exactly."""
    values = (scale * rng.standard_normal(50_000)).astype(np.float32)
    histogram = Histogram(values)
    assert histogram.size == values.size == histogram.counts.sum()
    assert histogram.values.dtype == np.float64 and histogram.counts.dtype == np.int64
    assert (histogram.counts > 0).all()
    assert (histogram.least, histogram.greatest) == (values.min(), values.max())
    total = histogram.values @ histogram.counts
    assert total == pytest.approx(values.sum(dtype=np.float64), rel=1e-9)
    power = np.square(histogram.values) @ histogram.counts
    assert power == pytest.approx(np.square(values, dtype=np.float64).sum(), rel=2**-21)
    means = np.sort(histogram.values)
    places = np.clip(np.searchsorted(means, values), 1, len(means) - 1)
    near = np.minimum(abs(values - means[places]), abs(values - means[places - 1]))
    assert (near <= abs(values) * 2**-10).all()


def test_bounded(rng):
    """Of every float32 pattern that is a number, there are no more bins than 2047 an octave."""
    patterns = np.arange(0, 2**32, 2**8 - 1, dtype=np.uint32).view(np.float32)
    histogram = Histogram(patterns[np.isfinite(patterns)])
    assert len(histogram.counts) == len(histogram.values) == 2 * 255 * 2**10
    assert histogram.size == np.isfinite(patterns).sum() > 16_000_000


def test_parts(rng, monkeypatch):
    """Parts of any shape add up to what the whole gives, also if counted block by block."""
    values = rng.standard_normal((60, 50)).astype(np.float32)
    values[0, :2] = -9, 9
    whole = Histogram(values)
    parts = Histogram()
    for part in (values[:7], values[7:7], values[7:31, :, np.newaxis], values[31:].T):
        parts.add(part)
    monkeypatch.setattr("model.quantization.histogram._BLOCK", 700)
    for histogram in (parts, Histogram(values)):
        np.testing.assert_array_equal(histogram.counts, whole.counts)
        np.testing.assert_allclose(histogram.values, whole.values, rtol=1e-15)
        assert (histogram.least, histogram.greatest) == (whole.least, whole.greatest)
        assert histogram.size == 3000


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_refused(bad):
    """What is not a finite number is refused, wherever it is, and changes nothing."""
    histogram = Histogram([1.0, 2.0])
    for values in ([bad, 0, 1], [0, bad, 1], [0, 1, bad]):
        with pytest.raises(ValueError, match="a value is NaN or infinite"):
            histogram.add(np.array(values))
    assert as_dict(histogram) == {1.0: 1, 2.0: 1}


def test_empty():
    """Nothing is counted in nothing."""
    for histogram in (Histogram(), Histogram(np.empty((0, 3)))):
        assert histogram.size == 0
        assert histogram.values.shape == histogram.counts.shape == (0,)
        assert (histogram.least, histogram.greatest) == (np.inf, -np.inf)
        histogram.add([-0.5])
        assert as_dict(histogram) == {-0.5: 1}
