"""8-bit floating-point formats of other systems, as they are or with a power of two as scale.

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
    """A format as it is, or times a power of two for each tensor.

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

    def overhead_bytes(self, channels: int | None = None) -> int:
        """Return 1, for the exponent of a scale, or 0."""
        return int(self._scaled)


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
    """Return the exponent of the scale of least squared error, 0 for a tensor of zeros.

    Halving the scale keeps every value in range. So the search goes down from the least scale
    that saturates nothing, until saturation alone is worse than the best scale found.

    Raises
    ------
    ValueError
        If the histogram is empty.
    """
    largest = largest_magnitude(histogram)
    if largest == 0:
        return 0
    values, counts = histogram.values, histogram.counts
    best, least = 0, np.inf
    for exponent in range(_unsaturated_exponent(table, largest), EXPONENT_MIN - 1, -1):
        codes, _ = table.format.encode_scaled(values, -exponent, clamp=table.largest)
        errors = np.ldexp(table.decode(codes), exponent) - values
        error = counts @ np.square(errors)
        if error < least:
            best, least = exponent, error
        excess = np.abs(values) - np.ldexp(table.max, exponent - 1)
        if counts @ np.square(np.maximum(excess, 0)) >= least:
            break
    return best


def _unsaturated_exponent(table: TableFormat, largest: float) -> int:
    """Return the least exponent that saturates nothing, if float32 holds all values with it."""
    significand, exponent = np.frexp(largest)
    top_significand, top_exponent = np.frexp(table.max)
    exponent += (significand > top_significand) - top_exponent
    beyond = np.finfo(np.float32).maxexp - top_exponent
    return int(np.clip(exponent, EXPONENT_MIN, min(EXPONENT_MAX, beyond)))


def _quantize(
    array: NDArray[np.float32], fmt: Format, values: NDArray[np.float32]
) -> NDArray[np.float32]:
    split = (fmt.sign, fmt.exponent, fmt.fraction)
    return quantize(array, fmt.unit_exponent, split, values)
