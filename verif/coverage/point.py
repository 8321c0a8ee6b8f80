"""A cover point: its bins, how they show in what was seen, and how to go after one of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from verif.environment.scoreboard import Record

Observe = Callable[[Record], Iterable[str]]
Aim = Callable[[str, np.random.Generator], Any]


def nothing(record: Record) -> Iterable[str]:
    """Return no bin: the point is sampled by what streams or resets show."""
    return ()


@dataclass(frozen=True)
class Point:
    """One point of the coverage.

    Attributes
    ----------
    name
        One word, as in the test plan.
    bins
        Names of what has to be seen. Which of them a design can show is decided from its
        capabilities; which it never can by `exclusions`.
    observe
        Returns the names of what a job shows whose outcome was right; names outside `bins` are
        of other designs and do not count.
    aim
        Returns constraints under which a job shows a bin; of a point of the registers, a wish.
    """

    name: str
    bins: Sequence[str]
    observe: Observe
    aim: Aim
