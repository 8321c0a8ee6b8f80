"""A grouped product in parts that are plain products.

The columns of a product, and the terms of its sums, are divided among groups, in order; a column
sums up terms of its own group only. Some groups together are a plain product, with zero weights
where a term and a column are of different groups.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class GroupPart:
    """Neighbouring groups.

    Attributes
    ----------
    groups
        How many.
    terms
        Which of the activations' columns they read.
    columns
        Which columns of the product they are.
    """

    groups: int
    terms: slice
    columns: slice

    def weights(self, codes: np.ndarray) -> np.ndarray:
        """Return this part's weights, (terms, columns) uint8, from those of all, (K, N) uint8."""
        own = codes[:, self.columns]
        if self.groups == 1:
            return own
        k, columns = own.shape
        width = columns // self.groups
        weights = np.zeros((self.groups, k, self.groups, width), np.uint8)
        every = np.arange(self.groups)
        weights[every, :, every] = own.reshape(k, self.groups, width).transpose(1, 0, 2)
        return weights.reshape(self.groups * k, columns)


def group_parts(shape: tuple[int, int], groups: int, together: int) -> list[GroupPart]:
    """Cut a product into parts that no group reaches out of.

    Parameters
    ----------
    shape
        Of the weights: terms of each sum, and columns of all groups.
    groups
        How many there are.
    together
        Groups of a part; the last part may have fewer.
    """
    k, n = shape
    width = n // groups
    parts = []
    for first in range(0, groups, together):
        last = min(first + together, groups)
        terms, columns = slice(first * k, last * k), slice(first * width, last * width)
        parts.append(GroupPart(last - first, terms, columns))
    return parts
