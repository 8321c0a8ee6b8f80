"""The loop: look at what is open, aim at much of it, send, look again; or plain random."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from verif.coverage.model import Coverage
from verif.coverage.point import Point
from verif.environment.combine import combined, exclude
from verif.environment.environment import Environment
from verif.environment.generator import Constraints
from verif.environment.sequences import Runner, plain_constraints

PATIENCE = 12
"""How often a bin is aimed at before it counts as out of reach."""

PLAIN_SHARE = 0.03
"""Share of transactions that aim at nothing, for what nobody thought of."""

CANDIDATES = 1000
"""How many targets of a point are looked at for one that fits a job besides its own."""

CHANCE_PAYS = 2.0
"""New bins for each job above which what aims at nothing does better than what aims."""

MEMORY = 0.1
"""Weight of the last transaction in what chance shows."""


@dataclass
class Curve:
    """Bins hit against transactions and jobs, an entry wherever it rose.

    Attributes
    ----------
    transactions, jobs, bins
        So many of each.
    ends
        For each point of the coverage, the jobs after which its last bin was hit.
    hit
        Bins of each point at the last entry.
    """

    transactions: list[int] = field(default_factory=list)
    jobs: list[int] = field(default_factory=list)
    bins: list[int] = field(default_factory=list)
    ends: dict[str, int] = field(default_factory=dict)
    hit: dict[str, int] = field(default_factory=dict)

    def note(self, runner: Runner, coverage: Coverage, last: bool = False) -> None:
        """Add an entry, if the number of bins is a new one or it is the last."""
        bins = coverage.covered()
        rose = not self.bins or bins != self.bins[-1]
        if rose or (last and self.jobs[-1] != runner.jobs):
            self.transactions.append(runner.transactions)
            self.jobs.append(runner.jobs)
            self.bins.append(bins)
        if rose:
            rises = [name for name, hit in coverage.hit.items() if hit != self.hit.get(name)]
            self.ends |= dict.fromkeys(rises, runner.jobs)
            self.hit = dict(coverage.hit)


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
        self._coverage, self._random = coverage, random
        self._patience, self._tries = patience, Counter[tuple[str, str]]()
        self._queues: dict[str, deque[tuple[Point, str]]] = {}
        self._known: tuple[Point, str] | None = None  # to be a target, when `left` looked
        for place in random.permutation(len(bins)):
            point, name = bins[place]
            self._queues.setdefault(point.name, deque()).append((point, name))

    def _is_target(self, point: Point, name: str) -> bool:
        tired = 0 < self._patience <= self._tries[point.name, name]
        return not tired and self._coverage.is_open(point.name, name)

    def _next(self, queue: deque[tuple[Point, str]]) -> tuple[Point, str] | None:
        """Return the target of a point that was last aimed at the longest ago."""
        while queue:
            target = queue.popleft()
            if self._is_target(*target):
                queue.append(target)
                return target
        return None

    def left(self) -> bool:
        """Whether there is a target."""
        if self._known is None or not self._is_target(*self._known):
            every = (target for queue in self._queues.values() for target in queue)
            self._known = next((target for target in every if self._is_target(*target)), None)
        return self._known is not None

    def draw(self) -> tuple[Point, str]:
        """Return a target of a random point, of which there is one."""
        queues = [queue for queue in self._queues.values() if queue]
        while True:
            place = int(self._random.integers(len(queues)))
            if target := self._next(queues[place]):
                point, name = target
                self._tries[point.name, name] += 1
                return target
            queues.pop(place)

    def more(self, wish: Constraints) -> Constraints:
        """Return constraints that ask for a target of every other point, too, as far as they fit.

        Such a target costs no try: others may stand in its way.
        """
        queues = list(self._queues.values())
        for place in self._random.permutation(len(queues)):
            queue = queues[place]
            for _ in range(min(len(queue), CANDIDATES)):
                target = self._next(queue)
                if target is None:
                    break
                point, name = target
                aim = point.aim(name, self._random)
                if exclude(wish, aim):  # as are the point's other bins
                    break
                if both := combined(wish, aim):
                    wish = both
                    break
        return wish


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
    targets = Targets(
        coverage, coverage.open(excluded), random, patience=PATIENCE if steered else 0
    )
    curve, chance, aims = Curve(), 2 * CHANCE_PAYS, False
    runner = Runner(environment, random, lambda wish: targets.more(wish) if aims else wish)
    while targets.left() and (budget is None or runner.transactions < budget):
        before = coverage.covered(), runner.jobs
        aims = steered and chance < CHANCE_PAYS and random.random() >= PLAIN_SHARE
        wish = plain_constraints(random, environment.can)
        if aims:
            point, name = targets.draw()
            wish = point.aim(name, random)
        await runner.run(wish)
        if not aims:
            shown = (coverage.covered() - before[0]) / max(runner.jobs - before[1], 1)
            chance += MEMORY * (shown - chance)
        curve.note(runner, coverage)
    await environment.drained()
    curve.note(runner, coverage, last=True)
    return curve
