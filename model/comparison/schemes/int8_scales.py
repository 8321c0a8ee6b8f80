"""Scales of INT8, and zero points, of least squared error.

Scales are tried in small steps, downwards, until saturation alone is worse than the best found.
They begin at twice the scale that uses all codes: one larger still is no better than its half,
which keeps every value. The codes that a scale gives have themselves a best scale, in closed
form, and each scale is judged by that one.
"""

from collections.abc import Iterator
from itertools import count

import numpy as np
from numpy.typing import NDArray

from ...quantization.histogram import Histogram
from .integers import stored_scale

SYMMETRIC = 127
"""Largest code of weights, and, negated, the least."""

STEPS = 16
"""To an octave of scales, where each is judged by more than its squared error."""

_EVALUATIONS = 2**17  # of a value's error, at least, to an octave of scales
_CODES = np.arange(-256, 257)  # those at the ends are beyond the range with every zero point
_ZERO_POINTS = np.arange(256)
_CLIPPED = np.clip(_CODES, -_ZERO_POINTS[:, np.newaxis], 255 - _ZERO_POINTS[:, np.newaxis]).astype(
    np.float64
)
_SQUARES = np.square(_CLIPPED)


def symmetric_scales(
    rows: NDArray[np.float64], counts: NDArray[np.int64] | None = None
) -> NDArray[np.float32]:
    """Return the scale of each row for codes -127 to 127, 1 for a row of zeros.

    Parameters
    ----------
    rows
        (C, n) finite values.
    counts
        (n,), how often each occurs; by default once.
    """
    weights = np.ones(rows.shape[1]) if counts is None else counts.astype(np.float64)
    largest = np.abs(rows).max(axis=1, initial=0)
    scales, least = np.ones(len(rows)), np.full(len(rows), np.inf)
    energies = _weighted_squares(rows, weights)
    searched = np.flatnonzero(largest)
    part = rows[searched]
    for factor in _factors(rows.shape[1]):
        if not searched.size:
            break
        tried = largest[searched] * factor / SYMMETRIC
        fitted, gains = _fit_rows(part, weights, tried)
        errors = energies[searched] - gains
        better = errors < least[searched]
        scales[searched[better]], least[searched[better]] = fitted[better], errors[better]
        if factor < 1:
            excess = np.maximum(np.abs(part) - SYMMETRIC * tried[:, np.newaxis], 0)
            promising = _weighted_squares(excess, weights) < least[searched]
            if not promising.all():
                searched, part = searched[promising], part[promising]
    return stored_scale(scales, SYMMETRIC)


def _factors(size: int) -> Iterator[float]:
    """Yield what to multiply with the scale that uses all codes, for a search over `size` values.

    The error of few values has many narrow minima, which take smaller steps to find.
    """
    steps = min(max(_EVALUATIONS // max(size, 1), 64), 512)  # to an octave
    return (2.0 ** (-step / steps) for step in count(1 - steps))


def _fit_rows(
    rows: NDArray[np.float64], weights: NDArray[np.float64], scales: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the best scales for the codes that `scales` give, and what they gain.

    The gain is by how much the squared error is less than that of all codes zero.
    """
    codes = rows / scales[:, np.newaxis]
    np.rint(codes, out=codes)
    np.clip(codes, -SYMMETRIC, SYMMETRIC, out=codes)
    products = np.einsum("rn,rn,n->r", rows, codes, weights)
    squares = _weighted_squares(codes, weights)
    fitted = np.divide(products, squares, out=scales.copy(), where=squares > 0)
    return fitted, fitted * products


def _weighted_squares(
    rows: NDArray[np.float64], weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    # einsum, since a matrix product of this shape is slower, and waits for BLAS's threads
    return np.einsum("rn,rn,n->r", rows, rows, weights)


def affine_scale(histogram: Histogram) -> tuple[np.float32, int]:
    """Return the scale and the zero point for codes 0 to 255; 1 and 0 for a tensor of zeros.

    Zero is a code, and all 256 zero points are tried with each scale.

    Parameters
    ----------
    histogram
        Not empty.
    """
    tried = _affine_trials(histogram, _factors(len(histogram.values)))
    scale, zero_point, _ = min(tried, key=lambda trial: trial[2])
    return stored_scale(scale, 255)[()], zero_point


def affine_scales(histogram: Histogram) -> list[tuple[np.float32, int, float]]:
    """Return scales in steps, each with its best zero point and the squared error.

    Parameters
    ----------
    histogram
        Not empty.
    """
    factors = (2.0 ** (-step / STEPS) for step in count(1 - STEPS))
    return [
        (stored_scale(scale, 255)[()], zero_point, max(error, 0.0))  # a difference of large numbers
        for scale, zero_point, error in _affine_trials(histogram, factors)
    ]


def _affine_trials(
    histogram: Histogram, factors: Iterator[float]
) -> Iterator[tuple[float, int, float]]:
    """Yield scales, each with its best zero point and the squared error.

    The factors, of the scale that uses all codes, go down until saturation alone is worse than the
    best that was found. A tensor of zeros has the scale 1 and the zero point 0.
    """
    span = max(histogram.greatest, 0.0) - min(histogram.least, 0.0)
    if span == 0:
        yield 1.0, 0, 0.0
        return
    values, counts, least = histogram.values, histogram.counts.astype(np.float64), np.inf
    for factor in factors:
        fitted, errors, saturation = _fit_zero_points(values, counts, span * factor / 255)
        found = int(np.argmin(errors))
        yield float(fitted[found]), found, float(errors[found])
        least = min(least, errors[found])
        if saturation.min() >= least:
            return


def _fit_zero_points(
    values: NDArray[np.float64], counts: NDArray[np.float64], scale: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return, (256,) by zero point, best scales for the codes that `scale` gives, and errors.

    The errors are those with the best scale, and those of saturated values with `scale`. A zero
    point moves only the ends of the range. So what all of them need to know of the values is, for
    each integer that `scale` gives, how many there are, their sum, and their sum of squares.
    """
    codes = np.clip(np.rint(values / scale), _CODES[0], _CODES[-1]).astype(np.intp) - _CODES[0]
    numbers, sums, squares = (
        np.bincount(codes, weights=counts * power, minlength=len(_CODES))
        for power in (1.0, values, np.square(values))
    )
    products, norms = _CLIPPED @ sums, _SQUARES @ numbers
    fitted = np.divide(products, norms, out=np.full(len(norms), scale), where=norms > 0)
    total = squares.sum()
    rounded = np.square(scale * _CODES) * numbers - 2 * scale * _CODES * sums + squares
    before = np.concatenate([[0.0], np.cumsum(rounded)])
    first = -_ZERO_POINTS - _CODES[0]
    inside = before[first + 256] - before[first]
    saturation = total - 2 * scale * products + scale**2 * norms - inside
    return fitted, total - fitted * products, saturation
