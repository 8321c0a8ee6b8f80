"""Rounding to integers times a scale, which is what every fixed-point system does."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .scheme import refuse_nan

_BLOCK = 2**16  # elements at a time, so that intermediate arrays stay in the cache
_LIMITS = np.finfo(np.float32)


@dataclass(frozen=True, eq=False)
class Integers:
    """Holds numbers to integers from ``least`` to ``greatest`` times ``scale``.

    See `quantize_integers`.
    """

    scale: np.float32 | NDArray[np.float32]
    least: int
    greatest: int

    def __call__(self, array: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the values of the codes of an array."""
        return quantize_integers(array, self.scale, self.least, self.greatest)


def quantize_integers(
    array: NDArray[np.float32],
    scale: np.float32 | NDArray[np.float32],
    least: int,
    greatest: int,
) -> NDArray[np.float32]:
    """Return ``scale * clip(round(array / scale), least, greatest)``, ties to even.

    It divides, in float32, as ONNX's QuantizeLinear does: multiplying by a reciprocal rounds
    otherwise. An integer zero point only shifts the codes, so it is in the limits.

    Parameters
    ----------
    array
        Any shape.
    scale
        One, or (N,) for the last axis of an array (..., N).
    least, greatest
        The limits of the integers, not above and not below zero.

    Raises
    ------
    ValueError
        If a value is NaN, naming the first.
    """
    result = np.empty(array.shape, np.float32)
    rows = (-1,) if np.ndim(scale) == 0 else (-1, len(scale))
    source, target = array.reshape(rows), result.reshape(rows)
    height = max(_BLOCK // max(np.size(scale), 1), 1)
    with np.errstate(all="ignore"):
        for start in range(0, len(source), height):
            part, out = source[start : start + height], target[start : start + height]
            refuse_nan(array, part)
            np.divide(part, scale, out=out)
            np.rint(out, out=out)
            np.maximum(out, np.float32(least), out=out)
            np.minimum(out, np.float32(greatest), out=out)
            np.multiply(out, scale, out=out)
    return result


def stored_scale(scale: NDArray[np.float64] | float, greatest: int) -> NDArray[np.float32]:
    """Return scales as float32: not zero, and `greatest` times a scale is finite."""
    largest = np.nextafter(_LIMITS.max / np.float32(greatest), np.float32(0))
    return np.clip(scale, _LIMITS.smallest_subnormal, largest).astype(np.float32)
