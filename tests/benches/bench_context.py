"""ffp8_context: c packets of every kind, streamed, drained and discarded in every legal order."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import replace
from types import SimpleNamespace

import numpy as np

from model import accumulator_width
from tests.benches.control import Pins, known
from tests.benches.packets import CONFIG, PACKET, START, Packet, Slot, random_packet
from verif.environment.draw import Pace, choose
from verif.environment.settings import Build, Settings, random_settings
from verif.simulator.simulation import bench_random, bench_test

INPUTS = ("open", "resume", "c_valid", "c_last", "c_start", "c_bias")
INPUTS += ("stream_done", "drain_done", "release_slot", *Settings.__dataclass_fields__)
OUTPUTS = ("c_ready", "stream_ready", "occupied")
K_MAX = 8192  # what ACC_WIDTH is meant for
LATENCY = 3
PACKETS, RESETS = 400, 30


class Surroundings:
    """The c stream, the sequencer and the drain around the contexts, and the judgement."""

    def __init__(
        self, pins: Pins, packets: list[Packet], random: np.random.Generator, calm: bool, fill: bool
    ) -> None:
        rates = (1.0,) if calm else (0.02, 0.1, 0.5, 0.9, 1.0)
        self.pins, self.packets, self.random = pins, packets, random
        self.calm, self.fill = calm, fill  # fill the ring before anything leaves it
        dut = pins.dut
        self.build, self.cols = sizes(dut)
        self.exp_max, self.slots = self.build.exp_max, int(dut.SLOTS.value)
        self.column_bits = len(dut.drain_columns) // self.cols
        self.c_pace, self.stream_pace, self.drain_pace = (Pace(random, rates) for _ in range(3))
        self.open_pace = Pace(random, (1.0,) if calm else (0.1, 0.9, 1.0))
        self.others = [random_settings(random, self.exp_max) for _ in range(20)]
        self.packet = self.beat = self.checked = self.full_stalls = self.starts_checked = 0
        self.full_until = -LATENCY
        self.valid = self.shown = False
        self.blocked: bool | None = False  # None: resumed in the middle of a refused packet
        self.entering: Slot | None = None
        self.waiting: deque[Slot] = deque()
        self.draining: deque[Slot] = deque()
        self.kinds: Counter[int] = Counter()
        self.moments: list[int] = []

    def __str__(self) -> str:
        """Return where everything is."""
        return (
            f"cycle {self.pins.cycles}, packet {self.packet} beat {self.beat}, "
            f"{len(self.waiting)} waiting, {len(self.draining)} draining, blocked {self.blocked}"
        )

    @property
    def inside(self) -> int:
        """Tiles that have begun and not left."""
        return (self.entering is not None) + len(self.waiting) + len(self.draining)

    @property
    def _latest(self) -> int:
        """Cycle from which on the oldest tile that waits has to show, once there was room."""
        return max(self.waiting[0].visible, self.full_until + LATENCY)

    def drive(self) -> None:
        """Set the inputs of the next cycle."""
        packet = self.packets[self.packet] if self.packet < len(self.packets) else None
        self.valid = self.valid or (packet is not None and self.c_pace())
        word, bias = int(self.random.integers(2**32)), int(self.random.integers(256))
        last = int(self.random.integers(2))
        if self.valid:
            word, bias = packet.beats[self.beat]
            last = self.beat == len(packet.beats) - 1
        if self.valid and self.beat == 0 and (packet.steady or self.random.random() < 0.5):
            self.settings = packet.settings
        else:
            self.settings = choose(self.random, self.others)
        ready = self.shown or (self.waiting and self.pins.cycles + 1 >= self._latest)
        step = ready and not (self.fill and self.full_stalls == 0) and self.stream_pace()
        resume = self.random.random() < (0.003 if self.blocked is False else 0.1)
        self.resume = resume and not self.calm and not self.draining
        self.open = not self.resume and self.open_pace()
        self.stream_done = bool(step and not self.waiting[0].errors)
        self.release_slot = bool(step and self.waiting[0].errors and not self.draining)
        self.drain_done = bool(self.draining and self.drain_pace())
        self.pins.drive(
            **self.settings.pins(),
            c_valid=self.valid,
            c_last=last,
            c_start=word,
            c_bias=bias & 0xFF,
            resume=self.resume,
            open=self.open,
            stream_done=self.stream_done,
            release_slot=self.release_slot,
            drain_done=self.drain_done,
        )

    def judge(self, sample: SimpleNamespace) -> None:
        """Compare a cycle with what went in."""
        assert sample.occupied or not self.inside, f"not occupied, {self}"
        begins = self.valid and sample.c_ready and self.beat == 0
        assert self.inside or begins or not sample.occupied, f"occupied, {self}"
        if self.inside >= self.slots:
            self.full_until = self.pins.cycles
        self._judge_stream(sample)
        self._judge_drain()
        within = self.entering is not None and self.entering.settings.refused(self.exp_max)
        if self.valid:
            self._judge_c(sample)
        if self.resume:
            self.blocked = None if within else False
        if self.stream_done:
            self.draining.append(self.waiting.popleft())
        elif self.release_slot:
            self._leaves(self.waiting.popleft())
        if self.stream_done or self.release_slot:
            self.shown = False

    def _judge_c(self, sample: SimpleNamespace) -> None:
        room = self.pins.cycles > self.full_until + 1
        if not sample.c_ready:
            due = self.beat > 0 or (self.open and self.blocked is False)
            assert not (due and room), f"a beat was not taken, {self}"
            self.full_stalls += due
            return
        beats = self.packets[self.packet].beats
        if self.beat == 0:
            assert self.open and not self.blocked, f"a packet began, open {self.open}, {self}"
            self.blocked = self.settings.refused(self.exp_max)
            self.entering = Slot(self.settings, beats)
        self.moments.append(self.pins.cycles)
        self.valid, self.beat = False, self.beat + 1
        if self.beat == len(beats):
            self.entering.judge(self.build, self.cols)
            self.entering.visible = self.pins.cycles + LATENCY
            self.waiting.append(self.entering)
            self.entering, self.packet, self.beat = None, self.packet + 1, 0

    def _judge_stream(self, sample: SimpleNamespace) -> None:
        if not self.waiting or self.pins.cycles < self.waiting[0].visible:
            assert not sample.stream_ready, f"stream_ready, {self}"
        elif self.shown or self.pins.cycles >= self._latest:
            assert sample.stream_ready, f"not stream_ready, {self}"
        self.shown = bool(sample.stream_ready)
        if not self.shown:
            return
        slot = self.waiting[0]
        errors = known(self.pins.dut.stream_errors)
        errors &= ~START if slot.errors & CONFIG else 7
        assert errors == slot.errors, f"stream_errors {errors:03b}, {self}: {slot}"
        if not errors:
            slot.check_formats(known(self.pins.dut.stream_formats))
            if self.stream_done or self.random.random() < 0.2:
                slot.check_starts(known(self.pins.dut.stream_starts), self.build)
                self.starts_checked += 1

    def _judge_drain(self) -> None:
        if not self.draining:
            return
        slot = self.draining[0]
        if self.drain_done or self.random.random() < 0.2:
            slot.check_output(known(self.pins.dut.drain_output))
            slot.check_columns(known(self.pins.dut.drain_columns), self.column_bits, self.build)
        if self.drain_done:
            self._leaves(self.draining.popleft())

    def _leaves(self, slot: Slot) -> None:
        self.kinds[slot.errors] += 1
        self.checked += 1


async def run(
    pins: Pins,
    packets: list[Packet],
    random: np.random.Generator,
    calm: bool = False,
    fill: bool = False,
    cycles: int = 10**9,
) -> Surroundings:
    """Reset, then pass packets until all have left, or for a number of cycles."""
    surroundings = Surroundings(pins, packets, random, calm, fill)
    await pins.reset()
    while surroundings.checked < len(packets) and pins.cycles < cycles:
        surroundings.drive()
        surroundings.judge(await pins.cycle())
    return surroundings


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
    surroundings = await run(pins, packets, random, fill=True)
    assert surroundings.checked == surroundings.packet == len(packets) > 0
    assert not surroundings.inside and surroundings.full_stalls > 0
    assert surroundings.starts_checked >= surroundings.kinds[0] > 0
    assert set(surroundings.kinds) >= {0, CONFIG, START, PACKET, PACKET | START}
    dut._log.info("checked %d packets, errors %s", len(packets), dict(surroundings.kinds))


@bench_test()
async def reset_empties_the_ring(dut):
    """After rst nothing is left of what was inside."""
    random, pins = bench_random(), Pins(dut, INPUTS, OUTPUTS)
    build, cols = sizes(dut)
    checked = emptied = 0
    for _ in range(RESETS):
        packets = [random_packet(random, build, cols) for _ in range(20)]
        cycles = int(random.integers(1, 40 + 12 * cols))
        surroundings = await run(pins, packets, random, cycles=cycles)
        checked += surroundings.checked
        emptied += surroundings.inside
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
    surroundings = await run(pins, packets, random, calm=True)
    moments = surroundings.moments
    assert surroundings.checked == len(packets) > 0 and len(moments) == cols * len(packets)
    assert moments[-1] - moments[0] == len(moments) - 1
