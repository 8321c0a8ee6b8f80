"""What was hit of some cover points, kept by cocotb-coverage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from cocotb_coverage.coverage import CoverPoint, coverage_db

from verif.coverage.point import Point

ROOT = "ffp8"


class Tally:
    """Counts hits of cover points.

    Parameters
    ----------
    group
        Name of the kind of design; parameter sets of one kind are merged under it.
    points
        What there is to hit.

    Attributes
    ----------
    points
        The points by name.
    hit
        How many bins of each point have been hit.
    """

    def __init__(self, group: str, points: Iterable[Point]) -> None:
        self.group = group
        self.points = {point.name: point for point in points}
        self._samplers = {point.name: self._sampler(point) for point in self.points.values()}
        # Beside the library's counts, which take a walk through all bins to ask for.
        self._left = {(p.name, name): None for p in self.points.values() for name in p.bins}
        self._bins = len(self._left)
        self.hit: Counter[str] = Counter()

    def _sampler(self, point: Point) -> Any:
        cover = CoverPoint(
            f"{ROOT}.{self.group}.{point.name}",
            xf=lambda hits: hits,
            rel=lambda hits, name: name in hits,
            bins=list(point.bins),
            inj=False,
        )
        return cover(lambda hits: None)

    def sample(self, name: str, hits: Iterable[str]) -> None:
        """Count hits of a point's bins."""
        hits = frozenset(hits)
        self._samplers[name](hits)
        for one in hits:
            if (name, one) in self._left:
                del self._left[name, one]
                self.hit[name] += 1

    def hits(self) -> Mapping[str, Mapping[str, int]]:
        """Return how often each bin was hit, by point."""
        prefix = f"{ROOT}.{self.group}."
        return {name: coverage_db[prefix + name].detailed_coverage for name in self.points}

    def open(self, excluded: Mapping[str, Iterable[str]] | None = None) -> list[tuple[Point, str]]:
        """Return the bins that have not been hit, but for those excluded."""
        out = {(point, name) for point, names in (excluded or {}).items() for name in names}
        return [
            (self.points[point], name) for point, name in self._left if (point, name) not in out
        ]

    def is_open(self, point: str, name: str) -> bool:
        """Whether a bin has not been hit."""
        return (point, name) in self._left

    def covered(self) -> int:
        """Return how many bins have been hit."""
        return self._bins - len(self._left)
