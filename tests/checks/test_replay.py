"""Guards of what the replay compares: outputs of a faulty engine, and how it is at the end."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from model import Format
from tests.benches.faulty import Fault
from tests.replay.replaying import answer_by_groups
from verif.engine.tile import Configuration
from verif.replay import product_bench
from verif.replay.build import Build
from verif.replay.bus_runner import BusRunner, MismatchError
from verif.replay.product import Product
from verif.replay.product_bench import Comparison
from verif.simulator.checks import CheckError
from verif.simulator.simulation import CHECKS_FILE, SimulationError

FAULTS = {
    "replay.outputs": Fault(
        "encode", "rounding3 == RNE ? guard3_q &&", "rounding3 == RNE ? ", "engine"
    ),
    "driver.known_after_reset": Fault("registers", "s_axil_rresp <= OKAY;", ";", "engine"),
    "driver.rows": Fault("engine", ".in_data({foot_last_q[FOOT-1],", ".in_data({1'b1,", "engine"),
}


@pytest.mark.sim
@pytest.mark.parametrize(
    "name", [pytest.param(one, marks=pytest.mark.guards(one)) for one in FAULTS]
)
def test_a_fault_is_found_by(
    name: str, rng: np.random.Generator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HDL", str(FAULTS[name].write(tmp_path)))
    fmt = Format.parse("s1e3f4b3")
    codes = [rng.integers(0, 256, shape, np.uint8) for shape in ((6, 3), (3, 4))]
    operands = Configuration(fmt, fmt, fmt), *codes, np.zeros(4, np.float32), np.full(4, 3)
    product = Product(*operands, *np.zeros((2, 6, 4), np.uint8))
    product = Product(*operands, *answer_by_groups(product))
    runner = BusRunner(Build(rows=2, cols=2, exp_max=3, k_max=4), tmp_path / "replay")
    try:
        with pytest.raises((MismatchError, SimulationError)):
            runner.run(product)
        (counts,) = (tmp_path / "replay").rglob(f"*{CHECKS_FILE}")
        assert name in json.loads(counts.read_text("utf-8"))["failed"]
    finally:
        runner.close()


class Engine:
    """An engine of Python whose tile is over: what its registers hold, and what else has come."""

    def __init__(self, **registers: int) -> None:
        self.registers = {"TILES_DONE": 1, "ERRORS": 0, "FLAGS": 5, "frames": 0} | registers
        self.rows, self.cols, self.dut = 1, 2, SimpleNamespace(clk=None)
        self.sink = SimpleNamespace(count=lambda: self.registers["frames"])

    async def read(self, name: str) -> int:
        """Return what a register holds."""
        return self.registers[name]


def finish(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """End a run of one tile, whose results had the flags 1 and 4."""
    monkeypatch.setattr(product_bench, "ClockCycles", lambda clock, cycles: asyncio.sleep(0))
    comparison = Comparison(engine, None)
    comparison.results.append(np.zeros((1, 2), np.uint8))
    comparison.flags.append(np.array([[1, 4]], np.uint8))
    asyncio.run(comparison.finish(1))


def test_an_engine_that_is_as_it_has_to_be_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    finish(Engine(), monkeypatch)


ENDINGS = {
    "replay.nothing_left": {"frames": 1},
    "replay.tiles_done": {"TILES_DONE": 2},
    "replay.errors": {"ERRORS": 4},
    "replay.flags": {"FLAGS": 4},
}


@pytest.mark.parametrize(
    "name", [pytest.param(one, marks=pytest.mark.guards(one)) for one in ENDINGS]
)
def test_what_is_wrong_at_the_end_is_found_by(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CheckError) as error:
        finish(Engine(**ENDINGS[name]), monkeypatch)
    assert error.value.name == name
