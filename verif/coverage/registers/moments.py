"""What a cycle shows at the registers, and which bins of their cover points that is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, product

from verif.engine.lite import NAMES, Seen, Sent
from verif.engine.register_model import RegisterModel, Write
from verif.engine.registers import FIELDS, REGISTERS

STICKY = ("ERRORS", "FLAGS", "IRQ_STATUS")
BITS = {
    f"{name}.{field.name}": (name, field.mask)
    for name in STICKY
    for field in REGISTERS[name].fields.values()
}
CAUSES = {field.name: field.mask for field in REGISTERS["IRQ_STATUS"].fields.values()}

ASK, SNAPSHOT = "write CONTROL.soft_reset", "write CONTROL.snapshot"
SETTINGS = sorted({name for name, _ in FIELDS.values()})
WRITES = (SNAPSHOT, ASK, *(f"write {name}" for name in STICKY))
WRITES += ("write IRQ_ENABLE", "write setting", "write read-only", "write unknown")
ANSWERED, DONE, ERROR, FLAGS = "soft reset answered", "tile done", "error", "flags"
EVENTS = (*WRITES, "read", ANSWERED, DONE, ERROR, FLAGS)
TOGETHER = {f"{a} with {b}": (a, b) for a, b in combinations(EVENTS, 2)}
NEXT = {f"{a} then {b}": (a, b) for a, b in product(EVENTS, EVENTS)}

CASES = (
    "set",
    "set again",
    "clear",
    "set and clear, low",
    "set and clear, high",
    "set while B waits",
    "cleared between sets",
)
INTERRUPT = (
    "raises irq",
    "not enabled, leaves irq low",
    "enabled late, raises irq",
    "disabled, drops irq",
    "cleared, drops irq",
    "cleared and set, keeps irq",
    "cleared, the other keeps irq",
)

LANES = {f"write of byte {lane}": 1 << lane for lane in range(4)}
STROBES = {"write": 15, **LANES, "write of no byte": 0}
ACCESSES = {f"{name}: {how}": (name, how) for name in REGISTERS for how in ("read", *STROBES)}
UNALIGNED = {
    f"{name}: unaligned {how}": (name, how) for name, how in product(REGISTERS, ("read", "write"))
}


@dataclass(frozen=True)
class Moment:
    """A cycle at the registers.

    Attributes
    ----------
    events
        Of `EVENTS`; what sets or clears only bits that are so already is none.
    sets, clears
        Bits of sticky registers that the engine sets, or a write clears.
    held, then
        Words of `STICKY` and IRQ_ENABLE in this cycle and in the next.
    waiting
        Register and bits cleared by the write whose answer is offered and not taken.
    """

    events: frozenset[str]
    sets: Mapping[str, int]
    clears: Mapping[str, int]
    held: Mapping[str, int]
    then: Mapping[str, int]
    waiting: tuple[str, int] | None

    def key(self) -> tuple[object, ...]:
        """Return what of it later moments are looked at together with."""
        return self.events, tuple(self.sets.items()), tuple(self.clears.items())


def known_write(sent: Sent | None) -> Write | None:
    """Return a write as the model takes it; None if it changes nothing by its address."""
    if sent is None or sent.address not in NAMES:
        return None
    return Write(NAMES[sent.address], sent.data, sent.strobe)


def kinds_of(sent: Sent | None) -> set[str]:
    """Return the kinds, of `WRITES`, that a write is of; none if it writes no byte."""
    write = known_write(sent)
    if sent is None or not sent.strobe:
        return set()
    if write is None:
        return {"write unknown"}
    ones = write.data & write.mask & REGISTERS[write.name].mask()
    if write.name == "CONTROL":
        fields = REGISTERS["CONTROL"].unpack(ones)
        return {f"write CONTROL.{name}" for name, value in fields.items() if value}
    if write.name in STICKY:
        return {f"write {write.name}"} if ones else set()
    if write.name in SETTINGS:
        return {"write setting"}
    return {"write IRQ_ENABLE" if write.name == "IRQ_ENABLE" else "write read-only"}


def cleared(sent: Sent | None) -> tuple[str, int] | None:
    """Return the sticky register and its bits that a write clears."""
    write = known_write(sent)
    if write is None or write.name not in STICKY:
        return None
    return write.name, write.data & write.mask & REGISTERS[write.name].mask()


def moment_of(
    seen: Seen,
    engine: Mapping[str, int],
    held: Mapping[str, int],
    then: Mapping[str, int],
    before: Moment | None,
) -> Moment:
    """Return what a cycle shows, of the port, of the engine and of the model around it."""
    sets = {"ERRORS": engine["errors_set"], "FLAGS": engine["flags_set"]}
    sets["IRQ_STATUS"] = CAUSES["tile_done"] * engine["tile_done"]
    sets["IRQ_STATUS"] |= CAUSES["error"] * (engine["errors_set"] != 0)
    names = (*STICKY, "IRQ_ENABLE")
    clear = cleared(seen.effect)
    events = kinds_of(seen.effect)
    if clear and not clear[1] & held[clear[0]]:
        events.clear()
    events |= {"read"} if seen.read is not None else set()
    rises = {name: bits & ~held[name] for name, bits in sets.items()}
    happens = {
        ANSWERED: engine["resume"],
        DONE: rises["IRQ_STATUS"] & CAUSES["tile_done"],
        ERROR: rises["ERRORS"] and rises["IRQ_STATUS"] & CAUSES["error"],
        FLAGS: rises["FLAGS"],
    }
    if before is not None:  # the cause of an interrupt rises with the first of two
        happens[DONE] |= engine["tile_done"] and DONE in before.events
        happens[ERROR] |= rises["ERRORS"] and ERROR in before.events
    events |= {event for event, happened in happens.items() if happened}
    return Moment(
        frozenset(events),
        sets,
        {clear[0]: clear[1]} if clear else {},
        {name: held[name] for name in names},
        {name: then[name] for name in names},
        cleared(seen.answered) if "b" in seen.offered and "b" not in seen.moved else None,
    )


def hits_of(moments: tuple[Moment, ...]) -> Iterator[tuple[str, str]]:
    """Yield point and bin of what the last of some moments shows, with those before it."""
    now, before = moments[-1], moments[-2] if len(moments) > 1 else None
    if not now.events and not now.clears and not any(now.sets.values()):
        return
    for a, b in combinations([event for event in EVENTS if event in now.events], 2):
        yield "events_together", f"{a} with {b}"
    for a, b in product(before.events if before else (), now.events):
        yield "events_next", f"{a} then {b}"
    for bit, (name, mask) in BITS.items():
        for case in _cases(moments, name, mask):
            yield "sticky_bits", f"{bit}: {case}"
    for cause, mask in CAUSES.items():
        for case in _interrupts(now, mask):
            yield "interrupt", f"{cause}: {case}"


@dataclass
class Course:
    """The registers along the cycles.

    Attributes
    ----------
    model
        What they hold.
    moments
        What the last three cycles showed, or as many as there were.
    """

    model: RegisterModel
    moments: tuple[Moment, ...] = ()

    def step(self, seen: Seen, engine: Mapping[str, int]) -> frozenset[tuple[str, str]]:
        """End a cycle, of which port and engine are known; return points and bins of it."""
        held, last = dict(self.model.words), self.moments[-1] if self.moments else None
        self.model.step(engine, known_write(seen.effect))
        moment = moment_of(seen, engine, held, self.model.words, last)
        self.moments = (*self.moments[-2:], moment)
        return frozenset(hits_of(self.moments))


def _cases(moments: tuple[Moment, ...], name: str, mask: int) -> Iterator[str]:
    now = moments[-1]
    sets, clears = now.sets[name] & mask, now.clears.get(name, 0) & mask
    high = now.held[name] & mask
    if sets and clears:
        yield f"set and clear, {'high' if high else 'low'}"
    elif sets:
        yield "set again" if high else "set"
        if now.waiting and now.waiting[0] == name and now.waiting[1] & mask:
            yield "set while B waits"
    elif clears and high:
        yield "clear"
    if len(moments) == 3 and sets and moments[0].sets[name] & mask:
        middle = moments[1]
        if middle.clears.get(name, 0) & mask and not middle.sets[name] & mask:
            yield "cleared between sets"


def _interrupts(now: Moment, mask: int) -> Iterator[str]:
    held, then = ({k: m[k] for k in ("IRQ_STATUS", "IRQ_ENABLE")} for m in (now.held, now.then))
    was, will = held["IRQ_STATUS"] & held["IRQ_ENABLE"], then["IRQ_STATUS"] & then["IRQ_ENABLE"]
    sets, clears = now.sets["IRQ_STATUS"] & mask, now.clears.get("IRQ_STATUS", 0) & mask
    enabled, status = held["IRQ_ENABLE"] & mask, held["IRQ_STATUS"] & mask
    if sets and not status and not was:
        if will == mask:
            yield "raises irq"
        if not will and not enabled:
            yield "not enabled, leaves irq low"
    if status and not sets and not clears and not was and will == mask:
        yield "enabled late, raises irq"
    if status and not sets and not clears and was == mask and not will:
        yield "disabled, drops irq"
    if clears and was == mask:
        yield "cleared and set, keeps irq" if will else "cleared, drops irq"
    if clears and status and not sets and enabled and will and will != mask:
        yield "cleared, the other keeps irq"
