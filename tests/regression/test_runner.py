"""The runner's commands: what they run, what they refuse, and what is no success."""

import sys
from pathlib import Path

import pytest

from tests.regression.throwaway import Project
from verif.regression.__main__ import main
from verif.regression.record import Record, read_record, to_rerun
from verif.regression.session import Session

SETTABLE = """
import os
import pytest

@pytest.mark.sim
@pytest.mark.parametrize("n", range(3))
def test_it(n, seed):
    assert str(n) not in os.environ.get("BAD", "")

@pytest.mark.sim
def test_without_seed():
    pass

def test_of_the_model():
    pass
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.write("tests/test_it.py", SETTABLE)
    return project


def test_failed_runs_again_what_failed(project: Project) -> None:
    first = project.run("sim", "--jobs", "1", BAD="0 2", SEED="5")
    assert first.returncode == 1
    assert (project.summary()["tests"], project.summary()["failures"]) == (4, 2)

    again = project.run("sim", "--failed", "--jobs", "1", BAD="2")
    assert again.returncode == 1
    assert "2 failed or did not finish the last time, run again with SEED=5" in again.stdout
    assert project.outcomes() == {"test_it[0]": "passed", "test_it[2]": "failed"}
    assert project.summary()["seed"] == 5

    project.write("tests/test_it.py", SETTABLE.replace("range(3)", "range(2)"))
    gone = project.run("sim", "--failed", "--jobs", "1")
    assert gone.returncode != 0 and "not found" in gone.stdout
    assert project.outcomes() == {"test_it[2]": "unfinished"}

    project.write("tests/test_it.py", SETTABLE)
    assert project.run("sim", "--failed", "--jobs", "1").returncode == 0
    nothing = project.run("sim", "--failed")
    assert nothing.returncode == 0 and "nothing to run again, the last run passed" in nothing.stdout
    assert nothing.stdout.count("\n") == 1


def test_a_file_that_could_not_be_collected_is_run_again(project: Project) -> None:
    project.write("tests/test_broken.py", "import pytest\nimport no_such_module\n")
    run = project.run("sim", "--jobs", "1")
    assert run.returncode != 0
    assert "-m pytest tests/test_broken.py" in run.stdout.splitlines()[-2]
    project.write("tests/test_broken.py", SETTABLE)
    assert project.run("sim", "--failed", "--jobs", "1").returncode == 0
    assert project.summary()["unfinished"] == 0 and project.summary()["tests"] >= 4


def test_no_test_is_a_failure(project: Project) -> None:
    run = project.run("sim", "--jobs", "1", "--tests", "no_such_test")
    assert run.returncode != 0 and "no test was run" in run.stdout
    assert project.summary()["complete"] is False
    failed = project.run("sim", "--failed")
    assert failed.returncode != 0 and "that run was no success" in failed.stdout


def test_soak_draws_new_seeds_until_a_test_fails(project: Project) -> None:
    rare = "\n@pytest.mark.sim\ndef test_rare(seed):\n    assert seed % 2\n"
    project.write("tests/test_it.py", SETTABLE + rare)
    run = project.run("soak", "--minutes", "1", "--jobs", "1", SEED="3")
    assert run.returncode == 1
    summary = project.summary("soak")
    assert summary["base_seed"] == 3 and not summary["complete"] and summary["exit_status"] == 1
    (failure,) = summary["failures"]
    line = run.stdout.splitlines()[-1]
    assert line == failure["replay"] and f"SEED={summary['rounds'][-1]['seed']} " in line
    assert len({one["seed"] for one in summary["rounds"]}) == len(summary["rounds"])
    again = project.paste(line)
    assert again.returncode == 1 and "1 failed" in again.stdout


def test_soak_ends_when_time_is_up(project: Project) -> None:
    run = project.run("soak", "--minutes", "0.25", "--jobs", "1")
    assert run.returncode == 0, run.stdout
    summary = project.summary("soak")
    assert summary["complete"] and summary["exit_status"] == 0
    assert summary["tests"] == sum(one["passed"] for one in summary["rounds"]) > 0
    assert summary["rounds"][0]["passed"] in range(1, 4), "only what depends on the seed"
    assert f"base seed {summary['base_seed']}" in run.stdout
    none = project.run("soak", "--minutes", "0.1", "--jobs", "1", "--tests", "without_seed")
    assert none.returncode != 0 and project.summary("soak")["exit_status"] != 0


def test_known_seeds_come_first_and_nothing_after_its_time(project: Project) -> None:
    marked = (
        "import pytest\n\n@pytest.mark.sim\n@pytest.mark.known_seed\ndef test_known():\n    pass\n"
    )
    project.write("tests/test_known.py", marked)
    assert project.run("sim", "--jobs", "1").returncode == 0
    assert list(project.junit())[0] == "test_known" and len(project.junit()) == 5
    late = project.paste(f"{sys.executable} -m pytest tests --until 1")
    assert "6 skipped" in late.stdout and late.returncode == pytest.ExitCode.NO_TESTS_COLLECTED


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["soak", "--minutes", "0"], "soak: MINUTES=0: "),
        (["soak", "--minutes", "-1"], "soak: MINUTES=-1: "),
        (["soak", "--minutes", "ten"], "soak: MINUTES=ten: "),
        (["soak", "--minutes", "inf"], "soak: MINUTES=inf: "),
        (["sim", "--jobs", "0"], "sim: JOBS=0: "),
        (["sim", "--limit", "0"], "sim: LIMIT=0: "),
        (["test", "--tests", "("], "test: TESTS=(: "),
        (["sim", "--failed"], "there has been no run yet"),
        (["sim"], "SEED=seven: a seed is a whole number"),
    ],
)
def test_bad_input_is_one_sentence(
    words: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("verif.commands.folders.BUILD", tmp_path)
    if said.startswith("SEED"):
        monkeypatch.setenv("SEED", "seven")
    try:
        status = main(words)
    except SystemExit as stop:
        status = stop.code
    message = capsys.readouterr().err
    assert status == 2 and said in message and message.count("\n") == 1


def record(path: Path) -> Record:
    record = Record(path, {"SEED": "1"})
    record.expect(["t::a", "t::b"])
    return record


def test_a_record_is_no_success_before_its_end(tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    kept = record(path)
    kept.entry("t::a").add("passed", 0.5)
    assert read_record(path)["tests"] == 0, "a phase is not a test"
    kept.entry("t::a").add("error", 0.25)
    kept.finish("t::a")
    summary = read_record(path)
    assert (summary["tests"], summary["errors"], summary["unfinished"]) == (1, 1, 1)
    assert not summary["complete"] and summary["session_status"] != 0
    assert to_rerun(summary) == ["t::a", "t::b"] and kept.unfinished == ["t::b"]
    assert summary["per_test"][0]["seconds"] == 0.75


def test_a_success_has_its_results(tmp_path: Path) -> None:
    session = Session(tmp_path, [])
    kept = record(session.summary)
    assert session.missing(1) == ""
    assert "no results" in session.missing(0)
    session.results.write_text("<testsuite><testcase/></testsuite>")
    assert "did not come to its end" in session.missing(0)
    for name in ("t::a", "t::b"):
        kept.entry(name).add("passed", 0.0)
        kept.finish(name)
    kept.write(0, complete=True)
    assert "1 tests, 2 have finished" in session.missing(0)
    session.results.write_text("<testsuite><testcase/><testcase/></testsuite>")
    assert session.missing(0) == ""
    session.summary.write_text('{"half": ')
    assert "no summary of a run" in session.missing(0)
