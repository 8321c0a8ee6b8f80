"""The loop: look at what is open, aim at it, send, look again; or plain random, to compare."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from verif.coverage.model import Coverage
from verif.coverage.point import Point
from verif.environment.environment import Environment
from verif.environment.sequences import Runner, plain_constraints

PATIENCE = 12
"""How often a bin is aimed at before it counts as out of reach."""

PLAIN_SHARE = 0.1
"""Share of transactions that aim at nothing, for what nobody thought of."""


@dataclass
class Curve:
    """Bins hit against transactions, a point wherever it rose."""

    transactions: list[int] = field(default_factory=list)
    bins: list[int] = field(default_factory=list)

    def note(self, transactions: int, bins: int) -> None:
        """Add a point, if the number of bins is a new one."""
        if not self.bins or bins != self.bins[-1]:
            self.transactions.append(transactions)
            self.bins.append(bins)


class Targets:
    """Bins that are worth aiming at; those that were hit, or aimed at too often, drop out.

    Parameters
    ----------
    coverage
        Tells which bins are open.
    bins
        Those to begin with.
    random
        Where the draws come from.
    patience
        How often a bin is drawn at most; 0 for no limit.
    """

    def __init__(
        self,
        coverage: Coverage,
        bins: list[tuple[Point, str]],
        random: np.random.Generator,
        patience: int,
    ) -> None:
        self._coverage, self._bins, self._random = coverage, bins, random
        self._patience, self._tries = patience, Counter[tuple[str, str]]()

    def _is_target(self, point: Point, name: str) -> bool:
        tired = 0 < self._patience <= self._tries[point.name, name]
        return not tired and self._coverage.is_open(point.name, name)

    def left(self) -> bool:
        """Whether there is a target."""
        while self._bins and not self._is_target(*self._bins[-1]):
            self._bins.pop()
        return bool(self._bins)

    def draw(self) -> tuple[Point, str]:
        """Return a random target, of which there is one."""
        while True:
            place = int(self._random.integers(len(self._bins)))
            point, name = self._bins[place]
            if self._is_target(point, name):
                self._tries[point.name, name] += 1
                return point, name
            self._bins[place] = self._bins[-1]
            self._bins.pop()


async def close(
    environment: Environment,
    coverage: Coverage,
    random: np.random.Generator,
    excluded: Mapping[str, Iterable[str]],
    *,
    steered: bool = True,
    budget: int | None = None,
) -> Curve:
    """Send transactions until every bin is hit, none is worth another try, or the budget is out.

    Parameters
    ----------
    environment, coverage
        Around a design that has been reset.
    random
        Where everything random comes from.
    excluded
        Bins that are not to be aimed at, by point.
    steered
        Aim at bins that are open; otherwise draw as `plain_constraints` does.
    budget
        Transactions at most; without one, plain random goes on for ever.

    Returns
    -------
    Curve
        How the number of bins rose.
    """
    runner, curve = Runner(environment, random), Curve()
    targets = Targets(
        coverage, coverage.open(excluded), random, patience=PATIENCE if steered else 0
    )
    while targets.left() and (budget is None or runner.transactions < budget):
        wish = plain_constraints(random, environment.can)
        if steered and random.random() >= PLAIN_SHARE:
            point, name = targets.draw()
            wish = point.aim(name, random)
        await runner.run(wish)
        curve.note(runner.transactions, coverage.covered())
    await environment.drained()
    curve.note(runner.transactions, coverage.covered())
    if curve.transactions[-1] != runner.transactions:  # where it ended, if no bin was new there
        curve.transactions.append(runner.transactions)
        curve.bins.append(coverage.covered())
    return curve
