"""The loops of the registers notice faults, by the checks that are there for them."""

import json
from pathlib import Path

import pytest

from tests.benches.faulty import Fault
from tests.checks.register_faults import CHECKS, FAULTS
from verif.coverage.run import Job, run_shard
from verif.coverage.shards import SHARDS
from verif.simulator.simulation import CHECKS_FILE, SimulationError

REGISTERS = {shard.group: shard for shard in SHARDS if shard.group.endswith("registers")}
CASES = [
    pytest.param(group, name, marks=[pytest.mark.guards(fault.check)] if fault.check else [])
    for name, fault in FAULTS.items()
    for group in fault.groups
]


@pytest.mark.sim
@pytest.mark.parametrize(("group", "name"), CASES)
def test_the_loop_notices(
    group: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planted, shard = FAULTS[name], REGISTERS[group]
    fault = Fault(planted.module, planted.old, planted.new, group, shard.parameters)
    monkeypatch.setenv("HDL", str(fault.write(tmp_path)))
    folder = tmp_path / "shard"
    folder.mkdir()
    with pytest.raises(SimulationError, match="FAILED 1 tests"):
        run_shard(Job(shard, 1, "steered", None, folder))
    checks = json.loads((folder / "simulation" / CHECKS_FILE).read_text("utf-8"))
    expected = {planted.check} if planted.check else CHECKS[group]
    assert expected & set(checks["failed"])
