"""ffp8_sequencer: tiles of every kind, good and failing, with soft and hard resets between."""

from __future__ import annotations

from collections import Counter
from functools import partial
from types import SimpleNamespace

import numpy as np

from tests.benches.control import Handshake, Pins
from tests.benches.sequencer_model import DISCARDING, HALTED, IDLE, Sequence, phases
from tests.benches.streams import LENGTH, Stream, Tile, random_tile
from verif.environment.draw import Pace, choose
from verif.simulator.checks import check
from verif.simulator.simulation import bench_random, bench_test

INPUTS = ("a_valid", "a_last", "w_valid", "w_last", "context_ready", "context_errors")
INPUTS += ("beat_ready", "soft_reset", "quiet")
OUTPUTS = ("a_ready", "w_ready", "context_done", "context_release", "beat_valid", "resume")
OUTPUTS += ("open", "halted", "errors_set", "beat_first", "beat_last")

TILES, RESETS = 700, 100
PATIENCE = 2000  # cycles without any progress before a run counts as stuck


class Driver:
    """Sets the inputs: streams, contexts, the array, and the registers' request.

    Attributes
    ----------
    a, w
        The streams.
    contexts
        Tiles whose c packet is in.
    requested
        Soft resets asked for, by the phase in which they were.
    """

    def __init__(self, pins: Pins, tiles: list[Tile], random: np.random.Generator, calm: bool):
        rates = (1.0,) if calm else (0.1, 0.5, 0.9, 1.0)
        self.pins, self.random, self.calm = pins, random, calm
        self.a = Stream([tile.a_beats for tile in tiles], Pace(random, rates))
        self.w = Stream([tile.w_beats for tile in tiles], Pace(random, rates))
        self._array, self._context = Pace(random, rates), Pace(random, rates)
        self._busy = self.contexts = 0
        self.requested: Counter[str] = Counter()

    @property
    def soft_reset(self) -> int:
        """Whether a soft reset is asked for in this cycle."""
        return self.pins.driven("soft_reset")

    @property
    def quiet(self) -> int:
        """Whether every result has been delivered."""
        return self.pins.driven("quiet")

    def drive(self, sequence: Sequence) -> None:
        """Set the inputs of the next cycle."""
        self.a.offer()
        self.w.offer()
        if self.contexts == sequence.tile and sequence.now and self._context():
            self.contexts += 1
        present = self.contexts > sequence.tile
        errors = sequence.now.context_errors if present else int(self.random.integers(8))
        soft_reset = self.soft_reset
        if not soft_reset and not self.calm:
            rate = {HALTED: 0.1, DISCARDING: 0.03}.get(sequence.phase, 0.01)
            soft_reset = int(self.random.random() < rate)
            self.requested[sequence.phase] += soft_reset
        self._busy = max(self._busy - 1, 0)
        self.pins.drive(
            a_valid=self.a.valid,
            a_last=self.a.last if self.a.valid else int(self.random.integers(2)),
            w_valid=self.w.valid,
            w_last=self.w.last if self.w.valid else int(self.random.integers(2)),
            context_ready=present,
            context_errors=errors,
            beat_ready=self._array(),
            soft_reset=soft_reset,
            quiet=self._busy == 0 and (self.calm or self.random.random() < 0.8),
        )

    def taken(self, sample: SimpleNamespace) -> list[Stream]:
        """Return the streams of which a beat moves in this cycle."""
        ready = ((self.a, sample.a_ready), (self.w, sample.w_ready))
        return [stream for stream, is_ready in ready if stream.valid and is_ready]

    def pair_taken(self) -> None:
        """Have the array be busy for a while."""
        if not self.calm:
            self._busy = int(self.random.integers(1, choose(self.random, (3, 12, 60))))

    def answered(self) -> None:
        """Take the request back."""
        self.pins.drive(soft_reset=0)


class Checks:
    """Compares the outputs of a cycle with the sequence.

    Attributes
    ----------
    idle
        Cycles since anything moved.
    """

    def __init__(self, sequence: Sequence, driver: Driver) -> None:
        self.sequence, self.driver = sequence, driver
        self.beat = Handshake("beat_valid", ("beat_first", "beat_last"))
        self.idle = self._settled = 0

    def _told(self, what: str) -> str:
        """Return what was seen, and where everything is."""
        a, w = self.driver.a, self.driver.w
        return (
            f"{what}, cycle {self.driver.pins.cycles}, {self.sequence.position}, "
            f"a at {a.tile}.{a.index}, w at {w.tile}.{w.index}"
        )

    def status(self, sample: SimpleNamespace) -> None:
        """Check halted and open; halted may come a little after the discarding."""
        sequence, driver = self.sequence, self.driver
        discarded = sequence.discarded(driver.a, driver.w)
        if sample.halted and discarded:
            sequence.phase = HALTED
        due = sequence.phase == HALTED
        text = partial(self._told, f"halted {sample.halted}")
        check("sequencer.halted", sample.halted == due, text)
        due = sequence.is_open(driver.soft_reset)
        text = partial(self._told, f"open {sample.open}")
        check("sequencer.open", due in (None, sample.open), text)

    def beats(self, taken: list[Stream], moved: bool) -> None:
        """Check that what moves is the tile's own, may move, and is dropped only if it fails."""
        driver = self.driver
        present = driver.contexts > self.sequence.tile
        may = self.sequence.may_take(taken, moved, driver.soft_reset, present)
        text = partial(self._told, f"{len(taken)} beats taken, a pair {moved}")
        check("sequencer.taken", may, text)

    def pair(self, sample: SimpleNamespace) -> None:
        """Check where in its tile the array is told that a pair is."""
        sequence = self.sequence
        actual = sample.beat_first, sample.beat_last
        due = sequence.pairs == 0, self.driver.a.last and not sequence.error
        text = partial(self._told, f"first and last {actual}, to be {due}")
        check("sequencer.beat", actual == due, text)

    def errors(self, errors: int) -> None:
        """Check that a tile raises its error, once."""
        text = partial(self._told, f"errors_set {errors:04b}")
        check("sequencer.errors_set", self.sequence.may_raise(errors), text)

    def done(self, sample: SimpleNamespace, finished: bool) -> None:
        """Check that the context steps on with a tile's last pair."""
        text = partial(self._told, f"context_done {sample.context_done}")
        check("sequencer.context_done", sample.context_done == finished, text)

    def release(self) -> None:
        """Check that a context is released when it may be."""
        quiet = self.driver.quiet
        text = partial(self._told, f"context_release, quiet {quiet}")
        check("sequencer.context_release", self.sequence.may_release(quiet), text)

    def resume(self, sample: SimpleNamespace) -> None:
        """Check that a soft reset is answered when it is due, and soon."""
        sequence, driver = self.sequence, self.driver
        due = driver.soft_reset and driver.quiet and sequence.may_answer()
        discarded = sequence.discarded(driver.a, driver.w)
        settled = due or (driver.quiet and discarded and sequence.phase != HALTED)
        self._settled = 0 if sample.resume else self._settled + 1 if settled else 0
        text = partial(self._told, "neither halted nor resumed")
        check("sequencer.settled", self._settled < 4, text)
        whole = sequence.phase != HALTED or sequence.released
        told = f"resume, soft_reset {driver.soft_reset}, quiet {driver.quiet}"
        text = partial(self._told, f"{told}, released {sequence.released}")
        check("sequencer.resume", not sample.resume or (due and whole), text)

    def progress(self, moves: bool) -> None:
        """Count how long nothing has moved."""
        self.idle = 0 if moves else self.idle + 1


class Run:
    """A run of tiles: what drives, what is expected, what is compared.

    Attributes
    ----------
    moments
        Cycles in which a pair moved.
    """

    def __init__(self, pins: Pins, tiles: list[Tile], random: np.random.Generator, calm: bool):
        self.sequence = Sequence(tiles, int(pins.dut.K_MAX.value))
        self.driver = Driver(pins, tiles, random, calm)
        self.checks = Checks(self.sequence, self.driver)
        self.moments: list[int] = []

    def judge(self, sample: SimpleNamespace) -> None:
        """Compare a cycle, and let move what moves."""
        sequence, driver, checks = self.sequence, self.driver, self.checks
        taken, idle = driver.taken(sample), sequence.phase == IDLE
        checks.status(sample)
        moved = checks.beat(sample, driver.pins.driven("beat_ready"))
        checks.beats(taken, moved)
        if moved:
            checks.pair(sample)
            sequence.take_pair()
            self.moments.append(driver.pins.cycles)
        checks.errors(sample.errors_set)
        if sample.errors_set:
            sequence.fail()
        finished = moved and bool(sample.beat_last)
        checks.done(sample, finished)
        for stream in taken:
            stream.take()
        sequence.go_on(moved or (bool(taken) and idle))
        if sample.context_release:
            checks.release()
            sequence.released = True
        if finished:
            sequence.next_tile()
        checks.resume(sample)
        if sample.resume:
            driver.answered()
            if sequence.phase == HALTED:
                sequence.next_tile()
        if moved:
            driver.pair_taken()
        checks.progress(bool(taken or sample.resume or sample.errors_set))


async def run(
    pins: Pins, tiles: list[Tile], random: np.random.Generator, calm: bool, cycles: int = 10**9
) -> Run:
    """Reset, then stream tiles until all have left or nothing moves, or so many cycles."""
    this = Run(pins, tiles, random, calm)
    pins.drive(soft_reset=0)
    await pins.reset()
    while this.sequence.now and pins.cycles < cycles and this.checks.idle < PATIENCE:
        this.driver.drive(this.sequence)
        this.judge(await pins.cycle())
    return this


async def run_all(
    pins: Pins, tiles: list[Tile], random: np.random.Generator, calm: bool = False
) -> Run:
    """Stream tiles, and see that all have left."""
    this = await run(pins, tiles, random, calm)
    position = this.sequence.position
    check("sequencer.finished", this.sequence.now is None, f"nothing moves, {position}")
    return this


@bench_test()
async def tiles_of_every_kind(dut):
    """Right pairs reach the array, failing tiles are discarded, later ones are whole."""
    random, pins = bench_random(), Pins(dut, INPUTS, OUTPUTS)
    k_max = int(dut.K_MAX.value)
    tiles = [random_tile(random, k_max) for _ in range(TILES)]
    this = await run_all(pins, tiles, random)
    errors, driver = Counter(tile.errors(k_max) for tile in tiles), this.driver
    assert this.moments and set(errors) == {0, *range(1, 8), LENGTH}
    assert set(driver.requested) == phases(k_max)
    dut._log.info("checked %d tiles, errors %s", len(tiles), dict(errors))


@bench_test()
async def reset_in_every_state(dut):
    """After rst in any state nothing is left of the tile that was inside."""
    random, pins = bench_random(), Pins(dut, INPUTS, OUTPUTS)
    k_max, met, checked = int(dut.K_MAX.value), Counter(), 0
    for _ in range(RESETS):
        tiles = [random_tile(random, k_max) for _ in range(20)]
        cycles = int(random.integers(1, 12 * k_max + 20))
        this = await run(pins, tiles, random, calm=False, cycles=cycles)
        met[this.sequence.phase] += 1
        checked += this.sequence.tile
    assert set(met) == phases(k_max) and met.total() == RESETS and checked > 0


@bench_test()
async def a_pair_every_cycle(dut):
    """Without gaps in the streams there is none between the pairs of tiles either."""
    random, pins = bench_random(), Pins(dut, INPUTS, OUTPUTS)
    k_max = int(dut.K_MAX.value)
    lengths = [1, 1, k_max, k_max, *map(int, random.integers(1, k_max + 1, 50))]
    this = await run_all(pins, [Tile(k, k) for k in lengths], random, calm=True)
    moments, count = this.moments, len(this.moments)
    check("sequencer.rate", moments == [*range(moments[0], moments[0] + count)], f"{moments}")
