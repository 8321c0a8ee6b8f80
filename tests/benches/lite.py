"""An AXI4-Lite master with a channel of its own for each handshake, and the engine beside it."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from tests.benches.control import Handshake, Pins
from verif.engine.register_model import OUTPUTS, RegisterModel, Write
from verif.engine.registers import REGISTERS
from verif.environment.draw import Pace
from verif.simulator.checks import check
from verif.simulator.simulation import bench_random

OKAY, SLVERR = 0, 2
ENGINE = ("resume", "halted", "errors_set", "flags_set", "tile_done", "pair", "occupied", "gated")
EVERYTHING = {"errors_set": 15, "flags_set": 7, "tile_done": 1}
LITE = ("awaddr", "awprot", "awvalid", "wdata", "wstrb", "wvalid", "bready")
LITE += ("araddr", "arprot", "arvalid", "rready")
LITE = tuple(f"s_axil_{name}" for name in LITE)
RESPONSES = ("awready", "wready", "bresp", "bvalid", "arready", "rdata", "rresp", "rvalid")
PARAMETERS = ("EXP_MAX", "ROWS", "COLS", "K_MAX", "PIPELINE", "ACCUMULATOR")
NAMES = {register.offset: name for name, register in REGISTERS.items()}
UNKNOWN = sorted(set(range(0, 256, 4)) - NAMES.keys())
UNALIGNED = [address for address in range(256) if address % 4]
EFFECT = 1  # cycles from the later of AW and W to the one in which the write takes effect
PATIENCE = 300  # cycles that an access may take; the simulation's own limit is far away


class Bench:
    """The registers and an engine beside them; a model is compared in every cycle.

    Parameters
    ----------
    dut
        The design.
    driven
        Inputs of the bus that the bench is to drive, the others being left alone.

    Attributes
    ----------
    lively
        The engine does something at random in each cycle.
    effects
        Writes to take effect, by cycle.
    collision
        A cycle in which the engine reports everything, and else nothing.
    """

    def __init__(self, dut: Any, driven: tuple[str, ...] = ()) -> None:
        self.dut, self.random = dut, bench_random()
        outputs = [f"s_axil_{name}" for name in RESPONSES]
        self.pins = Pins(dut, (*ENGINE, *driven), (*outputs, *OUTPUTS, "irq"))
        self.parameters = {name: int(getattr(dut, name).value) for name in PARAMETERS}
        self.written = Handshake("s_axil_bvalid", ("s_axil_bresp",))
        self.read = Handshake("s_axil_rvalid", ("s_axil_rdata", "s_axil_rresp"))
        self.lively, self.resumes = False, 0
        self.effects: dict[int, Write] = {}
        self.collision: int | None = None

    async def reset(self, length: int = 2) -> None:
        """Reset for some cycles, whatever goes on, and begin anew."""
        idle = {name: 0 for name in self.pins.names if name.endswith(("valid", "ready"))}
        await self.pins.reset(length, **idle, **dict.fromkeys(ENGINE, 0))
        self.model = RegisterModel(self.parameters)
        self.effects.clear()
        for handshake in (self.written, self.read):
            handshake.forget()

    async def cycle(self) -> SimpleNamespace:
        """Let a cycle pass and compare the outputs with the model."""
        self.model.show(self._engine())
        sample = await self.pins.cycle()
        due = self.model.outputs()
        actual = {name: vars(sample)[name] for name in due}
        check("registers.outputs", actual == due, lambda: self._told(actual, due))
        return sample

    def _told(self, actual: dict[str, int], due: dict[str, int]) -> str:
        """Return which outputs are not what they have to be."""
        wrong = (name for name in due if actual[name] != due[name])
        shown = ", ".join(f"{name} is {actual[name]}, not {due[name]}" for name in wrong)
        return f"{shown}, cycle {self.pins.cycles}"

    def answers(self, sample: SimpleNamespace, b: bool, r: bool) -> None:
        """Check that a write and a read are answered only if they are due."""
        shown = sample.s_axil_bvalid, sample.s_axil_rvalid
        holds = shown[0] <= b and shown[1] <= r
        check("registers.answers", holds, lambda: f"answers {shown}, due {b, r}")

    def step(self) -> None:
        """End the cycle in the model, and set what the engine does in the next."""
        self.model.step(self._engine(), self.effects.pop(self.pins.cycles, None))
        if self.lively:
            self._live()
        elif self.collision is not None:
            self.engine(**EVERYTHING if self.pins.cycles + 1 == self.collision else {})

    def engine(self, **values: int) -> None:
        """Have the engine do this in the next cycle, and nothing else."""
        self.pins.drive(**dict.fromkeys(ENGINE, 0) | values)

    def _engine(self) -> dict[str, int]:
        return {name: self.pins.driven(name) for name in ENGINE}

    def _live(self) -> None:
        random, integers = self.random.random, self.random.integers
        requested = self.model.words["CONTROL"] == 1
        resume = int(requested and not self.effects and random() < 0.2)
        self.resumes += resume
        self.pins.drive(
            resume=resume,
            halted=int(random() < 0.5),
            occupied=int(random() < 0.5),
            pair=int(random() < 0.5),
            errors_set=int(integers(16)) if random() < 0.05 else 0,
            flags_set=int(integers(8)) if random() < 0.2 else 0,
            tile_done=int(random() < 0.1),
            gated=int(integers(self.parameters["ROWS"] * self.parameters["COLS"] + 1)),
        )


@dataclass
class Read:
    """A read, and once it is under way what may come of it.

    Attributes
    ----------
    words
        What the register held in the cycles from AR to R.
    """

    address: int
    words: list[int] = field(default_factory=list)


class Traffic:
    """Accesses one after the other on each side, AW and W in any order, at any pace.

    Parameters
    ----------
    bench
        Its pins are driven.
    writes
        Address, data and strobe of each.
    reads
        Addresses.
    rates
        Of the paces of all channels.
    distance
        Cycles after a write has taken effect, 0 or more, in which the engine reports everything.
    """

    def __init__(
        self,
        bench: Bench,
        writes: list[tuple[int, int, int]],
        reads: list[int],
        rates: tuple[float, ...] = (0.1, 0.5, 0.9, 1.0),
        distance: int | None = None,
    ) -> None:
        self.bench, self.writes, self.reads = bench, writes, [Read(address) for address in reads]
        self.distance = distance
        self.paces = {name: Pace(bench.random, rates) for name in ("aw", "w", "b", "ar", "r")}
        self.written = self.done = self.waiting = 0
        self.address_first = self.data_first = 0
        self.offered = dict.fromkeys(("aw", "w", "ar"), False)
        self.taken = dict.fromkeys(("aw", "w", "ar"), False)
        self.results: list[int] = []

    async def run(self) -> list[int]:
        """Make all accesses; return what was read."""
        while self.written < len(self.writes) or self.done < len(self.reads):
            self._drive()
            sample = await self.bench.cycle()
            both = self.taken["aw"] and self.taken["w"]
            self.bench.answers(sample, both, self.taken["ar"])
            self._judge_write(sample)
            self._judge_read(sample)
            self.bench.step()
            self.waiting += 1
            assert self.waiting < PATIENCE, f"no answer to write {self.written}, read {self.done}"
        self.bench.pins.drive(s_axil_bready=0, s_axil_rready=0)
        return self.results

    def _drive(self) -> None:
        due = {"aw": self.written < len(self.writes), "ar": self.done < len(self.reads)}
        due["w"] = due["aw"]
        for name in ("aw", "w", "ar"):
            waits = due[name] and not self.taken[name]
            self.offered[name] = waits and (self.offered[name] or self.paces[name]())
        integers = self.bench.random.integers
        address, data, strobe = int(integers(256)), int(integers(2**32)), int(integers(16))
        if self.offered["aw"]:
            address = self.writes[self.written][0]
        if self.offered["w"]:
            _, data, strobe = self.writes[self.written]
        read = self.reads[self.done].address if self.offered["ar"] else int(integers(256))
        self.bench.pins.drive(
            s_axil_awvalid=self.offered["aw"],
            s_axil_awaddr=address,
            s_axil_awprot=int(integers(8)),
            s_axil_wvalid=self.offered["w"],
            s_axil_wdata=data,
            s_axil_wstrb=strobe,
            s_axil_bready=self.paces["b"](),
            s_axil_arvalid=self.offered["ar"],
            s_axil_araddr=read,
            s_axil_arprot=int(integers(8)),
            s_axil_rready=self.paces["r"](),
        )

    def _judge_write(self, sample: SimpleNamespace) -> None:
        bench, taken = self.bench, self.taken
        both_before = taken["aw"] and taken["w"]
        if bench.written(sample, bench.pins.driven("s_axil_bready")) and both_before:
            address, data, strobe = self.writes[self.written]
            due = OKAY if address in NAMES else SLVERR
            actual = sample.s_axil_bresp
            text = f"BRESP {actual} of {address:#04x}, expected {due}"
            check("registers.bresp", actual == due, text)
            taken["aw"] = taken["w"] = False
            self.written, self.waiting = self.written + 1, 0
            return
        was = taken["aw"], taken["w"]
        taken["aw"] |= self.offered["aw"] and bool(sample.s_axil_awready)
        taken["w"] |= self.offered["w"] and bool(sample.s_axil_wready)
        self.address_first += was == (False, False) and taken["aw"] and not taken["w"]
        self.data_first += was == (False, False) and taken["w"] and not taken["aw"]
        if taken["aw"] and taken["w"] and not both_before:
            address, data, strobe = self.writes[self.written]
            if address in NAMES:
                write = Write(NAMES[address], data, strobe)
                bench.effects[bench.pins.cycles + EFFECT] = write
                if self.distance is not None:
                    bench.collision = bench.pins.cycles + EFFECT + self.distance

    def _judge_read(self, sample: SimpleNamespace) -> None:
        if self.done == len(self.reads):
            return
        read, bench = self.reads[self.done], self.bench
        self.taken["ar"] |= self.offered["ar"] and bool(sample.s_axil_arready)
        if self.taken["ar"] and bench.read.fresh and read.address in NAMES:
            read.words.append(bench.model.words[NAMES[read.address]])
        if bench.read(sample, bench.pins.driven("s_axil_rready")):
            self._judge_word(read, sample.s_axil_rdata, sample.s_axil_rresp)
            self.taken["ar"] = False
            self.done, self.waiting = self.done + 1, 0

    def _judge_word(self, read: Read, word: int, response: int) -> None:
        self.results.append(word)
        name = NAMES.get(read.address)
        due, words = (OKAY, read.words) if name else (SLVERR, [0])
        held = ", ".join(hex(word) for word in words)
        where = name or f"{read.address:#04x}"
        text = f"{where} read as {word:#x} with RRESP {response}, it held {held}"
        check("registers.read", response == due and word in words, text)
