"""A run that is cut short, however: nothing finished is lost, nothing reports a success."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.regression.throwaway import SIMULATED, Project
from verif.regression import recorder
from verif.regression.record import Record

QUICK = """
import pytest

@pytest.mark.sim
@pytest.mark.parametrize("n", range(3))
def test_quick(n):
    pass
"""
TWO_LONG = SIMULATED.replace(
    "def test_counter(seed):", '@pytest.mark.parametrize("n", range(2))\ndef test_counter(n, seed):'
).replace('"counter", seed', 'f"counter-{n}", seed')
LONG = {"CYCLES": "1000000000"}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.write("tests/test_a_quick.py", QUICK)
    project.write("tests/test_counter.py", TWO_LONG)
    return project


def wait_for(what: Callable[[], object], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until, f"not within {seconds} s"
        time.sleep(0.05)


def children(pid: int) -> list[int]:
    return [int(text) for text in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def underway(project: Project) -> bool:
    """Tell whether the quick tests are over and a long one is simulating."""
    running = project.simulators()
    return bool(running) and list(project.outcomes().values()).count("passed") == 3


def check_cut(project: Project) -> None:
    summary = project.summary()
    assert summary["complete"] is False and summary.get("exit_status") != 0
    assert (summary["tests"], summary["unfinished"]) == (3, 2)
    outcomes = project.outcomes()
    assert outcomes == {f"test_quick[{n}]": "passed" for n in range(3)} | {
        f"test_counter[{n}]": "unfinished" for n in range(2)
    }
    wait_for(lambda: not project.simulators())


@pytest.mark.sim
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=str)
def test_a_signal_stops_all_and_keeps_what_finished(
    number: signal.Signals, project: Project
) -> None:
    with project.start("sim", "--jobs", "1", **LONG) as process:
        wait_for(lambda: underway(project))
        process.send_signal(number)
        output, _ = process.communicate(timeout=30)
    assert process.returncode not in (0, None)
    assert "ended early, 3 tests had finished" in output
    check_cut(project)
    cases = project.junit()
    assert [name for name, case in cases.items() if not len(case)] == [
        f"test_quick[{n}]" for n in range(3)
    ]
    (cut,) = (case for name, case in cases.items() if name.startswith("test_counter"))
    assert "interrupted before it finished" in cut.find("failure").get("message", "")


@pytest.mark.sim
@pytest.mark.parametrize("victim", ["runner", "pytest"])
def test_a_killed_run_keeps_what_finished(victim: str, project: Project) -> None:
    project.write("built/sim/results.xml", "<testsuites/>")  # of an earlier run
    with project.start("sim", "--jobs", "1", **LONG) as process:
        wait_for(lambda: underway(project))
        (controller,) = children(process.pid)
        os.kill(process.pid if victim == "runner" else controller, signal.SIGKILL)
        process.wait(30)
    assert process.returncode not in (0, None)
    check_cut(project)
    assert not (project.folder / "built/sim/results.xml").exists()


@pytest.mark.sim
def test_a_killed_worker_is_a_failed_test_and_the_others_run(project: Project) -> None:
    project.write("tests/test_counter.py", SIMULATED)
    project.write("tests/test_last.py", QUICK.replace("test_quick", "test_last"))
    with project.start("sim", "--jobs", "1", **LONG) as process:
        wait_for(lambda: underway(project))
        (controller,) = children(process.pid)
        (worker,) = children(controller)
        os.kill(worker, signal.SIGKILL)
        wait_for(lambda: not project.simulators())
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 1 and "1 failed, 6 passed" in output
    assert project.outcomes()["test_counter"] == "failed"
    assert project.summary()["exit_status"] == 1 and project.summary()["tests"] == 7
    case = project.junit()["test_counter"]
    assert "crashed" in case.find("failure").get("message", "")
    assert "test_counter.py::test_counter" in case.find("properties/property").get("value", "")


@pytest.mark.sim
def test_a_test_that_hangs_fails(project: Project) -> None:
    project.write("tests/test_counter.py", SIMULATED)
    run = project.run("sim", "--jobs", "1", "--limit", "2", **LONG)
    assert run.returncode == 1 and project.outcomes()["test_counter"] == "failed"
    wait_for(lambda: not project.simulators())


def test_a_worker_lost_between_tests_is_no_success(project: Project) -> None:
    project.write("tests/test_counter.py", "def test_nothing():\n    pass\n")
    project.write(
        "tests/conftest.py",
        'import os\npytest_plugins = ["verif.regression.plugin"]\n'
        "def pytest_sessionfinish(session):\n"
        '    if hasattr(session.config, "workerinput"):\n'
        "        os._exit(1)\n",
    )
    run = project.run("sim", "--jobs", "1")
    assert run.returncode != 0 and "worker gw0: " in run.stdout
    assert project.summary()["exit_status"] != 0


STRUCK = """
import os, signal
import pytest
pytest_plugins = ["verif.regression.plugin"]

def strike(config, name):
    if os.environ.get("STRIKE") == name and not hasattr(config, "workerinput"):
        os.kill(os.getpid(), signal.SIGINT)

if os.environ.get("STRIKE") == "import" and "PYTEST_XDIST_WORKER" not in os.environ:
    os.kill(os.getpid(), signal.SIGINT)

def pytest_sessionfinish(session):
    strike(session.config, "finish")

def pytest_unconfigure(config):
    strike(config, "unconfigure")
"""


@pytest.mark.sim
@pytest.mark.parametrize("moment", ["import", "finish", "unconfigure"])
def test_a_signal_at_the_ends_of_a_session_gives_no_traceback(moment: str, tmp_path: Path) -> None:
    project = Project(tmp_path)
    project.write("tests/conftest.py", STRUCK)
    project.write("tests/test_a_quick.py", QUICK)
    done = project.run("sim", "--jobs", "1", STRIKE=moment)
    assert "Traceback" not in done.stdout
    if moment == "import":  # before the session: it waits, and then ends all
        assert done.returncode != 0 and project.summary()["complete"] is False
    else:  # all was done
        assert (done.returncode, project.summary()["tests"]) == (0, 3)
        assert project.summary()["complete"] is True


def test_an_interruption_before_a_function_s_first_line_is_shown(monkeypatch) -> None:
    """A frame without a line, where pytest's own way to show it fails."""

    def entered() -> None:
        raise KeyboardInterrupt

    def called() -> None:
        entered()

    called.__code__ = called.__code__.replace(co_linetable=b"")
    monkeypatch.setattr(recorder, "kill_children", lambda: None)
    with pytest.raises(KeyboardInterrupt) as caught:
        called()
    with pytest.raises(TypeError):
        caught.getrepr(funcargs=True)
    kept = recorder.Recorder(Record(None, {"SEED": "1"}), None)
    kept.pytest_keyboard_interrupt(caught)
    assert "KeyboardInterrupt" in str(caught.getrepr(funcargs=True))


def test_a_session_alone_says_no_success(project: Project) -> None:
    """That is for the run to say, which may be killed when its session is over."""
    path = project.folder / "built" / "session.json"
    session = [sys.executable, "-m", "pytest", "-q", "tests", "-k", "quick", "--summary", path]
    done = subprocess.run(
        session, cwd=project.folder, env=project.environment, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    summary = json.loads(path.read_text("utf-8"))
    assert summary["complete"] and summary["session_status"] == 0 and "exit_status" not in summary
