"""The command that takes checks out: each way in which a guard can end without its check."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.regression.throwaway import Project
from verif.checks.__main__ import every_check, main
from verif.checks.campaign import FAILED, NOTHING, OTHERWISE, PASSED, Campaign, Check, Verdict
from verif.checks.guards import FOLDER, GuardError, find_guards
from verif.checks.report import Result, markdown, summarize
from verif.commands.folders import ROOT
from verif.simulator.named_checks import Place

GUARDS = """
import pytest
from verif.simulator.checks import CheckError, check

def design(value):
    check("a.right", value == 1)
    check("a.other", value < 9)

@pytest.mark.guards("a.right")
def test_finds_it():
    with pytest.raises(CheckError, match="a.right"):
        design(2)

@pytest.mark.guards("a.right")
def test_is_blind():
    with pytest.raises(CheckError):
        design(9)

@pytest.mark.guards("a.right")
def test_fails_anyway():
    raise RuntimeError("does not build")

@pytest.mark.guards("a.right")
def test_is_skipped():
    pytest.skip("not here")
"""
PAGE = ROOT / "docs" / "checks.md"
ROW = re.compile(r"^\| (\S+\.\S+) \| `(\S+)` \| (.+) \|$", re.MULTILINE)
FILE = f"{FOLDER}/test_it.py"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """Return a project with guards of one check, each of which ends in its own way."""
    project = Project(tmp_path)
    project.write(FILE, GUARDS)
    monkeypatch.setenv("PYTHONPATH", project.environment["PYTHONPATH"])
    return project


def test_guards_are_found_by_the_check_that_they_guard(project: Project) -> None:
    names = ("test_finds_it", "test_is_blind", "test_fails_anyway", "test_is_skipped")
    assert find_guards(project.folder) == {"a.right": [f"{FILE}::{name}" for name in names]}
    project.write(FILE, "import no_such_module\n")
    with pytest.raises(GuardError, match="no_such_module"):
        find_guards(project.folder)


def test_only_a_guard_that_misses_the_check_counts(project: Project, tmp_path: Path) -> None:
    check = Check("a.right", "bench.py:3", find_guards(project.folder)["a.right"])
    lone = Check("a.lone", "bench.py:4", [])
    verdicts: dict[str, Verdict] = {}
    campaign = Campaign(tmp_path / "results", 2, 1, project.folder)
    campaign.run([check, lone], lambda one: verdicts.update({one.check.name: one}))
    assert verdicts["a.right"].endings == [FAILED, PASSED, OTHERWISE, NOTHING]
    assert not verdicts["a.right"].is_proved and not verdicts["a.lone"].is_proved
    assert [fault.rpartition("::")[2] for fault in verdicts["a.right"].faults] == [
        f"test_is_blind {PASSED}",
        f"test_fails_anyway {OTHERWISE}",
        f"test_is_skipped {NOTHING}",
    ]
    assert verdicts["a.lone"].faults == ["a.lone (bench.py:4): no guard"]
    proved = Check("a.right", "bench.py:3", check.guards[:1])
    campaign = Campaign(tmp_path / "results", 1, 1, project.folder)
    campaign.run([proved], lambda one: verdicts.update(proved=one))
    assert verdicts["proved"].is_proved and not verdicts["proved"].faults


def test_the_page_and_the_summary_say_what_was_missed() -> None:
    good, bad = Check("a.good", "b.py:3", ["t.py::x"]), Check("a.bad", "b.py:4", ["t.py::y"])
    result = Result([good, bad], 2, 1, 1, [Verdict(good, [FAILED])])
    assert not result.is_complete and result.failures == ["incomplete: 1 of 2 judged"]
    result.verdicts.append(Verdict(bad, [PASSED]))
    assert result.is_whole and result.failures == ["a.bad (b.py:4): t.py::y passed without it"]
    summary = summarize(result)
    assert (summary["proved"], summary["checks"], summary["passed"]) == (1, 2, False)
    page = markdown(result, [Place("c.py", 1, "x"), Place("c.py", 2, "y")])
    assert "| a.good | `b.py` | `t.py::x` |\n" in page and "| `c.py` | 2 |\n" in page
    assert "| a.bad | `b.py` | `t.py::y` **passed without it** |\n" in page
    assert Result([], 2, 1, 1).failures == ["no check was taken out"]


def test_every_check_has_a_guard_and_the_page_names_what_there_is() -> None:
    checks = {check.name: check for check in every_check(ROOT)}
    assert len(checks) > 8 and not [name for name, check in checks.items() if not check.guards]
    rows = ROW.findall(PAGE.read_text("utf-8"))
    assert {name for name, _, _ in rows} == checks.keys()
    for name, path, guards in rows:
        assert name in checks and checks[name].place.startswith(f"{path}:"), f"{name}, {path}"
        guarding = [f"`{guard.removeprefix(f'{FOLDER}/')}`" for guard in checks[name].guards]
        assert guards == "<br>".join(guarding), f"{name}: make checks DOCUMENT=docs/checks.md"


def test_a_check_that_does_not_exist_is_one_sentence(
    capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = [Check("fifo.data", "b.py:3", []), Check("unit.ready", "b.py:4", [])]
    monkeypatch.setattr("verif.checks.__main__.every_check", lambda root: there)
    assert main(["--only", "nothing.*"]) == 2
    error = capsys.readouterr().err
    assert error == "checks: ONLY=nothing.*: no check matches, there are fifo, unit, each .*\n"


def test_an_interrupted_campaign_ends_what_it_runs_and_is_no_success(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "verif.checks", "--only", "fifo.*", "--jobs", "1"]
    process = subprocess.Popen(
        [*command, "--results", str(tmp_path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    while process.poll() is None and not list(tmp_path.glob("*/log")):
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 130 and "interrupted: what has been judged is kept" in output
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert not summary["complete"] and not summary["passed"]
    for status in Path("/proc").glob("[0-9]*/cmdline"):
        if status.parent.name != str(os.getpid()) and status.exists():
            assert bytes(tmp_path) not in status.read_bytes()
