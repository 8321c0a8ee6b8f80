"""ffp8_array: what every design is put through, and when beats and rows move inside of a tile."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from typing import Any

from tests.benches.control import known
from tests.benches.surroundings import surround
from verif.environment import disturbances, scenarios
from verif.environment.environment import Environment
from verif.environment.generator import Constraints
from verif.environment.scoreboard import Record
from verif.environment.sequences import Runner
from verif.simulator.checks import check
from verif.simulator.simulation import bench_test


class Inside:
    """What is inside of the array, by the header of the module.

    "row_last with row ROWS-1 and at no other time." "edge_beat: in the cycle before a beat was
    taken; row_live and col_live tell which of its codes are not zero". "`working`: a beat or a
    sum is inside." "PIPELINE + 3 cycles from the last beat to the first row." "Only if a tile ends
    before the rows of the one before it have left does the array stand still (beat_ready low)."

    Attributes
    ----------
    rows
        Rows of complete tiles that have not left, each with the cycle of its tile's last beat.
    accepted, began
        Whether a beat moved in the cycle before, and was the first of its tile.
    """

    def __init__(self, rows: int, cols: int, latency: int) -> None:
        self._rows, self._cols, self._latency = rows, cols, latency
        self.empty()

    def empty(self) -> None:
        """Forget what was inside."""
        self.rows: deque[tuple[int, int]] = deque()
        self.edge: tuple[int, int] | None = None  # live rows and columns of the beat before
        self.accepted = self.began = self._open = False
        self._moved = self._left = -1000  # cycles of the last beat, and of the last row

    @property
    def may_stall(self) -> bool:
        """Whether a tile has ended before the rows of the one before it have left."""
        return len({ended for _, ended in self.rows}) > 1

    def working(self, cycle: int) -> bool | None:
        """Return whether anything is inside, None while the last of it is on its way out."""
        if self.rows or self.accepted:
            return True
        return False if not self._open and cycle > self._moved + self._latency else None

    def row_valid(self, cycle: int) -> bool | None:
        """Return whether a row has to be offered, None if it may."""
        if not self.rows or cycle - self.rows[0][1] < self._latency:
            return False
        since = max(self.rows[0][1], self._left)
        return True if cycle - since >= self._latency else None

    @property
    def is_last(self) -> bool:
        """Whether the row that is due is the last of its tile."""
        return bool(self.rows) and self.rows[0][0] == self._rows - 1

    def at_once(self, cycle: int) -> bool:
        """Whether a first row is offered in the earliest cycle."""
        row, ended = self.rows[0]
        return row == 0 and cycle - ended == self._latency

    def leave(self, cycle: int) -> None:
        """Take note of a row that has moved."""
        self.rows.popleft()
        self._left = cycle

    def enter(self, beat: Mapping[str, int] | None, cycle: int) -> None:
        """Take note of a beat that has moved, or that none has."""
        self.accepted, self.edge = beat is not None, None
        self.began = beat is not None and bool(beat["beat_first"])
        if beat is None:
            return
        self._moved, self._open = cycle, not beat["beat_last"]
        rows = _live(beat["a_codes"], self._rows, beat["a_signed"])
        self.edge = rows, _live(beat["w_codes"], self._cols, beat["w_signed"])
        if not self._open:
            self.rows.extend((row, cycle) for row in range(self._rows))


def _live(codes: int, count: int, signed: int) -> int:
    """Return the mask of codes that are not zero, whose magnitude is all but the sign."""
    magnitude = 0x7F if signed else 0xFF
    return sum(bool(codes >> 8 * place & magnitude) << place for place in range(count))


class ArrayRules:
    """Listens in every cycle: which rows are due, which codes entered live, who waits for whom.

    Attributes
    ----------
    seen
        How often the rules met what they are about.
    """

    def __init__(self, dut: Any) -> None:
        self.seen: Counter[str] = Counter()
        sizes = int(dut.ROWS.value), int(dut.COLS.value), int(dut.PIPELINE.value) + 3
        self._inside = Inside(*sizes)
        names = ("edge_beat", "row_live", "col_live", "working", "beat_ready", "row_last")
        self._pins = {name: getattr(dut, name) for name in names}

    def on_record(self, record: Record) -> None:
        """Nothing is to be said about a single tile."""

    def on_reset(self, kind: str, states: set[str]) -> None:
        """Expect nothing of what was inside."""
        self._inside.empty()

    def on_cycle(self, environment: Environment) -> None:
        """Judge a cycle, then take note of what moves at its end."""
        streams, cycle, inside = environment.adapter.streams, environment.cycle, self._inside
        beat, row = streams["beat"], streams["row"]
        self._check_beats(beat.offered)
        working = inside.working(cycle)
        shown = known(self._pins["working"])
        check("array.working", working in (None, shown), f"working {shown}, to be {working}")
        self.seen["idle"] += working is False
        self._check_rows(row.offered, cycle)
        self.seen["row stalled"] += row.waiting
        if row.moved is not None:
            inside.leave(cycle)
        inside.enter(beat.moved, cycle)
        self.seen["beats"] += inside.accepted

    def _check_beats(self, offered: bool) -> None:
        """Check that beats wait for rows only, and enter with the codes that are not zero."""
        inside, ready = self._inside, known(self._pins["beat_ready"])
        check("array.beat_ready", ready or inside.may_stall, "not ready without a reason")
        self.seen["beat stalled"] += offered and not ready
        self.seen["first beat inside stalled"] += inside.began and not ready
        edge = None
        if known(self._pins["edge_beat"]):
            edge = known(self._pins["row_live"]), known(self._pins["col_live"])
            self.seen["edge beats"] += 1
        text = f"live rows and columns {edge}, to be {inside.edge}"
        check("array.edge", edge == inside.edge, text)

    def _check_rows(self, offered: bool, cycle: int) -> None:
        """Check that a row is offered in time, and none that is not due."""
        inside = self._inside
        due = inside.row_valid(cycle)
        text = f"row_valid {offered}, to be {due}: {inside.rows} in cycle {cycle}"
        check("array.row_valid", due in (None, offered), text)
        last = known(self._pins["row_last"])
        due = bool(offered) and inside.is_last
        check("array.row_last", last == due, f"row_last {last}, to be {due}: {inside.rows}")
        self.seen["first row at once"] += offered and inside.at_once(cycle)


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
    runner, _ = await start(dut)
    await scenarios.full_rate(runner)
    await scenarios.mixed_rate(runner, 8)
    await runner.environment.finish()


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
    await disturbances.resets(runner, 6)
    await runner.environment.finish()
    assert rules.seen["idle"]
