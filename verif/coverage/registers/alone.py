"""`ffp8_registers` alone: the engine beside it is driven, so that anything meets anything."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np
from cocotb.clock import Clock

from verif.coverage.registers.moments import (
    ANSWERED,
    DONE,
    ERROR,
    FLAGS,
    SNAPSHOT,
    Course,
)
from verif.coverage.registers.points import OUTSTANDING, PLACES, WRAPS, status_bin
from verif.coverage.registers.surroundings import (
    LEAD,
    Surroundings,
    changes,
    held_bus,
    wants_request,
)
from verif.coverage.registers.wishes import Step, Wish, offset
from verif.coverage.tally import Tally
from verif.engine.lite import NAMES, Seen
from verif.engine.register_model import COUNTERS, OUTPUTS, RegisterModel
from verif.engine.registers import REGISTERS
from verif.simulator.checks import check

ENGINE = ("resume", "halted", "errors_set", "flags_set", "tile_done", "pair", "occupied", "gated")
QUIET = dict.fromkeys(ENGINE, 0)
CONTROL = REGISTERS["CONTROL"]


class Alone(Surroundings):
    """The registers, an engine that does what a transaction wants, and the model beside them."""

    def __init__(self, dut: Any, random: np.random.Generator, tally: Tally) -> None:
        Clock(dut.clk, 10, unit="ns", impl="gpi").start(start_high=False)
        super().__init__(dut, random, tally)
        self._outputs = {name: getattr(dut, name) for name in (*OUTPUTS, "irq")}
        self._inputs = {name: getattr(dut, name) for name in ENGINE}
        self._macs = self.parameters["ROWS"] * self.parameters["COLS"]
        self._plan: dict[int, dict[str, int]] = {}
        self._driven: dict[str, int] = {}
        self._lively, self._status = False, dict[str, int]()

    @property
    def model(self) -> RegisterModel:
        """What the registers hold."""
        return self._course.model

    async def start(self) -> None:
        """Reset the design for the first time."""
        self.dut.rst.value = 1
        await self.edge
        await self._begin()

    async def reset(self) -> None:
        """Reset for some cycles, in which the engine goes on, and begin anew."""
        self.dut.rst.value = 1
        await self.edge
        self.now += 1
        self.tally.sample("bus_reset", self.monitor.sample().outstanding or {"nothing"})
        await self._begin()

    async def _begin(self) -> None:
        self.master.forget()
        for _ in range(int(self.random.integers(3))):
            await self.edge
        self._plan.clear()
        self._lively, self._status = False, {}
        self._drive(QUIET)
        self.monitor.forget()
        self._course = Course(RegisterModel(self.parameters))
        self._word: int | None = None
        self._counters = deque([self.model.counters()], maxlen=3)
        self.dut.rst.value = 0

    # A cycle.

    async def cycle(self) -> Seen:
        """Let a cycle pass, compare every output and every word, and sample."""
        await self.edge
        self.now += 1
        engine = dict(self._driven)
        self.model.show(engine)
        seen = self.monitor.sample()
        self._compare(seen)
        self.sample_accesses(seen)
        if seen.read == offset("STATUS"):
            self.sample({("status", status_bin(self.model.words["STATUS"]))})
        self.sample(self._course.step(seen, engine))
        self._sample_wraps(seen)
        self.master.step(seen)
        self._drive(self._next())
        return seen

    def _compare(self, seen: Seen) -> None:
        for name, due in self.model.outputs().items():
            value = self._outputs[name].value
            check(
                "registers_alone.outputs",
                value.is_resolvable and int(value) == due,
                lambda name=name, value=value, due=due: f"{name} is {value}, expected {due}",
            )
        if seen.word is not None:
            due = self._word
            check(
                "registers_alone.words",
                seen.word == due,
                lambda: f"RDATA is {seen.word:#010x}, expected {due:#010x}, cycle {self.now}",
            )
            self.compared += 1
        self._word = None
        if seen.read is not None:
            self._word = self.model.words[NAMES[seen.read]] if seen.read in NAMES else 0

    def _sample_wraps(self, seen: Seen) -> None:
        """Sample counters that carry beside a snapshot, and TILES_DONE beside a read."""
        self._counters.append(self.model.counters())
        shown = ["TILES_DONE"] if seen.read == offset("TILES_DONE") else []
        shown += COUNTERS if SNAPSHOT in self._course.moments[-1].events else ()
        if len(self._counters) < 3 or not shown:
            return
        before, here, after = self._counters
        for name, (counter, bits, place) in WRAPS.items():
            old, new = (here, after) if place == PLACES[0] else (before, here)
            size, most = 1 << bits, self._macs
            carries = old[counter] % size >= size - most and new[counter] % size < most
            if carries and counter in shown:
                self.sample({("wrap", name)})

    # The engine.

    def _drive(self, values: Mapping[str, int]) -> None:
        for name, value in values.items():
            if self._driven.get(name) != value:
                self._driven[name] = value
                self._inputs[name].value = value

    def _next(self) -> dict[str, int]:
        """Return what the engine does in the next cycle."""
        live = self._live() if self._lively else self._status
        values = QUIET | live | self._plan.pop(self.now + 1, {})
        if not self.model.words["CONTROL"]:
            values["resume"] = 0  # an engine answers what was asked
        return values

    def _live(self) -> dict[str, int]:
        random, integers = self.random.random, self.random.integers
        return {
            "halted": int(random() < 0.5),
            "occupied": int(random() < 0.5),
            "pair": int(random() < 0.5),
            "errors_set": int(integers(16)) if random() < 0.05 else 0,
            "flags_set": int(integers(8)) if random() < 0.2 else 0,
            "tile_done": int(random() < 0.1),
            "gated": int(integers(self._macs + 1)),
            "resume": int(random() < 0.1),
        }

    # Transactions.

    async def run(self, wish: Wish) -> None:
        """Run a transaction, then read what it may have changed."""
        self.transactions += 1
        if wish.reset is not None:
            await self._run_reset(wish.reset)
        elif wish.wrap is not None:
            await self._run_wrap(*wish.wrap)
        else:
            await self._run_steps(wish)
        await self._finish()

    async def _finish(self) -> None:
        await self.idle()
        while self._plan:
            await self.cycle()
        self._lively, self._status = False, {}
        await self.cycle()
        await self.read_back(self.random.random() < 0.15)
        if self.model.words["CONTROL"]:
            self._plan[self.now + 2] = {"resume": 1}
            for _ in range(3):
                await self.cycle()

    async def _run_steps(self, wish: Wish) -> None:
        await self._prepare(wish)
        self._lively = not wish.words and self.random.random() < 0.5
        self._status = self._status_of(wish)
        origin = self.now + LEAD + int(self.random.integers(4))
        self.post(wish.steps, origin)
        for step in wish.steps:
            if step.event is not None:
                engine = self._plan.setdefault(origin + step.at, {})
                engine |= self._engine_of(step)
        while self.now < origin + 3:
            await self.cycle()

    def _status_of(self, wish: Wish) -> dict[str, int]:
        """Return what the engine shows of itself all through a transaction."""
        if wish.status is not None:
            return dict(wish.status)
        return {name: int(self.random.integers(2)) for name in ("halted", "occupied", "pair")}

    @staticmethod
    def _engine_of(step: Step) -> dict[str, int]:
        return {
            ANSWERED: {"resume": 1},
            DONE: {"tile_done": 1},
            ERROR: {"errors_set": step.bits},
            FLAGS: {"flags_set": step.bits},
        }[step.event]

    async def _prepare(self, wish: Wish) -> None:
        """Have the sticky bits, the enables and the request as they have to be."""
        for name, sets, clears in list(changes(self.model.words, wish.words)):
            if clears:
                await self.write(name, clears)
            if sets:
                self._drive(self._setting(name, sets))
                await self.cycle()
        # An error sets a bit of ERRORS and one of IRQ_STATUS: clear what came along.
        for name, _, clears in list(changes(self.model.words, wish.words)):
            if clears:
                await self.write(name, clears)
        if "IRQ_ENABLE" in wish.words:
            await self.write("IRQ_ENABLE", wish.words["IRQ_ENABLE"])
        if wants_request(wish):
            await self.write("CONTROL", CONTROL.pack(soft_reset=1))

    @staticmethod
    def _setting(name: str, bits: int) -> dict[str, int]:
        if name == "IRQ_STATUS":
            return QUIET | {"tile_done": bits & 1, "errors_set": bits >> 1 & 1}
        return QUIET | {"errors_set" if name == "ERRORS" else "flags_set": bits}

    async def _run_reset(self, state: str) -> None:
        """Reset the design in one state of the bus; it then answers nothing that was before."""
        assert state in OUTSTANDING
        accesses, cycles = held_bus(state, self.random)
        for access in accesses:
            self.master.post(access)
        self._lively = self.random.random() < 0.5
        for _ in range(cycles - 1):
            await self.cycle()
        await self.reset()
        for _ in range(8):
            await self.cycle()
        await self.read(*REGISTERS)

    async def _run_wrap(self, counter: str, bits: int, place: str) -> None:
        """Set a counter to shortly before it carries, and take a snapshot right there."""
        engine = {
            "BUSY": {"pair": 1},
            "MACS": {"pair": 1},
            "STALLED": {"occupied": 1},
            "GATED": {"gated": int(self.random.integers(1, self._macs + 1))},
            "TILES_DONE": {"tile_done": 1},
        }.get(counter, {})
        step = {"MACS": self._macs, "GATED": engine.get("gated", 1)}.get(counter, 1)
        origin = self.now + LEAD
        for cycle in range(self.now + 2, origin + 4):
            self._plan[cycle] = dict(engine)
        await self.cycle()
        await self.cycle()
        await self.cycle()
        if counter == "TILES_DONE":
            self.post([Step(0, offset(counter))], origin)
        else:
            self.post([Step(0, offset("CONTROL"), CONTROL.pack(snapshot=1))], origin)
        # It holds `value` in the next cycle; the one before the carry is that of the snapshot.
        counts = origin - (place == PLACES[1]) - (self.now + 1)
        value = (1 << bits) - 1 - int(self.random.integers(step)) - step * counts
        if bits < 64 and counter != "TILES_DONE":
            value += int(self.random.integers(2**31)) << 32
        getattr(self.dut, f"{counter.lower()}_q").value = value
        self.model.preset(**{counter: value})
        self._counters.pop()
        self._counters.append(self.model.counters())
        await self.idle()
        await self.read(counter, *([f"{counter}_HIGH"] if counter in COUNTERS else []))
