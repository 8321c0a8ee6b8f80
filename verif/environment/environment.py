"""Ties an adapter, a scoreboard and the coverage together; sequences talk to this alone."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Protocol

import cocotb

from verif.environment.adapter import Adapter
from verif.environment.job import Job, Outcome
from verif.environment.scoreboard import Record, Scoreboard
from verif.simulator.checks import check

PATIENCE, PER_PAIR = 20_000, 4
"""Cycles, and cycles for each pair of the longest sum, after which something that has to come is
said to be stuck."""

STANDSTILL = 3_000
"""Cycles without a beat on any stream after which nothing is expected to move any more."""


class Listener(Protocol):
    """What is told of everything seen at the boundary: the coverage, rules of one design."""

    def on_cycle(self, environment: Environment) -> None:
        """Look at the streams in a cycle."""

    def on_record(self, record: Record) -> None:
        """Take note of a job that was refused, or whose outcome was right."""

    def on_reset(self, kind: str, states: set[str]) -> None:
        """Take note of a reset, and what the design was doing."""


class Environment:
    """A design with everything around it.

    Parameters
    ----------
    adapter
        How to meet the design.
    listeners
        What wants to know, the coverage for one.

    Attributes
    ----------
    can
        What the design can do.
    scoreboard
        The judge.
    cycle
        Cycles looked at.
    sent, resets
        Jobs and resets that were asked for.
    """

    def __init__(self, adapter: Adapter, *listeners: Listener) -> None:
        self.adapter, self.can, self.listeners = adapter, adapter.can, list(listeners)
        self.scoreboard = Scoreboard(adapter.can)
        self.cycle = self.sent = self.resets = 0
        self._task = cocotb.start_soon(self._watch())

    async def _watch(self) -> None:
        adapter, moved = self.adapter, 0
        while True:
            await adapter.edge
            self.cycle += 1
            if adapter.in_reset:
                moved = self.cycle
                continue
            for name, stream in adapter.streams.items():
                if (payload := stream.sample()) is None:
                    continue
                moved = self.cycle
                for event in adapter.take(name, payload):
                    self._judge(event)
            check(
                "environment.standstill",
                self.cycle - moved <= STANDSTILL,
                lambda: f"stuck: nothing has moved for {STANDSTILL} cycles; {self._doing()}",
            )
            for listener in self.listeners:
                listener.on_cycle(self)
            adapter.drive()

    def _judge(self, event: Job | Outcome) -> None:
        if isinstance(event, Job):
            record = self.scoreboard.take(event, self.cycle)
            if record.failure is None:
                return
        else:
            record = self.scoreboard.compare(event, self.cycle)
            if record is None:
                return
        for listener in self.listeners:
            listener.on_record(record)

    def states(self) -> set[str]:
        """Return what the design is doing, as far as its boundary tells."""
        adapter, board = self.adapter, self.scoreboard
        streams = adapter.streams
        states = {f"{name} open" for name, stream in streams.items() if stream.open}
        states |= {f"{name} waiting" for name in self.can.sinks if streams[name].waiting}
        if board.failed and adapter.halts:
            states.add("failed")
        if not states:
            states = {"computing"} if board.due else {"idle"}
        return states

    def _doing(self) -> str:
        return ", ".join(sorted(self.states()))

    async def start(self) -> None:
        """Reset the design for the first time."""
        await self.adapter.reset()

    async def send(self, job: Job) -> None:
        """Send a job."""
        self.sent += 1
        await self.adapter.send(job)

    async def send_all(self, jobs: Sequence[Job]) -> None:
        """Send jobs of one configuration, one right behind the other."""
        self.sent += len(jobs)
        await self.adapter.send_all(jobs)

    async def until(self, condition: Callable[[], bool], patience: int | None = None) -> bool:
        """Wait for a condition; return False if it does not come in so many cycles."""
        for _ in range(patience or PATIENCE + PER_PAIR * self.can.k_max):
            if condition():
                return True
            await self.adapter.edge
        return condition()

    async def drained(self) -> None:
        """Wait until every job that was sent has been taken and its outcome compared."""
        board = self.scoreboard
        reached = await self.until(lambda: board.taken >= self.sent and not board.due)
        check(
            "environment.drained",
            reached,
            lambda: (
                f"stuck: {board.taken} of {self.sent} jobs taken, {len(board.due)} outcomes due, "
                f"{self._doing()}"
            ),
        )

    async def reset(self, kind: str = "reset") -> None:
        """Reset the design; what is inside is gone, unless the reset is a soft one."""
        states = self.states()
        for listener in self.listeners:
            listener.on_reset(kind, states)
        self.resets += 1
        if kind != "reset" and self.scoreboard.failed:
            await self.adapter.halted()  # a failing job wins over what is asked for before that
        await self.adapter.reset(kind)
        if kind == "reset":
            self.scoreboard.forget()
            self.sent = 0
        else:
            self.scoreboard.failed = None

    async def recover(self) -> None:
        """See that exactly the errors show that have to, and recover from them.

        Jobs behind the failing one may be on their way in; what was before it has come out then.
        """
        board = self.scoreboard
        reached = await self.until(lambda: board.failed is not None and not board.before_failed())
        text = "stuck: no job has failed, or what was before it has not come"
        check("environment.failing_job", reached, text)
        await self.check_errors()
        if self.adapter.halts:
            await self.adapter.recover()
            board.recovered()

    async def check_errors(self) -> None:
        """Check that the design shows the errors that it has to, and no other."""
        actual = await self.adapter.errors()
        expected = self.scoreboard.errors
        text = f"errors {sorted(actual)} show, expected {sorted(expected)}"
        check("environment.sticky_errors", actual == expected, text)

    async def finish(self) -> None:
        """See that nothing is missing, that nothing else comes, and that something was compared."""
        await self.drained()
        for _ in range(50):
            await self.adapter.edge
        board = self.scoreboard
        await self.check_errors()
        check("environment.compared", board.checked > 0, "nothing was compared")
        sinks = [self.adapter.streams[name] for name in self.can.sinks]
        left = any(sink.open or sink.waiting for sink in sinks)
        check("environment.nothing_left", not left, f"after the last outcome: {self._doing()}")
        self._task.cancel()
        logging.getLogger("cocotb.environment").info(
            "checked %d jobs, %d results; %d refused, %d dropped by a reset",
            board.checked,
            board.results,
            board.refused,
            board.dropped,
        )
