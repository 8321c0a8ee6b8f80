"""Exact sums of products of FFP8 codes, by way of the float64 matrix product.

In units, a code is a significand shifted left by up to 254 bits. Codes are parted by their shift:
part p has the codes that are shifted by 16 p to 16 p + 15 bits, in units of 2**(16 p), and zeros in
place of the others. The products of parts whose numbers add up to d form digit d of the result,
whose unit is 2**(16 d). Neither a part nor a sum of parts has more than 19 bits, so float64 adds
up 2**15 of their products without error.
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache, reduce
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ..format.format import Format
from .grouped_products import GroupedProducts

_DIGIT = 16  # bits
_DEPTH = 2**14  # products added up at a time: room for digits of a start value and for carries
_FAR = 640  # bits of a start value that is beyond any sum of products by more than 53 bits
_BLOCK = 2**16  # outputs whose digits are in work at a time, for the caches
_OUTPUTS, _ROWS = 2**17, 512  # that are in work at a time: few, but of many rows
_JOINED = 3  # digits that float64 holds together
_LARGEST_SCALE = 960  # with 53 bits of a sum within float64's range
_MEMORY = 2**22  # outputs of all points, at most
_WEIGHTS = 2**24  # elements of all points of w held at a time


class ExactSums:
    """Adds up ``start[n] + sum over k of a[m, k] * w[k, n]`` in grid units, for given w and start.

    With groups, a column adds up products of its own group's terms only, see `grouped_gemm`.

    Parameters
    ----------
    w
        Weight codes, (K, N).
    groups
        How many.
    fmt_a, fmt_w
        Formats of the operands; their biases are in the grid's unit.
    starts
        (N,) Python integers of at most 53 significant bits.
    scale
        (N,) powers of two that the sums of a column had best be times, None for none. They are
        where that costs nothing.

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
        starts: NDArray[np.object_],
        scale: NDArray[np.int64] | None = None,
    ) -> None:
        starts = starts.tolist()
        far = [max(start.bit_length() - _FAR, 0) for start in starts]
        # moved so, a start value dwarfs the products as before, which only make it inexact
        near = [start >> excess for start, excess in zip(starts, far, strict=True)]
        self._far = np.array(far, dtype=np.int64)
        counts = (_part_count(fmt_a), _part_count(fmt_w))
        bound = len(w) * fmt_a.max_integer * fmt_w.max_integer + max(map(abs, near), default=0)
        needed = 1 if bound < 2**53 else 1 + -((52 - bound.bit_length()) // _DIGIT)
        self._starts = _digits(near, max(needed, sum(counts) - 1))
        lefts = _point_tables(fmt_a, max(counts))
        rights = _point_tables(fmt_w, max(counts))
        self._places = sum(counts) - 1
        factors = None
        if len(self._starts) == 1 and scale is not None and (np.abs(scale) <= _LARGEST_SCALE).all():
            factors = np.ldexp(1.0, scale)
            self._starts *= factors
            self._far = self._far - scale
        self._points = GroupedProducts(lefts, rights, w, groups, factors)
        self._depth, columns = w.shape
        height = max(_OUTPUTS // max(columns, 1), _ROWS)
        self.height = max(min(height, _MEMORY // max(columns * len(lefts), 1)), 1)
        # had once: new memory costs as much as the arithmetic that is done in it
        self._products = np.empty((len(lefts), self.height, columns))

    def rows(self, a: NDArray[np.uint8]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return the sums of up to `height` rows of a, and the powers of two that they are times.

        A sum of more than 53 bits is given by its leading bits, the last one sticky.

        Returns
        -------
        sums
            (M, N), valid until the next call.
        exponents
            (N,), one for each column.
        """
        if len(self._starts) == 1:  # float64 holds every sum
            (sums,) = self._multiply(a, slice(None))
            sums += self._starts
            return sums, self._far
        chunks = [slice(first, first + _DEPTH) for first in range(0, max(self._depth, 1), _DEPTH)]
        height = len(a) if len(chunks) > 1 else _block_rows(self._starts.shape[1])
        digits = np.empty((len(self._starts), height, self._starts.shape[1]))
        before = np.broadcast_to(self._starts[:, np.newaxis], digits.shape)
        for chunk in chunks:
            products = self._multiply(a, chunk)
            for block in _row_blocks(*products.shape[1:]):
                kept = block if len(chunks) > 1 else slice(block.stop - block.start)
                self._add(before[:, kept], products[:, block], digits[:, kept])
                if chunk is chunks[-1]:
                    _leading_bits(digits[:, kept], products[0, block])
            before = digits
        return products[0], self._far

    def _add(self, before: NDArray, products: NDArray, digits: NDArray) -> None:
        """Set digits (D, M, N) to those of before plus what products of all points stand for."""
        places = len(digits)
        addends = _interpolate(products)[: self._places] + [0.0] * (places - self._places)
        for old, addend, new in zip(before, addends, digits, strict=True):
            np.add(old, addend, out=new)
        _carry(digits)

    def _multiply(self, a: NDArray[np.uint8], terms: slice) -> NDArray[np.float64]:
        """Return the matrix products of all points, (points, M, N), valid until the next call."""
        products = self._products[:, : len(a)]
        self._points.multiply(a, terms, products)
        return products


def best_columns(depth: int, fmt_a: Format, fmt_w: Format) -> int:
    """Return how many columns of w, (K, N), `ExactSums` takes at a time to save memory."""
    points = len(_point_tables(fmt_a, max(_part_count(fmt_a), _part_count(fmt_w))))
    return max(_WEIGHTS // (points * max(depth, 1)), 1)


def _part_count(fmt: Format) -> int:
    return max(2**fmt.exponent - 2, 0) // _DIGIT + 1


@lru_cache(maxsize=256)
def _point_tables(fmt: Format, parts: int) -> list[NDArray[np.float64]]:
    """Return, for each of the 3**log2(parts) points, the table (256,) of its factor."""
    shifts = [max((code & fmt.max_code) >> fmt.fraction, 1) - 1 for code in range(256)]
    codes = list(zip(fmt.integers(range(256)).tolist(), shifts, strict=True))
    return _evaluate(
        [
            np.array([float(x >> _DIGIT * part) if s // _DIGIT == part else 0.0 for x, s in codes])
            for part in range(parts)
        ]
    )


def _evaluate(parts: list[NDArray[np.float64]]) -> list[NDArray[np.float64]]:
    """Return Karatsuba's points of a number given by its parts, a power of two of them.

    Products of parts would be quadratic in their number; the products of two numbers' points, one
    each, tell as much.
    """
    if len(parts) == 1:
        return parts
    half = len(parts) // 2
    both = [low + high for low, high in zip(parts[:half], parts[half:], strict=True)]
    return _evaluate(parts[:half]) + _evaluate(parts[half:]) + _evaluate(both)


def _interpolate(products: Sequence[NDArray[np.float64]]) -> list[NDArray[np.float64]]:
    """Return the digits of a product, given the products of the points of its factors."""
    if len(products) == 1:
        return list(products)
    third = len(products) // 3
    low, high, both = (
        _interpolate(products[first : first + third]) for first in range(0, 3 * third, third)
    )
    middle = [b - x - y for b, x, y in zip(both, low, high, strict=True)]
    half = (len(low) + 1) // 2
    digits = [*low, 0.0, *high]
    digits[half : half + len(middle)] = [x + y for x, y in zip(digits[half:], middle, strict=False)]
    return digits


def _block_rows(columns: int) -> int:
    return max(_BLOCK // max(columns, 1), 1)


def _row_blocks(rows: int, columns: int) -> Iterator[slice]:
    height = _block_rows(columns)
    return (slice(first, min(first + height, rows)) for first in range(0, rows, height))


def _digits(integers: Sequence[int], count: int) -> NDArray[np.float64]:
    """Return the digits of integers, (count, N), lowest first; the last one has the sign."""
    mask = 2**_DIGIT - 1
    low = [[float(x >> _DIGIT * place & mask) for x in integers] for place in range(count - 1)]
    return np.array([*low, [float(x >> _DIGIT * (count - 1)) for x in integers]])


def _carry(digits: NDArray[np.float64]) -> None:
    """Reduce all digits (D, M, N) but the last to 0 up to 2**16 - 1."""
    for low, high in pairwise(digits):
        carried = low * 2.0**-_DIGIT
        np.floor(carried, out=carried)
        high += carried
        carried *= 2.0**_DIGIT
        low -= carried


def _leading_bits(digits: NDArray[np.float64], leading: NDArray[np.float64]) -> None:
    """Set leading to integers given by digits (D, M, N), rounded to odd: the last bit is sticky.

    Rounding to odd again as more digits follow is the same as doing so once.
    """
    np.copyto(leading, digits[-1])
    bits = leading.view(np.int64)
    for last in range(len(digits) - 1, 0, -_JOINED):
        joined = digits[max(last - _JOINED, 0) : last]
        following = reduce(lambda low, digit: low * 2.0**_DIGIT + digit, joined[::-1])
        shifted = leading * 2.0 ** (_DIGIT * len(joined))
        np.add(shifted, following, out=leading)
        shifted -= leading
        shifted += following  # now what the addition lost, exactly
        if shifted.any():
            direction = np.sign(shifted * leading).astype(np.int64)
            bits += direction >> 1
            bits |= direction & 1
