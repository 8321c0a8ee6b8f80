"""What the engine alone is put through: soft resets and errors beside tiles, rows that wait."""

from __future__ import annotations

from dataclasses import replace

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles, FallingEdge

from tests.benches.control import known
from tests.benches.engine_checks import (
    check_counters,
    check_fresh_counters,
    check_irq_status,
    check_request,
    check_status,
    check_tiles_done,
    check_waited,
)
from verif.engine.driver import stalls
from verif.engine.register_model import COUNTERS
from verif.engine.registers import REGISTERS
from verif.environment import scenarios
from verif.environment.draw import choose
from verif.environment.generator import Constraints
from verif.environment.job import Job
from verif.environment.sequences import Runner
from verif.simulator.checks import check


def packet_failures(runner: Runner, count: int) -> list[str]:
    """Return so many ways to fail at the end of a packet, of a and w where these have two beats."""
    kinds = [name for name in runner.environment.can.failures if "packet" in name]
    kinds = [name for name in ("w packet short", "a packet short") if name in kinds] or kinds
    return (kinds * count)[:count]


async def soft_resets_behind_tiles(runner: Runner) -> None:
    """Ask for a soft reset so many cycles behind a tile, whose result comes before the answer."""
    engine = runner.environment.adapter.driver
    environment, k = runner.environment, min(5, engine.k_max)
    board = environment.scoreboard
    for delay in range(14):
        environment.adapter.pace({"y": choose(runner.random, (1.0, 0.2))})
        await runner.send(Constraints(k=k))
        assert await environment.until(lambda: board.due)
        if delay:
            await ClockCycles(engine.dut.clk, delay)
        await environment.reset("soft reset")
        check_waited(environment)
        await ClockCycles(engine.dut.clk, 40)
        await check_tiles_done(engine, 0)
    await engine.soft_reset()
    await check_fresh_counters(engine, "after a soft reset", 200)
    await environment.finish()


async def soft_resets_behind_errors(runner: Runner) -> None:
    """Ask for a soft reset behind a failing tile, while the result before it is kept waiting."""
    engine = runner.environment.adapter.driver
    environment, waited = runner.environment, 0
    board = environment.scoreboard
    for failure in (*packet_failures(runner, 1), "start infinite", "c packet long", "config a"):
        environment.adapter.pace({"y": 0})
        await runner.send(Constraints(k=min(5, engine.k_max)))
        await runner.send(Constraints(failure=failure))
        await environment.adapter.halted()
        await check_status(engine, occupied=1, halted=1)  # a result waits before the failing tile
        await engine.write("ERRORS", **dict.fromkeys(REGISTERS["ERRORS"].fields, 1))
        waited += bool(board.due)
        environment.adapter.pace({"y": 0.2})
        await environment.reset("soft reset")
        check_waited(environment)
        board.recovered()
        await runner.send(Constraints())
        await environment.drained()
    assert waited == 4, "no result was to come when a soft reset was asked for"
    await environment.finish()


async def errors_beside_soft_resets(runner: Runner) -> None:
    """Ask for a soft reset in the middle of a failing tile, before its error and after it."""
    engine = runner.environment.adapter.driver
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
        enough = (
            (lambda: known(engine.dut.irq)) if late else (lambda before=before: a.beats > before)
        )
        assert await environment.until(enough)
        environment.adapter.pace({"a": 0})
        assert environment.scoreboard.failed is None, "the tile has been discarded already"
        await engine.write("CONTROL", soft_reset=1)
        environment.adapter.pace({})
        assert await environment.until(lambda: environment.scoreboard.failed is not None)
        await ClockCycles(engine.dut.clk, 20)
        await check_request(engine, halted=not late)
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


async def last_rows_that_wait(runner: Runner) -> None:
    """Keep the last row of tiles from leaving, and look at what is told of the tile meanwhile."""
    engine = runner.environment.adapter.driver
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
        await ClockCycles(engine.dut.clk, 20)
        if last_row_waits():
            await check_tiles_done(engine, tiles - 1)  # without the one that is only offered
            await check_irq_status(engine)
            held_back += 1
        environment.adapter.pace({})
        await environment.drained()
        assert tiles < 100
        await check_tiles_done(engine, tiles)
        await check_irq_status(engine, tile_done=1)
        await engine.write("IRQ_STATUS", tile_done=1, error=1)
    await environment.finish()


async def changes_by_writes_in_pieces(runner: Runner) -> None:
    """Configure each tile by writes whose address waits for the data, or the data for it."""
    write = runner.environment.adapter.driver.lite.write_if
    channels = write.aw_channel, write.w_channel
    for slow in (channels[:1], channels[1:], channels):
        for channel in channels:
            channel.clear_pause_generator()
            channel.pause = False
            if channel in slow:
                channel.set_pause_generator(stalls(runner.random, 0.7))
        await scenarios.changes(runner, 1)


async def c_packets_ahead(runner: Runner) -> None:
    """Send c packets while no tile can stream, until no more are taken, then let all go on.

    Of docs/hardware.md: "N packets are kept [...], N being the least power of two that is at least
    3 + (PIPELINE + 5) / L, rounded up, with L the larger of ROWS and COLS"; "of what follows at
    most 4 beats are taken".
    """
    environment, can = runner.environment, runner.environment.can
    dut, c = environment.adapter.driver.dut, environment.adapter.streams["c"]
    at_least = 3 + -(-(int(dut.PIPELINE.value) + 5) // max(can.rows, can.cols))
    kept = 1 << (at_least - 1).bit_length()
    environment.adapter.pace({"a": 0, "w": 0})
    job, before = runner.generator.job(Constraints(k=1)), c.beats

    async def send() -> None:
        for _ in range(2 * kept + 5):
            await environment.send(job)

    sending = cocotb.start_soon(send())  # which waits for room, too
    await ClockCycles(dut.clk, (2 * kept + 5) * (can.cols + 20))
    beyond = c.beats - before - kept * can.cols
    check("engine.packets_ahead", 0 <= beyond <= 4, lambda: f"{beyond} beats after {kept} packets")
    environment.adapter.pace({})
    await sending
    await environment.drained()


async def counters_set(runner: Runner) -> None:
    """Set the counters while nothing is inside, and compare what the bus shows of them."""
    engine = runner.environment.adapter.driver
    for _ in range(16):
        await FallingEdge(engine.dut.clk)
        due = {name.lower(): int.from_bytes(runner.random.bytes(8)) for name in COUNTERS}
        for name, value in due.items():
            getattr(engine.dut.registers, f"{name}_q").value = value
        shown = await engine.read_counters()
        passed = (shown["cycles"] - due["cycles"]) % 2**64
        passed = max(1, min(passed, 999))  # a snapshot takes no longer, and some cycles
        counted = {name: (due[name] + passed) % 2**64 for name in ("cycles", "idle")}
        check_counters(shown, due | counted)


def one_column(job: Job, column: int) -> Job:
    """Make all columns but one give zero, without a flag."""
    w_codes, here = job.w_codes.copy(), np.arange(len(job.starts)) == column
    w_codes[:, ~here] = 0
    return replace(job, w_codes=w_codes, starts=tuple(np.where(here, job.starts, 0).tolist()))
