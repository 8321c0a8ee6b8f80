"""A design of Python behind an adapter, and asyncio in the place of the simulator.

It takes jobs, a beat for each of their products, and gives what the model says, a beat for each
row. `Fake` does so as it has to, but for the methods that a guard puts in the place of its own.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from types import MethodType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from verif.environment.adapter import Adapter
from verif.environment.capabilities import Capabilities, error_of
from verif.environment.environment import Environment
from verif.environment.job import Job, Outcome
from verif.environment.sequences import Runner
from verif.environment.streams import Port, Stream

FAILURES = ("config a", "config w", "start infinite")
CAN = Capabilities.of_build(
    exp_max=3, k_max=8, rows=2, accumulator="exact", failures=FAILURES, latency=4, back_to_back=2
)


class Edge:
    """A clock's edge: whoever waits for it goes on when all others have come to theirs."""

    def __await__(self) -> Iterator[None]:
        """Let the others run."""
        yield


class Fake(Adapter):
    """The design and its adapter in one; it halts after a failing job.

    Parameters
    ----------
    fault
        Functions that take the place of the methods of their names.

    Attributes
    ----------
    good
        Jobs that were taken and not refused.
    """

    def __init__(self, **fault: Callable[..., Any]) -> None:
        for name, function in fault.items():
            setattr(self, name, MethodType(function, self))
        self.can, self.edge = CAN, Edge()
        names = ("in_valid", "in_ready", "number", "end", "out_valid", "out_ready", "row", "last")
        self.pins = SimpleNamespace(**{name: SimpleNamespace(value=0) for name in names})
        self.streams = {
            "in": Stream(self.pins, Port("in_valid", "in_ready", ("number", "end"), "end")),
            "out": Stream(self.pins, Port("out_valid", "out_ready", ("row", "last"), "last")),
        }
        self.jobs: list[Job] = []
        self.outcomes: list[Outcome] = []
        self.now, self._resetting, self._rates = 0, True, {}
        self._empty()

    def _empty(self) -> None:
        self.queue: deque[tuple[int, int]] = deque()  # beats: the job's number, whether it ends it
        self.due: deque[tuple[int, int]] = deque()  # cycle of the first row, number of the outcome
        self.row = self.good = 0
        self.shown: set[str] = set()
        self.halts_now = False
        for pin in vars(self.pins).values():
            pin.value = 0
        for stream in self.streams.values():
            stream.forget()

    # What a fault may change.

    def answers(self, job: Job) -> list[Outcome]:
        """Return what comes of a good job."""
        return [job.expected(self.can)]

    def errors_of(self, failure: str) -> set[str]:
        """Return the errors that a failing job sets."""
        return {error_of(failure)}

    def delay(self, job: Job) -> int:
        """Return the cycles from a job's last beat to its first row."""
        return self.can.latency

    def offers(self, row: int) -> bool:
        """Return whether a row that is due is offered in this cycle."""
        return True

    def ends(self, row: int) -> bool:
        """Return whether a row is the last of its outcome."""
        return row == self.can.rows - 1

    def spoil(self) -> None:
        """Change what the pins show in the next cycle."""

    # The design.

    def take(self, stream: str, payload: Mapping[str, int]) -> Iterator[Job | Outcome]:
        """Take a beat in, or see one leave."""
        if stream == "out":
            if payload["last"]:
                yield self.outcomes[payload["row"]]
        elif payload["end"]:
            job = self.jobs[payload["number"]]
            if failure := job.failure(self.can):
                self.shown |= self.errors_of(failure)
                self.halts_now = True
            else:
                self.good += 1
                for answer in self.answers(job):
                    self.outcomes.append(answer)
                    self.due.append((self.now + self.delay(job), len(self.outcomes) - 1))
            yield job

    def drive(self) -> None:
        """Go on to the next cycle."""
        pins, self.now = self.pins, self.now + 1
        if not self.streams["in"].waiting:
            pins.in_valid.value = int(bool(self.queue) and self._moves("in"))
            if pins.in_valid.value:
                pins.number.value, pins.end.value = self.queue.popleft()
        pins.in_ready.value = int(not self.halts_now)
        pins.out_ready.value = int(self._moves("out"))
        if not self.streams["out"].waiting:
            self._next_row()
        self.spoil()

    def _next_row(self) -> None:
        pins, is_due = self.pins, bool(self.due) and self.due[0][0] <= self.now
        pins.out_valid.value = int(is_due and self.offers(self.row))
        if not pins.out_valid.value:
            return
        pins.row.value, pins.last.value = self.due[0][1], int(self.ends(self.row))
        self.row += 1
        if pins.last.value:
            self.due.popleft()
            self.row = 0

    def _moves(self, stream: str) -> bool:
        rate = self._rates.get(stream, 1.0)
        return rate >= 1 or np.random.default_rng(self.now).random() < rate

    # The adapter.

    @property
    def halts(self) -> bool:
        """It takes no job after a failing one."""
        return True

    @property
    def in_reset(self) -> bool:
        """Whether it is held in reset."""
        return self._resetting

    async def reset(self, kind: str = "reset") -> None:
        """Reset for a cycle."""
        self._resetting = True
        self._empty()
        await self.edge
        self._resetting = False

    async def send(self, job: Job) -> None:
        """Queue the beats of a job."""
        self.jobs.append(job)
        self.queue.extend((len(self.jobs) - 1, int(k == job.k - 1)) for k in range(job.k))
        while len(self.queue) > self.can.k_max:
            await self.edge

    def pace(self, rates: Mapping[str, float]) -> None:
        """Offer, or be ready, in these shares of cycles."""
        self._rates = dict(rates)

    async def errors(self) -> set[str]:
        """Return the errors that show."""
        for _ in range(5):
            await self.edge
        return set(self.shown)

    async def recover(self) -> None:
        """Clear the errors, and go on."""
        self.shown.clear()
        self.halts_now = False


def surrounded(
    fake: Fake,
    sequence: Callable[[Runner], Awaitable[None]],
    rng: np.random.Generator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Run a sequence on a design of Python, with the environment around it."""

    async def run() -> None:
        main = asyncio.ensure_future(_sequence(fake, sequence, rng))
        tasks, failures = [main], []

        def ended(task: asyncio.Task) -> None:
            if not task.cancelled() and task.exception():
                failures.append(task.exception())
                main.cancel()

        def start_soon(coroutine: Coroutine[Any, Any, Any]) -> asyncio.Task:
            task = asyncio.ensure_future(coroutine)
            task.add_done_callback(ended)
            tasks.append(task)
            return task

        monkeypatch.setattr("cocotb.start_soon", start_soon)
        await asyncio.wait([main])
        for task in tasks:
            task.cancel()
        if failures:
            raise failures[0]
        main.result()

    asyncio.run(run())


async def _sequence(
    fake: Fake,
    sequence: Callable[[Runner], Awaitable[None]],
    rng: np.random.Generator,
) -> None:
    runner = Runner(Environment(fake), rng)
    await runner.environment.start()
    await sequence(runner)
