"""The coverage of one design: its points, and what was hit of them, kept by cocotb-coverage."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from cocotb_coverage.coverage import CoverPoint, coverage_db

from verif.coverage import flow_points, operand_points, result_points
from verif.coverage.point import Point
from verif.environment.capabilities import Capabilities
from verif.environment.environment import Environment
from verif.environment.scoreboard import Record

ROOT = "ffp8"


def points_of(can: Capabilities) -> list[Point]:
    """Return the cover points of a design that can do this."""
    modules = operand_points, result_points, flow_points
    return [point for module in modules for point in module.points(can)]


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
    """

    def __init__(self, group: str, can: Capabilities) -> None:
        self.group, self.can = group, can
        self.points = {point.name: point for point in points_of(can)}
        self._samplers = {point.name: self._sampler(point) for point in self.points.values()}
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
        self._samplers[name](frozenset(hits))

    def on_cycle(self, environment: Environment) -> None:
        """Sample how streams wait for each other, each way once."""
        new = self._paces.symmetric_difference(self._paces.union(flow_points.paces_of(environment)))
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
        left = []
        for name, bins in self.hits().items():
            out = set((excluded or {}).get(name, ()))
            left += [
                (self.points[name], one)
                for one, count in bins.items()
                if not count and one not in out
            ]
        return left

    def covered(self) -> int:
        """Return how many bins have been hit."""
        return sum(coverage_db[f"{ROOT}.{self.group}.{name}"].coverage for name in self.points)
