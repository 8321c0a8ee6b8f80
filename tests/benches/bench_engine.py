"""ffp8_engine: what every design is put through, and its registers, counters and interrupt."""

from __future__ import annotations

from typing import Any

import cocotb
from cocotb.triggers import ClockCycles

from tests.benches import engine_sequences
from tests.benches.engine_checks import (
    Ledger,
    check_flags,
    check_fresh_counters,
    check_identification,
    check_irq,
    check_irq_status,
    check_registers,
    check_reset_words,
    check_unknown_addresses,
)
from tests.benches.engine_sequences import packet_failures
from tests.benches.surroundings import surround
from verif.engine.driver import EngineDriver
from verif.engine.registers import REGISTERS
from verif.environment import disturbances, scenarios
from verif.environment.generator import Constraints
from verif.environment.sequences import Runner
from verif.simulator.simulation import bench_test


async def start(dut: Any) -> tuple[Runner, Ledger, EngineDriver]:
    """Surround the engine; return the driver of its registers, too."""
    ledger = Ledger(dut)
    runner = await surround(dut, ledger)
    return runner, ledger, runner.environment.adapter.driver


def alike(engine: EngineDriver) -> int:
    """Return how many tiles of one configuration to send at each pace: fewer of large ones."""
    if engine.cols > 32:  # their start values alone take long
        return 3
    return 8 if engine.rows > 8 else 20


@bench_test()
async def random_tiles(dut):
    """Random formats from tile to tile, with stalls and starvation on every stream in turn."""
    runner, ledger, engine = await start(dut)
    await scenarios.random_jobs(runner, 1, alike=alike(engine))
    await scenarios.lengths(runner)
    await check_registers(runner, ledger)
    environment = runner.environment
    assert environment.scoreboard.flags > 0
    await check_flags(engine, environment.scoreboard.flags)
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
    await disturbances.failures(runner, 1)
    await runner.environment.finish()


@bench_test()
async def a_refused_configuration_keeps_the_c_stream_closed(dut):
    """Keep a third tile out of the refused registers, whatever fails or is reset before."""
    runner, *_ = await start(dut)
    (packet,) = packet_failures(runner, 1)
    for before in (None, packet, "start infinite", "config clamp", None):
        await disturbances.refused_behind_another(runner, before)
    await runner.environment.finish()


@bench_test()
async def resets_in_every_state(dut):
    """After rst in any state the engine is as new; a soft reset keeps what has been begun."""
    runner, *_ = await start(dut)
    await disturbances.resets(runner, 5)
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
        await check_fresh_counters(engine, f"reset {behind} cycles behind")
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
        await check_reset_words(engine)
        await check_fresh_counters(engine, "after reset")
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
        job = engine_sequences.one_column(
            runner.generator.job(Constraints(k=min(2, engine.k_max))), index % engine.cols
        )
        runner.environment.adapter.pace({"y": 0})
        await runner.environment.send(job)
        assert await runner.environment.until(lambda: y.waiting)
        await check_flags(engine, 0)  # none of what has not been delivered
        runner.environment.adapter.pace({})
        await runner.environment.drained()
        await check_flags(engine, board.flags)
        seen.add(board.flags)
        await engine.write("FLAGS", **dict.fromkeys(REGISTERS["FLAGS"].fields, 1))
        await check_flags(engine, 0)
        board.flags = 0
    assert len(seen) > 1
    await runner.environment.finish()


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
async def so_many_c_packets_are_taken_ahead(dut):
    """Take as many c packets as there is room for while no tile can stream, and lose none."""
    runner, *_ = await start(dut)
    await engine_sequences.c_packets_ahead(runner)
    await runner.environment.finish()


@bench_test()
async def a_soft_reset_waits_and_clears(dut):
    """Wait for the tile that streams and for its results, then clear the counters."""
    runner, *_ = await start(dut)
    await engine_sequences.soft_resets_behind_tiles(runner)


@bench_test()
async def a_soft_reset_after_an_error_waits(dut):
    """Deliver what was before the failing tile, however slowly it is taken, then go on."""
    runner, *_ = await start(dut)
    await engine_sequences.soft_resets_behind_errors(runner)


@bench_test()
async def an_error_wins_over_a_pending_soft_reset(dut):
    """Halt, though a soft reset was asked for; keep one that is asked for after the error."""
    runner, _, engine = await start(dut)
    if engine.k_max >= 8:  # else no packet is long enough for anything to come in its middle
        await engine_sequences.errors_beside_soft_resets(runner)


@bench_test()
async def a_tile_is_done_when_its_last_row_is_delivered(dut):
    """Count and report a tile when its last row has moved, not when it is offered."""
    runner, *_ = await start(dut)
    await engine_sequences.last_rows_that_wait(runner)


@bench_test()
async def identification_is_that_of_the_build(dut):
    """Read the parameters of the build, and what this interface is, through the engine."""
    runner, _, engine = await start(dut)
    await check_identification(dut, engine)
    await check_unknown_addresses(engine)
    await runner.send(Constraints())
    await runner.environment.finish()


@bench_test()
async def addresses_and_data_of_writes_come_apart(dut):
    """Configure tiles by writes whose address waits for the data, the other way round, and both."""
    runner, ledger, engine = await start(dut)
    await engine_sequences.changes_by_writes_in_pieces(runner)
    await check_registers(runner, ledger)
    await runner.environment.finish()


@bench_test()
async def every_bit_of_the_counters_reaches_the_bus(dut):
    """Read counters that are set to random numbers; without a tile two of them count on."""
    runner, *_ = await start(dut)
    await engine_sequences.counters_set(runner)
    await runner.send(Constraints())
    await runner.environment.drained()
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
            check_irq(dut, enabled)
            await check_irq_status(engine, **{cause: 1})
            await engine.write("IRQ_STATUS", **dict.fromkeys(causes, 1))
            check_irq(dut, 0)
            await check_irq_status(engine)
    await environment.finish()
