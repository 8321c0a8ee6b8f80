"""The adapter of `ffp8_engine`: AXI bus models drive it, its own pins tell what it was given."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from cocotb.triggers import ClockCycles, ReadWrite, RisingEdge
from cocotbext.axi import AxiStreamFrame

from verif.engine.driver import SOURCES, EngineDriver
from verif.engine.registers import FIELDS, REGISTERS
from verif.engine.streams import Port, Stream
from verif.environment.adapter import Adapter
from verif.environment.capabilities import FAILURES, Capabilities
from verif.environment.job import Job, Outcome
from verif.environment.settings import Settings
from verif.simulator.checks import check

SETTLED = 20
"""Cycles after which what has moved at the boundary shows in the registers."""


class RegisterMirror:
    """What the configuration registers hold, from the writes seen at the boundary."""

    def __init__(self, dut: Any) -> None:
        names = ("awaddr", "awvalid", "awready", "wdata", "wstrb", "wvalid", "wready", "bvalid")
        self._pins = {name: getattr(dut, f"s_axil_{name}") for name in names}
        self._names = {register.offset: name for name, register in REGISTERS.items()}
        self.forget()

    def forget(self) -> None:
        """Hold what reset leaves."""
        self.words = {name: 0 for name, _ in FIELDS.values()}
        self._address: int | None = None
        self._data: tuple[int, int] | None = None

    def step(self) -> None:
        """End a cycle: a write takes effect one cycle after its address and data are in."""
        pins = self._pins
        if self._address is not None and self._data is not None and not pins["bvalid"].value:
            self._write(self._names.get(self._address), *self._data)
            self._address = self._data = None
        if pins["awvalid"].value and pins["awready"].value:
            self._address = int(pins["awaddr"].value)
        if pins["wvalid"].value and pins["wready"].value:
            self._data = int(pins["wdata"].value), int(pins["wstrb"].value)

    def _write(self, name: str | None, data: int, strobe: int) -> None:
        if name in self.words:
            mask = sum(0xFF << 8 * byte for byte in range(4) if strobe >> byte & 1)
            mask &= REGISTERS[name].mask("rw")
            self.words[name] = self.words[name] & ~mask | data & mask

    def settings(self) -> Settings:
        """Return the configuration."""
        return Settings(
            **{
                setting: REGISTERS[name].fields[field].extract(self.words[name])
                for setting, (name, field) in FIELDS.items()
            }
        )


class EngineAdapter(Adapter):
    """Streams and registers of `ffp8_engine`, whose parameters are read from it.

    Parameters
    ----------
    dut
        The design.
    random
        Where pace and noise come from.
    buses
        What drives the registers' port and takes rows, see `EngineDriver`.
    """

    def __init__(self, dut: Any, random: np.random.Generator, **buses: Any) -> None:
        self.dut, self.random = dut, random
        self.driver = EngineDriver(dut, check=False, **buses)
        driver = self.driver
        never = {"no first pair", "no last pair"}
        if driver.cols == 1:  # a packet of one beat is never short
            never |= {"c packet short"}
        if driver.k_max == 1:
            never |= {"a packet short", "w packet short"}
        self.can = Capabilities.of_build(
            exp_max=driver.exp_max,
            k_max=driver.k_max,
            accumulator=driver.accumulator,
            rows=driver.rows,
            cols=driver.cols,
            failures=tuple(name for name in FAILURES if name not in never),
            resets=("reset", "soft reset"),
            sources=SOURCES,
            sinks=("y",),
            stallable=(*SOURCES, "y"),
            single=("c",) * (driver.cols == 1) + ("a", "w") * (driver.k_max == 1),
            opens="c",
            latency=int(dut.PIPELINE.value) + 11,
            exact_from=3,
            back_to_back=max(driver.rows, driver.cols),
            seamless=False,
        )
        self.edge = RisingEdge(dut.clk)
        self.streams = {}
        for name in SOURCES:
            pins = [f"s_axis_{name}_{pin}" for pin in ("tvalid", "tready", "tdata", "tlast")]
            self.streams[name] = Stream(dut, Port(*pins[:2], tuple(pins[2:]), pins[3]))
        pins = [f"m_axis_y_{pin}" for pin in ("tdata", "tkeep", "tuser", "tlast")]
        port = Port("m_axis_y_tvalid", "m_axis_y_tready", tuple(pins), pins[3])
        self.streams["y"] = Stream(dut, port)
        self.mirror = RegisterMirror(dut)
        self._written: Settings | None = None
        self._in_reset = True
        self._forget()

    def _forget(self) -> None:
        self._columns: list[int] = []
        self._codes: dict[str, list[bytes]] = {"a": [], "w": []}
        self._packets: dict[str, deque[Any]] = {name: deque() for name in SOURCES}
        self._rows: list[tuple[np.ndarray, list[int]]] = []

    @property
    def in_reset(self) -> bool:
        """Whether the design is held in reset in this cycle."""
        return self._in_reset

    async def reset(self, kind: str = "reset") -> None:
        """Reset by the pin, dropping what was on its way in, or ask for a soft reset."""
        if kind == "soft reset":
            await self.driver.soft_reset()
            return
        self._in_reset = True
        self.dut.rst.value = 1
        for source in self.driver.sources.values():
            source.clear()
        await ClockCycles(self.dut.clk, int(self.random.integers(1, 4)))
        for stream in self.streams.values():
            stream.forget()
        self.driver.sink.clear()
        self.mirror.forget()
        self._forget()
        self._written = None
        self.dut.rst.value = 0
        await ReadWrite()  # who looks at this last cycle of reset has to know that it is one
        self._in_reset = False
        await self.edge

    async def send(self, job: Job) -> None:
        """Write the registers that change, then queue the packets; return when c is in."""
        await self.send_all([job])

    async def send_all(self, jobs: Sequence[Job]) -> None:
        """Write the registers that change, queue all packets; return when every c is in."""
        await self.configure(jobs[0].settings)
        for job in jobs:
            self._queue(job)
        await self.driver.started()

    def _queue(self, job: Job) -> None:
        driver = self.driver
        beats = np.zeros(len(job.starts), [("start", "<u4"), ("bias", "i1"), ("noise", "V3")])
        beats["start"], beats["bias"] = job.starts, job.biases_w
        beats["noise"] = np.frombuffer(self.random.bytes(3 * len(beats)), "V3")
        driver.sources["c"].send_nowait(AxiStreamFrame(beats.tobytes()))
        for name, codes in (("a", job.a_codes.T), ("w", job.w_codes)):
            packet = np.ascontiguousarray(codes).tobytes()
            driver.sources[name].send_nowait(AxiStreamFrame(packet))

    def forget_written(self) -> None:
        """Have the next job write every register of its settings: somebody else has written."""
        self._written = None

    async def configure(self, settings: Settings) -> None:
        """Write each register of which a field differs from what was written last."""
        new, old = self._words(settings), self._words(self._written) if self._written else {}
        for name, fields in new.items():
            if old.get(name) != fields:
                await self.driver.write(name, **fields)
        self._written = settings

    @staticmethod
    def _words(settings: Settings) -> dict[str, dict[str, int]]:
        words: dict[str, dict[str, int]] = {}
        for setting, (name, field) in FIELDS.items():
            words.setdefault(name, {})[field] = getattr(settings, setting)
        return words

    def pace(self, rates: Mapping[str, float]) -> None:
        """From now on offer, or be ready, in these shares of cycles, by stream; 1 for others."""
        shares = {name: 1 - rates.get(name, 1.0) for name in self.streams}
        self.driver.stall(self.random, shares)

    def drive(self) -> None:
        """Take note of register writes: they count for c beats of later cycles."""
        self.mirror.step()

    def take(self, stream: str, payload: Mapping[str, int]) -> Iterator[Job | Outcome]:
        """Gather beats into packets, packets into jobs, and rows into outcomes."""
        if stream == "y":
            yield from self._take_row(payload)
            return
        data, last = payload[f"s_axis_{stream}_tdata"], payload[f"s_axis_{stream}_tlast"]
        if stream == "c":
            if not self._columns:
                self._settings = self.mirror.settings()
            self._columns.append(data)
            if last:
                self._packets["c"].append((self._settings, self._columns))
                self._columns = []
        else:
            lanes = self.can.rows if stream == "a" else self.can.cols
            self._codes[stream].append(data.to_bytes(lanes, "little"))
            if last:
                packet = np.array([list(beat) for beat in self._codes[stream]], np.uint8)
                self._packets[stream].append(packet)
                self._codes[stream] = []
        while all(self._packets.values()):
            (settings, columns), a, w = (self._packets[name].popleft() for name in SOURCES)
            starts = tuple(column & 0xFFFFFFFF for column in columns)
            biases = tuple(((column >> 32 & 0xFF) ^ 0x80) - 0x80 for column in columns)
            yield Job(settings, a.T, w, starts, biases)

    def _take_row(self, payload: Mapping[str, int]) -> Iterator[Outcome]:
        cols = self.can.cols
        data = payload["m_axis_y_tdata"].to_bytes(4 * cols, "little")
        keep, user = payload["m_axis_y_tkeep"], payload["m_axis_y_tuser"]
        if keep == (1 << 4 * cols) - 1:
            results = np.frombuffer(data, "<u4")
        else:
            text = f"TKEEP {keep:#x} keeps neither codes nor words"
            check("engine_adapter.keep", keep == (1 << cols) - 1, text)
            text = "data in bytes that TKEEP drops"
            check("engine_adapter.dropped_bytes", not any(data[cols:]), text)
            results = np.frombuffer(data[:cols], np.uint8)
        self._rows.append((results, [user >> 3 * column & 7 for column in range(cols)]))
        if payload["m_axis_y_tlast"]:
            rows, self._rows = self._rows, []
            text = f"a y packet of {len(rows)} rows"
            check("engine_adapter.rows", len(rows) == self.can.rows, text)
            yield np.array([row for row, _ in rows]), np.array([row for _, row in rows], np.uint8)

    async def errors(self) -> set[str]:
        """Return the names of the bits set in ERRORS."""
        await ClockCycles(self.dut.clk, SETTLED)
        bits = REGISTERS["ERRORS"].unpack(await self.driver.read("ERRORS"))
        return {name for name, bit in bits.items() if bit}

    async def halted(self) -> None:
        """Wait until STATUS shows that the engine has halted."""
        while not REGISTERS["STATUS"].unpack(await self.driver.read("STATUS"))["halted"]:
            pass

    async def recover(self) -> None:
        """See that the engine has halted, clear its errors, and let it go on by a soft reset."""
        status = REGISTERS["STATUS"].unpack(await self.driver.read("STATUS"))
        text = "the engine has not halted after an error"
        check("engine_adapter.halted", status["halted"], text)
        await self.driver.write("ERRORS", **dict.fromkeys(REGISTERS["ERRORS"].fields, 1))
        await self.driver.soft_reset()
