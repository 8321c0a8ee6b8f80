"""The coverage of one design: its points, and what was hit of them, kept by cocotb-coverage."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from cocotb_coverage.coverage import CoverPoint, coverage_db

from verif.coverage import (
    accumulator_points,
    flow_points,
    operand_points,
    range_points,
    result_points,
    sticky_points,
)
from verif.coverage.point import Point
from verif.environment import wishes
from verif.environment.capabilities import Capabilities
from verif.environment.environment import Environment
from verif.environment.scoreboard import Record

ROOT = "ffp8"


def points_of(can: Capabilities) -> list[Point]:
    """Return the cover points of a design that can do this."""
    modules = (
        operand_points,
        accumulator_points,
        result_points,
        sticky_points,
        range_points,
        flow_points,
    )
    return [point for module in modules for point in module.points(can) if point.bins]


class Coverage:
    """Listens at a design's boundary and samples its cover points.

    Parameters
    ----------
    group
        Name of the kind of design; parameter sets of one kind are merged under it.
    can
        What the design can do.

    Attributes
    ----------
    points
        The points by name.
    hit
        How many bins of each point have been hit.
    """

    def __init__(self, group: str, can: Capabilities) -> None:
        self.group, self.can = group, can
        self.points = {point.name: point for point in points_of(can)}
        self._samplers = {point.name: self._sampler(point) for point in self.points.values()}
        # Beside the library's counts, which take a walk through all bins to ask for.
        self._left = {(p.name, name): None for p in self.points.values() for name in p.bins}
        self._bins = len(self._left)
        self.hit: Counter[str] = Counter()
        self._failed: Record | None = None
        self._paces: set[str] = set()

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

    def on_cycle(self, environment: Environment) -> None:
        """Sample how streams wait for each other, each way once."""
        new = self._paces.symmetric_difference(self._paces.union(wishes.paces_of(environment)))
        if new:
            self._paces |= new
            self.sample("pace", new)

    def on_record(self, record: Record) -> None:
        """Sample a job: a good one when its outcome was right, a failing one after that."""
        if record.failure is not None:
            self._failed = record
            return
        if self._failed is not None and self._failed.cycle <= record.cycle:
            self.sample("failure", [flow_points.failure_of(self._failed)])
            self._failed = None
        for point in self.points.values():
            hits = frozenset(point.observe(record))
            if hits:
                self.sample(point.name, hits)

    def on_reset(self, kind: str, states: set[str]) -> None:
        """Sample a reset with what it met."""
        self.sample("reset", [f"{kind}: {state}" for state in states])
        self._failed = None

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
