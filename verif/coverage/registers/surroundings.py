"""What the registers' shards share: transactions on the bus, judged and sampled in every cycle."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from cocotb.triggers import RisingEdge

from verif.coverage.registers.moments import ANSWERED, EVENTS, SNAPSHOT, STICKY, kinds_of
from verif.coverage.registers.points import access_bin
from verif.coverage.registers.wishes import Step, Wish, offset, plain
from verif.coverage.tally import Tally
from verif.engine.lite import NAMES, LiteMonitor, Seen
from verif.engine.lite_master import Access, LiteMaster
from verif.engine.register_model import COUNTERS
from verif.engine.registers import REGISTERS
from verif.environment.draw import choose

LEAD = 8
"""Cycles from the beginning of a transaction to its origin, at least."""

BUILD = ("EXP_MAX", "ROWS", "COLS", "K_MAX", "PIPELINE", "ACCUMULATOR")

HALVES = (*COUNTERS, *(f"{name}_HIGH" for name in COUNTERS))


class Surroundings(ABC):
    """A design with the AXI4-Lite port, its master, monitor and coverage.

    Attributes
    ----------
    now
        Cycles looked at.
    transactions, compared
        Transactions run; words that were read and compared with the model.
    """

    def __init__(self, dut: Any, random: np.random.Generator, tally: Tally) -> None:
        self.dut, self.random, self.tally = dut, random, tally
        self.parameters = {name: int(getattr(dut, name).value) for name in BUILD}
        self.now = self.transactions = self.compared = 0
        self._has_snapshot = False  # that has not been read
        self.edge = RisingEdge(dut.clk)
        self.monitor = LiteMonitor(dut)
        self.master = LiteMaster(dut, random)

    @property
    def jobs(self) -> int:
        """Transactions: each is one job here."""
        return self.transactions

    @abstractmethod
    async def cycle(self) -> Seen:
        """Let a cycle pass, judge and sample it."""

    @abstractmethod
    async def start(self) -> None:
        """Reset the design for the first time."""

    def plain(self) -> Wish:
        """Return a transaction that aims at nothing."""
        return plain(self.random, EVENTS)

    @abstractmethod
    async def run(self, wish: Wish) -> None:
        """Run a transaction, then read what it may have changed."""

    async def finish(self) -> None:
        """See that nothing is missing, and that something was compared."""
        await self.idle()
        assert self.compared > 0, "no word was compared"

    def sample_accesses(self, seen: Seen) -> None:
        """Sample the accesses of a cycle."""
        found = set()
        if seen.effect is not None:
            found.add(access_bin(seen.effect.address, seen.effect.strobe))
            self._has_snapshot |= SNAPSHOT in kinds_of(seen.effect)
        if seen.read is not None:
            found.add(access_bin(seen.read, None))
        self.sample(found - {None})

    def sample(self, hits: Iterable[tuple[str, str]]) -> None:
        """Sample points and bins of a cycle."""
        found: dict[str, set[str]] = {}
        for point, name in hits:
            found.setdefault(point, set()).add(name)
        for point, names in found.items():
            self.tally.sample(point, names)

    async def idle(self) -> None:
        """Let cycles pass until every access has been answered."""
        while self.master.busy:
            await self.cycle()

    async def write(self, name: str, data: int) -> None:
        """Write a register at once."""
        self.master.post(Access(offset(name), data))
        await self.idle()

    async def read(self, *names: str) -> None:
        """Read registers, one after the other; they are compared as all reads are."""
        for name in names:
            self.master.post(Access(offset(name)))
        await self.idle()

    def post(self, steps: Iterable[Step], origin: int) -> None:
        """Queue the accesses among some steps, each at its time if it has one.

        What is posted between two cycles is offered in the second of those that follow, and has
        its effect, if it is a write, one cycle later.
        """
        random = self.random
        for step in sorted(
            (step for step in steps if step.address is not None), key=lambda step: step.at or 0
        ):
            wait = [int(random.integers(4)), int(random.integers(4))]
            hold = step.hold or int(random.integers(3))
            if step.at is not None:
                latest = max(origin + step.at - self.now - (2 if step.data is None else 3), 0)
                early = int(random.integers(latest + 1)) if random.random() < 0.5 else latest
                wait = [latest, latest if step.data is None else early]
                if step.data is not None and random.random() < 0.5:
                    wait.reverse()
            self.master.post(
                Access(
                    step.address,
                    step.data,
                    step.strobe,
                    (wait[0], wait[1]),
                    hold,
                    early=step.at is None and random.random() < 0.5,
                )
            )

    async def read_back(self, everything: bool) -> None:
        """Read what a transaction may have changed, the counters if it took a snapshot of them."""
        names = [*STICKY, "CONTROL", "STATUS", "TILES_DONE", choose(self.random, REGISTERS)]
        await self.read(*names, *(HALVES if self._has_snapshot else ()))
        if everything:
            await self.write("CONTROL", REGISTERS["CONTROL"].pack(snapshot=1))
            await self.read(*HALVES)
        self._has_snapshot = False


def wants_request(wish: Wish) -> bool:
    """Whether a soft reset has to be pending before the steps of a wish.

    A request among them without a time may come too late.
    """
    answered = [step for step in wish.steps if step.event == ANSWERED]
    asks = [step for step in wish.steps if is_request(step) and step.at is not None]
    return any(not any(ask.at < one.at for ask in asks) for one in answered)


def is_request(step: Step) -> bool:
    """Whether a step asks for a soft reset."""
    mask = REGISTERS["CONTROL"].fields["soft_reset"].mask
    return step.address == offset("CONTROL") and step.data is not None and bool(step.data & mask)


def held_bus(state: str, random: np.random.Generator) -> tuple[list[Access], int]:
    """Return accesses that bring the bus into a state, and after how many cycles they do.

    The cycles count from the one in which the first access is posted, see `Surroundings.post`.
    """
    far, near = 40, int(random.integers(4))
    address = choose(random, NAMES)
    data = int(random.integers(2**32))
    if state == "a write's address alone":
        return [Access(address, data, wait=(near, far))], near + 3
    if state == "a write's data alone":
        return [Access(address, data, wait=(far, near))], near + 3
    if state == "a write in effect":
        return [Access(address, data, wait=(near, near))], near + 3
    if state == "an answer to a write":
        return [Access(address, data, wait=(0, near), hold=far)], near + 4
    if state == "a write behind an answer":
        both = [Access(address, data, hold=far), Access(address, data, early=True)]
        return both, 6 + near
    if state == "a read's address":
        return [Access(address, wait=(near, 0))], near + 2
    if state == "an answer to a read":
        return [Access(address, wait=(near, 0), hold=far)], near + 3 + int(random.integers(3))
    if state == "a read's address behind an answer":
        return [Access(address, hold=far), Access(address, early=True)], 4 + near
    return [], near


def changes(words: Mapping[str, int], wished: Mapping[str, int]) -> Iterable[tuple[str, int, int]]:
    """Yield the sticky registers that do not hold what they have to, with bits to set and clear."""
    for name, word in wished.items():
        if name in STICKY and words[name] != word:
            yield name, word & ~words[name], words[name] & ~word
