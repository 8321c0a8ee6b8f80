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
PATIENCE = 2000  # cycles without any progress before a run counts as stuck


class Surroundings:
    """Streams, contexts, array and registers around the sequencer, and the judgement of it."""

    def __init__(self, pins: Pins, tiles: list[Tile], random: np.random.Generator, calm: bool):
        rates = (1.0,) if calm else (0.1, 0.5, 0.9, 1.0)
        self.pins, self.tiles, self.random, self.calm = pins, tiles, random, calm
        self.k_max = int(pins.dut.K_MAX.value)
        self.a = Stream([tile.a_beats for tile in tiles], Pace(random, rates))
        self.w = Stream([tile.w_beats for tile in tiles], Pace(random, rates))
        self.array_pace, self.context_pace = Pace(random, rates), Pace(random, rates)
        self.contexts = self.tile = self.pairs = self.resumes = 0
        self.phase, self.failed, self.released = IDLE, False, False
        self.busy = self.waiting = self.settled_cycles = 0
        self.moments: list[int] = []
        self.beat = Handshake("beat_valid", ("beat_first", "beat_last"))
        self.requested: Counter[str] = Counter()

    def __str__(self) -> str:
        """Return where everything is."""
        tile = self.tiles[self.tile] if self.tile < len(self.tiles) else "none"
        return (
            f"cycle {self.pins.cycles}, {self.phase}, tile {self.tile}: {tile}, pair {self.pairs}, "
            f"a at {self.a.tile}.{self.a.index}, w at {self.w.tile}.{self.w.index}"
        )

    def drive(self) -> None:
        """Set the inputs of the next cycle."""
        self.a.offer()
        self.w.offer()
        if self.contexts == self.tile < len(self.tiles) and self.context_pace():
            self.contexts += 1
        present = self.contexts > self.tile
        errors = self.tiles[self.tile].context_errors if present else int(self.random.integers(8))
        soft_reset = self.pins.driven("soft_reset")
        if not soft_reset and not self.calm:
            rate = {HALTED: 0.1, DISCARDING: 0.03}.get(self.phase, 0.01)
            soft_reset = int(self.random.random() < rate)
            self.requested[self.phase] += soft_reset
        self.busy = max(self.busy - 1, 0)
        self.pins.drive(
            a_valid=self.a.valid,
            a_last=self.a.last if self.a.valid else int(self.random.integers(2)),
            w_valid=self.w.valid,
            w_last=self.w.last if self.w.valid else int(self.random.integers(2)),
            context_ready=present,
            context_errors=errors,
            beat_ready=self.array_pace(),
            soft_reset=soft_reset,
            quiet=self.busy == 0 and (self.calm or self.random.random() < 0.8),
        )

    def judge(self, sample: SimpleNamespace) -> None:
        """Compare a cycle with what the tiles call for."""
        driven = self.pins.driven
        taken = [
            s
            for s, ready in ((self.a, sample.a_ready), (self.w, sample.w_ready))
            if s.valid and ready
        ]
        begun = self.phase
        soft_reset, quiet = driven("soft_reset"), driven("quiet")
        self._judge_status(sample, soft_reset)
        if sample.beat_valid:
            assert self.a.valid and self.w.valid and self.contexts > self.tile, self
            assert begun in (IDLE, STREAMING), f"a beat for the array, {self}"
        moved = self.beat(sample, driven("beat_ready"))
        if taken or moved:
            assert not (begun == IDLE and soft_reset), f"began despite a soft reset, {self}"
            assert self.contexts > self.tile and begun != HALTED, f"beats taken, {self}"
            assert all(stream.tile == self.tile for stream in taken), f"a later tile's, {self}"
        if moved:
            self._judge_pair(sample, taken)
        elif taken:
            assert self._error, f"a beat was dropped, {self}"
        if sample.errors_set:
            assert not self.failed, f"a second error, {self}"
            assert sample.errors_set == self._error, f"errors {sample.errors_set:04b}, {self}"
            self.failed = True
        finished = moved and sample.beat_last
        assert sample.context_done == finished, f"context_done {sample.context_done}, {self}"
        for stream in taken:
            stream.take()
        if moved or (taken and begun == IDLE):
            self.phase = STREAMING
        if self.failed and self.phase != HALTED:
            self.phase = DISCARDING
        if sample.context_release:
            assert self.failed and not self.released, f"released, {self}"
            assert quiet, f"released while results of earlier tiles are inside, {self}"
            self.released = True
        if finished:
            self._next_tile()
        self._judge_resume(sample, soft_reset, quiet)
        if moved and not self.calm:
            self.busy = int(self.random.integers(1, choose(self.random, (3, 12, 60))))
        self.waiting = 0 if taken or sample.resume or sample.errors_set else self.waiting + 1
        assert self.waiting < PATIENCE, f"stuck, {self}"

    @property
    def checked(self) -> int:
        """Tiles that have left, streamed whole or discarded whole."""
        return self.tile

    @property
    def _discarded(self) -> bool:
        """Whether the failing tile has left both streams."""
        return self.failed and min(self.a.tile, self.w.tile) > self.tile

    @property
    def _error(self) -> int:
        return self.tiles[self.tile].errors(self.k_max) if self.tile < len(self.tiles) else 0

    def _judge_status(self, sample: SimpleNamespace, soft_reset: int) -> None:
        if sample.halted and self._discarded:
            self.phase = HALTED
        assert sample.halted == (self.phase == HALTED), f"halted is {sample.halted}, {self}"
        if self.phase in (IDLE, HALTED):
            assert not sample.streaming, f"streaming, {self}"
        elif not self._discarded:
            assert sample.streaming, f"not streaming, {self}"
        if self.failed or soft_reset:
            assert not sample.open, f"open, {self}"
        elif not self._error:
            assert sample.open, f"not open, {self}"

    def _judge_pair(self, sample: SimpleNamespace, taken: list[Stream]) -> None:
        assert len(taken) == 2 and self.a.index == self.w.index == self.pairs, f"pair, {self}"
        tile = self.tiles[self.tile]
        assert not tile.context_errors, f"a poisoned tile's pair, {self}"
        if self._error:
            harmless = min(tile.a_beats, tile.w_beats, self.k_max) - 1
            assert self.pairs < harmless, f"the pair that fails, {self}"
        assert sample.beat_first == (self.pairs == 0), f"beat_first {sample.beat_first}, {self}"
        last = self.a.last and not self._error
        assert sample.beat_last == last, f"beat_last {sample.beat_last}, {self}"
        self.pairs += 1
        self.moments.append(self.pins.cycles)

    def _judge_resume(self, sample: SimpleNamespace, soft_reset: int, quiet: int) -> None:
        due = soft_reset and quiet and self.phase in (IDLE, HALTED)
        settled = due or (quiet and self._discarded and self.phase != HALTED)
        self.settled_cycles = self.settled_cycles + 1 if settled else 0
        assert self.settled_cycles < 4, f"neither halted nor resumed, {self}"
        if sample.resume:
            assert due, f"resume, soft_reset {soft_reset}, quiet {quiet}, {self}"
            self.resumes += 1
            self.settled_cycles = 0
            self.pins.drive(soft_reset=0)
            if self.phase == HALTED:
                assert self.released, f"resumed without a release, {self}"
                self._next_tile()

    def _next_tile(self) -> None:
        self.tile += 1
        self.pairs, self.phase, self.failed, self.released = 0, IDLE, False, False


def phases(k_max: int) -> set[str]:
    """Return what the sequencer can be at; a tile of one pair is never half-way."""
    return {IDLE, DISCARDING, HALTED} | ({STREAMING} if k_max > 1 else set())


async def run(
    pins: Pins, tiles: list[Tile], random: np.random.Generator, calm: bool, cycles: int = 10**9
) -> Surroundings:
    """Reset, then stream tiles until all have left, or for a number of cycles."""
    surroundings = Surroundings(pins, tiles, random, calm)
    pins.drive(soft_reset=0)
    await pins.reset()
    while surroundings.tile < len(tiles) and pins.cycles < cycles:
        surroundings.drive()
        surroundings.judge(await pins.cycle())
    return surroundings


@bench_test()
async def tiles_of_every_kind(dut):
    """Right pairs reach the array, failing tiles are discarded, later ones are whole."""
    random, pins = bench_random(), Pins(dut, INPUTS, OUTPUTS)
    tiles = [random_tile(random, int(dut.K_MAX.value)) for _ in range(TILES)]
    surroundings = await run(pins, tiles, random, calm=False)
    errors = Counter(tile.errors(surroundings.k_max) for tile in tiles)
    assert surroundings.checked == len(tiles) > 0
    assert surroundings.a.tile == surroundings.w.tile == surroundings.contexts == len(tiles)
    assert surroundings.moments and set(errors) == {0, *range(1, 8), LENGTH}
    assert set(surroundings.requested) == phases(surroundings.k_max)
    dut._log.info("checked %d tiles, errors %s", len(tiles), dict(errors))


@bench_test()
async def reset_in_every_state(dut):
    """After rst in any state nothing is left of the tile that was inside."""
    random, pins = bench_random(), Pins(dut, INPUTS, OUTPUTS)
    k_max, met, checked = int(dut.K_MAX.value), Counter(), 0
    for _ in range(RESETS):
        tiles = [random_tile(random, k_max) for _ in range(20)]
        cycles = int(random.integers(1, 12 * k_max + 20))
        surroundings = await run(pins, tiles, random, calm=False, cycles=cycles)
        met[surroundings.phase] += 1
        checked += surroundings.checked
    assert set(met) == phases(k_max) and met.total() == RESETS and checked > 0


@bench_test()
async def a_pair_every_cycle(dut):
    """Without gaps in the streams there is none between the pairs of tiles either."""
    random, pins = bench_random(), Pins(dut, INPUTS, OUTPUTS)
    k_max = int(dut.K_MAX.value)
    lengths = [1, 1, k_max, k_max, *map(int, random.integers(1, k_max + 1, 50))]
    surroundings = await run(pins, [Tile(k, k) for k in lengths], random, calm=True)
    moments = surroundings.moments
    assert surroundings.checked == len(lengths) > 0 and len(moments) == sum(lengths)
    assert moments[-1] - moments[0] == len(moments) - 1
