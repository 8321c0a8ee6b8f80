"""Each check of a simulation finds a fault of its own: without the check its guard here fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benches.faulty import Fault
from tests.checks import (
    adapters,
    add32,
    array,
    codec,
    context,
    control,
    elements,
    engine,
    fifo,
    judge,
    registers,
    sequencer,
    start,
    unit,
)

MODULES = (
    adapters,
    add32,
    array,
    codec,
    context,
    control,
    elements,
    engine,
    fifo,
    judge,
    registers,
    sequencer,
    start,
    unit,
)
GUARDS: dict[str, Fault] = {
    name: fault for module in MODULES for name, fault in module.GUARDS.items()
}


@pytest.mark.sim
@pytest.mark.parametrize(
    "name", [pytest.param(one, marks=pytest.mark.guards(one)) for one in GUARDS]
)
def test_a_fault_is_found_by(name: str, seed: int, tmp_path: Path) -> None:
    assert name in GUARDS[name].failed_checks(tmp_path, seed)
