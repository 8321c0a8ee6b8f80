"""What the registers of the engine have to show, and their comparison with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cocotbext.axi import AxiResp

from tests.benches.control import known
from verif.engine.driver import EngineDriver
from verif.engine.registers import REGISTERS
from verif.environment.environment import Environment
from verif.environment.scoreboard import Record
from verif.environment.sequences import Runner
from verif.simulator.checks import check

RESET_WORDS = {name: one.reset for name, one in REGISTERS.items() if one.reset is not None}


class Ledger:
    """Listens to what has to show in the registers; for runs in which no tile fails.

    By docs/hardware.md: "`busy + stalled + idle = cycles`: cycles in which a pair of beats was
    taken; those in which a tile was inside but none was taken; those without a tile. `macs` counts
    ROWS * COLS for each pair, `gated` those of them with a zero operand." "A tile starts with the
    first beat of its c packet"; by docs/registers.md it is done when its last row is delivered.

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

    def counters(self, shown: Mapping[str, int], pair: int) -> dict[str, int]:
        """Return what all counters are to be, given the cycles; `pair`: MACs of a pair of beats."""
        return {
            "cycles": shown["cycles"],
            "busy": self.pairs,
            "stalled": self.occupied - self.pairs,
            "idle": shown["cycles"] - self.occupied,
            "macs": self.pairs * pair,
            "gated": self.gated,
        }


async def unpacked(engine: EngineDriver, name: str) -> dict[str, int]:
    """Read the fields of a register."""
    return REGISTERS[name].unpack(await engine.read(name))


async def check_registers(runner: Runner, ledger: Ledger) -> None:
    """Compare counters and status with what moved, while nothing is inside."""
    can, engine = runner.environment.can, runner.environment.adapter.driver
    shown = await engine.read_counters()
    due = ledger.counters(shown, can.rows * can.cols)
    assert min(ledger.pairs, ledger.tiles) > 0
    check_counters(shown, due)
    await check_tiles_done(engine, ledger.tiles)
    words = await engine.read("ERRORS"), await engine.read("STATUS")
    check("engine.idle", words == (0, 0), f"ERRORS and STATUS {words}, nothing is inside")


def check_counters(shown: Mapping[str, int], due: Mapping[str, int]) -> None:
    """Compare the counters of a snapshot."""
    check("engine.counters", shown == due, f"{shown}, to be {due}")


async def check_tiles_done(engine: EngineDriver, due: int) -> None:
    """Compare TILES_DONE."""
    count = await engine.read("TILES_DONE")
    check("engine.tiles_done", count == due, f"TILES_DONE {count}, to be {due}")


async def check_fresh_counters(engine: EngineDriver, when: str, most: int = 1000) -> None:
    """See that only idle cycles have been counted since a reset, and not too many."""
    shown = await engine.read_counters()
    due = dict.fromkeys(shown, 0) | {"cycles": shown["cycles"], "idle": shown["cycles"]}
    fresh = shown == due and 0 < shown["cycles"] < most
    check("engine.counters_after_reset", fresh, f"{shown}, {when}")


async def check_reset_words(engine: EngineDriver) -> None:
    """Compare every register after a reset."""
    words = {name: await engine.read(name) for name in RESET_WORDS}
    check("engine.reset_words", words == RESET_WORDS, f"{words} after reset")


async def check_flags(engine: EngineDriver, due: int) -> None:
    """Compare FLAGS with those of all results delivered since they were cleared."""
    flags = await engine.read("FLAGS")
    check("engine.flags", flags == due, f"FLAGS {flags:03b}, to be {due:03b}")


async def check_status(engine: EngineDriver, **due: int) -> None:
    """Compare STATUS."""
    status = await unpacked(engine, "STATUS")
    check("engine.status", status == due, f"STATUS {status}, to be {due}")


async def check_request(engine: EngineDriver, halted: bool) -> None:
    """See that no soft reset is asked for any more, being answered unless the engine has halted."""
    shown = await engine.read("CONTROL"), (await unpacked(engine, "STATUS"))["halted"]
    text = f"CONTROL and STATUS.halted {shown}, to be 0 and {halted}"
    check("engine.request", shown == (0, halted), text)


async def check_irq_status(engine: EngineDriver, **due: int) -> None:
    """Compare IRQ_STATUS, of which the fields that are not named are to be zero."""
    shown = await engine.read("IRQ_STATUS")
    word = REGISTERS["IRQ_STATUS"].pack(**due)
    check("engine.irq_status", shown == word, f"IRQ_STATUS {shown:02b}, to be {word:02b}")


def check_irq(dut: Any, due: int) -> None:
    """Compare the interrupt."""
    irq = known(dut.irq)
    check("engine.irq", irq == due, f"irq {irq}, to be {due}")


def check_waited(environment: Environment) -> None:
    """See that a soft reset was not answered before every result had been delivered."""
    due = len(environment.scoreboard.due)
    check("engine.soft_reset_waits", not due, f"{due} results come after the soft reset")


async def check_identification(dut: Any, engine: EngineDriver) -> None:
    """Compare what tells of the build and of this interface."""
    number = {name: int(getattr(dut, name).value) for name in ("ACCUMULATOR", "PIPELINE")}
    build = REGISTERS["BUILD"].pack(
        exp_max=engine.exp_max, accumulator=number["ACCUMULATOR"], pipeline=number["PIPELINE"]
    )
    due = {name: RESET_WORDS[name] for name in ("ID", "VERSION")} | {
        "BUILD": build,
        "SHAPE": REGISTERS["SHAPE"].pack(rows=engine.rows, cols=engine.cols),
        "LENGTH": engine.k_max,
    }
    words = {name: await engine.read(name) for name in due}
    check("engine.identification", words == due, f"{words}, to be {due}")


async def check_unknown_addresses(engine: EngineDriver) -> None:
    """See an error between two words and where no register is, and nothing written."""
    place, answers = REGISTERS["FORMAT_A"].offset, []
    for address in (place + 1, place + 2, place + 3, 0xC0):
        written = await engine.lite.write(address, b"\xff")
        answers += written.resp, (await engine.lite.read(address, 1)).resp
    word = await engine.read("FORMAT_A")
    holds = answers == [AxiResp.SLVERR] * 8 and word == 0
    check("engine.unknown_addresses", holds, f"answers {answers}, FORMAT_A {word:#x}")
