"""Flexpoint with 8-bit integers and a 5-bit exponent for each tensor: flex8+5.

Source: U. Koester et al., Flexpoint: An Adaptive Numerical Format for Efficient Training of Deep
Neural Networks (2017), whose tensors are flex16+5.
"""

import numpy as np

from ...quantization.histogram import Histogram
from .integers import Integers
from .scheme import Quantizer, Scheme, largest_magnitude

EXPONENT_MIN, EXPONENT_MAX = -23, 8
"""The exponents of the unit that 5 bits tell apart (see `Flexpoint`)."""

_LEAST, _GREATEST = -128, 127


class Flexpoint(Scheme):
    """Integers of 8 bits in two's complement, times a power of two for each tensor.

    The exponent is the least with which the largest magnitude does not saturate. Of its 5 bits we
    know the number but not the range, which is our choice: read as fractions, -1 to 127/128, the
    integers are multiplied by ``2**-16`` to ``2**15``, the numbers of 5 bits in two's complement.
    So a tensor may reach up to 32,512, more than networks do, and one that reaches no more than
    ``2**-17`` loses precision. Read as integers, the unit is ``2**-23`` to ``2**8``.
    """

    name = "Flexpoint 8+5"
    description = (
        "Integers of 8 bits and, for each tensor, the least power of two as unit, 2^-23 to 2^8, "
        "with which the largest magnitude does not saturate."
    )

    def activations(self, histogram: Histogram) -> Quantizer:
        """Choose the exponent from the largest magnitude."""
        scale = np.float32(2.0 ** unit_exponent(largest_magnitude(histogram)))
        return Integers(scale, _LEAST, _GREATEST)

    def overhead_bytes(self, channels: int | None = None) -> int:
        """Return 1: a byte holds the exponent."""
        return 1


def unit_exponent(largest: float) -> int:
    """Return the least exponent whose unit goes into a magnitude at most 127 times, rounded.

    Within the 5-bit range: beyond its upper end a tensor saturates.
    """
    exponent = int(np.frexp(largest)[1]) - 7 if largest else EXPONENT_MIN
    exponent += bool(np.rint(np.ldexp(largest, -exponent)) > _GREATEST)
    return min(max(exponent, EXPONENT_MIN), EXPONENT_MAX)
