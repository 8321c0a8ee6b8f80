"""The register map: names, addresses and fields of ffp8_engine's AXI4-Lite registers.

Read from `hdl/registers.yaml`, where they are defined.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from verif.commands.folders import ROOT

MAP = ROOT / "hdl" / "registers.yaml"
ACCESSES = ("ro", "rw", "rw1c", "rw1s", "wo")


@dataclass(frozen=True)
class Field:
    """Some adjacent bits of a register.

    Parameters
    ----------
    name
        Lower case, unique in its register.
    high, low
        Uppermost and lowest bit, 31 to 0.
    access
        One of `ACCESSES`.
    signed
        Whether the value is in two's complement.
    description
        For the document.
    """

    name: str
    high: int
    low: int
    access: str
    signed: bool
    description: str

    @cached_property
    def width(self) -> int:
        """Number of bits."""
        return self.high - self.low + 1

    @cached_property
    def mask(self) -> int:
        """The field's bits set, in the place where the register has them."""
        return (2**self.width - 1) << self.low

    def insert(self, value: int) -> int:
        """Return `value` in the field's place; ValueError if the field does not hold it."""
        smallest = -(2 ** (self.width - 1)) if self.signed else 0
        largest = smallest + 2**self.width - 1
        if not smallest <= value <= largest:
            raise ValueError(f"{self.name} = {value}: the field holds {smallest} to {largest}")
        return (value << self.low) & self.mask

    def extract(self, word: int) -> int:
        """Return the field's value in a register's word."""
        value = (word & self.mask) >> self.low
        return value - 2**self.width if self.signed and value >> (self.width - 1) else value


@dataclass(frozen=True)
class Register:
    """A register of 32 bits.

    Parameters
    ----------
    name
        Upper case, as the RTL's localparam.
    offset
        Byte address, a multiple of 4.
    access
        One of `ACCESSES`; single fields may have another.
    reset
        Word after reset, None where the parameters of the build decide.
    description
        For the document.
    fields
        By name, lowest bits first.
    """

    name: str
    offset: int
    access: str
    reset: int | None
    description: str
    fields: dict[str, Field]

    def mask(self, *accesses: str) -> int:
        """Return the bits of all fields, or of those with one of the accesses."""
        chosen = (f for f in self.fields.values() if not accesses or f.access in accesses)
        return sum(field.mask for field in chosen)

    def pack(self, **values: int) -> int:
        """Return the word with these field values, and 0 in the other fields.

        Raises
        ------
        ValueError
            If there is no such field, or it does not hold the value.
        """
        for name in values.keys() - self.fields.keys():
            raise ValueError(f"{self.name}.{name}: the fields are {', '.join(self.fields)}")
        return sum(self.fields[name].insert(value) for name, value in values.items())

    def unpack(self, word: int) -> dict[str, int]:
        """Return the value of every field in a word."""
        return {name: field.extract(word) for name, field in self.fields.items()}


def load(path: Path = MAP) -> dict[str, Register]:
    """Read a register map; the registers by name, in the order of the file."""
    entries = yaml.safe_load(path.read_text(encoding="utf-8"))
    registers = [_register(entry) for entry in entries]
    return {register.name: register for register in registers}


def _register(entry: dict[str, Any]) -> Register:
    fields = [_field(entry["access"], **field) for field in entry["fields"]]
    return Register(**entry | {"fields": {field.name: field for field in fields}})


def _field(
    access_of_register: str,
    name: str,
    bits: str,
    description: str,
    access: str | None = None,
    signed: bool = False,
) -> Field:
    high, _, low = bits.partition(":")
    access = access or access_of_register
    return Field(name, int(high), int(low or high), access, signed, description)


REGISTERS = load()

FIELDS = {
    "a_signed": ("FORMAT_A", "sign"),
    "a_exponent_bits": ("FORMAT_A", "exponent"),
    "a_bias": ("FORMAT_A", "bias"),
    "w_signed": ("FORMAT_W", "sign"),
    "w_exponent_bits": ("FORMAT_W", "exponent"),
    "y_signed": ("FORMAT_Y", "sign"),
    "y_exponent_bits": ("FORMAT_Y", "exponent"),
    "y_bias": ("FORMAT_Y", "bias"),
    "rounding": ("ROUNDING", "mode"),
    "clamp_enable": ("CLAMP", "enable"),
    "clamp": ("CLAMP", "code"),
    "raw": ("OUTPUT", "raw"),
}
"""Register and field of each setting of a tile, by the name of the pin that shows it."""
