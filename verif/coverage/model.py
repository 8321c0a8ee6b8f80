"""The coverage of one design: its points, and what was hit of them, kept by cocotb-coverage."""

from __future__ import annotations

from verif.coverage import (
    accumulator_points,
    flow_points,
    operand_points,
    range_points,
    result_points,
    sticky_points,
)
from verif.coverage.point import Point
from verif.coverage.tally import Tally
from verif.environment import wishes
from verif.environment.capabilities import Capabilities
from verif.environment.environment import Environment
from verif.environment.scoreboard import Record


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


class Coverage(Tally):
    """Listens at a design's boundary and samples its cover points.

    Parameters
    ----------
    group
        Name of the kind of design; parameter sets of one kind are merged under it.
    can
        What the design can do.
    """

    def __init__(self, group: str, can: Capabilities) -> None:
        super().__init__(group, points_of(can))
        self.can = can
        self._failed: Record | None = None
        self._paces: set[str] = set()

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
