"""S2FP8: magnitudes are squeezed and shifted, on a logarithmic scale, to fit a (1,5,2) float.

Source: L. Cambier et al., Shifted and Squeezed 8-bit Floating Point Format for Low-Precision
Training of Deep Neural Networks (2020).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...format.presets import PRESETS
from ...quantization.histogram import Histogram
from .scheme import Quantizer, Scheme, largest_magnitude
from .step_function import step_function

_TOP = 15  # the largest magnitude of a tensor becomes 2**15
_TABLE = PRESETS["ocp_e5m2"]
_STEEPEST = 2**16  # of the squeeze, times a mean of at least 1, for which float32 is fine enough
_INFINITY = 0x7F800000


@dataclass(frozen=True)
class Squeeze:
    """The map of a number to ``sign(x) * 2**beta * abs(x)**alpha``; both fit float32.

    Computed in float64, as ``2**(alpha * log2(abs(x)) + beta)``.
    """

    alpha: float
    beta: float

    def codes(self, magnitudes: NDArray) -> NDArray[np.uint8]:
        """Return the (1,5,2) codes of magnitudes after the map, saturated."""
        with np.errstate(all="ignore"):
            logarithms = np.log2(magnitudes, dtype=np.float64)
            return _TABLE.encode(np.exp2(self.alpha * logarithms + self.beta))

    def magnitudes(self) -> NDArray[np.float32]:
        """Return what the magnitude codes stand for, mapped back; no more than float32 holds."""
        with np.errstate(all="ignore"):
            logarithms = np.log2(_TABLE.values[: _TABLE.largest + 1])
            values = np.exp2((logarithms - self.beta) / self.alpha)
        return np.minimum(values, np.finfo(np.float32).max).astype(np.float32)


class ShiftedSqueezed(Scheme):
    """S2FP8, with alpha and beta of each tensor from its mean and largest log2 of magnitude."""

    name = "S2FP8 (1,5,2)"
    description = (
        "(1,5,2) as in OCP E5M2, after |x| became 2^beta |x|^alpha, where alpha and beta take the "
        "mean of log2|x| of each tensor to 0 and the largest to 15."
    )

    def activations(self, histogram: Histogram) -> Quantizer:
        """Choose alpha and beta, and tabulate where the code changes."""
        squeeze = fit_squeeze(histogram)
        return step_function(_first_patterns(squeeze), squeeze.magnitudes())

    def overhead_bytes(self, channels: int | None = None) -> int:
        """Return 8: alpha and beta are float32."""
        return 8


def fit_squeeze(histogram: Histogram) -> Squeeze:
    """Return the map that takes the mean of log2(abs(x)) to 0 and its largest value to 15.

    Zeros do not count; a tensor of nothing else gets the identity. Magnitudes that are equal, or
    so close that beta as a float32 would misplace them, determine no alpha: it is then 1.

    Raises
    ------
    ValueError
        If the histogram is empty.
    """
    largest = largest_magnitude(histogram)
    if largest == 0:
        return Squeeze(1.0, 0.0)
    used = histogram.values != 0
    logarithms = np.log2(np.abs(histogram.values[used]))
    mean = float(np.average(logarithms, weights=histogram.counts[used]))
    spread = np.log2(largest) - mean
    equal = _TOP * max(abs(mean), 1) > _STEEPEST * spread
    alpha = np.float32(1 if equal else _TOP / spread)
    return Squeeze(float(alpha), float(np.float32(-float(alpha) * mean)))


def _first_patterns(squeeze: Squeeze) -> NDArray[np.int32]:
    """Return, by bisection, the least float32 bit pattern that gets each magnitude code or more.

    From code 1 on. Infinity, the last pattern considered, gets the largest code.
    """
    codes = np.arange(1, _TABLE.largest + 1)
    low, high = np.zeros(codes.shape, np.int32), np.full(codes.shape, _INFINITY, np.int32)
    while (low < high).any():
        middle = low + (high - low) // 2
        reached = squeeze.codes(middle.view(np.float32)) >= codes
        low, high = np.where(reached, low, middle + 1), np.where(reached, middle, high)
    return high
