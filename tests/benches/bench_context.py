"""ffp8_context: c packets of every kind, streamed, drained and discarded in every legal order."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from functools import partial
from types import SimpleNamespace

import numpy as np

from model import accumulator_width
from tests.benches.context_model import Contexts, Slot, columns_of, context_of
from tests.benches.control import Pins, known
from tests.benches.packets import CONFIG, PACKET, START, Packet, random_packet
from verif.engine import floats
from verif.environment.draw import Pace, choose
from verif.environment.settings import Build, Settings, random_settings
from verif.simulator.checks import check
from verif.simulator.simulation import bench_random, bench_test

INPUTS = ("open", "c_valid", "c_last", "c_start", "c_bias")
INPUTS += ("stream_done", "drain_done", "release_slot", *Settings.__dataclass_fields__)
OUTPUTS = ("c_ready", "stream_ready", "occupied")
K_MAX = 8192  # what ACC_WIDTH is meant for
PACKETS, RESETS = 400, 30


class Driver:
    """Sets the inputs: the c stream, the registers, the sequencer and the drain.

    Attributes
    ----------
    packet, beat
        Which beat of which packet is next.
    valid
        Whether it is offered.
    settings, is_open, stream_done, release_slot, drain_done
        What the inputs are in this cycle.
    """

    def __init__(
        self, pins: Pins, packets: list[Packet], random: np.random.Generator, calm: bool
    ) -> None:
        rates = (1.0,) if calm else (0.02, 0.1, 0.5, 0.9, 1.0)
        self.pins, self.packets, self.random = pins, packets, random
        self._c, self._stream, self._drain = (Pace(random, rates) for _ in range(3))
        self._open = Pace(random, (1.0,) if calm else (0.1, 0.9, 1.0))
        exp_max = int(pins.dut.EXP_MAX.value)
        self._others = [random_settings(random, exp_max) for _ in range(20)]
        self.packet = self.beat = 0
        self.valid = False

    @property
    def offered(self) -> tuple[int, int]:
        """The beat that is offered: start word and bias of w."""
        return self.packets[self.packet].beats[self.beat]

    @property
    def last(self) -> bool:
        """Whether that ends its packet."""
        return self.beat == len(self.packets[self.packet].beats) - 1

    def drive(self, contexts: Contexts, shows: bool, may_leave: bool) -> None:
        """Set the inputs of the next cycle; `shows`: the oldest tile is at the outputs."""
        packet = self.packets[self.packet] if self.packet < len(self.packets) else None
        self.valid = self.valid or (packet is not None and self._c())
        word, bias = int(self.random.integers(2**32)), int(self.random.integers(256))
        last = int(self.random.integers(2))
        if self.valid:
            (word, bias), last = self.offered, self.last
        meant = self.valid and self.beat == 0
        if meant and (packet.steady or self.random.random() < 0.5):
            self.settings = packet.settings
        else:
            self.settings = choose(self.random, self._others)
        step = shows and may_leave and self._stream()
        self.is_open = self._open()
        self.stream_done = bool(step and not contexts.waiting[0].errors)
        self.release_slot = bool(step and contexts.waiting[0].errors and not contexts.draining)
        self.drain_done = bool(contexts.draining and self._drain())
        self.pins.drive(
            **self.settings.pins(),
            c_valid=self.valid,
            c_last=last,
            c_start=word,
            c_bias=bias & 0xFF,
            open=self.is_open,
            stream_done=self.stream_done,
            release_slot=self.release_slot,
            drain_done=self.drain_done,
        )

    def moved(self) -> None:
        """Go on to the next beat."""
        if self.last:
            self.packet, self.beat = self.packet + 1, 0
        else:
            self.beat += 1
        self.valid = False


class Checks:
    """Compares the outputs of a cycle with the contexts.

    Attributes
    ----------
    kinds
        Tiles that have left, by their errors.
    """

    def __init__(self, pins: Pins, random: np.random.Generator, build: Build) -> None:
        self._dut, self._random, self._build = pins.dut, random, build
        self._cols = int(pins.dut.COLS.value)
        self._width = len(pins.dut.drain_columns) // self._cols
        self.kinds: Counter[int] = Counter()

    def occupied(self, contexts: Contexts, begins: bool, shown: int) -> None:
        """Check that a tile inside shows; one that begins in this cycle may."""
        due = contexts.occupied(begins)
        text = partial(told, "occupied", shown, due, contexts)
        check("context.occupied", due in (None, shown), text)

    def ready(self, contexts: Contexts, driver: Driver, shown: int) -> None:
        """Check that a beat moves only if it may, and does if there is room, too."""
        due = contexts.takes(driver.is_open)
        text = partial(told, f"open {driver.is_open}, c_ready", shown, due, contexts)
        check("context.c_ready", due in (None, shown), text)

    def stream(self, contexts: Contexts, driver: Driver, shown: int, showed: bool) -> None:
        """Check that the oldest tile that waits shows in time, stays, and is what came in."""
        due = True if showed else contexts.shows
        text = partial(told, "stream_ready", shown, due, contexts)
        check("context.stream_ready", due in (None, shown), text)
        if not (shown and contexts.waiting):
            return
        slot = contexts.waiting[0]
        errors = known(self._dut.stream_errors)
        errors &= ~START if slot.errors & CONFIG else 7
        text = partial(told, "stream_errors", errors, slot.errors, contexts, slot)
        check("context.stream_errors", errors == slot.errors, text)
        if slot.errors:
            return
        formats = known(self._dut.stream_formats)
        text = partial(told, "stream_formats", formats, slot.formats, contexts, slot)
        check("context.stream_formats", formats == slot.formats, text)
        if driver.stream_done or self._random.random() < 0.2:
            starts = columns_of(known(self._dut.stream_starts), self._cols, floats.BITS)
            due = slot.starts(self._build)
            text = partial(told, "stream_starts", starts, due, contexts, slot)
            check("context.stream_starts", starts == due, text)

    def drain(self, contexts: Contexts, driver: Driver) -> None:
        """Check that the oldest tile that drains is what came in."""
        if contexts.draining and (driver.drain_done or self._random.random() < 0.2):
            slot = contexts.draining[0]
            output = known(self._dut.drain_output)
            text = partial(told, "drain_output", output, slot.output, contexts, slot)
            check("context.drain_output", output == slot.output, text)
            carried = columns_of(known(self._dut.drain_columns), self._cols, self._width)
            columns = [context_of(bits, self._width, self._build) for bits in carried]
            due = slot.columns(self._build)
            text = partial(told, "drain_columns", columns, due, contexts, slot)
            check("context.drain_columns", columns == due, text)

    def left(self, slot: Slot) -> None:
        """Count a tile that is gone."""
        self.kinds[slot.errors] += 1


def told(what: str, actual: object, due: object, contexts: Contexts, slot: object = "") -> str:
    """Return what was seen and what was to be."""
    return f"{what} is {actual}, to be {due}, {contexts}: {slot}"


@dataclass
class Run:
    """What a run has seen: tiles inside at its end, stalls of a full ring."""

    contexts: Contexts
    driver: Driver
    checks: Checks
    full_stalls: int = 0

    @property
    def checked(self) -> int:
        """Tiles that have come and gone."""
        return self.checks.kinds.total()

    def judge(self, sample: SimpleNamespace, showed: bool) -> bool:
        """Compare a cycle, then let move what moves; return whether a tile shows for the next."""
        contexts, driver, checks = self.contexts, self.driver, self.checks
        moves = driver.valid and bool(sample.c_ready)
        checks.occupied(contexts, moves and driver.beat == 0, sample.occupied)
        checks.stream(contexts, driver, sample.stream_ready, showed)
        checks.drain(contexts, driver)
        if driver.valid:
            checks.ready(contexts, driver, sample.c_ready)
            self.full_stalls += not moves and contexts.may_take(driver.is_open)
        if driver.drain_done:
            checks.left(contexts.drained())
        if driver.stream_done:
            contexts.streamed()
        if driver.release_slot:
            checks.left(contexts.released())
        if moves:
            contexts.take(driver.settings, driver.offered, driver.last)
            driver.moved()
        shows = sample.stream_ready and contexts.waiting
        return bool(shows) and not (driver.stream_done or driver.release_slot)


async def run(
    pins: Pins,
    packets: list[Packet],
    random: np.random.Generator,
    calm: bool = False,
    fill: bool = False,
    cycles: int = 10**9,
) -> Run:
    """Reset, then pass packets until all have left, or for a number of cycles.

    Parameters
    ----------
    calm
        Everything at full rate.
    fill
        Nothing leaves the ring before it has been full, unless it is closed.
    """
    contexts = Contexts(*sizes(pins.dut), int(pins.dut.SLOTS.value))
    this = Run(contexts, Driver(pins, packets, random, calm), Checks(pins, random, contexts.build))
    await pins.reset()
    showed = False
    while this.checked < len(packets) and pins.cycles < cycles:
        contexts.cycle = pins.cycles + 1
        shows = showed or contexts.shows is True
        may_leave = not fill or this.full_stalls > 0 or contexts.closed
        this.driver.drive(contexts, shows, may_leave)
        sample = await pins.cycle()
        contexts.begin_cycle(pins.cycles)
        showed = this.judge(sample, showed)
    return this


def sizes(dut: object) -> tuple[Build, int]:
    """Return the build and COLS."""
    build = Build.of(dut, int(dut.ACC_WIDTH.value))
    assert build.width == accumulator_width(build.exp_max, K_MAX)
    return build, int(dut.COLS.value)


@bench_test()
async def packets_of_every_kind(dut):
    """Every tile's context is its own, whatever changes meanwhile; failing ones are marked."""
    random, pins = bench_random(), Pins(dut, INPUTS, OUTPUTS)
    count = PACKETS if int(dut.COLS.value) < 8 else PACKETS // 2
    packets = [random_packet(random, *sizes(dut)) for _ in range(count)]
    this = await run(pins, packets, random, fill=True)
    kinds = this.checks.kinds
    assert this.checked == this.driver.packet == len(packets) > 0
    assert not this.contexts.inside and this.full_stalls > 0
    assert set(kinds) >= {0, CONFIG, START, PACKET, PACKET | START}
    dut._log.info("checked %d packets, errors %s", len(packets), dict(kinds))


@bench_test()
async def reset_empties_the_ring(dut):
    """After rst nothing is left of what was inside."""
    random, pins = bench_random(), Pins(dut, INPUTS, OUTPUTS)
    build, cols = sizes(dut)
    checked = emptied = 0
    for _ in range(RESETS):
        packets = [random_packet(random, build, cols) for _ in range(20)]
        cycles = int(random.integers(1, 40 + 12 * cols))
        this = await run(pins, packets, random, cycles=cycles)
        checked += this.checked
        emptied += this.contexts.inside
    assert checked > 0 and emptied > RESETS // 2


@bench_test()
async def a_column_every_cycle(dut):
    """Good packets come in without a gap while tiles leave as fast."""
    random, pins = bench_random(), Pins(dut, INPUTS, OUTPUTS)
    build, cols = sizes(dut)
    packets = []
    while len(packets) < 200 // cols + 20:
        packet = random_packet(random, build, cols)
        slot = Slot(packet.settings, packet.beats)
        slot.judge(build, cols)
        if not slot.errors:
            packets.append(replace(packet, steady=True))
    this = await run(pins, packets, random, calm=True)
    assert this.checked == len(packets) > 0
    assert not this.contexts.full, "while the ring is full a beat need not be taken"
