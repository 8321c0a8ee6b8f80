"""ffp8_engine: random tiles under stalls, back-to-back rate, errors and recovery, resets."""

from collections import deque
from dataclasses import replace

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles, RisingEdge
from cocotbext.axi import AxiStreamFrame

from verif.engine import EngineDriver
from verif.mismatch import describe_mismatch, first_difference
from verif.registers import REGISTERS
from verif.simulation import bench_random, bench_test
from verif.stimulus import random_tile
from verif.tile import Tile

STALLS = [
    (0, 0, 0, 0),
    (0, 0, 0, 0.8),
    (0, 0.8, 0, 0),
    (0, 0, 0.8, 0),
    (0.8, 0, 0, 0),
    (0.3, 0.3, 0.3, 0.3),
]
"""Probability that the c, a, w and y streams pause in a cycle."""


class Scoreboard:
    """Expected tiles in order, compared with what the engine delivers."""

    def __init__(self, engine: EngineDriver) -> None:
        self.engine = engine
        self.expected: deque[Tile] = deque()
        self.sent = self.checked = 0
        self.flags = 0
        cocotb.start_soon(self._run())

    def expect(self, tile: Tile) -> None:
        """Queue a tile whose results must come."""
        self.expected.append(tile)
        self.sent += 1

    async def _run(self) -> None:
        while True:
            actual = await self.engine.receive()
            assert self.expected, "a y packet that no tile asked for"
            tile = self.expected.popleft()
            expected = tile.expected(self.engine.width, self.engine.accumulator)
            place = first_difference(expected, actual)
            assert place is None, describe_mismatch(tile, place, expected, actual)
            self.flags |= int(np.bitwise_or.reduce(actual[1], axis=None))
            self.checked += 1

    async def finish(self) -> None:
        """Wait for what is expected, then see that nothing else comes."""
        for _ in range(200_000):
            if not self.expected:
                break
            await RisingEdge(self.engine.dut.clk)
        await ClockCycles(self.engine.dut.clk, 50)
        assert not self.expected, f"{len(self.expected)} tiles never came"
        assert self.checked == self.sent > 0
        assert self.engine.sink.empty()


async def start(dut) -> tuple[EngineDriver, Scoreboard, np.random.Generator]:
    """Clock, reset and scoreboard."""
    engine = EngineDriver(dut)
    await engine.reset()
    return engine, Scoreboard(engine), bench_random()


def draw(engine: EngineDriver, generator: np.random.Generator, k: int | None = None) -> Tile:
    """Draw a random tile, its K mostly short."""
    if k is None:
        longest = min(engine.k_max, int(generator.choice([1, 2, 3, 8, 8, 8, 40])))
        k = int(generator.integers(1, longest + 1))
    return random_tile(generator, (engine.rows, engine.cols), k, engine.exp_max, engine.width)


def redraw(engine: EngineDriver, generator: np.random.Generator, tile: Tile) -> Tile:
    """Draw new operands of another length for the configuration of a tile."""
    other = draw(engine, generator)
    return replace(tile, a_codes=other.a_codes, w_codes=other.w_codes)


async def send(engine: EngineDriver, tile: Tile) -> None:
    """Configure, then queue all packets of a tile; return when its c packet is in."""
    await engine.configure(tile.configuration)
    engine.send_start(tile)
    engine.send_operands(tile)
    await engine.started()


async def errors_of(engine: EngineDriver) -> dict[str, int]:
    """Error bits by name, as soon as the engine has halted."""
    while not REGISTERS["STATUS"].unpack(await engine.read("STATUS"))["halted"]:
        pass
    return REGISTERS["ERRORS"].unpack(await engine.read("ERRORS"))


@bench_test()
async def random_tiles(dut):
    """Random formats from tile to tile, with stalls and starvation on every stream in turn."""
    engine, scoreboard, generator = await start(dut)
    ks = []
    for probabilities in STALLS:
        engine.stall(generator, dict(zip("cawy", probabilities, strict=True)))
        for count in (1, 1, 20):  # single tiles, and many of one configuration
            tile = draw(engine, generator)
            await engine.configure(tile.configuration)
            for _ in range(count):
                tile = redraw(engine, generator, tile)
                ks.append(tile.k)
                scoreboard.expect(tile)
                engine.send_start(tile)
                engine.send_operands(tile)
            await engine.started()
    await scoreboard.finish()
    counters = await engine.read_counters()
    assert counters["busy"] == sum(ks)
    assert counters["macs"] == sum(ks) * engine.rows * engine.cols
    assert counters["busy"] + counters["stalled"] + counters["idle"] == counters["cycles"]
    assert await engine.read("TILES_DONE") == len(ks)
    assert await engine.read("ERRORS") == 0
    assert await engine.read("FLAGS") == scoreboard.flags
    for name, beats in (("c", len(ks) * engine.cols), ("a", sum(ks)), ("w", sum(ks))):
        assert engine.checkers[name].beats == beats
    assert engine.checkers["y"].beats == len(ks) * engine.rows
    for name in "cawy":
        assert engine.checkers[name].stalls > 0
        assert engine.checkers[name].starved > 0


@bench_test()
async def zero_gating_is_counted(dut):
    """MACs with a zero operand are counted as gated, padding or not."""
    engine, scoreboard, generator = await start(dut)
    gated = 0
    for _ in range(4):
        tile = draw(engine, generator)
        a_live = tile.configuration.fmt_a.integers(tile.a_codes) != 0
        w_live = tile.configuration.fmt_w.integers(tile.w_codes) != 0
        gated += int((~(a_live.T[:, :, None] & w_live[:, None, :])).sum())
        scoreboard.expect(tile)
        await send(engine, tile)
    await scoreboard.finish()
    assert (await engine.read_counters())["gated"] == gated


@bench_test()
async def flags_stick_until_cleared(dut):
    """Gather the flags of all columns, one column's at a time, and clear them by writing 1."""
    engine, scoreboard, generator = await start(dut)
    seen = set()
    for index in range(12):
        tile = one_column(draw(engine, generator, 2), index % engine.cols)
        scoreboard.expect(tile)
        await send(engine, tile)
        await drained(engine, scoreboard)
        assert await engine.read("FLAGS") == scoreboard.flags
        seen.add(scoreboard.flags)
        await engine.write("FLAGS", **dict.fromkeys(REGISTERS["FLAGS"].fields, 1))
        assert await engine.read("FLAGS") == 0
        scoreboard.flags = 0
    assert len(seen) > 1
    await scoreboard.finish()


def one_column(tile: Tile, column: int) -> Tile:
    """Make all columns but one give zero, without a flag."""
    others = np.arange(len(tile.start)) != column
    w_codes, start_values = tile.w_codes.copy(), tile.start.copy()
    w_codes[:, others], start_values[others] = 0, 0
    return replace(tile, w_codes=w_codes, start=start_values)


@bench_test()
async def tiles_run_back_to_back(dut):
    """N tiles of K take N * K + c cycles, with one c for all N, and the latency is as promised."""
    engine, scoreboard, generator = await start(dut)
    shortest = max(engine.rows, engine.cols)
    latency = int(dut.PIPELINE.value) + 11
    lengths = [shortest, shortest + 1, engine.k_max]
    latencies = set()
    assert engine.k_max > shortest + 1
    for k in lengths:
        overheads = set()
        for count in (1, 2, 3, 5) if k <= 64 else (1, 2, 3):
            tile = draw(engine, generator, k)
            await engine.configure(tile.configuration)
            await RisingEdge(dut.clk)
            for _ in range(count):
                scoreboard.expect(tile)
                engine.send_start(tile)
                engine.send_operands(tile)
            cycles, taken, first_row = await measure(dut, count * k, count)
            overheads.add(cycles - count * k)
            if count == 1 and k > engine.cols + 4:  # the context came in before the last beat
                latencies.add(first_row - taken)
        assert len(overheads) == 1, f"K = {k}: overheads {overheads} depend on the number of tiles"
        dut._log.info("K = %d: N * K + %d cycles", k, overheads.pop())
    assert latencies == {latency}
    await scoreboard.finish()


async def measure(dut, pairs: int, packets: int) -> tuple[int, int, int]:
    """Cycles from the first c beat to the last y beat; cycle of the last a beat and first row."""
    cycle = first = taken = seen = 0
    first_row = None
    while packets:
        await RisingEdge(dut.clk)
        cycle += 1
        if not first and dut.s_axis_c_tvalid.value and dut.s_axis_c_tready.value:
            first = cycle
        if dut.s_axis_a_tvalid.value and dut.s_axis_a_tready.value:
            seen += 1
            taken = cycle if seen == pairs else taken
        if dut.m_axis_y_tvalid.value and dut.m_axis_y_tready.value:
            first_row = first_row or cycle
            packets -= int(dut.m_axis_y_tlast.value)
    assert seen == pairs
    return cycle - first + 1, taken, first_row


@bench_test()
async def configuration_is_sampled_with_the_first_beat(dut):
    """Take what is written while a tile is in flight into the next one, never within."""
    engine, scoreboard, generator = await start(dut)
    for _ in range(6):
        tile, other = draw(engine, generator), draw(engine, generator)
        engine.stall(generator, {"c": 0.7})
        scoreboard.expect(tile)
        await engine.configure(tile.configuration)
        engine.send_start(tile)
        while not (dut.s_axis_c_tvalid.value and dut.s_axis_c_tready.value):
            await RisingEdge(dut.clk)
        await engine.configure(other.configuration)
        engine.send_operands(tile)
        await engine.started()
        scoreboard.expect(other)
        await send(engine, other)
    await scoreboard.finish()


def spoil_config(engine: EngineDriver, tile: Tile, generator: np.random.Generator) -> dict:
    """Register writes that make the configuration one that the build does not hold."""
    y = {"sign": 1, "exponent": min(4, engine.exp_max), "bias": 0}
    kinds = [
        {"FORMAT_A": {"sign": 0, "exponent": engine.exp_max + 1}},
        {"FORMAT_A": {"sign": 1, "exponent": 8}},
        {"FORMAT_W": {"sign": 0, "exponent": 9}},
        {"OUTPUT": {"raw": 0}, "FORMAT_Y": {"sign": 1, "exponent": 15}},
        {"OUTPUT": {"raw": 0}, "ROUNDING": {"mode": 5}},
        {"OUTPUT": {"raw": 0}, "FORMAT_Y": y, "CLAMP": {"code": 0x80, "enable": 1}},
    ]
    return kinds[generator.integers(len(kinds))]


def spoil_start(engine: EngineDriver, tile: Tile, generator: np.random.Generator) -> Tile:
    """Give one column a start value that is not finite or one too large."""
    start_values = tile.start.copy()
    column = generator.integers(engine.cols)
    fmts_w = tile.configuration.fmts_w(tile.biases_w)
    exponent = tile.configuration.fmt_a.unit_exponent + fmts_w[column].unit_exponent
    too_large = np.ldexp(1.0, min(exponent + engine.width - 2, 2000))
    choices = [np.inf, -np.inf, np.nan]
    if engine.accumulator == "exact" and 2.0**-149 <= too_large < 2.0**127:
        choices += [too_large, -1.5 * too_large]
    start_values[column] = choices[generator.integers(len(choices))]
    return replace(tile, start=start_values)


@bench_test()
async def errors_discard_one_tile(dut):
    """Each error: its bit, no result, earlier tiles whole, later tiles whole after recovery."""
    engine, scoreboard, generator = await start(dut)
    await engine.write("IRQ_ENABLE", error=1)
    kinds = ["config", "start", "packet_c", "packet_a", "packet_w", "length"]
    rounds = kinds * 3
    generator.shuffle(rounds)
    for kind in rounds:
        engine.stall(generator, {name: float(generator.choice([0, 0.5])) for name in "cawy"})
        before, bad, after = (draw(engine, generator) for _ in range(3))
        scoreboard.expect(before)
        await send(engine, before)
        assert dut.irq.value == 0
        c_beats, a_beats, w_beats = bad.c_beats(), bad.a_beats(), bad.w_beats()
        await engine.configure(bad.configuration)
        if kind == "config":
            for name, fields in spoil_config(engine, bad, generator).items():
                await engine.write(name, **fields)
        elif kind == "start":
            c_beats = spoil_start(engine, bad, generator).c_beats()
        elif kind == "packet_c":
            other = int(generator.integers(1, 2 * engine.cols + 2))
            other += other == engine.cols
            c_beats = (c_beats * 3)[: 8 * other]
        elif kind == "packet_a":
            a_beats = longer(a_beats, engine.rows, engine.k_max, generator)
        elif kind == "packet_w":
            w_beats = longer(w_beats, engine.cols, engine.k_max, generator)
        else:
            beats = engine.k_max + int(generator.integers(1, 4))
            a_beats, w_beats = bytes(beats * engine.rows), bytes(beats * engine.cols)
        for name, beats in (("c", c_beats), ("a", a_beats), ("w", w_beats)):
            engine.sources[name].send_nowait(AxiStreamFrame(beats))
        if kind == "config":  # its judgement holds off the next packet until recovery
            engine.send_operands(after)
            await engine.started()
        elif generator.random() < 0.5:  # the next tile is on its way when the engine halts
            engine.send_operands(after)
            await engine.started()
            engine.stall(generator, {"c": 0.5})
        else:
            engine.send_operands(after)
            await engine.started()
        errors = await errors_of(engine)
        name = kind.split("_")[0]
        assert errors == {bit: int(bit == name) for bit in errors}, f"{kind}: {errors}"
        assert dut.irq.value == 1
        await engine.write("ERRORS", **{name: 1})
        await engine.write("IRQ_STATUS", error=1)
        await engine.soft_reset()
        assert not scoreboard.expected, "soft reset completed before the results were delivered"
        assert await engine.read("ERRORS") == 0
        await engine.configure(after.configuration)
        scoreboard.expect(after)
        engine.send_start(after)
        await engine.started()
        await drained(engine, scoreboard)
    await scoreboard.finish()


def longer(beats: bytes, lanes: int, k_max: int, generator: np.random.Generator) -> bytes:
    """Make a packet that is longer or shorter than its partner by one beat or more."""
    count = len(beats) // lanes
    other = count + int(generator.integers(1, 5))
    if count > 1 and generator.random() < 0.5:
        other = int(generator.integers(1, count))
    return (beats * (other // count + 1))[: lanes * min(other, k_max + 4)]


async def drained(engine: EngineDriver, scoreboard: Scoreboard) -> None:
    """Wait until every expected tile has come."""
    while scoreboard.expected:
        await RisingEdge(engine.dut.clk)


@bench_test()
async def a_started_context_survives_the_soft_reset(dut):
    """Keep a later tile's c packet that has come in before the failing tile's end."""
    engine, scoreboard, generator = await start(dut)
    for _ in range(4):
        bad, after = draw(engine, generator, 3), draw(engine, generator)
        await engine.configure(bad.configuration)
        engine.send_start(bad)
        await engine.started()
        await engine.configure(after.configuration)
        engine.send_start(after)
        await engine.started()
        engine.sources["a"].send_nowait(AxiStreamFrame(bad.a_beats()))
        engine.sources["w"].send_nowait(AxiStreamFrame(bad.w_beats()[: -engine.cols]))
        scoreboard.expect(after)
        engine.send_operands(after)
        assert (await errors_of(engine))["packet"] == 1
        await engine.write("ERRORS", packet=1)
        await engine.soft_reset()
        await drained(engine, scoreboard)
    await scoreboard.finish()


@bench_test()
async def a_soft_reset_without_an_error_loses_nothing(dut):
    """Wait for the tile that streams and its results, then clear the counters."""
    engine, scoreboard, generator = await start(dut)
    for _ in range(6):
        engine.stall(generator, {name: float(generator.choice([0, 0.6])) for name in "cawy"})
        for _ in range(2):
            tile = draw(engine, generator)
            scoreboard.expect(tile)
            await send(engine, tile)
        await ClockCycles(dut.clk, int(generator.integers(1, 60)))
        await engine.soft_reset()
    await drained(engine, scoreboard)
    await scoreboard.finish()
    await engine.soft_reset()
    assert await engine.read("TILES_DONE") == 0
    counters = await engine.read_counters()
    assert counters["busy"] == counters["macs"] == 0 < counters["idle"] < 200


@bench_test()
async def a_reset_in_mid_packet_leaves_nothing(dut):
    """After rst in any state the engine is as new."""
    engine, scoreboard, generator = await start(dut)
    for _ in range(8):
        tile = draw(engine, generator, min(20, engine.k_max))
        await engine.configure(tile.configuration)
        engine.send_start(tile)
        engine.send_operands(tile)
        engine.sink.pause = True
        await ClockCycles(dut.clk, int(generator.integers(1, 80)))
        await engine.reset()
        engine.sink.pause = False
        assert await engine.read("STATUS") == await engine.read("TILES_DONE") == 0
        tile = draw(engine, generator)
        scoreboard.expect(tile)
        await send(engine, tile)
        await drained(engine, scoreboard)
    await scoreboard.finish()


@bench_test()
async def interrupts_follow_tiles(dut):
    """Raise the interrupt when enabled and a tile is done, drop it when cleared."""
    engine, scoreboard, generator = await start(dut)
    for enabled in (0, 1):
        await engine.write("IRQ_ENABLE", tile_done=enabled)
        tile = draw(engine, generator)
        scoreboard.expect(tile)
        await send(engine, tile)
        await drained(engine, scoreboard)
        await ClockCycles(dut.clk, 2)
        assert dut.irq.value == enabled
        await engine.write("IRQ_STATUS", tile_done=1)
        assert dut.irq.value == 0
    await scoreboard.finish()
