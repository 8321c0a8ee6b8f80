"""What a tensor holds, in bounded memory, however many images it was seen on."""

import numpy as np
from numpy.typing import NDArray

_FRACTION = 10  # bits of a float32's fraction that tell bins apart: 2**-11 of a value to the middle
_SHIFT = np.uint32(23 - _FRACTION)
_BINS = 1 << (32 - 23 + _FRACTION)
_BLOCK = 2**22  # values counted at a time


class Histogram:
    """Counts the values of a tensor in bins of a thousandth of a value.

    A bin holds the float32 numbers of one sign, exponent and ten leading fraction bits, and
    stands for the mean of what fell into it: a tensor of few distinct values is kept exactly.

    Attributes
    ----------
    values
        (n,) float64, in no order, the mean of the values in each bin that holds any.
    counts
        (n,) int64, how many.
    least, greatest
        Of all values, exactly.
    """

    def __init__(self, values: NDArray | None = None) -> None:
        self._bins = np.empty(0, np.int64)
        self._sums = np.empty(0)
        self.counts = np.empty(0, np.int64)
        self.least, self.greatest = np.inf, -np.inf
        if values is not None:
            self.add(values)

    def add(self, values: NDArray) -> None:
        """Count values of any shape, converted to float32.

        Raises
        ------
        ValueError
            If one is NaN or infinite.
        """
        flat = np.ascontiguousarray(values, dtype=np.float32).reshape(-1)
        for first in range(0, flat.size, _BLOCK):
            self._add(flat[first : first + _BLOCK])

    def _add(self, values: NDArray[np.float32]) -> None:
        least, greatest = float(values.min()), float(values.max())
        if not np.isfinite(least) or not np.isfinite(greatest):
            raise ValueError("a value is NaN or infinite: a histogram counts numbers")
        self.least, self.greatest = min(self.least, least), max(self.greatest, greatest)
        bins = values.view(np.uint32) >> _SHIFT
        counts = np.bincount(bins, minlength=_BINS)
        sums = np.bincount(bins, weights=values, minlength=_BINS)
        counts[self._bins] += self.counts
        sums[self._bins] += self._sums
        self._bins = np.flatnonzero(counts)
        self.counts, self._sums = counts[self._bins], sums[self._bins]

    def scaled(self, factor: float) -> "Histogram":
        """Return the histogram of the values times a positive factor, to be read."""
        if factor == 1.0:
            return self
        result = Histogram()
        result.counts, result._sums = self.counts, self._sums * factor
        result.least, result.greatest = self.least * factor, self.greatest * factor
        return result

    @property
    def values(self) -> NDArray[np.float64]:
        """Return the mean of each bin's values."""
        return self._sums / np.maximum(self.counts, 1)

    @property
    def size(self) -> int:
        """Return the number of values counted."""
        return int(self.counts.sum())
