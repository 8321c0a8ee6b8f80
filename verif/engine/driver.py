"""Drives `ffp8_engine` through its buses: tiles in, rows out, registers."""

from __future__ import annotations

import itertools
import logging
import warnings
from collections.abc import Iterator
from typing import Any

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, FallingEdge, RisingEdge
from cocotbext.axi import (
    AxiLiteBus,
    AxiLiteMaster,
    AxiResp,
    AxiStreamBus,
    AxiStreamFrame,
    AxiStreamSink,
    AxiStreamSource,
)

from model import ACCUMULATORS, accumulator_width
from verif.engine.protocol import StreamChecker
from verif.engine.register_model import COUNTERS
from verif.engine.registers import REGISTERS
from verif.engine.tile import Configuration, Tile, unpack_rows
from verif.simulator.checks import check

# The bus models still use what cocotb 2 deprecates, and log every frame.
warnings.filterwarnings("ignore", category=DeprecationWarning, module=r"cocotbext\.axi\.")

SOURCES = ("c", "a", "w")


def stalls(generator: np.random.Generator, probability: float) -> Iterator[bool]:
    """Endless random pauses, each cycle with the same probability."""
    while True:
        yield from (generator.random(256) < probability).tolist()


class EngineDriver:
    """The engine's streams and registers, as a user of the engine sees them.

    Parameters
    ----------
    dut
        An ``ffp8_engine``; its parameters are read from it.
    check
        Whether to watch the streams' rules.
    lite, sink
        What drives the registers' port and takes rows, if not the bus models do.

    Attributes
    ----------
    rows, cols, k_max, exp_max, accumulator, width
        The build: array, longest sum, exponent bits, kind of accumulator and bits of an exact one.
    sources
        Bus models of the c, a and w streams.
    sink
        Bus model of the y stream.
    checkers
        Protocol checkers of the four streams.
    """

    def __init__(self, dut: Any, check: bool = True, lite: Any = None, sink: Any = None) -> None:
        self.dut = dut
        self.rows, self.cols = int(dut.ROWS.value), int(dut.COLS.value)
        self.k_max, self.exp_max = int(dut.K_MAX.value), int(dut.EXP_MAX.value)
        self.accumulator = ACCUMULATORS[int(dut.ACCUMULATOR.value)]
        self.width = accumulator_width(self.exp_max, self.k_max)
        cocotb.start_soon(Clock(dut.clk, 10, unit="ns").start())
        dut.rst.value = 1
        self.sources = {
            name: AxiStreamSource(AxiStreamBus.from_prefix(dut, f"s_axis_{name}"), dut.clk, dut.rst)
            for name in SOURCES
        }
        self.sink = sink or AxiStreamSink(
            AxiStreamBus.from_prefix(dut, "m_axis_y"), dut.clk, dut.rst
        )
        self.lite = lite or AxiLiteMaster(AxiLiteBus.from_prefix(dut, "s_axil"), dut.clk, dut.rst)
        for name in ("s_axis_c", "s_axis_a", "s_axis_w", "m_axis_y", "s_axil"):
            logging.getLogger(f"cocotb.{dut._name}.{name}").setLevel(logging.WARNING)
        self.checkers = {
            name: StreamChecker(dut, f"{'m' if name == 'y' else 's'}_axis_{name}").start()
            for name in ((*SOURCES, "y") if check else ())
        }

    async def reset(self) -> None:
        """Hold reset for a few cycles, then see that no output is X."""
        self.dut.rst.value = 1
        await ClockCycles(self.dut.clk, 4)
        self.dut.rst.value = 0
        await FallingEdge(self.dut.clk)
        await FallingEdge(self.dut.clk)
        for handle in self.outputs():
            text = f"{handle._name} is {handle.value} after reset"
            check("driver.known_after_reset", handle.value.is_resolvable, text)

    def outputs(self) -> list[Any]:
        """Return the handles of all outputs."""
        streams = [f"s_axis_{name}_tready" for name in SOURCES]
        streams += [f"m_axis_y_{name}" for name in ("tdata", "tkeep", "tuser", "tvalid", "tlast")]
        lite = ("awready", "wready", "bresp", "bvalid", "arready", "rdata", "rresp", "rvalid")
        return [
            getattr(self.dut, name) for name in (*streams, *map("s_axil_{}".format, lite), "irq")
        ]

    def stall(self, generator: np.random.Generator, probabilities: dict[str, float]) -> None:
        """Make streams ("c", "a", "w", "y") pause at random from now on."""
        for name, probability in probabilities.items():
            bus = self.sink if name == "y" else self.sources[name]
            bus.set_pause_generator(
                stalls(generator, probability) if probability else itertools.repeat(False)
            )

    async def write(self, name: str, **fields: int) -> None:
        """Write fields of a register; the others become zero."""
        register = REGISTERS[name]
        data = register.pack(**fields).to_bytes(4, "little")
        response = await self.lite.write(register.offset, data)
        text = f"write to {name}: {response.resp}"
        check("driver.write_answer", response.resp == AxiResp.OKAY, text)

    async def read(self, name: str) -> int:
        """Read a register."""
        response = await self.lite.read(REGISTERS[name].offset, 4)
        text = f"read of {name}: {response.resp}"
        check("driver.read_answer", response.resp == AxiResp.OKAY, text)
        return int.from_bytes(response.data, "little")

    async def read_counters(self) -> dict[str, int]:
        """Snapshot of the counters: cycles, busy, stalled, idle, macs, gated."""
        await self.write("CONTROL", snapshot=1)
        return {
            name.lower(): await self.read(name) + (await self.read(f"{name}_HIGH") << 32)
            for name in COUNTERS
        }

    async def configure(self, configuration: Configuration) -> None:
        """Write all registers that describe a tile."""
        for name, fields in configuration.register_writes():
            await self.write(name, **fields)

    def send_operands(self, tile: Tile) -> None:
        """Queue the a and w packets of a tile."""
        self.sources["a"].send_nowait(AxiStreamFrame(tile.a_beats()))
        self.sources["w"].send_nowait(AxiStreamFrame(tile.w_beats()))

    def send_start(self, tile: Tile) -> None:
        """Queue the c packet of a tile."""
        self.sources["c"].send_nowait(AxiStreamFrame(tile.c_beats()))

    async def started(self) -> None:
        """Wait until every queued c packet has been taken, so that registers may be rewritten."""
        await self.sources["c"].wait()
        while self.dut.s_axis_c_tvalid.value:
            await RisingEdge(self.dut.clk)

    async def receive(self) -> tuple[np.ndarray, np.ndarray]:
        """Results and flags of the next tile, (ROWS, COLS) each."""
        frame = await self.sink.recv(compact=False)
        results, flags = unpack_rows(bytes(frame.tdata), frame.tkeep, frame.tuser, self.cols)
        check("driver.rows", len(results) == self.rows, f"a y packet of {len(results)} rows")
        return results, flags

    async def soft_reset(self) -> None:
        """Ask for a soft reset and wait until the engine has completed it."""
        await self.write("CONTROL", soft_reset=1)
        while REGISTERS["CONTROL"].unpack(await self.read("CONTROL"))["soft_reset"]:
            pass
