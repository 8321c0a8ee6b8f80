"""ffp8_context: c packets of every kind, streamed, drained and discarded in every legal order."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import numpy as np

from model import accumulator_width
from tests.benches.control import Pins, known
from tests.benches.packets import CONFIG, PACKET, START, Packet, Slot, random_packet
from verif.environment.draw import Pace, choose
from verif.environment.settings import Build, Settings, random_settings
from verif.simulator.simulation import bench_random, bench_test

INPUTS = ("open", "c_valid", "c_last", "c_start", "c_bias")
INPUTS += ("stream_done", "drain_done", "release_slot", *Settings.__dataclass_fields__)
OUTPUTS = ("c_ready", "stream_ready", "occupied")
K_MAX = 8192  # what ACC_WIDTH is meant for
LATENCY = 3
PACKETS, RESETS = 400, 30
CHECKS = ("occupied", "ready", "stream_ready", "stream_errors", "stream_formats", "stream_starts")
CHECKS += ("drain_output", "drain_columns")


class Contexts:
    """What the contexts hold, and what may move, by docs/hardware.md and the module's header.

    "A tile starts with the first beat of its c packet. The registers are sampled in the cycle in
    which that beat moves." "The c packet of a tile may be sent while earlier tiles stream or
    drain." "After a refused configuration no further c packet is begun until the refused tile
    itself has been discarded, whatever soft resets are asked for meanwhile and whichever other
    tile fails before it." Errors are those of the table there, see `Slot.judge`. Of the header:
    3 cycles from a beat to its place in the slot; two more beats fit in front of a full ring.

    Attributes
    ----------
    entering, waiting, draining
        The tile whose packet has begun; those that wait to be streamed; those that drain.
    """

    def __init__(self, build: Build, cols: int, slots: int) -> None:
        self.build, self.cols, self.slots = build, cols, slots
        self.cycle = 0
        self.entering: Slot | None = None
        self.waiting: deque[Slot] = deque()
        self.draining: deque[Slot] = deque()
        self._full_until = -LATENCY

    def __str__(self) -> str:
        """Return what is inside."""
        return (
            f"cycle {self.cycle}, {self.entering is not None} entering, "
            f"{len(self.waiting)} waiting, {len(self.draining)} draining, closed {self.closed}"
        )

    @property
    def inside(self) -> int:
        """Tiles that have begun and not left."""
        return (self.entering is not None) + len(self.waiting) + len(self.draining)

    @property
    def closed(self) -> bool:
        """Whether a tile with a refused configuration is inside."""
        slots = [*self.waiting, *self.draining, *([self.entering] if self.entering else [])]
        return any(slot.settings.refused(self.build.exp_max) for slot in slots)

    def may_take(self, is_open: bool) -> bool:
        """Tell whether a beat may move: one of a packet that has begun, or a first one."""
        return self.entering is not None or (is_open and not self.closed)

    @property
    def has_room(self) -> bool:
        """Whether the ring was not full for so long that a beat has to move if it may."""
        return self.cycle > self._full_until + 1

    @property
    def may_show(self) -> bool:
        """Whether the oldest tile that waits may show."""
        return bool(self.waiting) and self.cycle >= self.waiting[0].visible

    @property
    def has_to_show(self) -> bool:
        """Whether the oldest tile that waits has to show."""
        return self.may_show and self.cycle >= self._full_until + LATENCY

    def begin_cycle(self, cycle: int) -> None:
        """Look at the next cycle."""
        self.cycle = cycle
        if self.inside >= self.slots:
            self._full_until = cycle

    def take(self, settings: Settings, beat: tuple[int, int], last: bool) -> None:
        """Take a beat; the settings are those of the registers in this cycle."""
        if self.entering is None:
            self.entering = Slot(settings, [])
        self.entering.beats.append(beat)
        if last:
            self.entering.judge(self.build, self.cols)
            self.entering.visible = self.cycle + LATENCY
            self.waiting.append(self.entering)
            self.entering = None

    def streamed(self) -> None:
        """Step past the tile that streams: it drains now."""
        self.draining.append(self.waiting.popleft())

    def released(self) -> Slot:
        """Return the tile that has been discarded; it is gone."""
        return self.waiting.popleft()

    def drained(self) -> Slot:
        """Return the tile that has drained; it is gone."""
        return self.draining.popleft()


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
    """Compares the outputs of a cycle with the contexts; counts what it has compared.

    Attributes
    ----------
    counts
        How often each check ran, by its name.
    kinds
        Tiles that have left, by their errors.
    """

    def __init__(self, pins: Pins, random: np.random.Generator) -> None:
        self._dut, self._random = pins.dut, random
        self._column_bits = len(pins.dut.drain_columns) // int(pins.dut.COLS.value)
        self.counts: Counter[str] = Counter()
        self.kinds: Counter[int] = Counter()

    def occupied(self, contexts: Contexts, begins: bool, shown: int) -> None:
        """Check that a tile inside shows; one that begins in this cycle may."""
        self.counts["occupied"] += 1
        assert shown or not contexts.inside, f"not occupied, {contexts}"
        assert contexts.inside or begins or not shown, f"occupied, {contexts}"

    def ready(self, contexts: Contexts, driver: Driver, shown: int) -> None:
        """Check that a beat moves only if it may, and does if there is room, too."""
        self.counts["ready"] += 1
        may = contexts.may_take(driver.is_open)
        assert may or not shown, f"a packet began, open {driver.is_open}, {contexts}"
        assert shown or not (may and contexts.has_room), f"a beat was not taken, {contexts}"

    def stream(self, contexts: Contexts, driver: Driver, shown: int, showed: bool) -> None:
        """Check that the oldest tile that waits shows in time, stays, and is what came in."""
        self.counts["stream_ready"] += 1
        assert contexts.may_show or not shown, f"stream_ready, {contexts}"
        assert shown or not (contexts.has_to_show or showed), f"not stream_ready, {contexts}"
        if not shown:
            return
        slot = contexts.waiting[0]
        errors = known(self._dut.stream_errors)
        errors &= ~START if slot.errors & CONFIG else 7
        self.counts["stream_errors"] += 1
        assert errors == slot.errors, f"stream_errors {errors:03b}, {contexts}: {slot}"
        if not errors:
            self.counts["stream_formats"] += 1
            slot.check_formats(known(self._dut.stream_formats))
            if driver.stream_done or self._random.random() < 0.2:
                self.counts["stream_starts"] += 1
                slot.check_starts(known(self._dut.stream_starts), contexts.build)

    def drain(self, contexts: Contexts, driver: Driver) -> None:
        """Check that the oldest tile that drains is what came in."""
        if contexts.draining and (driver.drain_done or self._random.random() < 0.2):
            slot = contexts.draining[0]
            self.counts["drain_output"] += 1
            slot.check_output(known(self._dut.drain_output))
            self.counts["drain_columns"] += 1
            slot.check_columns(known(self._dut.drain_columns), self._column_bits, contexts.build)

    def left(self, slot: Slot) -> None:
        """Count a tile that is gone."""
        self.kinds[slot.errors] += 1


@dataclass
class Run:
    """What a run has seen: tiles inside at its end, cycles of beats, stalls of a full ring."""

    contexts: Contexts
    driver: Driver
    checks: Checks
    moments: list[int] = field(default_factory=list)
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
            self.moments.append(contexts.cycle)
            contexts.take(driver.settings, driver.offered, driver.last)
            driver.moved()
        return bool(sample.stream_ready) and not (driver.stream_done or driver.release_slot)


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
    this = Run(contexts, Driver(pins, packets, random, calm), Checks(pins, random))
    await pins.reset()
    showed = False
    while this.checked < len(packets) and pins.cycles < cycles:
        contexts.cycle = pins.cycles + 1
        shows = showed or contexts.has_to_show
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
    kinds, counts = this.checks.kinds, this.checks.counts
    assert this.checked == this.driver.packet == len(packets) > 0
    assert not this.contexts.inside and this.full_stalls > 0
    assert counts["stream_starts"] >= kinds[0] > 0 and counts["drain_columns"] >= kinds[0]
    assert set(counts) == set(CHECKS) and min(counts.values()) > 0
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
    assert this.checked == len(packets) > 0 and len(this.moments) == cols * len(packets)
    assert this.moments[-1] - this.moments[0] == len(this.moments) - 1
