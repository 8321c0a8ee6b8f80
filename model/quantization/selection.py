"""Choose FFP8 formats of least squared error.

Halving a format's unit (a bias greater by one) keeps every value that is still in range.
So of all biases that saturate nothing the greatest is the best, and beyond it the error of
saturation alone, which only grows with the bias, soon exceeds the least error found: a
short search finds the best of all biases.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..format.format import Format
from ..format.splits import Split

BIAS_MIN, BIAS_MAX = -128, 127
"""What the hardware's bias registers hold."""

Cost = Callable[[np.ndarray], np.ndarray]
"""What errors (K, N) cost in each column, (N,): a sum of their squares."""


@dataclass(frozen=True, eq=False)
class ColumnFormats:
    """One split for a matrix and a bias for each column: ``fmt`` at bias 0, ``biases`` (N,)."""

    fmt: Format
    biases: np.ndarray
    error: float

    def encode(self, values: np.ndarray) -> np.ndarray:
        """Return the codes (K, N) of values (K, N)."""
        return self.fmt.encode_scaled(values, self.biases)[0]

    def quantize(self, values: np.ndarray) -> np.ndarray:
        """Return what the codes of values (..., N) stand for."""
        return _quantized(values, self.fmt, self.biases)

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Return the values, (K, N) float64, that codes stand for."""
        return np.ldexp(self.fmt.decode(codes), -self.biases)


def select_format(
    values: np.ndarray, splits: Sequence[Split], counts: np.ndarray | None = None
) -> Format:
    """Choose the format of least squared error for a tensor.

    Parameters
    ----------
    values
        Finite real values of any shape; the format is unsigned if none is negative.
    splits
        Sign, exponent and fraction bits to choose from. Of equally good ones the first is taken.
    counts
        How often each value occurs, once if not given.
    """
    return min(candidate_formats(values, splits, counts), key=lambda found: found[1])[0]


def candidate_formats(
    values: np.ndarray, splits: Sequence[Split], counts: np.ndarray | None = None
) -> list[tuple[Format, float]]:
    """Return each format that was worth trying for a tensor with its squared error.

    The parameters are those of `select_format`. The biases of a split go up from the greatest that
    saturates nothing to the first at which saturation alone costs more than the best of them.
    """
    column = np.reshape(values, (-1, 1)).astype(np.float64)
    weights = np.ones(len(column)) if counts is None else counts

    def cost(errors: np.ndarray) -> np.ndarray:
        return weights @ np.square(errors)

    found = []
    for split in usable_splits(splits, bool((column < 0).any())):
        trials = _trials(column, Format(*split, 0), np.array([BIAS_MAX]), cost)
        found += [(Format(*split, int(bias[0])), float(error[0])) for bias, error in trials]
    return found


def usable_splits(splits: Sequence[Split], negative: bool) -> list[Split]:
    """Return the splits for a tensor that has, or has not, negative values.

    A tensor without negative values drops the sign bit, unless every split has one.

    Raises
    ------
    ValueError
        If there are negative values and no split has a sign.
    """
    unsigned = [split for split in splits if not split[0]]
    chosen = [split for split in splits if split[0]] if negative else unsigned or list(splits)
    if not chosen:
        raise ValueError("a tensor has negative values, and none of the formats has a sign bit")
    return chosen


def select_column_formats(
    values: np.ndarray,
    splits: Sequence[Split],
    bias_limits: Mapping[int, np.ndarray] | None = None,
) -> ColumnFormats:
    """Choose the split, and the bias of each column, of least squared error.

    Parameters
    ----------
    values
        (K, N) finite real values; the split is unsigned if none is negative.
    splits
        To choose from, as in `select_format`.
    bias_limits
        For each number of fraction bits the greatest bias allowed to each column, (N,).
    """
    return candidate_column_formats(values, splits, bias_limits)[0]


def candidate_column_formats(
    values: np.ndarray,
    splits: Sequence[Split],
    bias_limits: Mapping[int, np.ndarray] | None = None,
) -> list[ColumnFormats]:
    """Return each split with the best biases, that of least squared error first.

    The parameters are those of `select_column_formats`.
    """
    values = np.asarray(values, np.float64)
    found = []
    for split in usable_splits(splits, bool((values < 0).any())):
        fmt = Format(*split, 0)
        limits = bias_limits[fmt.fraction] if bias_limits else np.full(values.shape[1], BIAS_MAX)
        found.append(_best(fmt, _trials(values, fmt, limits, _sum_of_squares)))
    return sorted(found, key=lambda chosen: chosen.error)


Trial = tuple[np.ndarray, np.ndarray]
"""Biases and errors of columns, (N,) each; an error is infinite where nothing was tried."""


def _best(fmt: Format, trials: Iterator[Trial]) -> ColumnFormats:
    """Keep the best bias of each column, the least of equally good ones."""
    best, least = next(trials)
    for biases, errors in trials:
        better = errors < least
        best, least = np.where(better, biases, best), np.where(better, errors, least)
    return ColumnFormats(fmt, best, float(least.sum()))


def _trials(values: np.ndarray, fmt: Format, limits: np.ndarray, cost: Cost) -> Iterator[Trial]:
    """Try the biases of each column that may be the best (see the module's docstring)."""
    bias = np.minimum(_unsaturated_bias(values, fmt), limits)
    least = np.full(bias.shape, np.inf)
    searched = np.arange(len(bias))
    while searched.size:
        tried, columns = bias[searched], values[:, searched]
        errors = np.full(bias.shape, np.inf)
        errors[searched] = cost(_quantized(columns, fmt, tried) - columns)
        yield bias.copy(), errors
        least = np.minimum(least, errors)
        bias[searched] += 1
        saturation = np.abs(columns) - np.ldexp(fmt.max, -bias[searched])
        bound = cost(np.maximum(saturation, 0))
        searched = searched[(bound < least[searched]) & (bias[searched] <= limits[searched])]


def _sum_of_squares(errors: np.ndarray) -> np.ndarray:
    return np.square(errors).sum(axis=0)


def _unsaturated_bias(values: np.ndarray, fmt: Format) -> np.ndarray:
    """Greatest bias at which each column stays in range; a column of zeros takes another's."""
    largest = np.abs(values).max(axis=0)
    significand, exponent = np.frexp(largest)
    top_significand, top_exponent = np.frexp(fmt.max)
    bias = top_exponent - exponent - (significand > top_significand)
    used = largest > 0
    chosen = np.where(used, bias, bias[used].max() if used.any() else 0)
    return np.clip(chosen, BIAS_MIN, BIAS_MAX).astype(np.int64)


def _quantized(values: np.ndarray, fmt: Format, biases: np.ndarray) -> np.ndarray:
    """Values of the codes of values (..., N), encoded with the bias of each column."""
    scale = np.ldexp(1.0, biases)  # exact: a format of bias b is one of bias 0 over 2**b
    return fmt.quantize(values * scale) / scale


def start_bias_limits(start: np.ndarray, fmt_a: Format, fraction: int, width: int) -> np.ndarray:
    """Greatest weight bias, of each column, on whose grid the start value fits.

    Parameters
    ----------
    start
        (N,) float32 start values.
    fmt_a
        Format of the activations.
    fraction
        Fraction bits of the weights.
    width
        Accumulator width in bits; start values have magnitudes below ``2**(width - 2)``.
    """
    bits = width - 2
    significand, exponent = np.frexp(start.astype(np.float64))
    exponent = exponent + (np.abs(np.rint(np.ldexp(significand, bits))) == 2.0**bits)
    limits = bits + fmt_a.unit_exponent + (1 - fraction) - exponent
    return np.where(start == 0, BIAS_MAX, np.minimum(limits, BIAS_MAX)).astype(np.int64)
