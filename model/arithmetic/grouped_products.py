"""Matrix products of codes that tables make numbers of, for all groups at once.

They are float64 products of BLAS. As numbers, a matrix is eight times as large as its codes, so few
rows are decoded at a time: as many as stay in the caches until they are multiplied.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..format.lookup import take

_OPERANDS, _ROWS = 2**17, 16  # numbers that are decoded and multiplied at a time, and rows at least


class GroupedProducts:
    """Multiplies codes by given weights, as often as there are pairs of tables.

    Parameters
    ----------
    lefts, rights
        What codes and weights stand for, (256,) float64 each.
    w
        The weights' codes, (K, N).
    groups
        How many groups the columns of w are of, see `grouped_gemm`.
    factors
        (N,) powers of two that the columns are times; None for 1.
    """

    def __init__(
        self,
        lefts: Sequence[NDArray[np.float64]],
        rights: Sequence[NDArray[np.float64]],
        w: NDArray[np.uint8],
        groups: int,
        factors: NDArray[np.float64] | None = None,
    ) -> None:
        self._depth, columns = w.shape
        self._groups, self._width = groups, columns // groups
        self._factors = []
        for left, right in zip(lefts, rights, strict=True):
            present = left.any() and right.any()
            self._factors.append((left, self._weights(right, w, factors)) if present else None)
        terms = groups * self._depth
        self._height = max(_OPERANDS // max(terms, 1), _ROWS)
        # had once: new memory costs as much as the arithmetic that is done in it
        self._operands = np.empty(self._height * terms)

    def _weights(
        self, table: NDArray[np.float64], w: NDArray[np.uint8], factors: NDArray[np.float64] | None
    ) -> NDArray[np.float64]:
        """Return what weights stand for, (groups, K, N / groups)."""
        numbers = take(table, w)
        if factors is not None:
            numbers *= factors
        by_group = numbers.reshape(self._depth, self._groups, self._width).transpose(1, 0, 2)
        return np.ascontiguousarray(by_group)

    def multiply(self, a: NDArray[np.uint8], terms: slice, products: NDArray[np.float64]) -> None:
        """Set products (pairs, M, N) to those of a (M, groups * K), for some terms of each sum."""
        for first in range(0, len(a), self._height):
            rows = slice(first, first + self._height)
            self._multiply(a[rows], terms, products[:, rows])

    def _multiply(self, a: NDArray[np.uint8], terms: slice, products: NDArray[np.float64]) -> None:
        codes = a.reshape(len(a), self._groups, self._depth)[:, :, terms]
        operand = self._operands[: codes.size].reshape(codes.shape)
        products = products.reshape(*products.shape[:2], self._groups, self._width)
        for factors, product in zip(self._factors, products, strict=True):
            if factors is None:
                product[:] = 0
                continue
            left, right = factors
            numbers = take(left, codes, operand).transpose(1, 0, 2)
            np.matmul(numbers, right[:, terms], out=product.transpose(1, 0, 2))
