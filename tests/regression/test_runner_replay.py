"""The line that a failure prints: pasted into a shell, it fails again, and for the same reason."""

import re
import shlex
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.regression.throwaway import COUNTER, SIMULATED, Project
from verif.regression.known import KnownSeed, load_known_seeds, run_known_seed, yaml_entry
from verif.regression.replay import replay_line
from verif.regression.seeds import derive_seed, seed_of

FAILED = re.compile(r"count (\d+) after (\d+) cycles")
# Wrong from the 100th cycle on: whether that is seen depends on the seed.
BROKEN = COUNTER.replace("count + 8'd1", "count + (count != 8'd99)")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.write("tests/test_counter.py", SIMULATED)
    project.write("broken design/counter.v", BROKEN)
    return project


def seed_with(cycles: range) -> str:
    """Return a session seed under which the bench of the counter takes so many cycles."""
    own = {seed: derive_seed(seed, "tests/test_counter.py::test_counter") for seed in range(2, 100)}
    drawn = {seed: np.random.default_rng(one).integers(1, 200) for seed, one in own.items()}
    return str(next(seed for seed, number in drawn.items() if number in cycles))


@pytest.mark.sim
def test_the_printed_line_fails_in_the_same_way(project: Project) -> None:
    seed = seed_with(range(120, 200))
    run = project.run("sim", "--jobs", "1", SEED=seed, HDL="broken design")
    assert run.returncode == 1
    (first, *_) = FAILED.findall(run.stdout)
    (line,) = {found for found in run.stdout.splitlines() if " -m pytest " in found}
    at_the_end = run.stdout.splitlines()[-2]
    (test,) = project.summary()["per_test"]
    (named,) = project.junit()["test_counter"].iter("property")
    assert line == at_the_end == test["replay"]
    assert named.attrib == {"name": "replay", "value": line}
    assert f"SEED={seed} " in line and "HDL='broken design' " in line and "WAVES=1 " in line

    project.forget_waves()
    again = project.paste(line)
    assert again.returncode == 1 and set(FAILED.findall(again.stdout)) == {first}
    assert (project.folder / "built/sim/counter/counter.fst").stat().st_size > 0

    other = line.replace(f"SEED={seed} ", f"SEED={seed_with(range(1, 90))} ")
    assert project.paste(other).returncode == 0, "it does not depend on the seed"
    shutil.copy(project.folder / "hdl/counter.v", project.folder / "broken design/counter.v")
    repaired = project.paste(line)
    assert repaired.returncode == 0 and "1 passed" in repaired.stdout


def test_the_line_carries_all_that_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    root = Path("/project")
    variables = {"SEED": "7", "TEST_SEED": "9", "SIM": "verilator", "JUDGES": "complete"}
    variables |= {"HDL": "/project/my hdl", "BUILD": "/elsewhere/b", "CODE_COVERAGE": ""}
    for name, text in variables.items():
        monkeypatch.setenv(name, text)
    monkeypatch.setattr(sys, "executable", "/project/.venv/bin/python")
    node_id = "tests/test_it.py::test_it[it's $HOME]"
    words = shlex.split(replay_line(node_id, root, waves=True))
    assert words == [
        *("SEED=7", "TEST_SEED=9", "SIM=verilator", "HDL=my hdl", "BUILD=/elsewhere/b"),
        *("JUDGES=complete", "WAVES=1", ".venv/bin/python", "-m", "pytest", node_id),
    ]
    monkeypatch.setattr(sys, "executable", "/usr/bin/python3")
    line = replay_line("t::t", root, waves=False)
    assert "/usr/bin/python3 -m pytest t::t" in line and "WAVES" not in line


def test_a_test_s_own_seed_can_be_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEST_SEED", raising=False)
    monkeypatch.setenv("SEED", "5")
    assert seed_of("a::b") == derive_seed(5, "a::b") != derive_seed(6, "a::b")
    monkeypatch.setenv("TEST_SEED", "12")
    assert seed_of("a::b") == 12
    for wrong in ("x", "-1", str(2**32)):
        monkeypatch.setenv("TEST_SEED", wrong)
        with pytest.raises(ValueError, match=f"TEST_SEED={wrong}: "):
            seed_of("a::b")


def test_an_entry_is_read_as_it_is_printed(tmp_path: Path) -> None:
    path = tmp_path / "known.yaml"
    path.write_text(yaml_entry("tests/test_it.py::test_it[a-b]", 12) + yaml_entry("t.py::t", 0))
    first, second = load_known_seeds(path)
    assert (first.test, first.seed) == ("tests/test_it.py::test_it[a-b]", 12)
    assert (second.test, second.seed) == ("t.py::t", 0)


@pytest.mark.parametrize(
    "text",
    [
        "- {test: t.py::t, seed: 1}",
        "- {test: t.py::t, seed: x, found: it}",
        "- {test: t.py::t, seed: 4294967296, found: it}",
        "- {test: t.py::t, seed: 1, found: ''}",
        "- {test: t.py, seed: 1, found: it}",
        "- {test: t.py::t, seed: 1, found: it}\n- {test: t.py::t, seed: 1, found: it}",
        "one: [",
        "1",
    ],
)
def test_a_bad_list_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "known.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match="known.yaml: "):
        load_known_seeds(path)


def test_a_known_seed_is_run_and_must_exist(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = Project(tmp_path)
    project.write("tests/test_seed.py", "def test_seed(seed):\n    assert seed == 12\n")
    monkeypatch.setenv("PYTHONPATH", project.environment["PYTHONPATH"])

    def wrong(test: str, seed: int) -> str:
        return run_known_seed(KnownSeed(test, seed, "a lost carry"), tmp_path, tmp_path / "build")

    assert wrong("tests/test_seed.py::test_seed", 12) == ""
    assert "it once found: a lost carry" in wrong("tests/test_seed.py::test_seed", 13)
    assert "there is no such test any more" in wrong("tests/test_seed.py::test_gone", 12)
