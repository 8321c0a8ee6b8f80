"""Rounding weights so that the errors of a sum make up for each other.

Rounding each weight to the nearest value makes the least error of the weights, not of the sums that
they are for: activations of neighbouring pixels and channels are much alike. So weights are rounded
one after the other, and what rounding one of them does to the outputs is taken back, as far as it
can be, by those still to come. With the activations' second moments this is a least-squares
problem whose triangular factor tells by how much (Frantar et al., arXiv 2210.17323).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

DAMPING = 0.01
"""Of the mean square of a group's activations, added to each: few images tell little of some."""

RoundRow = Callable[[np.ndarray], np.ndarray]
"""Rounds the weights of one term of the sums, (N,), each to the format of its column."""

_BLOCK = 64  # terms whose errors are passed on to the later ones by one matrix product


class Compensation:
    """Rounds the weights of a layer whose activations are known.

    Parameters
    ----------
    moments
        (groups, K, K) second moments of the activations of each group, in any unit.
    """

    def __init__(self, moments: np.ndarray) -> None:
        self._moments = moments
        self._shares = _shares(moments)

    def round(self, weights: np.ndarray, round_row: RoundRow) -> np.ndarray:
        """Round the weights, term by term.

        Parameters
        ----------
        weights
            (K, N) float64; the columns are divided evenly among the groups, in order.
        round_row
            What rounds.

        Returns
        -------
        numpy.ndarray
            (K, N) float64, values that `round_row` made.
        """
        left = self._grouped(weights).copy()
        rounded = np.empty_like(left)
        for first in range(0, left.shape[1], _BLOCK):
            block = slice(first, first + _BLOCK)
            errors = self._round_block(left[:, block], rounded[:, block], block, round_row)
            later = self._shares[:, block, first + _BLOCK :].transpose(0, 2, 1)
            left[:, first + _BLOCK :] -= np.matmul(later, errors)
        return rounded.transpose(1, 0, 2).reshape(weights.shape)

    def _round_block(
        self, left: np.ndarray, rounded: np.ndarray, block: slice, round_row: RoundRow
    ) -> np.ndarray:
        """Round a block of terms, passing errors on inside; return the errors."""
        errors = np.empty_like(left)
        shares = self._shares[:, block, block]
        groups, depth, columns = left.shape
        for term in range(depth):
            row = round_row(left[:, term].reshape(-1)).reshape(groups, columns)
            rounded[:, term], errors[:, term] = row, left[:, term] - row
            later = shares[:, term, term + 1 :, np.newaxis]
            left[:, term + 1 :] -= later * errors[:, term, np.newaxis]
        return errors

    def output_error(self, errors: np.ndarray) -> float:
        """Return the mean square that errors of weights (K, N) add to the outputs, summed."""
        grouped = self._grouped(errors)
        return float((np.matmul(self._moments, grouped) * grouped).sum())

    def _grouped(self, weights: np.ndarray) -> np.ndarray:
        """Lay out weights (K, N) as (groups, K, N / groups)."""
        groups = len(self._moments)
        return weights.reshape(len(weights), groups, -1).transpose(1, 0, 2)


def _shares(moments: np.ndarray) -> np.ndarray:
    """Return what an error of one term changes in those after it, (groups, K, K)."""
    damped = moments.astype(np.float64)
    diagonal = np.einsum("gkk->gk", damped)  # a view
    largest = diagonal.max(initial=0.0)
    if largest == 0:
        return np.zeros_like(damped)
    damped /= largest
    # a group of activations that were all zero is left without compensation
    diagonal += DAMPING * diagonal.mean(axis=1, keepdims=True) + np.finfo(np.float32).tiny
    factors = np.linalg.cholesky(np.linalg.inv(damped)).transpose(0, 2, 1)
    return factors / np.einsum("gkk->gk", factors)[:, :, np.newaxis]
