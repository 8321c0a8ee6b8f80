"""ffp8_array: what every design is put through, and when beats and rows move inside of a tile."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from typing import Any

from tests.benches.control import known
from tests.benches.surroundings import surround
from verif.environment import scenarios
from verif.environment.environment import Environment
from verif.environment.generator import Constraints
from verif.environment.scoreboard import Record
from verif.environment.sequences import Runner
from verif.simulator.simulation import bench_test


class ArrayRules:
    """Listens in every cycle: which rows are due, which codes entered live, who waits for whom.

    Attributes
    ----------
    seen
        How often the rules met what they are about.
    """

    def __init__(self, dut: Any) -> None:
        self.seen: Counter[str] = Counter()
        self._rows, self._cols = int(dut.ROWS.value), int(dut.COLS.value)
        self._latency = int(dut.PIPELINE.value) + 3
        names = ("edge_beat", "row_live", "col_live", "working", "row_last", "beat_ready")
        self._pins = {name: getattr(dut, name) for name in names}
        self._empty()

    def _empty(self) -> None:
        self._live: deque[tuple[int, int]] = deque()  # of beats that have not entered the elements
        self._due: deque[tuple[int, int]] = deque()  # rows of complete tiles, and their tile's end
        self._open = self._accepted = False  # a tile has begun; a beat moved the cycle before
        self._began = False  # that beat was the first of its tile
        self._moved = self._left = -1000  # cycles of the last beat, and of the last row

    def on_record(self, record: Record) -> None:
        """Nothing is to be said about a single tile."""

    def on_reset(self, kind: str, states: set[str]) -> None:
        """Expect nothing of what was inside."""
        self._empty()

    def on_cycle(self, environment: Environment) -> None:
        """Judge a cycle, then take note of what moves at its end."""
        streams, cycle = environment.adapter.streams, environment.cycle
        self._check_beats(streams["beat"].offered)
        self._check_working(cycle)
        if streams["row"].offered:
            self._check_row(cycle)
        else:
            since = max(self._due[0][1], self._left) if self._due else cycle
            assert cycle - since < self._latency, f"row {self._due[0][0]} is not offered"
        if streams["row"].moved is not None:
            self._due.popleft()
            self._left = cycle
        self.seen["row stalled"] += streams["row"].waiting
        beat = streams["beat"].moved
        self._accepted = beat is not None
        self._began = self._accepted and bool(beat["beat_first"])
        if self._accepted:
            self._accept(beat, cycle)

    def _check_beats(self, offered: bool) -> None:
        """Check that beats wait for rows only, and enter with the codes that are not zero."""
        ready, ended = known(self._pins["beat_ready"]), len({end for _, end in self._due})
        assert ready or ended >= 2, f"beat_ready low with {ended} tiles on their way out"
        self.seen["beat stalled"] += offered and not ready
        self.seen["first beat inside stalled"] += self._began and not ready
        edge_beat = known(self._pins["edge_beat"])
        assert edge_beat == bool(self._live), f"edge_beat {edge_beat}, {len(self._live)} beats"
        if edge_beat:
            due = self._live.popleft()
            actual = known(self._pins["row_live"]), known(self._pins["col_live"])
            assert actual == due, f"live rows and columns {actual}, expected {due}"
            self.seen["edge beats"] += 1

    def _check_working(self, cycle: int) -> None:
        working = known(self._pins["working"])
        assert working or not (self._due or self._accepted), "working low with something inside"
        if not (self._due or self._open) and cycle > self._moved + self._latency:
            assert not working, "working high with nothing inside"
            self.seen["idle"] += 1

    def _check_row(self, cycle: int) -> None:
        assert self._due, "row_valid, and no complete tile is inside"
        row, ended = self._due[0]
        assert cycle - ended >= self._latency, f"row {row}, {cycle - ended} cycles after its tile"
        self.seen["first row at once"] += row == 0 and cycle - ended == self._latency
        assert known(self._pins["row_last"]) == (row == self._rows - 1), f"row_last, row {row}"

    def _accept(self, beat: Mapping[str, int], cycle: int) -> None:
        """Take note of a beat that moved."""
        self._moved, self._open = cycle, not beat["beat_last"]
        rows = _live(beat["a_codes"], self._rows, beat["a_signed"])
        self._live.append((rows, _live(beat["w_codes"], self._cols, beat["w_signed"])))
        self.seen["beats"] += 1
        if not self._open:
            self._due.extend((row, cycle) for row in range(self._rows))


def _live(codes: int, count: int, signed: int) -> int:
    """Return the mask of codes that are not zero, whose magnitude is all but the sign."""
    magnitude = 0x7F if signed else 0xFF
    return sum(bool(codes >> 8 * place & magnitude) << place for place in range(count))


async def start(dut: Any) -> tuple[Runner, ArrayRules]:
    """Surround the array, with its rules."""
    rules = ArrayRules(dut)
    return await surround(dut, rules), rules


@bench_test()
async def random_tiles(dut):
    """Of one beat and more, of every format, at every pace."""
    runner, rules = await start(dut)
    await scenarios.random_jobs(runner, 12, alike=4)
    await scenarios.changes(runner, 8)
    await scenarios.lengths(runner)
    await runner.environment.finish()
    assert rules.seen["edge beats"] == rules.seen["beats"] > 0
    for corner in ("beat stalled", "row stalled", "idle", "first row at once"):
        assert rules.seen[corner], f"{corner} did not occur"


@bench_test()
async def full_rate(dut):
    """Tiles of ROWS beats take ROWS cycles each; the last row leaves at its earliest."""
    runner, rules = await start(dut)
    await scenarios.full_rate(runner)
    await scenarios.mixed_rate(runner, 8)
    await runner.environment.finish()
    assert not rules.seen["beat stalled"]
    assert rules.seen["first row at once"] == runner.environment.scoreboard.checked


@bench_test()
async def tiles_behind_stalled_rows(dut):
    """Tiles of a beat or two stand still inside, with their start values, wherever they are."""
    runner, rules = await start(dut)
    wanted = 4 + 100 // runner.environment.can.rows
    for rate in (1.0, 0.7):
        runner.environment.adapter.pace({"beat": rate, "row": 0.5})
        for k in runner.shuffled([1, 1, 2] * wanted):
            await runner.send(Constraints(k=k))
        await runner.environment.drained()
    await runner.environment.finish()
    assert rules.seen["first beat inside stalled"] >= wanted


@bench_test()
async def largest_sums(dut):
    """K of the largest products come out whole, of both signs."""
    runner, _ = await start(dut)
    await scenarios.longest(runner)
    await runner.environment.finish()


@bench_test()
async def reset_in_flight(dut):
    """Whatever is inside is gone, and the next tile is as if nothing had been."""
    runner, rules = await start(dut)
    await scenarios.resets(runner, 6)
    await runner.environment.finish()
    assert rules.seen["idle"]
