"""INT8: integers times a real scale, of each tensor or of each output channel of the weights."""

from abc import abstractmethod

import numpy as np
from numpy.typing import NDArray

from ...quantization.activations import Plan
from ...quantization.histogram import Histogram
from ...quantization.noise import Candidate
from .int8_scales import SYMMETRIC, affine_scale, affine_scales, symmetric_scales
from .integers import Integers
from .scheme import Quantizer, Scheme, largest_magnitude, single

_BLOCK = 2**16  # weights whose scales are searched at a time, for the caches


class _Int8(Scheme):
    """Symmetric weights and asymmetric activations."""

    plans = Plan(), Plan(of_sums=True)  # a scale is a factor

    def activations(self, histogram: Histogram) -> Quantizer:
        """Choose the scale and the zero point, 0 to 255, of least squared error."""
        largest_magnitude(histogram)
        scale, zero_point = affine_scale(histogram)
        return Integers(scale, -zero_point, 255 - zero_point)

    def candidates(self, histogram: Histogram, scale: float) -> list[Candidate]:
        """Return scales around that of least squared error, each with its best zero point.

        A factor would do nothing that a scale does not.
        """
        largest_magnitude(histogram)
        found = []
        for own, zero_point, error in affine_scales(histogram):
            least, greatest = -zero_point, 255 - zero_point
            quantize = Integers(own, least, greatest)
            above = histogram.greatest >= -histogram.least
            reach = float(own) * (greatest if above else zero_point)
            found.append(Candidate((own, zero_point), single(quantize), error, reach))
        return found

    def weight_quantizer(self, values: NDArray[np.float32]) -> Integers:
        """Choose scales for -127 to 127; see `Scheme.weight_quantizer`."""
        return Integers(self._scales(values), -SYMMETRIC, SYMMETRIC)

    @abstractmethod
    def _scales(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the scale, or (N,) one for each column."""


class Int8PerTensor(_Int8):
    """INT8 with one scale for all weights of a layer."""

    name = "INT8 per tensor"
    description = (
        "Weights -127 to 127 times a float32 scale, activations 0 to 255 less a zero point times "
        "a float32 scale, for each tensor those of least squared error."
    )

    def overhead_bytes(self, channels: int | None = None) -> int:
        """Return 4 for a float32 scale, and 1 for the zero point of activations."""
        return 5 if channels is None else 4

    def _scales(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        histogram = Histogram(values)
        return symmetric_scales(histogram.values[np.newaxis], histogram.counts)[0]


class Int8PerChannel(_Int8):
    """INT8 with a scale for each output channel of the weights."""

    name = "INT8 per channel"
    description = (
        "As INT8 per tensor, but weights have a float32 scale of least squared error for each "
        "output channel."
    )

    def overhead_bytes(self, channels: int | None = None) -> int:
        """Return 4 for each float32 scale, and 1 for the zero point of activations."""
        return 5 if channels is None else 4 * channels

    def _scales(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        width = max(_BLOCK // max(len(values), 1), 1)
        columns = values.T
        return np.concatenate(
            [
                symmetric_scales(columns[first : first + width].astype(np.float64, order="C"))
                for first in range(0, len(columns), width)
            ]
        )
