"""The register map, the RTL's addresses and the document say the same."""

import re

import pytest
import yaml

from verif.commands.folders import ROOT, design_folder
from verif.engine.registers import ACCESSES, MAP, REGISTERS
from verif.registers import document


def rtl_addresses() -> dict[str, int]:
    """Return the word addresses that ffp8_registers defines, by name."""
    source = (design_folder() / "ffp8_registers.v").read_text(encoding="utf-8")
    (block,) = re.findall(r"localparam \[5:0\](.*?);", source, re.DOTALL)
    pairs = re.findall(r"(\w+) = 6'h([0-9a-f]+)", block)
    assert len(pairs) == block.count("=") > 0
    assert len(dict(pairs)) == len(pairs)
    return {name: int(word, 16) for name, word in pairs}


def test_rtl_addresses_are_those_of_the_map():
    mapped = {name: register.offset // 4 for name, register in REGISTERS.items()}
    assert mapped == rtl_addresses()


def test_document_is_made_from_the_map():
    text = (ROOT / "docs" / "registers.md").read_text(encoding="utf-8")
    assert text == document(REGISTERS), "run: python -m verif.registers > docs/registers.md"


def test_registers_have_names_and_addresses_of_their_own():
    entries = yaml.safe_load(MAP.read_text(encoding="utf-8"))
    assert [entry["name"] for entry in entries] == list(REGISTERS)
    for entry in entries:
        names = [field["name"] for field in entry["fields"]]
        assert names == list(REGISTERS[entry["name"]].fields)
    offsets = [register.offset for register in REGISTERS.values()]
    assert offsets == sorted(set(offsets))
    assert all(offset % 4 == 0 and 0 <= offset < 256 for offset in offsets)


@pytest.mark.parametrize("register", REGISTERS.values(), ids=REGISTERS)
def test_fields_are_in_order_and_share_no_bit(register):
    assert register.name.isupper() and register.fields and register.description
    assert register.access in ACCESSES
    free_from = 0
    for name, field in register.fields.items():
        assert name == field.name.lower() and field.description and field.access in ACCESSES
        assert free_from <= field.low <= field.high < 32
        free_from = field.high + 1
    if register.reset is not None:
        assert register.reset & ~register.mask() == 0
    if register.access == "ro":
        assert all(field.access == "ro" for field in register.fields.values())


@pytest.mark.parametrize("bias", [-128, -1, 0, 127])
def test_pack_and_unpack(bias):
    register = REGISTERS["FORMAT_A"]
    word = register.pack(sign=1, exponent=4, bias=bias)
    assert word == 1 | 4 << 8 | (bias % 256) << 16
    assert register.unpack(word) == {"sign": 1, "exponent": 4, "bias": bias}


def test_masks_by_access():
    assert REGISTERS["FORMAT_A"].mask() == REGISTERS["FORMAT_A"].mask("rw") == 0x00FF0F01
    assert REGISTERS["CONTROL"].mask("rw1s") == 1
    assert REGISTERS["CONTROL"].mask("ro", "rw") == 0


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"bias": 128}, "bias = 128: the field holds -128 to 127"),
        ({"bias": -129}, "bias = -129"),
        ({"exponent": 16}, "exponent = 16: the field holds 0 to 15"),
        ({"sign": -1}, "sign = -1: the field holds 0 to 1"),
        ({"fraction": 3}, "FORMAT_A.fraction: the fields are sign, exponent, bias"),
    ],
)
def test_pack_refuses_what_does_not_fit(values, message):
    with pytest.raises(ValueError, match=message):
        REGISTERS["FORMAT_A"].pack(**values)
