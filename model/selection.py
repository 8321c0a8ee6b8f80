"""Choose FFP8 formats of least squared error.

Halving a format's unit (a bias greater by one) keeps every value that is still in range.
So of all biases that saturate nothing the greatest is the best, and beyond it the error of
saturation alone, which only grows with the bias, soon exceeds the least error found: a
short search finds the best of all biases.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from model.format import Format, supported_splits

BIAS_MIN, BIAS_MAX = -128, 127
"""What the hardware's bias registers hold."""


@dataclass(frozen=True, eq=False)
class ColumnFormats:
    """One split for a matrix and a bias for each column: ``fmt`` at bias 0, ``biases`` (N,)."""

    fmt: Format
    biases: np.ndarray
    error: float

    def encode(self, values: np.ndarray) -> np.ndarray:
        """Return the codes (K, N) of values (K, N)."""
        return self.fmt.encode_scaled(values, self.biases)[0]


def select_format(values: np.ndarray, exp_max: int) -> Format:
    """Choose the format of least squared error for a tensor.

    Parameters
    ----------
    values
        Finite real values of any shape; the format is unsigned if none is negative.
    exp_max
        Greatest number of exponent bits. Of equally good splits that with the fewest is taken.
    """
    chosen = select_column_formats(np.reshape(values, (-1, 1)), exp_max)
    return dataclasses.replace(chosen.fmt, bias=int(chosen.biases[0]))


def select_column_formats(
    values: np.ndarray, exp_max: int, bias_limits: dict[int, np.ndarray] | None = None
) -> ColumnFormats:
    """Choose the split, and the bias of each column, of least squared error.

    Parameters
    ----------
    values
        (K, N) finite real values; the split is unsigned if none is negative.
    exp_max
        Greatest number of exponent bits.
    bias_limits
        For each number of fraction bits the greatest bias allowed to each column, (N,).
    """
    signed = int((values < 0).any())
    best = None
    for split in supported_splits(exp_max):
        if split[0] == signed:
            limits = bias_limits[split[2]] if bias_limits else BIAS_MAX
            found = _least_error(np.asarray(values, np.float64), Format(*split, 0), limits)
            best = found if best is None or found.error < best.error else best
    return best


def _least_error(values: np.ndarray, fmt: Format, limits: np.ndarray | int) -> ColumnFormats:
    """Search the bias of least squared error of each column (see the module's docstring)."""
    bias = np.clip(_unsaturated_bias(values, fmt), BIAS_MIN, limits)
    limits = np.broadcast_to(limits, bias.shape)
    best, least = bias.copy(), np.full(bias.shape, np.inf)
    searched = np.arange(len(bias))
    while searched.size:
        tried = bias[searched]
        columns = values[:, searched]
        error = _squared_error(columns, fmt, tried)
        better = error < least[searched]
        best[searched[better]], least[searched[better]] = tried[better], error[better]
        bias[searched] += 1
        saturation = np.abs(columns) - np.ldexp(fmt.max, -bias[searched])
        bound = np.square(np.maximum(saturation, 0)).sum(axis=0)
        searched = searched[(bound < least[searched]) & (bias[searched] <= limits[searched])]
    return ColumnFormats(fmt, best, float(least.sum()))


def _unsaturated_bias(values: np.ndarray, fmt: Format) -> np.ndarray:
    """Greatest bias at which each column stays in range; a column of zeros takes another's."""
    largest = np.abs(values).max(axis=0)
    significand, exponent = np.frexp(largest)
    top_significand, top_exponent = np.frexp(fmt.max)
    bias = top_exponent - exponent - (significand > top_significand)
    used = largest > 0
    return np.where(used, bias, bias[used].max() if used.any() else 0).astype(np.int64)


def _squared_error(values: np.ndarray, fmt: Format, biases: np.ndarray) -> np.ndarray:
    """Squared error of each column encoded with its bias."""
    codes, _ = fmt.encode_scaled(values, biases)
    return np.square(np.ldexp(fmt.decode(codes), -biases) - values).sum(axis=0)


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
