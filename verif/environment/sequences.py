"""Sequences that run on any design behind an adapter."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import cocotb
import numpy as np

from verif.environment import wishes
from verif.environment.capabilities import Capabilities
from verif.environment.draw import choose
from verif.environment.environment import Environment
from verif.environment.generator import Constraints, Generator
from verif.environment.job import Job

RATES = (1.0, 1.0, 1.0, 0.9, 0.5, 0.2)
"""Shares of cycles in which a stream moves, drawn for each transaction."""

AHEAD = 4
"""Short jobs before one that is to meet a busy design."""


class Runner:
    """Runs constraints, one after the other: a transaction each.

    Parameters
    ----------
    environment
        Around the design.
    random
        Where everything random comes from.
    more
        Returns the constraints of a job with whatever else it is to show.

    Attributes
    ----------
    transactions
        Constraints that were run.
    jobs
        Jobs that were sent, those around a transaction's own included.
    """

    def __init__(
        self,
        environment: Environment,
        random: np.random.Generator,
        more: Callable[[Constraints], Constraints] = lambda wish: wish,
    ) -> None:
        self.environment, self.random, self.more = environment, random, more
        self.generator = Generator(environment.can, random)
        self.transactions = self.jobs = 0
        self._before: Job | None = None

    async def run(self, wish: Constraints) -> None:
        """Send one job, and do what has to go on around it."""
        environment = self.environment
        self.transactions += 1
        self.pace(wish.rates)
        if wish.alone:
            await environment.drained()
        elif wish.alone is False or wish.rates:
            for _ in range(AHEAD):
                await self.send(Constraints(k=1))
        if wish.reset:
            await self._reset(wish)
            return
        await self.send(wish)
        if wish.failure:
            await self.follow()
        elif wish.rates:
            for _ in range(6):
                await self.send(Constraints(k=wish.k))

    def pace(self, rates: Mapping[str, float] | None = None) -> None:
        """Set these rates by stream, and random ones for the other streams."""
        adapter = self.environment.adapter
        drawn = {name: choose(self.random, RATES) for name in adapter.streams}
        adapter.pace(drawn | dict(rates or {}))

    async def send(self, wish: Constraints) -> Job:
        """Send one job that meets constraints."""
        job = self.generator.job(self.more(wish), self._before)
        self._before = job
        self.jobs += 1
        await self.environment.send(job)
        return job

    def batch(self, wish: Constraints, count: int, alike: bool) -> list[Job]:
        """Return jobs that meet constraints, all of one configuration if they are to be alike."""
        jobs = [self.generator.job(wish, self._before) for _ in range(count)]
        self._before = jobs[-1]
        return [self.generator.alike(job, jobs[0]) for job in jobs] if alike else jobs

    def shuffled(self, things: Iterable[Any]) -> list[Any]:
        """Return things in a random order."""
        things = list(things)
        return [things[place] for place in self.random.permutation(len(things))]

    async def follow(self) -> None:
        """See that the design does its work after a failing job.

        The next job is on its way in, now and then, while a design is halted.
        """
        environment, sending = self.environment, None
        if environment.adapter.halts:
            if self.random.random() < 0.5:
                sending = cocotb.start_soon(self.send(Constraints()))
            await environment.recover()
        await (sending or self.send(Constraints()))
        await environment.drained()
        await environment.check_errors()

    async def interrupted(self) -> None:
        """Send jobs, reset the design some cycles later, then see that it works.

        At any moment, or where a failing job has just begun.
        """
        environment, begins = self.environment, bool(self.random.integers(2))
        failures: list[str | None] = wishes.brief_failures(environment.can) or [None]
        failure = choose(self.random, failures)
        self.pace(dict.fromkeys(environment.can.sources, 1.0) if begins else None)
        sending = cocotb.start_soon(
            self._send_several([failure] if begins else [None, failure, None, None])
        )
        if begins:
            streams = [environment.adapter.streams[name] for name in environment.can.sources]
            await environment.until(lambda: any(one.moved is not None for one in streams))
        for _ in range(int(self.random.integers(3 if begins else 120))):
            await environment.adapter.edge
        sending.cancel()
        await environment.reset()
        await self.send(Constraints())
        await environment.drained()
        await environment.check_errors()

    async def _send_several(self, failures: Iterable[str | None]) -> None:
        for failure in failures:
            await self.send(Constraints(failure=failure))

    async def _reset(self, wish: Constraints) -> None:
        """Send a job, reset the design when it is in a state, then see that it works."""
        environment, (kind, state) = self.environment, wish.reset
        sending = None
        if state != "idle":
            sending = cocotb.start_soon(self.send(replace(wish, reset=None)))
        await environment.until(lambda: state in environment.states(), patience=400)
        if sending is not None and kind == "reset":
            sending.cancel()
        await environment.reset(kind)
        self.pace()
        if sending is not None and kind != "reset":
            await sending
        if environment.scoreboard.failed and environment.adapter.halts:
            await environment.recover()
        await self.send(Constraints())
        await environment.drained()


def plain_constraints(random: np.random.Generator, can: Capabilities) -> Constraints:
    """Return constraints as somebody draws them who does not look at the coverage."""
    wish = Constraints(alone=bool(random.random() < 0.3))
    shape = random.random()
    if shape < 0.08 and can.failures:
        return replace(wish, failure=choose(random, can.failures))
    if shape < 0.12:
        state = choose(random, ("idle", "computing", *(f"{name} open" for name in can.sources)))
        return replace(wish, alone=True, reset=(choose(random, can.resets), state))
    if shape < 0.2:
        return replace(wish, rates={choose(random, (*can.sources, *can.sinks)): 0.2})
    return wish
