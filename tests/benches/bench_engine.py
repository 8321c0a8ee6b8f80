"""ffp8_engine: what every design is put through, and its registers, counters and interrupt."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles
from cocotbext.axi import AxiResp

from tests.benches.control import known
from tests.benches.surroundings import surround
from verif.engine.driver import EngineDriver
from verif.engine.registers import REGISTERS
from verif.environment import scenarios
from verif.environment.draw import choose
from verif.environment.environment import Environment
from verif.environment.generator import Constraints
from verif.environment.job import Job
from verif.environment.scoreboard import Record
from verif.environment.sequences import Runner
from verif.simulator.checks import check
from verif.simulator.simulation import bench_test

RESET_WORDS = {name: one.reset for name, one in REGISTERS.items() if one.reset is not None}


class Ledger:
    """Listens to what has to show in the registers; for runs in which no tile fails.

    Attributes
    ----------
    tiles, pairs, gated
        Tiles delivered, their pairs of beats, and the MACs with a zero operand among theirs.
    occupied
        Cycles from the one after a tile's first c beat to the one with its last row.
    """

    def __init__(self, dut: Any) -> None:
        self._dut = dut
        self.clear()

    def clear(self) -> None:
        """Count from zero."""
        self.tiles = self.pairs = self.gated = self.occupied = 0
        self._inside = 0
        self._c_open, self._fresh = False, True

    def on_cycle(self, environment: Environment) -> None:
        """Count the tiles that are inside; right after reset no output is X."""
        if self._fresh:
            for pin in environment.adapter.driver.outputs():
                known(pin)
        self._fresh = False
        c, y = (environment.adapter.streams[name] for name in "cy")
        self.occupied += self._inside > 0
        self._inside += c.moved is not None and not self._c_open
        self._inside -= y.moved is not None and not y.open
        self._c_open = c.open

    def on_record(self, record: Record) -> None:
        """Add up a tile."""
        if record.failure is None:
            job = record.job
            a_live, w_live = job.integers_a != 0, job.integers_w != 0
            self.tiles += 1
            self.pairs += job.k
            products = len(job.a_codes) * len(job.starts) * job.k
            self.gated += products - int((a_live.sum(0) * w_live.sum(1)).sum())

    def on_reset(self, kind: str, states: set[str]) -> None:
        """Count from zero."""
        self.clear()


async def start(dut: Any) -> tuple[Runner, Ledger, EngineDriver]:
    """Surround the engine; return the driver of its registers, too."""
    ledger = Ledger(dut)
    runner = await surround(dut, ledger)
    return runner, ledger, runner.environment.adapter.driver


def packet_failures(runner: Runner, count: int) -> list[str]:
    """Return so many ways to fail at the end of a packet, of a and w where these have two beats."""
    kinds = [name for name in runner.environment.can.failures if "packet" in name]
    kinds = [name for name in ("w packet short", "a packet short") if name in kinds] or kinds
    return (kinds * count)[:count]


async def check_registers(runner: Runner, ledger: Ledger) -> None:
    """Compare counters and status with what moved, while nothing is inside."""
    can, engine = runner.environment.can, runner.environment.adapter.driver
    counters = await engine.read_counters()
    assert counters["busy"] == ledger.pairs > 0
    assert counters["stalled"] == ledger.occupied - ledger.pairs
    assert counters["busy"] + counters["stalled"] + counters["idle"] == counters["cycles"]
    assert counters["macs"] == ledger.pairs * can.rows * can.cols
    assert counters["gated"] == ledger.gated
    assert await engine.read("TILES_DONE") == ledger.tiles > 0
    assert await engine.read("ERRORS") == await engine.read("STATUS") == 0


def alike(engine: EngineDriver) -> int:
    """Return how many tiles of one configuration to send at each pace: fewer of large ones."""
    if engine.cols > 16:  # their start values alone take long
        return 3
    return 20 if max(engine.rows, engine.cols) <= 8 else 8


@bench_test()
async def random_tiles(dut):
    """Random formats from tile to tile, with stalls and starvation on every stream in turn."""
    runner, ledger, engine = await start(dut)
    await scenarios.random_jobs(runner, 1, alike=alike(engine))
    await scenarios.lengths(runner)
    await check_registers(runner, ledger)
    environment = runner.environment
    assert await engine.read("FLAGS") == environment.scoreboard.flags > 0
    beats = {"c": ledger.tiles * engine.cols, "a": ledger.pairs, "w": ledger.pairs}
    for name, due in (beats | {"y": ledger.tiles * engine.rows}).items():
        assert environment.adapter.streams[name].beats == due
    await environment.finish()


@bench_test()
async def formats_change_from_tile_to_tile(dut):
    """Everything that the registers hold is that tile's own, while another one is inside."""
    runner, ledger, _ = await start(dut)
    await scenarios.changes(runner, 2)
    await check_registers(runner, ledger)
    await runner.environment.finish()


@bench_test()
async def tiles_run_back_to_back(dut):
    """N tiles of K take N * K + c cycles, with one c for all N, and the latency is as promised."""
    runner, ledger, engine = await start(dut)
    await scenarios.full_rate(runner)
    await scenarios.mixed_rate(runner, 6)
    if engine.k_max < max(engine.rows, engine.cols):  # no tiles were long enough
        await runner.send(Constraints())
        await runner.environment.drained()
    await check_registers(runner, ledger)
    await runner.environment.finish()


@bench_test()
async def longest_tiles(dut):
    """K_MAX of the largest products come out whole; one more is an error."""
    runner, *_ = await start(dut)
    await scenarios.longest(runner)
    await runner.environment.finish()


@bench_test()
async def errors_discard_one_tile(dut):
    """Each error: its bit, no result, earlier tiles whole, later tiles whole after recovery."""
    runner, *_ = await start(dut)
    await scenarios.failures(runner, 1)
    await runner.environment.finish()


@bench_test()
async def a_refused_configuration_keeps_the_c_stream_closed(dut):
    """Keep a third tile out of the refused registers, whatever fails or is reset before."""
    runner, *_ = await start(dut)
    (packet,) = packet_failures(runner, 1)
    for before in (None, packet, "start infinite", "config clamp", None):
        await scenarios.refused_behind_another(runner, before)
    await runner.environment.finish()


@bench_test()
async def resets_in_every_state(dut):
    """After rst in any state the engine is as new; a soft reset keeps what has been begun."""
    runner, *_ = await start(dut)
    await scenarios.resets(runner, 5)
    await runner.environment.finish()


@bench_test()
async def a_reset_empties_every_stage(dut):
    """Reset in each cycle behind a tile, until it has left: nothing is busy or stalled then."""
    runner, _, engine = await start(dut)
    environment, can = runner.environment, runner.environment.can
    adapter, board, dropped = environment.adapter, environment.scoreboard, 0
    for behind in range(can.latency + min(can.rows, 6) + 1):
        adapter.pace({})
        await runner.send(Constraints(k=1))
        assert await environment.until(lambda: board.taken > 0)
        await ClockCycles(dut.clk, behind + 1)
        dropped += bool(board.due)
        await environment.reset()
        counters = await engine.read_counters()
        check(
            "engine.counters_after_reset",
            counters["cycles"] == counters["idle"] > 0,
            lambda counters=counters, behind=behind: f"{counters}, reset {behind} cycles behind",
        )
    assert dropped >= can.latency
    await runner.send(Constraints())
    await environment.drained()
    await environment.finish()


@bench_test()
async def a_reset_clears_every_register(dut):
    """Reset in mid-packet, with results, errors and a configuration that were not there before."""
    runner, _, engine = await start(dut)
    for failure in (None, "c packet long") * 3:
        runner.environment.adapter.pace({"y": 0.5})
        await runner.send(Constraints())
        await runner.environment.drained()
        sending = cocotb.start_soon(runner.send(Constraints(failure=failure)))
        await engine.write("IRQ_ENABLE", tile_done=1, error=1)
        await ClockCycles(dut.clk, int(runner.random.integers(1, 80)))
        sending.cancel()
        await runner.environment.reset()
        for name, word in RESET_WORDS.items():
            assert await engine.read(name) == word, f"{name} after reset"
        counters = await engine.read_counters()
        assert counters.pop("cycles") == counters.pop("idle") > 0 == sum(counters.values())
        await runner.send(Constraints())
        await runner.environment.drained()
    await runner.environment.finish()


@bench_test()
async def flags_stick_until_cleared(dut):
    """Gather the flags of all columns, one column's at a time, and clear them by writing 1."""
    runner, _, engine = await start(dut)
    board, seen = runner.environment.scoreboard, set()
    y = runner.environment.adapter.streams["y"]
    for index in range(max(12, engine.cols)):
        job = one_column(
            runner.generator.job(Constraints(k=min(2, engine.k_max))), index % engine.cols
        )
        runner.environment.adapter.pace({"y": 0})
        await runner.environment.send(job)
        assert await runner.environment.until(lambda: y.waiting)
        assert await engine.read("FLAGS") == 0, "flags of what has not been delivered"
        runner.environment.adapter.pace({})
        await runner.environment.drained()
        assert await engine.read("FLAGS") == board.flags
        seen.add(board.flags)
        await engine.write("FLAGS", **dict.fromkeys(REGISTERS["FLAGS"].fields, 1))
        assert await engine.read("FLAGS") == 0
        board.flags = 0
    assert len(seen) > 1
    await runner.environment.finish()


def one_column(job: Job, column: int) -> Job:
    """Make all columns but one give zero, without a flag."""
    w_codes, here = job.w_codes.copy(), np.arange(len(job.starts)) == column
    w_codes[:, ~here] = 0
    return replace(job, w_codes=w_codes, starts=tuple(np.where(here, job.starts, 0).tolist()))


@bench_test()
async def configuration_is_sampled_with_the_first_beat(dut):
    """Take what is written while a tile is in flight into the next one, never within."""
    runner, *_ = await start(dut)
    environment = runner.environment
    adapter, c = environment.adapter, environment.adapter.streams["c"]
    for _ in range(6):
        job, other = (runner.generator.job(Constraints()) for _ in range(2))
        adapter.pace({"c": 0.3, "a": 0.5})
        before = c.beats
        sending = cocotb.start_soon(environment.send(job))
        assert await environment.until(lambda before=before: c.beats > before)
        await adapter.configure(other.settings)
        await sending
        await environment.send(other)
    await environment.finish()
    assert environment.scoreboard.checked == 12


@bench_test()
async def a_started_context_survives_the_soft_reset(dut):
    """Keep a later tile's c packet that has come in before the failing tile's end."""
    runner, *_ = await start(dut)
    environment = runner.environment
    if environment.can.k_max == 1:  # no tile fails later than by its c packet
        return
    for failure in packet_failures(runner, 2) * 2:
        environment.adapter.pace({"a": 0, "w": 0})
        await runner.send(Constraints(failure=failure))
        await runner.send(Constraints())
        environment.adapter.pace({})
        await environment.recover()
        await environment.drained()
    await environment.finish()
    assert environment.scoreboard.checked == environment.scoreboard.refused == 4


@bench_test()
async def a_soft_reset_waits_and_clears(dut):
    """Wait for the tile that streams and for its results, then clear the counters."""
    runner, _, engine = await start(dut)
    environment, k = runner.environment, min(5, engine.k_max)
    board = environment.scoreboard
    for delay in range(14):
        environment.adapter.pace({"y": choose(runner.random, (1.0, 0.2))})
        await runner.send(Constraints(k=k))
        assert await environment.until(lambda: board.due)
        if delay:
            await ClockCycles(dut.clk, delay)
        await environment.reset("soft reset")
        assert not board.due, "a result was to come before the soft reset"
        await ClockCycles(dut.clk, 40)
        assert await engine.read("TILES_DONE") == 0, "a tile came after the soft reset"
    await engine.soft_reset()
    counters = await engine.read_counters()
    assert counters["busy"] == counters["macs"] == counters["gated"] == 0
    assert counters["stalled"] == 0 < counters["idle"] == counters["cycles"] < 200
    await environment.finish()


@bench_test()
async def a_soft_reset_after_an_error_waits(dut):
    """Deliver what was before the failing tile, however slowly it is taken, then go on."""
    runner, _, engine = await start(dut)
    environment, waited = runner.environment, 0
    board = environment.scoreboard
    for failure in (*packet_failures(runner, 1), "start infinite", "c packet long", "config a"):
        environment.adapter.pace({"y": 0})
        await runner.send(Constraints(k=min(5, engine.k_max)))
        await runner.send(Constraints(failure=failure))
        while not REGISTERS["STATUS"].unpack(await engine.read("STATUS"))["halted"]:
            pass
        status = REGISTERS["STATUS"].unpack(await engine.read("STATUS"))
        assert status == {"occupied": 1, "halted": 1}, "a result waits behind the failing tile"
        await engine.write("ERRORS", **dict.fromkeys(REGISTERS["ERRORS"].fields, 1))
        waited += bool(board.due)
        environment.adapter.pace({"y": 0.2})
        await environment.reset("soft reset")
        assert not board.due, "a result was to come before the soft reset"
        board.recovered()
        await runner.send(Constraints())
        await environment.drained()
    assert waited == 4, "no result was to come when a soft reset was asked for"
    await environment.finish()


@bench_test()
async def an_error_wins_over_a_pending_soft_reset(dut):
    """Halt, though a soft reset was asked for; keep one that is asked for after the error."""
    runner, _, engine = await start(dut)
    if engine.k_max < 8:  # no packet is long enough for anything to come in its middle
        return
    environment, generator = runner.environment, runner.generator
    a, late_ones = environment.adapter.streams["a"], 0
    await engine.write("IRQ_ENABLE", error=1)
    for late in (False, True) * 2:
        environment.adapter.pace({"a": 0})
        wish = Constraints(k=min(12, engine.k_max), failure="w packet short")
        job = generator.job(wish)
        while not 3 <= len(job.w_codes) <= job.a_codes.shape[1] - 5:
            job = generator.job(wish)
        await environment.send(job)
        before = a.beats
        environment.adapter.pace({"a": 0.3})
        # several beats of a are to come then; w has ended if an error has been raised
        enough = (lambda: known(dut.irq)) if late else (lambda before=before: a.beats > before)
        assert await environment.until(enough)
        environment.adapter.pace({"a": 0})
        assert environment.scoreboard.failed is None, "the tile has been discarded already"
        await engine.write("CONTROL", soft_reset=1)
        environment.adapter.pace({})
        assert await environment.until(lambda: environment.scoreboard.failed is not None)
        await ClockCycles(dut.clk, 20)
        status = REGISTERS["STATUS"].unpack(await engine.read("STATUS"))
        assert await engine.read("CONTROL") == 0, "the request is neither dropped nor answered"
        assert status["halted"] == (not late), f"halted {status['halted']}, asked late: {late}"
        await environment.check_errors()
        if late:
            await engine.write("ERRORS", **dict.fromkeys(REGISTERS["ERRORS"].fields, 1))
            environment.scoreboard.recovered()
            late_ones += 1
        else:
            await environment.recover()
        await engine.write("IRQ_STATUS", tile_done=1, error=1)
        await runner.send(Constraints())
        await environment.drained()
    assert late_ones == 2
    await environment.finish()


@bench_test()
async def a_tile_is_done_when_its_last_row_is_delivered(dut):
    """Count and report a tile when its last row has moved, not when it is offered."""
    runner, _, engine = await start(dut)
    environment, y = runner.environment, runner.environment.adapter.streams["y"]
    board, held_back, tiles = environment.scoreboard, 0, 0

    def last_row_waits() -> bool:
        return y.waiting and y.beats % engine.rows == engine.rows - 1

    while held_back < 3:
        environment.adapter.pace({"y": 0 if engine.rows == 1 else 0.2})
        await runner.send(Constraints())
        tiles += 1
        assert await environment.until(lambda: last_row_waits() or not board.due)
        environment.adapter.pace({"y": 0})
        await ClockCycles(dut.clk, 20)
        if last_row_waits():
            assert await engine.read("TILES_DONE") == tiles - 1, "a tile that is only offered"
            assert await engine.read("IRQ_STATUS") == 0
            held_back += 1
        environment.adapter.pace({})
        await environment.drained()
        assert await engine.read("TILES_DONE") == tiles < 100
        assert REGISTERS["IRQ_STATUS"].unpack(await engine.read("IRQ_STATUS"))["tile_done"] == 1
        await engine.write("IRQ_STATUS", tile_done=1, error=1)
    await environment.finish()


@bench_test()
async def identification_is_that_of_the_build(dut):
    """Read the parameters of the build, and what this interface is, through the engine."""
    runner, _, engine = await start(dut)
    words = {name: REGISTERS[name].unpack(await engine.read(name)) for name in ("BUILD", "SHAPE")}
    number = {name: int(getattr(dut, name).value) for name in ("ACCUMULATOR", "PIPELINE")}
    assert words["SHAPE"] == {"rows": engine.rows, "cols": engine.cols}
    assert words["BUILD"] == {
        "exp_max": engine.exp_max,
        "accumulator": number["ACCUMULATOR"],
        "pipeline": number["PIPELINE"],
    }
    assert await engine.read("LENGTH") == engine.k_max
    for name in ("ID", "VERSION"):
        assert await engine.read(name) == REGISTERS[name].reset
    for address in (1, 2, 3, 0xC0):  # between two words, and where no register is
        place = REGISTERS["FORMAT_A"].offset + address if address < 4 else address
        answers = await engine.lite.write(place, b"\xff"), await engine.lite.read(place, 1)
        assert [answer.resp for answer in answers] == [AxiResp.SLVERR] * 2, f"{place:#x}"
    assert await engine.read("FORMAT_A") == 0
    await runner.send(Constraints())
    await runner.environment.finish()


@bench_test()
async def interrupts_follow_tiles_and_errors(dut):
    """Raise the interrupt when enabled and a tile is done or fails, drop it when cleared."""
    runner, _, engine = await start(dut)
    environment = runner.environment
    causes = {"tile_done": None, "error": packet_failures(runner, 1)[0]}
    for cause, failure in causes.items():
        for enabled in (0, 1):
            await engine.write("IRQ_ENABLE", **{cause: enabled})
            await runner.send(Constraints(failure=failure))
            await (environment.recover() if failure else environment.drained())
            await ClockCycles(dut.clk, 2)
            assert known(dut.irq) == enabled, f"irq {1 - enabled}, {cause} enabled: {enabled}"
            assert REGISTERS["IRQ_STATUS"].unpack(await engine.read("IRQ_STATUS"))[cause] == 1
            await engine.write("IRQ_STATUS", **dict.fromkeys(causes, 1))
            assert known(dut.irq) == 0 == await engine.read("IRQ_STATUS")
    await environment.finish()
