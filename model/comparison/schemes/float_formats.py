"""8-bit floating-point formats of other systems, as they are or with powers of two as scales.

A value beyond the largest finite one saturates, and codes of NaN and infinity are never used.
"""

from functools import partial

import numpy as np
from numpy.typing import NDArray

from ...format.format import Format
from ...format.lookup import quantize
from ...format.presets import TableFormat
from ...quantization.activations import PLANS
from ...quantization.histogram import Histogram
from ...quantization.noise import Candidate
from .scheme import Quantizer, Scheme, largest_magnitude, single, squared_error

EXPONENT_MIN, EXPONENT_MAX = -127, 127
"""Scales are powers of two that one byte holds: those of OCP's E8M0."""


class FloatFormat(Scheme):
    """A format as it is, or times a power of two for each tensor and each column of weights.

    Parameters
    ----------
    name, description
        As of `Scheme`.
    table
        The format.
    scaled
        Whether there is a scale, which is then that of least squared error.
    """

    def __init__(self, name: str, description: str, table: TableFormat, scaled: bool) -> None:
        self.name, self.description = name, description
        self._table, self._scaled = table, scaled
        if scaled:
            self.plans = PLANS

    def activations(self, histogram: Histogram) -> Quantizer:
        """Choose the scale, if there is one."""
        exponent = least_error_exponent(self._table, histogram) if self._scaled else 0
        return scaled_quantizer(self._table, exponent)

    def candidates(self, histogram: Histogram, scale: float) -> list[Candidate]:
        """Return the scales around that of least squared error, times a factor."""
        if not self._scaled:
            return super().candidates(histogram, scale)
        divided, found = histogram.scaled(1 / scale), []
        best = least_error_exponent(self._table, divided)
        for exponent in range(best + 1, best - 2, -1):
            quantize = scaled_quantizer(self._table, exponent)
            reach = float(np.ldexp(self._table.max, exponent)) * scale
            error = squared_error(divided, quantize) * scale**2
            found.append(Candidate(exponent, single(quantize), error, reach))
        return found

    def weight_quantizer(self, values: NDArray[np.float32]) -> Quantizer:
        """Choose a scale for each column, if there are any; see `Scheme.weight_quantizer`."""
        if not self._scaled:
            return super().weight_quantizer(values)
        exponents = least_error_exponents(self._table, values)
        unscaled = scaled_quantizer(self._table, 0)

        def quantize(array: NDArray[np.float32]) -> NDArray[np.float32]:
            with np.errstate(over="ignore"):
                return np.ldexp(unscaled(np.ldexp(array, -exponents)), exponents)

        return quantize

    def overhead_bytes(self, channels: int | None = None) -> int:
        """Return 1 for the exponent of each scale."""
        return (channels or 1) * self._scaled


def scaled_quantizer(table: TableFormat, exponent: int) -> Quantizer:
    """Return the quantizer to the values of a format times ``2**exponent``."""
    base = table.format
    fmt = Format(base.sign, base.exponent, base.fraction, base.bias - exponent)
    # Codes that are no numbers stand for magnitudes beyond the largest: reading them as the
    # largest saturates, which is cheaper than keeping the encoder from them.
    codes = np.arange(256)
    usable = np.minimum(codes & fmt.max_code, table.largest) | codes & ~fmt.max_code
    return partial(_quantize, fmt=fmt, values=fmt.decode(usable).astype(np.float32))


def least_error_exponent(table: TableFormat, histogram: Histogram) -> int:
    """Return the exponent of a tensor's scale; see `least_error_exponents`.

    Raises
    ------
    ValueError
        If the histogram is empty.
    """
    largest_magnitude(histogram)
    return int(least_error_exponents(table, histogram.values[:, None], histogram.counts)[0])


def least_error_exponents(
    table: TableFormat, values: NDArray[np.floating], counts: NDArray | None = None
) -> NDArray[np.int32]:
    """Return the exponents of the scales of least squared error, 0 for a column of zeros.

    Halving a scale keeps every value in range. So the search goes down from the least scale
    that saturates nothing, until saturation alone is worse than the best scale found.

    Parameters
    ----------
    values
        (K, N), a scale for each of the columns.
    counts
        (K,), how often each row counts; once unless given.
    """
    values = np.asarray(values, np.float64)
    counts = np.ones(len(values)) if counts is None else counts
    largest = np.abs(values).max(axis=0)
    best = np.zeros(values.shape[1], np.int32)
    least = np.full(values.shape[1], np.inf)
    exponents = _unsaturated_exponents(table, largest)
    left = np.flatnonzero(largest)
    while len(left):
        columns, tried = values[:, left], exponents[left]
        codes, _ = table.format.encode_scaled(columns, -tried, clamp=table.largest)
        errors = counts @ np.square(np.ldexp(table.decode(codes), tried) - columns)
        better = errors < least[left]
        best[left[better]], least[left[better]] = tried[better], errors[better]
        exponents[left] -= 1
        beyond = np.maximum(np.abs(columns) - np.ldexp(table.max, tried - 1), 0)
        hopeful = counts @ np.square(beyond) < least[left]
        left = left[hopeful & (tried > EXPONENT_MIN)]
    return best


def _unsaturated_exponents(table: TableFormat, largest: NDArray[np.float64]) -> NDArray[np.int32]:
    """Return the least exponents that saturate nothing, if float32 holds all values with them."""
    significands, exponents = np.frexp(largest)
    top_significand, top_exponent = np.frexp(table.max)
    exponents += (significands > top_significand) - top_exponent
    beyond = np.finfo(np.float32).maxexp - top_exponent
    return np.clip(exponents, EXPONENT_MIN, min(EXPONENT_MAX, beyond))


def _quantize(
    array: NDArray[np.float32], fmt: Format, values: NDArray[np.float32]
) -> NDArray[np.float32]:
    split = (fmt.sign, fmt.exponent, fmt.fraction)
    return quantize(array, fmt.unit_exponent, split, values)
