"""What the registers hold, cycle by cycle, by the register map and the module's promises."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass

from verif.engine.registers import FIELDS, REGISTERS

COUNTERS = ("CYCLES", "BUSY", "STALLED", "IDLE", "MACS", "GATED")

OUTPUTS = {**FIELDS, "soft_reset": ("CONTROL", "soft_reset")}  # outputs that show a field


@dataclass(frozen=True)
class Write:
    """A write that takes effect: register, data, and the bytes that are written."""

    name: str
    data: int
    strobe: int = 0xF

    @property
    def mask(self) -> int:
        """Bits that are written."""
        return sum(0xFF << 8 * byte for byte in range(4) if self.strobe >> byte & 1)


class RegisterModel:
    """The registers of a build.

    Parameters
    ----------
    parameters
        Values of EXP_MAX, ROWS, COLS, K_MAX, PIPELINE and ACCUMULATOR.

    Attributes
    ----------
    words
        What each register reads as in this cycle.
    """

    def __init__(self, parameters: Mapping[str, int]) -> None:
        p = parameters
        build = {
            "BUILD": REGISTERS["BUILD"].pack(
                exp_max=p["EXP_MAX"], accumulator=p["ACCUMULATOR"], pipeline=p["PIPELINE"]
            ),
            "SHAPE": REGISTERS["SHAPE"].pack(rows=p["ROWS"], cols=p["COLS"]),
            "LENGTH": REGISTERS["LENGTH"].pack(k_max=p["K_MAX"]),
        }
        self.words = {
            name: build[name] if register.reset is None else register.reset
            for name, register in REGISTERS.items()
        }
        self._macs_of_a_pair = p["ROWS"] * p["COLS"]
        self._counters = dict.fromkeys(COUNTERS, 0)
        self._before: tuple[int, int] | None = None  # pair and occupied, to be counted

    def outputs(self) -> dict[str, int]:
        """Return what the outputs show in this cycle."""
        shown = {
            output: REGISTERS[name].fields[field].extract(self.words[name])
            for output, (name, field) in OUTPUTS.items()
        }
        shown |= {name: shown[name] & 0xFF for name in ("a_bias", "y_bias")}
        return shown | {"irq": self.irq()}

    def irq(self) -> int:
        """Return what the interrupt pin shows in this cycle."""
        return int(self.words["IRQ_STATUS"] & self.words["IRQ_ENABLE"] != 0)

    def copy(self) -> RegisterModel:
        """Return another one that holds the same."""
        other = copy(self)
        other.words, other._counters = dict(self.words), dict(self._counters)
        return other

    def state(self) -> tuple[object, ...]:
        """Return everything that decides how it goes on."""
        return (*self.words.values(), *self._counters.values(), self._before)

    def counters(self) -> dict[str, int]:
        """Return what has been counted, TILES_DONE among it."""
        return self._counters | {"TILES_DONE": self.words["TILES_DONE"]}

    def preset(self, **counters: int) -> None:
        """Take over what counters have been set to, as if they had counted up to there."""
        self.words["TILES_DONE"] = counters.pop("TILES_DONE", self.words["TILES_DONE"])
        self._counters |= counters

    def show(self, engine: Mapping[str, int]) -> None:
        """Take over what the engine shows of itself in this cycle."""
        self.words["STATUS"] = REGISTERS["STATUS"].pack(
            occupied=engine["occupied"], halted=engine["halted"]
        )

    def step(self, engine: Mapping[str, int], write: Write | None) -> None:
        """End the cycle: a write takes effect, and what the engine told.

        Of docs/registers.md: "being set wins"; "the engine clears" CONTROL.soft_reset, and "an
        error drops a request that took effect before it or with it"; "they run one cycle behind:
        what happened in a cycle is counted in the next one, a pair of beats together with its MACs
        and those gated". A write is not lost in the cycle in which the engine answers.
        """
        if engine["resume"]:
            self.words["CONTROL"] = 0
        if write is not None:
            self._write(write)
        if engine["errors_set"]:
            self.words["CONTROL"] = 0
        self.words["ERRORS"] |= engine["errors_set"]
        self.words["FLAGS"] |= engine["flags_set"]
        self.words["IRQ_STATUS"] |= REGISTERS["IRQ_STATUS"].pack(
            tile_done=engine["tile_done"], error=int(engine["errors_set"] != 0)
        )
        if engine["resume"]:
            self.words["TILES_DONE"] = 0
            self._counters = dict.fromkeys(COUNTERS, 0)
            self._before = None
        else:
            self.words["TILES_DONE"] = (self.words["TILES_DONE"] + engine["tile_done"]) % 2**32
            self._count(engine["gated"])
            self._before = engine["pair"], engine["occupied"]

    def _write(self, write: Write) -> None:
        register, data = REGISTERS[write.name], write.data & write.mask
        kept = self.words[write.name] & ~(write.mask & register.mask("rw"))
        kept &= ~(data & register.mask("rw1c"))
        self.words[write.name] = kept | (data & register.mask("rw", "rw1s"))
        if data & REGISTERS["CONTROL"].fields["snapshot"].mask and write.name == "CONTROL":
            for name, value in self._counters.items():
                self.words[name] = value & 0xFFFFFFFF
                self.words[f"{name}_HIGH"] = value >> 32

    def _count(self, gated: int) -> None:
        """Count the cycle before; those that were gated of its pair are told in this one.

        "They run modulo 2^64".
        """
        self._counters["GATED"] += gated
        if self._before is not None:
            pair, occupied = self._before
            self._counters["CYCLES"] += 1
            self._counters["BUSY" if pair else "STALLED" if occupied else "IDLE"] += 1
            self._counters["MACS"] += pair * self._macs_of_a_pair
        self._counters = {name: value % 2**64 for name, value in self._counters.items()}
