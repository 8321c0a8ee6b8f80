"""What an 8-bit number system looks like to a network: weights in, activations in, values out."""

from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ...quantization.histogram import Histogram

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
    """

    name: str
    description: str

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

    def weights(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Quantize the weights of a layer; unless a scheme says otherwise, like activations.

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
        return self.activations(Histogram(single))(single).astype(np.float64)

    @abstractmethod
    def overhead_bytes(self, channels: int | None = None) -> int:
        """Return the bytes kept with a tensor besides its codes: scales, zero points, parameters.

        Parameters
        ----------
        channels
            Output channels of a weight tensor; None for activations.
        """


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
