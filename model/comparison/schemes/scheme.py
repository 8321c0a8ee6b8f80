"""What an 8-bit number system looks like to a network: weights in, activations in, values out."""

from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ...quantization.activations import Plan
from ...quantization.histogram import Histogram
from ...quantization.noise import Candidate

Quantizer = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Real values of any shape to the values that their 8-bit codes stand for.

Infinities saturate; ValueError if a value is NaN.
"""


class Scheme(ABC):
    """An 8-bit number system, and how it chooses what it may choose for a tensor.

    Attributes
    ----------
    name
        As in a table.
    description
        One sentence: the formats, and how a scale is chosen.
    plans
        How activations may be chosen; one where there is nothing to choose.
    """

    name: str
    description: str
    plans: tuple[Plan, ...] = (Plan(),)

    @abstractmethod
    def activations(self, histogram: Histogram) -> Quantizer:
        """Choose scale and format for a tensor of activations.

        Parameters
        ----------
        histogram
            What the tensor held on calibration images.

        Raises
        ------
        ValueError
            If the histogram is empty and there is something to choose.
        """

    def candidates(self, histogram: Histogram, scale: float) -> list[Candidate]:
        """Return the ways that are worth trying for a tensor with a factor, see `activations`.

        Unless a scheme says otherwise there is one, since it chooses nothing.
        """
        divided = histogram.scaled(1 / scale)
        quantize = self.activations(divided)
        error = squared_error(divided, quantize) * scale**2
        return [Candidate(None, single(quantize), error, np.inf)]

    def weights(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Round the weights of a layer to nearest.

        Parameters
        ----------
        values
            (K, N), a column for each output channel; rounded to float32, as networks are stored.

        Returns
        -------
        The values of the codes, (K, N), each a float32 number.

        Raises
        ------
        ValueError
            If a value is NaN, or infinite as a float32.
        """
        single = as_float32(values)
        return self.weight_quantizer(single)(single).astype(np.float64)

    def weight_quantizer(self, values: NDArray[np.float32]) -> Quantizer:
        """Choose scales and formats for the weights of a layer, (K, N), and return what rounds.

        It takes (..., N). Unless a scheme says otherwise, weights are as activations.
        """
        return self.activations(Histogram(values))

    @abstractmethod
    def overhead_bytes(self, channels: int | None = None) -> int:
        """Return the bytes kept with a tensor besides its codes: scales, zero points, parameters.

        Parameters
        ----------
        channels
            Output channels of a weight tensor; None for activations.
        """


def single(quantize: Quantizer) -> Quantizer:
    """Return a quantizer that takes values of any floating type, those beyond float32 too."""

    def rounded(values: NDArray) -> NDArray[np.float32]:
        with np.errstate(over="ignore"):
            return quantize(np.asarray(values, np.float32))

    return rounded


def squared_error(histogram: Histogram, quantize: Quantizer) -> float:
    """Return the squared error on what a histogram counts."""
    values = histogram.values
    rounded = quantize(values.astype(np.float32)).astype(np.float64)
    return float(histogram.counts @ np.square(rounded - values))


def as_float32(values: NDArray) -> NDArray[np.float32]:
    """Return values as float32; ValueError if one is NaN, or infinite as such."""
    with np.errstate(over="ignore"):
        single = np.asarray(values, dtype=np.float32)
    if not np.isfinite(single).all():
        index = tuple(int(i) for i in np.argwhere(~np.isfinite(single))[0])
        raise ValueError(f"value {values[index]} at {index}: a finite float32 number is needed")
    return single


def refuse_nan(values: NDArray[np.float32], part: NDArray[np.float32]) -> None:
    """Raise ValueError if `part`, a part of `values`, holds NaN, naming the first of `values`."""
    if part.size and np.isnan(np.maximum.reduce(part, axis=None)):
        index = tuple(int(i) for i in np.argwhere(np.isnan(values))[0])
        raise ValueError(f"value at {index} is NaN: an 8-bit code stands for a number")


def largest_magnitude(histogram: Histogram) -> float:
    """Return the largest magnitude in a histogram; ValueError if it is empty."""
    if not histogram.size:
        raise ValueError("histogram of no values: count the values of a tensor first")
    return max(-histogram.least, histogram.greatest)
