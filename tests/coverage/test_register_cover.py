"""The registers' coverage closes, and its gate can fail."""

from dataclasses import replace
from pathlib import Path

import pytest

from verif.coverage import exclusions
from verif.coverage.gate import Row, judge, merge
from verif.coverage.registers.moments import CASES
from verif.coverage.registers.points import FAILING
from verif.coverage.report import open_lines
from verif.coverage.run import Job, run_shard
from verif.coverage.shards import SHARDS

REGISTERS = {shard.group: shard for shard in SHARDS if shard.group.endswith("registers")}


def run(group: str, folder: Path, bench: str = "") -> list[Row]:
    """Run the shard of a group, by another bench if one is named, and judge what it hit."""
    shard = REGISTERS[group]
    folder.mkdir(exist_ok=True)
    run_shard(Job(replace(shard, bench=bench or shard.bench), 1, "steered", None, folder))
    return judge(merge([folder / "coverage.yml"]), exclusions.load(), all_groups=False)


@pytest.mark.sim
@pytest.mark.parametrize("group", REGISTERS)
def test_the_registers_close(group: str, tmp_path: Path) -> None:
    rows = run(group, tmp_path)
    assert open_lines(rows) == []
    assert sum(row.hit for row in rows) > 600


@pytest.mark.sim
def test_what_the_engine_shows_has_happened_inside(tmp_path: Path) -> None:
    rows = run("engine_registers", tmp_path, "tests.benches.bench_registers_inside")
    assert sum(row.hit for row in rows) > 700


@pytest.mark.sim
def test_an_event_out_of_reach_is_named(tmp_path: Path) -> None:
    rows = run("registers", tmp_path, "tests.benches.bench_broken_registers")
    names = sorted(f"ERRORS.length: {case}" for case in CASES)
    assert {row.point: row.open for row in rows if row.open} == {"sticky_bits": tuple(names)}
    assert f"open: registers sticky_bits: {names[0]}; {names[1]}" in open_lines(rows)[0]


@pytest.mark.sim
def test_an_event_out_of_reach_is_named_through_the_engine(tmp_path: Path) -> None:
    rows = run("engine_registers", tmp_path, "tests.benches.bench_broken_tiles")
    names = {f"ERRORS.length: {case}" for case in CASES} - {"ERRORS.length: cleared between sets"}
    lacking = {row.point: set(row.open) for row in rows if row.open}
    assert lacking.pop("sticky_bits") == names
    assert lacking.pop("failing_run") == {name for name in FAILING if name.startswith("too long")}
    assert lacking == {}
    assert any(line.startswith("open: engine_registers sticky_bits: ") for line in open_lines(rows))
