"""Cover points of the registers: accesses, sticky bits, interrupts, coincidences, resets, wraps."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np

from verif.coverage.point import Point, nothing
from verif.coverage.registers.moments import (
    ACCESSES,
    ANSWERED,
    ASK,
    BITS,
    CASES,
    CAUSES,
    DONE,
    ERROR,
    FLAGS,
    INTERRUPT,
    NEXT,
    SNAPSHOT,
    STICKY,
    STROBES,
    TOGETHER,
    UNALIGNED,
    WRITES,
)
from verif.coverage.registers.wishes import Step, Wish, offset, setting_of, step_of
from verif.engine.lite import NAMES, UNKNOWN
from verif.engine.register_model import COUNTERS
from verif.engine.registers import REGISTERS
from verif.environment.capabilities import FAILURES
from verif.environment.draw import choose

OUTSTANDING = (
    "nothing",
    "a write's address alone",
    "a write's data alone",
    "a write in effect",
    "a write behind an answer",
    "an answer to a write",
    "a read's address",
    "a read's address behind an answer",
    "an answer to a read",
)
STATUSES = {
    "nothing": {"occupied": 0, "halted": 0},
    "occupied": {"occupied": 1, "halted": 0},
    "halted": {"occupied": 0, "halted": 1},
    "occupied and halted": {"occupied": 1, "halted": 1},
}
IRQ_ENABLE = offset("IRQ_ENABLE")
IRQ_TELLS = {"IRQ_STATUS": 0, "IRQ_ENABLE": 2}
"""With these the interrupt pin tells the cycle of an error."""

PLACES = ("last before", "first after")
WRAPS = {
    f"{name} over 2^{bits}: {place}": (name, bits, place)
    for name, all_bits in (*((name, (32, 64)) for name in COUNTERS), ("TILES_DONE", (32,)))
    for bits in all_bits
    for place in PLACES
}
HELD = ("TILES_DONE", "IRQ_STATUS", "STATUS")
WHEN = {"is offered": -2, "moves": 0, "has moved": 1}
HELD_BACK = {f"{name} when the last row {w}": (name, at) for name in HELD for w, at in WHEN.items()}
COMPANY = ("alone", "behind a result")
COMPARED = (*STICKY, "STATUS", "TILES_DONE", "counters")
AGES = tuple(range(1, 6))
PAIRS = {f"a pair with a zero moved in {age} cycles before": age for age in AGES}
FAILING = {
    f"{failure}, {company}: {what}": (failure, company)
    for failure, company, what in product(FAILURES, COMPANY, COMPARED)
    if not failure.endswith(" pair")  # of a packet that is not marked, which is of other designs
}


def points() -> list[Point]:
    """Return the points that the registers have wherever they are."""
    unknown = [f"{address:#04x}: {how}" for address in UNKNOWN for how in ("read", "write")]
    sticky = [f"{bit}: {case}" for bit in BITS for case in CASES]
    interrupt = [f"{cause}: {case}" for cause in CAUSES for case in INTERRUPT]
    return [
        Point("access", tuple(ACCESSES), nothing, _aim_access),
        Point("refused_access", (*UNALIGNED, *unknown), nothing, _aim_refused),
        Point("sticky_bits", tuple(sticky), nothing, _aim_sticky),
        Point("interrupt", tuple(interrupt), nothing, _aim_interrupt),
        Point("events_together", tuple(TOGETHER), nothing, _aim_together),
        Point("events_next", tuple(NEXT), nothing, _aim_next),
        Point("status", tuple(STATUSES), nothing, _aim_status),
        Point("bus_reset", OUTSTANDING, nothing, lambda name, random: Wish(reset=name)),
    ]


def preset_points() -> list[Point]:
    """Return the points for which counters have to be set from outside."""
    return [Point("wrap", tuple(WRAPS), nothing, lambda name, random: Wish(wrap=WRAPS[name]))]


def tile_points() -> list[Point]:
    """Return the points that only tiles show, of an engine with more rows and columns than one."""
    return [
        Point("held_back", tuple(HELD_BACK), nothing, _aim_held_back),
        Point("snapshot", tuple(PAIRS), nothing, _aim_snapshot),
        Point(
            "failing_run",
            tuple(FAILING),
            nothing,
            lambda name, random: Wish(failing=FAILING[name]),
        ),
    ]


def access_bin(address: int, strobe: int | None) -> tuple[str, str] | None:
    """Return point and bin of an access, None if it is of none; without a strobe it is a read."""
    if address not in NAMES:
        how = "read" if strobe is None else "write"
        near = NAMES.get(address & ~3)
        name = f"{near}: unaligned {how}" if address % 4 else f"{address:#04x}: {how}"
        refused = near is not None or not address % 4
        return ("refused_access", name) if refused and strobe != 0 else None
    if strobe is None:
        return "access", f"{NAMES[address]}: read"
    for how, its_strobe in STROBES.items():
        if strobe == its_strobe:
            return "access", f"{NAMES[address]}: {how}"
    return None


def status_bin(word: int) -> str:
    """Return the bin of a word of STATUS."""
    fields = REGISTERS["STATUS"].unpack(word)
    return next(name for name, shown in STATUSES.items() if shown == fields)


def _aim_status(name: str, random: np.random.Generator) -> Wish:
    return Wish((Step(0, offset("STATUS")),), {}, status=STATUSES[name])


def _aim_held_back(name: str, random: np.random.Generator) -> Wish:
    register, at = HELD_BACK[name]
    return Wish((Step(at, offset(register)), step_of(DONE, 0, random)), {"IRQ_STATUS": 0})


def _aim_snapshot(name: str, random: np.random.Generator) -> Wish:
    return Wish((step_of(SNAPSHOT, 0, random),))


def _data(random: np.random.Generator) -> int:
    return int(random.integers(2**32))


def _aim_access(name: str, random: np.random.Generator) -> Wish:
    register, how = ACCESSES[name]
    if how == "read":
        return Wish((Step(None, offset(register)),))
    return Wish((Step(None, offset(register), _data(random), STROBES[how]),))


def _aim_refused(name: str, random: np.random.Generator) -> Wish:
    where, _, how = name.partition(": ")
    address = int(where, 0) if where not in REGISTERS else offset(where)
    address += int(random.integers(1, 4)) if where in REGISTERS else 0
    return Wish((Step(None, address, _data(random) if "write" in how else None),))


def _aim_sticky(name: str, random: np.random.Generator) -> Wish:
    bit, _, case = name.partition(": ")
    register, mask = BITS[bit]
    event, bits = setting_of(bit)
    high = case in ("set again", "clear", "set and clear, high")
    words = {register: mask if high else 0}
    if event == ERROR:
        words = IRQ_TELLS | words
    setting = step_of(event, 0, random, bits or None)
    clearing = Step(0, offset(register), mask)
    if case in ("set", "set again"):
        return Wish((setting,), words)
    if case == "clear":
        return Wish((clearing,), words)
    if case.startswith("set and clear"):
        return Wish((setting, clearing), words)
    if case == "set while B waits":
        return Wish((Step(-2, offset(register), mask, hold=6), setting), words)
    around = [step_of(event, at, random, bits or None) for at in (-1, 1)]
    return Wish((*around, clearing), words)


def _aim_interrupt(name: str, random: np.random.Generator) -> Wish:
    cause, _, case = name.partition(": ")
    mask = CAUSES[cause]
    setting = step_of(setting_of(f"IRQ_STATUS.{cause}")[0], 0, random)
    clearing = Step(0, offset("IRQ_STATUS"), mask)
    enabling, disabling = (Step(0, offset("IRQ_ENABLE"), word) for word in (mask, 0))
    steps, status, enable = {
        "raises irq": ((setting,), 0, 3),
        "not enabled, leaves irq low": ((setting,), 0, 0),
        "enabled late, raises irq": ((enabling,), mask, 0),
        "disabled, drops irq": ((disabling,), mask, mask),
        "cleared, drops irq": ((clearing,), mask, mask),
        "cleared and set, keeps irq": ((clearing, setting), mask, mask),
        "cleared, the other keeps irq": ((clearing,), 3, 3),
    }[case]
    return Wish(steps, {"IRQ_STATUS": status, "IRQ_ENABLE": enable})


def _aim_together(name: str, random: np.random.Generator) -> Wish:
    first, second = TOGETHER[name]
    if {first, second} == {WRITES[0], ASK}:
        both = REGISTERS["CONTROL"].pack(snapshot=1, soft_reset=1)
        return Wish((Step(0, offset("CONTROL"), both),))
    return _both(first, second, 0, random)


def _aim_next(name: str, random: np.random.Generator) -> Wish:
    wish = _both(*NEXT[name], 1, random)
    if NEXT[name] == (ANSWERED, ANSWERED):  # the second answers a request that came with the first
        return replace(wish, steps=(*wish.steps, step_of(ASK, 0, random)))
    return wish


def _enabling(step: Step) -> Step:
    """Return an access of IRQ_ENABLE that, if it writes, leaves errors enabled."""
    return step if step.data is None else replace(step, data=step.data | 2)


def _both(first: str, second: str, distance: int, random: np.random.Generator) -> Wish:
    """Return a wish for two events, of which one sets bits that are low and one clears others."""
    steps, events = [], (first, second)
    for at, event in enumerate(events):
        # Others than those set before. A packet's error comes in mid-tile, whatever is asked; that
        # of a start value whether rows are taken or not.
        error = 4 if ASK in events or (at and first == second) else 2
        bits = {ERROR: error, FLAGS: (2, 4)[at]}.get(event)
        steps.append(step_of(event, at * distance, random, bits))
    if ANSWERED in events and "read" not in events:  # tells an answer from one a cycle later
        steps.append(Step(distance, offset("CONTROL")))
    if ERROR in events:
        steps = [_enabling(step) if step.address == IRQ_ENABLE else step for step in steps]
    words = dict.fromkeys(STICKY, 0) | {"IRQ_ENABLE": choose(random, range(4))}
    if ERROR in events:
        words |= IRQ_TELLS
    for name in STICKY:
        if f"write {name}" in events:
            words[name] = 1
    if "write IRQ_STATUS" in events:
        words["IRQ_STATUS"] = 2 if DONE in events else 1
    return Wish(tuple(steps), words)
