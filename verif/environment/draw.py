"""Random choices that keep Python's types, and the pace of a handshake."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

MODERATE = 100
"""Pairs of the longest packets that are drawn where a short one would do."""


def choose(random: np.random.Generator, options: Iterable[Any]) -> Any:
    """Return one of the options, as it is (numpy's own choice converts types)."""
    options = list(options)
    return options[int(random.integers(len(options)))]


def nearest(allowed: Sequence[int], wish: int) -> int:
    """Return the number nearest to one that is wished for, of a range without gaps."""
    return min(max(wish, allowed[0]), allowed[-1])


class Pace:
    """Decides when a handshake is offered: stretches of cycles, each with a rate of its own.

    Parameters
    ----------
    random
        Where decisions come from.
    rates
        Shares of cycles to choose from, for each stretch anew.
    """

    def __init__(
        self,
        random: np.random.Generator,
        rates: tuple[float, ...] = (0.1, 0.5, 0.9, 1.0),
    ) -> None:
        self._random, self._rates = random, rates
        self._left, self._rate = 0, 1.0

    def __call__(self) -> bool:
        """Return whether to offer in this cycle."""
        if self._left == 0:
            self._rate = self._rates[int(self._random.integers(len(self._rates)))]
            self._left = int(self._random.integers(1, 50))
        self._left -= 1
        return self._random.random() < self._rate
