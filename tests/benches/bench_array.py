"""ffp8_array: tiles of every length and format back to back are right, in order and on time."""

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from model import supported_splits
from tests.benches import floats
from tests.benches.common import integer, start_clock
from tests.benches.product_tile import ProductTile
from verif.simulation import bench_random, bench_test
from verif.stored import StoredForm

# Probabilities of a beat and of row_ready: full rate, either side slow, both, next to standing.
RHYTHMS = ((1.0, 1.0), (0.6, 1.0), (1.0, 0.4), (0.7, 0.7), (1.0, 0.1))
BEAT_PORTS = ("beat_first", "beat_last", "a_codes", "a_signed", "a_exponent_bits")
BEAT_PORTS += ("w_codes", "w_signed", "w_exponent_bits", "starts")
ELEMENT_STEPS = 40_000  # that a rhythm takes in all elements together, about


Beat = tuple[ProductTile, int]
"""A tile, and the number of the beat in it."""


class ArrayBench:
    """Drives beats and row_ready, and compares every output in every cycle."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.random = bench_random()
        self.rows, self.cols = int(dut.ROWS.value), int(dut.COLS.value)
        self.pipeline = int(dut.PIPELINE.value)
        self.is_exact = int(dut.ACCUMULATOR.value) == 0
        self.form = StoredForm(int(dut.ACC_WIDTH.value), int(dut.SEGMENT.value))
        self.bits = self.form.bits if self.is_exact else floats.BITS
        assert self.bits == int(dut.STORED.value)
        self.splits = supported_splits(int(dut.EXP_MAX.value))
        self.seen: Counter[str] = Counter()
        self.sent = self.checked = self.dropped = 0
        self.cycles = self.moved = self.left = 0  # now, when a beat moved last, and when a row
        self._driven: dict[str, int] = {}
        self._empty()
        self.edge = start_clock(dut)

    def _empty(self) -> None:
        self.live: deque[tuple[int, ...]] = deque()  # of beats that have not entered the elements
        # Of complete tiles, each row that has not left: (tile, row, cycle of the last beat).
        self.due: deque[tuple[ProductTile, int, int]] = deque()
        self.open = False  # a tile has begun and not ended
        self.accepted = self.offered = False  # a beat moved, a row was offered, the cycle before

    def tile(self, k: int) -> ProductTile:
        """Return a random tile of K beats."""
        tile = ProductTile(self.random, self.splits, self.rows, self.cols, k)
        if not self.is_exact:
            exact = tile.sums
            tile.start_from(self.random)
            self.seen["rounded or started"] += bool((tile.sums != exact).any())
        return tile

    def tiles(self, lengths: Iterable[int]) -> Iterator[Beat]:
        """Yield each beat of tiles of these lengths as (tile, number)."""
        for k in lengths:
            tile = self.tile(int(k))
            for beat in range(tile.k):
                yield tile, beat

    async def reset(self) -> None:
        """Reset for one cycle, with beats and rows on their way: the array is empty after it."""
        self._drive({"rst": 1})
        await self.edge
        self.dropped += len(self.due)
        self._empty()
        self._drive({"rst": 0, "beat_valid": 0, "row_ready": 1})
        for _ in range(self.pipeline + 4):
            await self.edge
            for name in ("row_valid", "edge_beat", "working"):
                assert int(getattr(self.dut, name).value) == 0, f"{name} after reset"
            assert int(self.dut.beat_ready.value) == 1

    async def run(
        self,
        beats: Iterable[Beat],
        beat_probability: float,
        ready_probability: float,
        drain: bool = True,
    ) -> int:
        """Send beats, with gaps and stalls at random; return the cycles that it took."""
        before, offered = self.cycles, None
        beats = list(beats)[::-1]
        while beats or offered or (drain and (self.due or self.live)):
            if offered is None and beats and self.random.random() < beat_probability:
                offered = beats.pop()
            if await self.cycle(offered, int(self.random.random() < ready_probability)):
                offered = None
        return self.cycles - before

    async def cycle(self, offered: Beat | None, ready: int) -> bool:
        """Run one cycle with a beat offered, or none; return whether it moved."""
        self._drive(self._noise() | (offered[0].ports(offered[1]) if offered else {}))
        if offered and offered[1] == 0 and not self.is_exact:
            self._drive({"starts": offered[0].starts})
        self._drive({"beat_valid": int(offered is not None), "row_ready": ready})
        await self.edge
        self._check_status(offered)
        self._check_rows(ready)
        moved = bool(offered and int(self.dut.beat_ready.value))
        if moved:
            self._accept(*offered)
        self.accepted = moved
        self.cycles += 1
        return moved

    def _noise(self) -> dict[str, int]:
        """Return what the ports carry while there is no beat."""
        return {name: integer(self.random, len(getattr(self.dut, name))) for name in BEAT_PORTS}

    def _drive(self, values: Mapping[str, int]) -> None:
        for name, value in values.items():
            if self._driven.get(name) != value:
                self._driven[name] = value
                getattr(self.dut, name).value = value

    def _check_status(self, offered: Beat | None) -> None:
        """Check all that is not a row."""
        dut, ready, working = self.dut, int(self.dut.beat_ready.value), int(self.dut.working.value)
        ended = len({id(tile) for tile, *_ in self.due})
        assert ready or ended >= 2, f"beat_ready low with {ended} tiles on their way out"
        self.seen["beat stalled"] += offered is not None and not ready
        assert working or not (self.due or self.accepted), "working low with something inside"
        if not (self.due or self.open) and self.cycles > self.moved + self.pipeline + 3:
            assert not working, "working high with nothing inside"
            self.seen["idle"] += 1
        if int(dut.edge_beat.value):
            assert self.live, "edge_beat without a beat"
            expected = self.live.popleft()
            actual = int(dut.row_live.value), int(dut.col_live.value)
            assert actual == expected, f"live rows and columns {actual}, expected {expected}"
            self.seen["edge beats"] += 1

    def _accept(self, tile: ProductTile, beat: int) -> None:
        """Take note of a beat that moved."""
        self.moved = self.cycles
        self.live.append(tile.live(beat))
        self.seen["beats"] += 1
        self.open = beat < tile.k - 1
        if not self.open:
            self.due.extend((tile, row, self.moved) for row in range(self.rows))
            self.sent += self.rows

    def _check_rows(self, ready: int) -> None:
        """Compare a row that is offered, and take it if the bench is ready."""
        dut, valid = self.dut, int(self.dut.row_valid.value)
        assert valid or not self.offered, "row_valid fell before the row was taken"
        self.offered = bool(valid and not ready)
        if not valid:
            late = self.due and self.cycles - max(self.due[0][2], self.left) >= self.pipeline + 3
            assert not late, f"row {self.due[0][1]} of a complete tile is not offered"
            return
        assert self.due, "row_valid, and no complete tile is inside"
        tile, row, ended = self.due[0]
        latency = self.cycles - ended
        assert latency >= self.pipeline + 3
        self.seen["first row at once"] += row == 0 and latency == self.pipeline + 3
        assert int(dut.row_last.value) == (row == self.rows - 1), f"row_last with row {row}"
        sums = int(dut.row_sums.value)
        for col, expected in enumerate(tile.sums[row].tolist()):
            stored = sums >> col * self.bits & (1 << self.bits) - 1
            actual = self.form.value(stored) if self.is_exact else floats.unpack(stored)
            same = actual == expected if self.is_exact else stored == floats.pack(expected)
            assert same, (
                f"row {row} column {col} of a tile of {tile.k} beats: {actual} ({stored:#x}), "
                f"expected {expected} = start and sum of {tile.operands(row, col)}"
            )
        self.seen["row stalled"] += not ready
        if ready:
            self.due.popleft()
            self.checked += 1
            self.left = self.cycles

    def finish(self) -> None:
        """Assert that every row of every tile arrived or was reset, and every beat entered."""
        assert not self.due and not self.live
        assert self.checked + self.dropped == self.sent and self.checked > 0
        self.dut._log.info("checked %d of %d rows", self.checked, self.sent)


@bench_test()
async def random_tiles(dut):
    """Of one beat and more, at every rhythm."""
    bench = ArrayBench(dut)
    await bench.reset()
    beats = min(400, ELEMENT_STEPS // (bench.rows * bench.cols))
    for beat_probability, ready_probability in RHYTHMS:
        lengths = [1, 1, 2, max(1, bench.rows - 1), bench.rows]
        while sum(lengths) < beats:
            lengths.append(int(bench.random.integers(1, 2 * bench.rows + 9)))
        bench.random.shuffle(lengths)
        await bench.run(bench.tiles(lengths), beat_probability, ready_probability)
        for _ in range(bench.pipeline + 5):  # and see that it comes to rest
            await bench.cycle(None, 1)
    assert bench.seen["edge beats"] == bench.seen["beats"] > 0 and bench.dropped == 0
    assert bench.is_exact or bench.seen["rounded or started"] > 10
    for corner in ("beat stalled", "row stalled", "idle", "first row at once"):
        assert bench.seen[corner], f"{corner} did not occur"
    bench.finish()


@bench_test()
async def full_rate(dut):
    """Tiles of ROWS beats take ROWS cycles each; the last row leaves at its earliest."""
    bench = ArrayBench(dut)
    await bench.reset()
    for tiles, k in ((8, bench.rows), (3, bench.rows + 5), (1, bench.rows)):
        cycles = await bench.run(bench.tiles([k] * tiles), 1.0, 1.0)
        assert cycles == tiles * k + bench.pipeline + 2 + bench.rows, f"{cycles} for {tiles} of {k}"
    assert bench.seen["first row at once"] == 12 and not bench.seen["beat stalled"]
    assert bench.checked == 12 * bench.rows
    bench.finish()


@bench_test()
async def reset_in_flight(dut):
    """Whatever is inside is gone, and the next tile is as if nothing had been."""
    bench = ArrayBench(dut)
    await bench.reset()
    for trial in range(8):
        lengths = bench.random.integers(1, bench.rows + 4, size=3)
        beats = list(bench.tiles(lengths))
        beats = beats[: len(beats) - int(bench.random.integers(len(beats)))]
        await bench.run(beats, 1.0, (0.3, 1.0)[trial % 2], drain=False)
        await bench.reset()
        await bench.run(bench.tiles([1, bench.rows]), 0.8, 0.8)
    assert bench.dropped > 0
    bench.finish()
