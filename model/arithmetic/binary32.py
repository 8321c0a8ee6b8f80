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

    Parameters
    ----------
    w
        Weight codes, (K, N).
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
        self._left_table, self._right = _float_integers(fmt_a), take(_float_integers(fmt_w), w)
        self.height = max(_BLOCK // max(w.shape[1], 1), 1)

    def rows(self, a: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return the sums of rows of a, (M, N), and the power of two that each is times."""
        sums = np.empty((len(a), len(self._start)))
        sums[:] = self._start
        left = take(self._left_table, a.T)
        if len(self._start) >= min(_WIDE, len(a)):
            _accumulate(sums, left, self._right)
        else:
            transposed = np.ascontiguousarray(sums.T)
            _accumulate(transposed, self._right, left)
            sums = transposed.T
        if not self._far.any():
            return sums, self._far
        # a start value that far away either outlasts every product or is gone with the first
        return sums, np.where(sums == self._start, self._far, 0)


def _float_integers(fmt: Format) -> NDArray[np.float64]:
    return fmt.integers(range(256)).astype(np.float64)


def _accumulate(
    sums: NDArray[np.float64], left: NDArray[np.float64], right: NDArray[np.float64]
) -> None:
    """Add to sums (P, Q) the products of left (K, P) and right (K, Q), one k after the other."""
    products, addends = np.empty(sums.shape), np.empty(sums.shape, np.int64)
    bits = sums.view(np.int64)
    for column, row in zip(left, right, strict=True):
        np.multiply(column[:, np.newaxis], row, out=products)
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
