"""What one transaction at the registers is to be like, before it is known how a design does it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from verif.coverage.registers.moments import (
    ANSWERED,
    ASK,
    DONE,
    ERROR,
    FLAGS,
    SETTINGS,
    SNAPSHOT,
)
from verif.engine.lite import NAMES, UNKNOWN
from verif.engine.registers import REGISTERS
from verif.environment.draw import choose

ALL_ONES = 2**32 - 1


@dataclass(frozen=True)
class Step:
    """An access of the bus, or something that the engine does, in a cycle of its own.

    Attributes
    ----------
    at
        The cycle, from an origin that the transaction chooses: that of a write's effect, that in
        which a read's address is taken; None for any time.
    address, data, strobe, hold
        Of an access, see `verif.engine.lite.Access`; without an address it is the engine's.
    event, bits
        What the engine does, and which bits of ERRORS or FLAGS it sets.
    """

    at: int | None = None
    address: int | None = None
    data: int | None = None
    strobe: int = 15
    hold: int = 0
    event: str | None = None
    bits: int = 0


@dataclass(frozen=True)
class Wish:
    """A transaction.

    Attributes
    ----------
    steps
        What has to happen.
    words
        What sticky registers and IRQ_ENABLE have to hold before, as far as it matters.
    reset
        What has to be outstanding on the bus when the design is reset.
    wrap
        A counter, the bits after which it carries, and the snapshot's place beside that.
    status
        What STATUS has to show.
    failing
        How a tile has to fail, and in which company, to be looked at while it is halted.
    """

    steps: tuple[Step, ...] = ()
    words: Mapping[str, int] = field(default_factory=dict)
    reset: str | None = None
    wrap: tuple[str, int, str] | None = None
    status: Mapping[str, int] | None = None
    failing: tuple[str, str] | None = None


def offset(name: str) -> int:
    """Return a register's address."""
    return REGISTERS[name].offset


def step_of(event: str, at: int, random: np.random.Generator, bits: int | None = None) -> Step:
    """Return a step that shows an event; of a sticky register all bits unless some are named."""
    data = int(random.integers(2**32))
    if event in (SNAPSHOT, ASK):
        field_name = event.partition(".")[2]
        return Step(at, offset("CONTROL"), REGISTERS["CONTROL"].pack(**{field_name: 1}))
    if event == "read":
        return Step(at, choose(random, NAMES))
    if event == "write setting":
        return Step(at, offset(choose(random, SETTINGS)), data)
    if event == "write IRQ_ENABLE":
        return Step(at, offset("IRQ_ENABLE"), data)
    if event == "write read-only":
        fixed = [name for name, register in REGISTERS.items() if register.access == "ro"]
        return Step(at, offset(choose(random, fixed)), data)
    if event == "write unknown":
        return Step(at, choose(random, UNKNOWN), data)
    if event.startswith("write "):
        return Step(at, offset(event.removeprefix("write ")), ALL_ONES if bits is None else bits)
    if event == ERROR:
        return Step(at, event=event, bits=bits or 1 << int(random.integers(4)))
    if event == FLAGS:
        return Step(at, event=event, bits=bits or 1 << int(random.integers(3)))
    assert event in (ANSWERED, DONE)
    return Step(at, event=event)


def setting_of(bit: str) -> tuple[str, int]:
    """Return the event of the engine that sets a sticky bit, and the bits that it then has."""
    name, _, field_name = bit.partition(".")
    if name == "IRQ_STATUS":
        return (DONE, 0) if field_name == "tile_done" else (ERROR, 0)
    return ERROR if name == "ERRORS" else FLAGS, REGISTERS[name].fields[field_name].mask


def plain(random: np.random.Generator, events: tuple[str, ...]) -> Wish:
    """Return a transaction as somebody draws it who does not look at the coverage."""
    steps = []
    for _ in range(int(random.integers(1, 6))):
        kind = choose(random, ("event", "any", "register"))
        if kind == "event":
            steps.append(step_of(choose(random, events), int(random.integers(6)), random))
            continue
        address = int(random.integers(256)) if kind == "any" else choose(random, NAMES)
        data = int(random.integers(2**32)) if random.random() < 0.5 else None
        strobe = int(random.integers(16))
        hold = int(random.integers(4))
        steps.append(Step(None, address, data, strobe, hold))
    return Wish(tuple(steps), {"IRQ_ENABLE": int(random.integers(4))})
