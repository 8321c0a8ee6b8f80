"""ffp8_sequencer: tiles of every kind, good and failing, with soft and hard resets between."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace

import numpy as np

from tests.benches.control import Handshake, Pins
from tests.benches.streams import LENGTH, Stream, Tile, random_tile
from verif.environment.draw import Pace, choose
from verif.simulator.simulation import bench_random, bench_test

INPUTS = ("a_valid", "a_last", "w_valid", "w_last", "context_ready", "context_errors")
INPUTS += ("beat_ready", "soft_reset", "quiet")
OUTPUTS = ("a_ready", "w_ready", "context_done", "context_release", "beat_valid", "resume")
OUTPUTS += ("open", "halted", "streaming", "errors_set", "beat_first", "beat_last")

IDLE, STREAMING, DISCARDING, HALTED = "idle", "streaming", "discarding", "halted"
TILES, RESETS = 700, 100
CHECKS = ("status", "beats", "pair", "errors_set", "context_done", "context_release", "resume")
PATIENCE = 2000  # cycles without any progress before a run counts as stuck


class Sequence:
    """Where the tiles are, and what they call for, by docs/hardware.md.

    "Beats of a and w wait for the tile's c packet to be complete and judged, and are taken in
    lockstep." "A failing tile gives no result. The engine takes its remaining beats on every input,
    up to and including TLAST, delivers the results of earlier tiles, and halts. Nothing of a later
    tile is lost". "The soft reset completes by itself when the failing tile has been discarded and
    every earlier result delivered". "Without an error it waits for the tile that streams, and
    loses nothing either." Errors are those of the table there, see `Tile.errors`.

    Attributes
    ----------
    tile, pairs
        The oldest tile that has not left, and its pairs that were taken.
    phase
        What is happening to it.
    failed, released
        Whether it has raised its error, and has been released after that.
    """

    def __init__(self, tiles: list[Tile], k_max: int) -> None:
        self.tiles, self.k_max = tiles, k_max
        self.tile = self.pairs = 0
        self.phase, self.failed, self.released = IDLE, False, False

    @property
    def now(self) -> Tile | None:
        """The oldest tile that has not left, None when all have."""
        return self.tiles[self.tile] if self.tile < len(self.tiles) else None

    @property
    def error(self) -> int:
        """What the tile is to raise, 0 if it is good."""
        return self.now.errors(self.k_max) if self.now else 0

    def discarded(self, driver: Driver) -> bool:
        """Whether the failing tile has left both streams."""
        return self.failed and min(driver.a.tile, driver.w.tile) > self.tile

    def may_answer(self) -> bool:
        """Whether a soft reset may be answered, once everything has been delivered."""
        return self.phase in (IDLE, HALTED)

    def take_pair(self) -> None:
        """Go on by a pair."""
        self.pairs += 1

    def fail(self) -> None:
        """Note that the tile's error has been raised."""
        self.failed = True

    def go_on(self, began: bool) -> None:
        """Note what the tile is at, when a beat of it has moved or its error was raised."""
        if began:
            self.phase = STREAMING
        if self.failed and self.phase != HALTED:
            self.phase = DISCARDING

    def next_tile(self) -> None:
        """Note that the tile has left, streamed whole or discarded whole."""
        self.tile += 1
        self.pairs, self.phase, self.failed, self.released = 0, IDLE, False, False


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
    """Compares the outputs of a cycle with the sequence; counts what it has compared."""

    def __init__(self, sequence: Sequence, driver: Driver) -> None:
        self.sequence, self.driver = sequence, driver
        self.counts: Counter[str] = Counter()
        self.beat = Handshake("beat_valid", ("beat_first", "beat_last"))
        self._settled = self._waiting = 0

    def __str__(self) -> str:
        """Return where everything is."""
        sequence, a, w = self.sequence, self.driver.a, self.driver.w
        return (
            f"cycle {self.driver.pins.cycles}, {sequence.phase}, tile {sequence.tile}: "
            f"{sequence.now}, pair {sequence.pairs}, "
            f"a at {a.tile}.{a.index}, w at {w.tile}.{w.index}"
        )

    def status(self, sample: SimpleNamespace) -> None:
        """Check halted, streaming and open; halted may come a little after the discarding."""
        self.counts["status"] += 1
        sequence, discarded = self.sequence, self.sequence.discarded(self.driver)
        if sample.halted and discarded:
            sequence.phase = HALTED
        assert sample.halted == (sequence.phase == HALTED), f"halted is {sample.halted}, {self}"
        if sequence.phase in (IDLE, HALTED):
            assert not sample.streaming, f"streaming, {self}"
        elif not discarded:
            assert sample.streaming, f"not streaming, {self}"
        if sequence.failed or self.driver.soft_reset:
            assert not sample.open, f"open, {self}"
        elif not sequence.error:
            assert sample.open, f"not open, {self}"

    def beats(self, sample: SimpleNamespace, taken: list[Stream], moved: bool) -> None:
        """Check that what moves is the tile's own, may move, and is dropped only if it fails."""
        self.counts["beats"] += 1
        sequence, driver = self.sequence, self.driver
        present = driver.contexts > sequence.tile
        if sample.beat_valid:
            assert driver.a.valid and driver.w.valid and present, self
            assert sequence.phase in (IDLE, STREAMING), f"a beat for the array, {self}"
        if taken or moved:
            waits = sequence.phase == IDLE and driver.soft_reset
            assert not waits, f"began despite a soft reset, {self}"
            assert present and sequence.phase != HALTED, f"beats taken, {self}"
            assert all(one.tile == sequence.tile for one in taken), f"a later tile's, {self}"
        if taken and not moved:
            assert sequence.error, f"a beat was dropped, {self}"

    def pair(self, sample: SimpleNamespace, taken: list[Stream]) -> None:
        """Check a pair that the array takes."""
        self.counts["pair"] += 1
        sequence, a, w = self.sequence, self.driver.a, self.driver.w
        assert len(taken) == 2 and a.index == w.index == sequence.pairs, f"pair, {self}"
        tile = sequence.now
        assert not tile.context_errors, f"a poisoned tile's pair, {self}"
        if sequence.error:
            harmless = min(tile.a_beats, tile.w_beats, sequence.k_max) - 1
            assert sequence.pairs < harmless, f"the pair that fails, {self}"
        first = sequence.pairs == 0
        assert sample.beat_first == first, f"beat_first {sample.beat_first}, {self}"
        last = a.last and not sequence.error
        assert sample.beat_last == last, f"beat_last {sample.beat_last}, {self}"

    def errors(self, sample: SimpleNamespace) -> None:
        """Check that a tile raises its error, once."""
        self.counts["errors_set"] += 1
        assert not self.sequence.failed, f"a second error, {self}"
        due = self.sequence.error
        assert sample.errors_set == due, f"errors {sample.errors_set:04b}, {self}"

    def done(self, sample: SimpleNamespace, finished: bool) -> None:
        """Check that the context steps on with a tile's last pair."""
        self.counts["context_done"] += 1
        assert sample.context_done == finished, f"context_done {sample.context_done}, {self}"

    def release(self) -> None:
        """Check that a context is released once, behind a failing tile and all results."""
        self.counts["context_release"] += 1
        assert self.sequence.failed and not self.sequence.released, f"released, {self}"
        assert self.driver.quiet, f"released while results of earlier tiles are inside, {self}"

    def resume(self, sample: SimpleNamespace) -> None:
        """Check that a soft reset is answered when it is due, and soon."""
        self.counts["resume"] += 1
        sequence, driver = self.sequence, self.driver
        due = driver.soft_reset and driver.quiet and sequence.may_answer()
        halting = sequence.discarded(driver) and sequence.phase != HALTED
        settled = due or (driver.quiet and halting)
        self._settled = 0 if sample.resume else self._settled + 1 if settled else 0
        assert self._settled < 4, f"neither halted nor resumed, {self}"
        if sample.resume:
            told = f"soft_reset {driver.soft_reset}, quiet {driver.quiet}"
            assert due, f"resume, {told}, {self}"
            assert sequence.phase != HALTED or sequence.released, f"without a release, {self}"

    def progress(self, moves: bool) -> None:
        """Check that something moves now and then."""
        self._waiting = 0 if moves else self._waiting + 1
        assert self._waiting < PATIENCE, f"stuck, {self}"


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
        checks.beats(sample, taken, moved)
        if moved:
            checks.pair(sample, taken)
            sequence.take_pair()
            self.moments.append(driver.pins.cycles)
        if sample.errors_set:
            checks.errors(sample)
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


def phases(k_max: int) -> set[str]:
    """Return what the sequencer can be at; a tile of one pair is never half-way."""
    return {IDLE, DISCARDING, HALTED} | ({STREAMING} if k_max > 1 else set())


async def run(
    pins: Pins, tiles: list[Tile], random: np.random.Generator, calm: bool, cycles: int = 10**9
) -> Run:
    """Reset, then stream tiles until all have left, or for a number of cycles."""
    this = Run(pins, tiles, random, calm)
    pins.drive(soft_reset=0)
    await pins.reset()
    while this.sequence.now and pins.cycles < cycles:
        this.driver.drive(this.sequence)
        this.judge(await pins.cycle())
    return this


@bench_test()
async def tiles_of_every_kind(dut):
    """Right pairs reach the array, failing tiles are discarded, later ones are whole."""
    random, pins = bench_random(), Pins(dut, INPUTS, OUTPUTS)
    k_max = int(dut.K_MAX.value)
    tiles = [random_tile(random, k_max) for _ in range(TILES)]
    this = await run(pins, tiles, random, calm=False)
    errors, driver = Counter(tile.errors(k_max) for tile in tiles), this.driver
    assert this.sequence.tile == driver.a.tile == driver.w.tile == driver.contexts == len(tiles)
    assert this.moments and set(errors) == {0, *range(1, 8), LENGTH}
    assert set(driver.requested) == phases(k_max)
    assert set(this.checks.counts) == set(CHECKS) and min(this.checks.counts.values()) > 0
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
    this = await run(pins, [Tile(k, k) for k in lengths], random, calm=True)
    assert this.sequence.tile == len(lengths) > 0 and len(this.moments) == sum(lengths)
    assert this.moments[-1] - this.moments[0] == len(this.moments) - 1
