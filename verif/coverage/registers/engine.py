"""The registers through `ffp8_engine`: tiles run beneath, and meet accesses in chosen cycles."""

from __future__ import annotations

from typing import Any

import cocotb
import numpy as np

from verif.coverage.registers.hypotheses import PROMPT
from verif.coverage.registers.moments import ANSWERED, ERROR, SETTINGS
from verif.coverage.registers.palette import Palette
from verif.coverage.registers.points import COMPANY
from verif.coverage.registers.rows import plan_rows, rows_of
from verif.coverage.registers.surroundings import (
    LEAD,
    changes,
    held_bus,
    is_request,
    wants_request,
)
from verif.coverage.registers.watch import CONTROL, EngineWatch
from verif.coverage.registers.wishes import Wish, offset
from verif.coverage.tally import Tally
from verif.engine.registers import REGISTERS
from verif.environment.draw import choose
from verif.environment.generator import Constraints

FAILS_AFTER = 12
"""Cycles from sending a failing tile to its error, before it has been measured."""

BEGINS = 6, LEAD + 1
"""Cycles, from and below, before the origin in which held beats of a are let go: some move then."""

ROWS_COME_UP = 12
"""Cycles in which the rows behind one that waits come up."""


class EngineRegisters(EngineWatch):
    """Transactions with the engine."""

    def __init__(self, dut: Any, random: np.random.Generator, tally: Tally) -> None:
        super().__init__(dut, random, tally)
        self.palette = Palette(self.can, random)
        self._fails_after: dict[tuple[int, bool], int] = {}  # by bits, and whether rows wait

    async def run(self, wish: Wish) -> None:
        """Run a transaction with a tile or more, then read what it may have changed."""
        self.transactions += 1
        if wish.reset is not None:
            await self._run_reset(wish.reset)
        elif wish.failing is not None:
            await self._run_failing(*wish.failing)
        else:
            await self._run_steps(wish)
        await self.settle()

    async def _run_reset(self, state: str) -> None:
        """Reset the engine in one state of the bus, tiles being inside."""
        if self.random.random() < 0.7:
            cocotb.start_soon(self.environment.send(self.palette.any()))
            await self.idle()
            for _ in range(int(self.random.integers(30))):
                await self.cycle()
            await self.idle()
        accesses, cycles = held_bus(state, self.random)
        for access in accesses:
            self.master.post(access)
        for _ in range(cycles - 1):
            await self.cycle()
        await self.reset()
        for _ in range(LEAD):
            await self.cycle()
        await self.read(*REGISTERS)
        self.adapter.forget_written()
        await self.environment.send(self.palette.any())

    async def _run_failing(self, failure: str, company: str) -> None:
        """Have a tile fail, alone or behind a result that waits, and look while it is halted."""
        if company == COMPANY[0]:
            await self.drained()
        else:
            self.taker.cycles = set()
            flags = [choose(self.random, (0, 1, 2, 4)) for _ in range(self.can.rows)]
            await self.environment.send(self.palette.rows(flags))
            await self.until(lambda: self.adapter.streams["y"].waiting)
        constraints = Constraints(failure=failure, k=min(5, self.can.k_max))
        await self.environment.send(self.palette.generator.job(constraints, None))
        await self.until(lambda: self.environment.scoreboard.failed)
        for _ in range(PROMPT + 4):
            await self.cycle()
        await self.read_back(everything=True)

    # Steps at chosen cycles.

    async def _run_steps(self, wish: Wish) -> None:
        await self._prepare(wish)
        rows = plan_rows(rows_of(wish), self.can.rows)
        errors = {step.at: step.bits for step in wish.steps if step.event == ERROR}
        if rows.tiles:
            await self._hold(rows.tiles, rows.first)
        if is_blocked(wish):
            await self._block(errors.popitem()[1])
        else:
            if not rows.tiles and not errors and not any(map(is_request, wish.steps)):
                await self._beneath()
            for bits in errors.values():
                await self.adapter.configure(self.palette.failing[bits].settings)
            if wants_request(wish):
                await self.write("CONTROL", CONTROL.pack(soft_reset=1))
        behind = bool(rows.tiles)
        sent = {at - self._fails_after.get((b, behind), FAILS_AFTER): b for at, b in errors.items()}
        origin = self.now + LEAD + max([0, *(-at for at in sent)]) + int(self.random.integers(4))
        if behind:
            self.taker.cycles = {origin + at for at in rows.cycles}
        self.post(wish.steps, origin)
        begin = origin - int(self.random.integers(*BEGINS))
        last = origin + max([3, *(at + 1 for at in sent)])
        while self.now < last:
            if self.now == begin:
                self.adapter.driver.sources["a"].pause = False
            if bits := sent.get(self.now - origin):
                cocotb.start_soon(self.environment.send(self.palette.failing[bits]))
            await self.cycle()
        if any(step.address in map(offset, SETTINGS) for step in wish.steps):
            self.adapter.forget_written()
        if len(sent) == 1:
            ((at, bits),) = sent.items()
            await self._measure(origin + at, bits, behind)

    async def _measure(self, sent: int, bits: int, behind: bool) -> None:
        """Learn how long a failing tile takes, where one order of events is left."""
        for _ in range(PROMPT):
            await self.cycle()
        found = {one.found for one in self.hypotheses.all}
        if len(found) == 1 and max(found) > sent:
            self._fails_after[bits, behind] = max(found) - sent

    async def _hold(self, tiles: list[list[int]], first: int) -> None:
        """Send tiles with such rows, and have all wait but for the first rows."""
        self.taker.cycles = set()
        for flags in tiles:
            await self.environment.send(self.palette.rows(flags))
        y = self.adapter.streams["y"]
        for _ in range(first):
            await self.until(lambda: y.waiting)
            self.taker.cycles.add(self.now + 2)  # the next cycle is driven already
            for _ in range(3):
                await self.cycle()
        await self.until(lambda: y.waiting)
        for _ in range(ROWS_COME_UP):
            await self.cycle()

    async def _block(self, bits: int) -> None:
        """Have a failing tile wait, its c packet begun before a soft reset was asked for.

        It is found to fail as soon as the request is answered, which waits for a row.
        """
        source, c = self.adapter.driver.sources["c"], self.adapter.streams["c"]
        job = self.palette.failing[bits]
        await self.adapter.configure(job.settings)
        sending = cocotb.start_soon(self.environment.send(job))
        await self.until(lambda: c.open)
        source.pause = True
        await self.write("CONTROL", CONTROL.pack(soft_reset=1))
        source.pause = False
        await sending
        for _ in range(LEAD):
            await self.cycle()

    async def _beneath(self) -> None:
        """Have a tile run beneath the accesses, whose beats of a are held back so far."""
        self.let_go()
        self.adapter.driver.sources["a"].pause = True
        self.taker.rate = choose(self.random, (1.0, 0.5, 0.2))
        await self.environment.send(self.palette.any())

    async def _prepare(self, wish: Wish) -> None:
        """Have the sticky registers hold what they have to, by tiles and by clearing."""
        sets = {name: bits for name, bits, _ in changes(self._held(), wish.words)}
        status = sets.get("IRQ_STATUS", 0)
        if (
            bits := sets.get("ERRORS", 0)
            or status & 2
            and choose(self.random, self.palette.failing)
        ):
            await self.environment.send(self.palette.failing[bits])
            await self.drained()
            await self.recover()
        if (flags := sets.get("FLAGS", 0)) or status & 1:
            self.let_go()
            await self.environment.send(self.palette.rows([flags] + [0] * (self.can.rows - 1)))
            await self.drained()
        for name, _, clears in changes(self._held(), wish.words):
            if clears:
                await self.write(name, clears)
        if "IRQ_ENABLE" in wish.words:
            await self.write("IRQ_ENABLE", wish.words["IRQ_ENABLE"])

    def _held(self) -> dict[str, int]:
        return dict(self.hypotheses.any().model.words)


def is_blocked(wish: Wish) -> bool:
    """Whether a tile is to fail in the cycle after an answer, for which it has to wait."""
    at = {step.event: step.at for step in wish.steps}
    return ANSWERED in at and at.get(ERROR) == at[ANSWERED] + 1
