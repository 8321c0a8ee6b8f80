"""`ffp8_engine` as its boundary shows it: tiles for the environment, words to be judged here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import Event

from verif.adapters.engine import EngineAdapter
from verif.coverage.registers.hypotheses import PROMPT, Hypotheses
from verif.coverage.registers.hypothesis import Before
from verif.coverage.registers.moments import SNAPSHOT, kinds_of
from verif.coverage.registers.points import COMPANY, COMPARED, HELD, PAIRS, status_bin
from verif.coverage.registers.rows import Taker
from verif.coverage.registers.surroundings import Surroundings
from verif.coverage.registers.tiles import Tiles
from verif.coverage.registers.wishes import ALL_ONES
from verif.coverage.tally import Tally
from verif.engine.lite import NAMES, Seen
from verif.engine.registers import REGISTERS
from verif.environment.draw import choose
from verif.environment.environment import Environment
from verif.environment.scoreboard import Record
from verif.simulator.checks import check

CONTROL = REGISTERS["CONTROL"]
PATIENCE = 2_000
"""Cycles after which what is waited for has to have come."""


class EngineWatch(Surroundings):
    """The engine with its environment, and what its registers may hold beside it.

    Attributes
    ----------
    adapter, environment
        Around the engine; the environment judges the tiles.
    taker
        Takes the rows.
    tiles, hypotheses
        What the streams have shown, and what the registers may hold then.
    """

    def __init__(self, dut: Any, random: np.random.Generator, tally: Tally) -> None:
        super().__init__(dut, random, tally)
        self.taker = Taker(dut, random)
        self.adapter = EngineAdapter(dut, random, lite=self.master, sink=self.taker)
        self.can = self.adapter.can
        self.environment = Environment(self.adapter, self)
        self.tiles = Tiles(self.can)
        self.hypotheses = Hypotheses(self.parameters, self.tiles)
        self._ticked, self._irq = Event(), dut.irq
        self._seen: Seen | None = None
        self._asked = ""  # register of the read that was taken in this cycle, or before
        self._was_done = 0
        self._failing = ""  # how, of the tile that failed last

    async def start(self) -> None:
        """Reset the engine for the first time."""
        await self.environment.start()

    async def cycle(self) -> Seen:
        """Let a cycle pass, which `on_cycle` judges and samples."""
        self._ticked.clear()
        await self._ticked.wait()
        return self._seen

    # A cycle, in which the environment has looked at the streams.

    def on_cycle(self, environment: Environment) -> None:
        """Judge what the registers show, and drive the next cycle."""
        self.now += 1
        streams, tiles = self.adapter.streams, self.tiles
        y = streams["y"]
        before = Before(tiles.begun, tiles.delivered, y.offered)
        seen = self._seen = self.monitor.sample()
        self._judge(seen, before)
        moved = {name: stream.moved for name, stream in streams.items()}
        tiles.step(self.now, moved, self.adapter.mirror.settings())
        self.hypotheses.step(self.now, seen, before, stalled=y.waiting)
        self.sample_accesses(seen)
        self.sample(self.hypotheses.agreed())
        self._sample_snapshot(seen)
        self._sample_last_row(bool(y.offered and y.payload()["m_axis_y_tlast"]))
        self.master.step(seen)
        self.taker.step(self.now)
        self._ticked.set()

    def on_record(self, record: Record) -> None:
        """Take note of how a tile fails; good ones are the scoreboard's."""
        if record.failure is not None:
            self._failing = f"{record.failure}, {COMPANY[record.behind]}"

    def on_reset(self, kind: str, states: set[str]) -> None:
        """Leave the reset to `reset`."""

    def _judge(self, seen: Seen, before: Before) -> None:
        hypotheses, irq = self.hypotheses, self._irq.value
        check(
            "engine_registers.irq",
            irq.is_resolvable and hypotheses.agree_with_irq(int(irq)),
            lambda: f"irq is {irq}, cycle {self.now}: no order of events gives that",
        )
        if seen.word is not None:
            check(
                "engine_registers.words",
                hypotheses.agree_with_word(seen.word),
                lambda: f"RDATA is {seen.word:#010x}, cycle {self.now}: {hypotheses.expected()}",
            )
            self.compared += 1
            self._sample_word(seen.word)
        self._asked = ""
        if seen.read is not None:
            self._asked = NAMES.get(seen.read, "")
            hypotheses.ask(seen.read, self.now, before)

    def _sample_word(self, word: int) -> None:
        if self._asked == "STATUS":
            self.sample({("status", status_bin(word))})
        name = "counters" if self._asked == "GATED" else self._asked
        if name in COMPARED and all(one.is_failing for one in self.hypotheses.all):
            self.sample({("failing_run", f"{self._failing}: {name}")})

    def _sample_snapshot(self, seen: Seen) -> None:
        if SNAPSHOT in kinds_of(seen.effect):
            ages = {name for name, age in PAIRS.items() if self.tiles.gated_at(self.now - age)}
            self.sample(("snapshot", name) for name in ages)

    def _sample_last_row(self, offered: bool) -> None:
        done = self.tiles.done
        when = ("moves" if done else "is offered") if offered else None
        when = "has moved" if self._was_done else when
        if when and self._asked in HELD:
            self.sample({("held_back", f"{self._asked} when the last row {when}")})
        self._was_done = done

    async def reset(self) -> None:
        """Reset the engine, whatever goes on, and begin anew."""
        resetting = cocotb.start_soon(self.environment.reset())
        await self.edge
        states = self.monitor.sample().outstanding
        self.tally.sample("bus_reset", states or {"nothing"})
        self.master.forget()
        self.monitor.forget()
        self.tiles.forget()
        self.hypotheses.forget()
        await resetting

    # What tells what has happened.

    def let_go(self) -> None:
        """Have rows taken at a pace."""
        self.taker.cycles, self.taker.rate = None, choose(self.random, (1.0, 1.0, 0.5))

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait for a condition."""
        for _ in range(PATIENCE):
            if condition():
                return
            await self.cycle()
        raise AssertionError(f"stuck: {', '.join(sorted(self.environment.states()))}")

    async def drained(self) -> None:
        """Wait until what can come has come: results, an error, an answer that was asked for."""
        board, environment = self.environment.scoreboard, self.environment
        await self.until(lambda: board.taken >= environment.sent and not board.due or board.failed)
        await self.until(lambda: not board.due if not board.failed else not board.before_failed())
        for _ in range(PROMPT + 4):
            if self.hypotheses.is_settled():
                break
            await self.cycle()
        if len(self.hypotheses.all) > 1:
            await self.resolve()

    async def resolve(self) -> None:
        """Read what tells when an error was found and a soft reset answered."""
        await self.read("ERRORS", "CONTROL")
        await self.write("CONTROL", CONTROL.pack(snapshot=1))
        await self.read("CYCLES")

    async def recover(self) -> bool:
        """End a halt by the book, and see pending requests answered; return whether one was."""
        recovered = False
        while any(one.is_failing for one in self.hypotheses.all):
            recovered = True
            await self.read("STATUS", "CONTROL")
            await self.write("CONTROL", CONTROL.pack(soft_reset=1))
            self.environment.scoreboard.failed = None
            await self.resolve()
            await self.drained()
        self.environment.scoreboard.recovered()
        return recovered

    async def settle(self) -> None:
        """End a transaction: nothing is inside, and all is known that has happened."""
        self.let_go()
        await self.idle()
        await self.drained()
        recovered = await self.recover()
        await self.read_back(recovered or self.random.random() < 0.2)
        left = len(self.hypotheses.all)
        assert self.hypotheses.agree(), f"{left} orders of events are left after all was read"
        if not self.environment.scoreboard.due:
            self.tiles.settle()

    async def finish(self) -> None:
        """See that nothing is missing, of tiles and of accesses."""
        await super().finish()
        await self.write("ERRORS", ALL_ONES)
        await self.environment.finish()
