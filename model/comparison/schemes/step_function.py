"""A step function of the magnitude of float32 numbers, by table.

Float32 magnitudes are ordered as their bit patterns are. The patterns from the first step to the
last are cut into cells of equal length, so short that none holds two steps. One look-up finds the
step in a number's cell, a comparison the side of it, and a second look-up the value there.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .scheme import refuse_nan

_BLOCK = 2**16  # elements at a time, so that intermediate arrays stay in the cache
_SIGN, _MAGNITUDE = np.int32(-(2**31)), np.int32(2**31 - 1)


@dataclass(frozen=True, eq=False)
class StepFunction:
    """An odd step function of float32 numbers; calling it raises ValueError for NaN.

    Attributes
    ----------
    first, last
        The cells begin at the last bit pattern below the first step, and end at the last step.
    shift
        A cell is ``2**shift`` patterns.
    below
        int32 by cell: the last bit pattern below the step, or below no step.
    values
        float32 by cell and side: up to that pattern, above it.
    """

    first: np.int32
    last: np.int32
    shift: np.int32
    below: NDArray[np.int32]
    values: NDArray[np.float32]

    def __call__(self, array: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the value of the function at each number of an array of any shape."""
        result = np.empty(array.shape, np.float32)
        source, target = array.reshape(-1), result.reshape(-1)
        size = min(_BLOCK, source.size)
        scratch = *np.empty((3, size), np.int32), np.empty(size, np.intp)
        for start in range(0, source.size, _BLOCK):
            part, out = source[start : start + _BLOCK], target[start : start + _BLOCK]
            refuse_nan(array, part)
            patterns, cells, sides, indices = (row[: part.size] for row in scratch)
            np.bitwise_and(part.view(np.int32), _MAGNITUDE, out=patterns)
            np.maximum(patterns, self.first, out=patterns)
            np.minimum(patterns, self.last, out=patterns)
            np.subtract(patterns, self.first, out=cells)
            np.right_shift(cells, self.shift, out=cells)
            np.copyto(indices, cells)
            # Every index is in range: "clip" is the mode in which `out` needs no buffer.
            self.below.take(indices, mode="clip", out=sides)
            np.subtract(sides, patterns, out=sides)
            np.right_shift(sides, 31, out=sides)  # -1 above, 0 up to the pattern
            np.add(cells, cells, out=cells)
            np.subtract(cells, sides, out=cells)
            np.copyto(indices, cells)
            self.values.take(indices, mode="clip", out=out)
            np.bitwise_and(part.view(np.int32), _SIGN, out=patterns)
            np.bitwise_or(out.view(np.int32), patterns, out=out.view(np.int32))
        return result


def step_function(steps: NDArray[np.int32], values: NDArray[np.float32]) -> StepFunction:
    """Return the function that takes the next of `values` at each of `steps`.

    Parameters
    ----------
    steps
        (n,) bit patterns of the float32 magnitudes where the function steps, positive and not
        decreasing; several at one place are one step over several values.
    values
        (n + 1,), the first for magnitudes below the first step; none is negative.
    """
    places = np.unique(steps)
    levels = np.concatenate([values[:1], values[np.searchsorted(steps, places, side="right")]])
    first = places[0] - 1
    offsets = places - first
    shift = int(offsets[-1]).bit_length()
    while np.unique(offsets >> shift).size < places.size:
        shift -= 1
    cells = offsets >> shift
    below = np.full(cells[-1] + 1, _MAGNITUDE)
    below[cells] = places - 1
    before = np.searchsorted(cells, np.arange(below.size), side="left")
    after = np.searchsorted(cells, np.arange(below.size), side="right")
    sides = np.stack([levels[before], levels[after]], axis=1)
    return StepFunction(first, places[-1], np.int32(shift), below, sides.reshape(-1))
