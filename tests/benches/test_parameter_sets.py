"""Each parameter of what users build is simulated at the ends of its range, and between them."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pytest

from tests.benches.test_rtl import BENCHES, LONGEST, UNIT_PAIRS
from verif.commands.folders import ROOT

PARAMETER = re.compile(r"^    parameter (\w+) += (\w+)", re.MULTILINE)
PAGE = (ROOT / "docs" / "hardware.md").read_text("utf-8")
WIDER = 1000
"""A SEGMENT above any width that is built in these tests: one segment."""

WANTED: dict[str, dict[str, Iterable[int]]] = {
    "engine": {
        "EXP_MAX": range(1, 6),
        "ROWS": (1, 2, 17, 32, 64),
        "COLS": (1, 5, 16, 17, 64),
        "K_MAX": (1, 20, 256, 20000, 32768),
        "SEGMENT": (1, 7, 16, 28, WIDER),
        "PIPELINE": (1, 2),
        "ACCUMULATOR": (0, 1),
    },
    "unit": {
        "EXP_MAX": range(1, 9),
        "K_MAX": (1, 3, 20, 20000, 32768),
        "SEGMENT": (1, 7, 16, 28, WIDER),
        "PIPELINE": (1, 2),
        "ACCUMULATOR": (0, 1),
    },
    "array": {
        "EXP_MAX": range(1, 9),
        "ROWS": (1, 2, 3, 16),
        "COLS": (1, 2, 3, 16),
        "SEGMENT": (1, 7, 16, 28, WIDER),
        "PIPELINE": (1, 2),
        "ACCUMULATOR": (0, 1),
    },
}
"""Values that are simulated; of the array, which the engine has inside, those of its own bench."""

DERIVED = {"ACC_WIDTH", "STORED"}
"""Parameters of the array that follow from others, or from the engine's."""


def parameters(module: str) -> dict[str, int | None]:
    """Return the parameters of a module with their defaults, None for one that is derived."""
    text = (ROOT / "hdl" / f"ffp8_{module}.v").read_text("utf-8")
    head = text[: text.index("input  wire")]
    found = PARAMETER.findall(head)
    return {name: int(value) if value.isdecimal() else None for name, value in found}


def used(module: str) -> dict[str, set[int]]:
    """Return the values of each parameter of a module that a test simulates."""
    sets = [dict(given) for name, given in BENCHES if name == module]
    if module == "unit":
        sets += [dict(given) for _, given in UNIT_PAIRS] + [dict(LONGEST)]
    defaults = parameters(module)
    return {name: {given.get(name, value) for given in sets} for name, value in defaults.items()}


@pytest.mark.parametrize("module", WANTED)
def test_every_parameter_is_simulated_at_the_ends_of_its_range(module: str) -> None:
    found = used(module)
    assert set(WANTED[module]) == set(found) - DERIVED, "a parameter without values to simulate"
    lacking = {name: sorted(set(values) - found[name]) for name, values in WANTED[module].items()}
    assert not any(lacking.values()), {name: some for name, some in lacking.items() if some}


@pytest.mark.parametrize(
    ("module", "name", "ends"),
    [
        ("engine", "ROWS", (1, 64)),
        ("engine", "COLS", (1, 64)),
        ("engine", "K_MAX", (1, 32768)),
        ("engine", "PIPELINE", (1, 2)),
        ("engine", "ACCUMULATOR", (0, 1)),
        ("engine", "EXP_MAX", (1, 5)),
        ("unit", "EXP_MAX", (1, 8)),
        ("unit", "K_MAX", (1, 32768)),
        ("array", "EXP_MAX", (1, 8)),
    ],
)
def test_the_ends_are_those_of_the_page(module: str, name: str, ends: tuple[int, int]) -> None:
    (row,) = (line for line in PAGE.splitlines() if line.startswith("| `") and f"`{name}`" in line)
    numbers = [int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*", row)]
    assert set(ends) <= set(numbers), row
    assert (min(WANTED[module][name]), max(WANTED[module][name])) == ends
