"""The classical accumulator, 24 bits of significand, and results as raw IEEE binary32.

The accumulator's exponent has no end here, so it is held in float64 in units of the products' grid
(which a product of FFP8 codes never leaves) and rounded to 24 bits after every addition. That
rounds twice, first to 53 bits, which changes nothing since 53 >= 2 * 24 + 2.
"""

import numpy as np
from numpy.typing import NDArray

from ..format.format import Format
from ..format.lookup import take
from ..format.rounding import flag_bits, round_to_code

_FRACTION, _UNIT_EXPONENT, _INFINITY = 23, -149, 0x7F800000
_DROPPED = 53 - 24  # bits
_FAR = 600  # exponent beyond which start values and products (below 2**510) do not touch
_BLOCK = 2**14  # outputs in work at a time, for the caches
_WIDE = 64  # columns that a row needs to be worth a call of numpy


class Binary32Sums:
    """Adds ``a[m, k] * w[k, n]`` to ``start[n]`` in increasing k, rounding each sum to 24 bits.

    With groups, a column adds up products of its own group's terms only, see `grouped_gemm`.

    Parameters
    ----------
    w
        Weight codes, (K, N).
    groups
        How many.
    fmt_a, fmt_w
        Formats of the operands; their biases are in the grid's unit.
    start
        (N,) float32.
    grid_exponents
        (N,) int64 exponent of each column's grid.

    Attributes
    ----------
    height
        Rows of a that are best added up at a time.
    """

    def __init__(
        self,
        w: NDArray[np.uint8],
        groups: int,
        fmt_a: Format,
        fmt_w: Format,
        start: NDArray[np.float32],
        grid_exponents: NDArray[np.int64],
    ) -> None:
        significands, exponents = np.frexp(start.astype(np.float64))
        exponents = exponents - grid_exponents
        near = np.clip(exponents, -_FAR, _FAR)
        self._far = exponents - near
        self._start = np.ldexp(significands, near)
        depth, columns = w.shape
        self._left_table, right = _float_integers(fmt_a), take(_float_integers(fmt_w), w)
        self._right = right.reshape(depth, groups, columns // groups)
        self.height = max(_BLOCK // max(columns, 1), 1)

    def rows(self, a: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return the sums of rows of a, (M, N), and the power of two that each is times."""
        depth, groups, width = self._right.shape
        sums = np.empty((len(a), groups, width))
        sums[:] = self._start.reshape(groups, width)
        left = take(self._left_table, a.reshape(len(a), groups, depth).transpose(2, 1, 0))
        if (width if width > 1 else groups) >= min(_WIDE, len(a)):
            _accumulate(sums, left.transpose(0, 2, 1)[..., np.newaxis], self._right)
        else:
            transposed = np.ascontiguousarray(sums.transpose(1, 2, 0))
            _accumulate(transposed, self._right[..., np.newaxis], left[:, :, np.newaxis])
            sums = transposed.transpose(2, 0, 1)
        sums = sums.reshape(len(a), groups * width)
        if not self._far.any():
            return sums, self._far
        # a start value that far away either outlasts every product or is gone with the first
        return sums, np.where(sums == self._start, self._far, 0)


def _float_integers(fmt: Format) -> NDArray[np.float64]:
    return fmt.integers(range(256)).astype(np.float64)


def _accumulate(
    sums: NDArray[np.float64], left: NDArray[np.float64], right: NDArray[np.float64]
) -> None:
    """Add to sums the products of left[k] and right[k], of shapes that go with it, in order."""
    products, addends = np.empty(sums.shape), np.empty(sums.shape, np.int64)
    bits = sums.view(np.int64)
    for column, row in zip(left, right, strict=True):
        np.multiply(column, row, out=products)
        np.add(sums, products, out=sums)
        # half a unit of the last place kept, less one bit where that place is even
        np.right_shift(bits, _DROPPED, out=addends)
        np.bitwise_and(addends, 1, out=addends)
        np.add(addends, 2 ** (_DROPPED - 1) - 1, out=addends)
        np.add(bits, addends, out=bits)
        np.bitwise_and(bits, -(2**_DROPPED), out=bits)


def encode_binary32(
    values: NDArray[np.float64], exponent: int | NDArray[np.int64]
) -> tuple[NDArray[np.uint32], NDArray[np.uint8]]:
    """Round ``values * 2**exponent`` to IEEE binary32, to nearest even, zero being +0.

    Parameters
    ----------
    values
        Finite, of any shape; they may end in a sticky bit.
    exponent
        Broadcastable to `values`.

    Returns
    -------
    words
        uint32.
    flags
        uint8, as of `Format.encode_flags`; what overflows becomes infinite.
    """
    units = np.asarray(exponent, dtype=np.int64) - _UNIT_EXPONENT
    word, inexact = round_to_code(values, units, _FRACTION, "rne")
    underflow = (word == 0) & inexact
    overflow = word >= _INFINITY
    word = np.minimum(word, _INFINITY)
    word |= ((values < 0) & (word != 0)) * np.int64(2**31)
    return word.astype(np.uint32), flag_bits(inexact | overflow, underflow, overflow)
