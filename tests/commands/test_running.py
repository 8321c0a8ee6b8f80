"""Runs: one owner a folder, a summary that is true however a run ends, errors in one sentence."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from verif.commands.fingerprint import sources
from verif.commands.folders import ROOT

BEGIN = """
import json, os, pathlib, signal, subprocess, sys, time
from verif.commands.running import run_command
from verif.commands.folders import command_folder
folder = command_folder("work")
def leave(**content):
    (folder / "summary.json").write_text(json.dumps(content))
def main(arguments):
"""
GOOD = "leave(complete=True, answer=42)\nreturn 0"
WAITS = "print('waits', flush=True)\ntime.sleep(60)"


class Work:
    """Starts a command that does what a test says, in a folder of its own."""

    def __init__(self, build: Path) -> None:
        self.build = build

    def start(self, body: str, **variables: str) -> subprocess.Popen[str]:
        """Start it."""
        text = BEGIN + textwrap.indent(body, "    ") + "\nsys.exit(run_command('work', main))"
        kept = {name: one for name, one in os.environ.items() if name not in ("RUN", "MAKELEVEL")}
        heeding = ["env", "--default-signal=HUP"]  # which nohup has had ignored, if these tests are
        return subprocess.Popen(
            [*heeding, sys.executable, "-c", text],
            cwd=ROOT,
            env=kept | {"BUILD": str(self.build)} | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, body: str, **variables: str) -> tuple[int, str]:
        """Run it; return its status, and what it says of errors."""
        process = self.start(body, **variables)
        _, error = process.communicate(timeout=60)
        return process.returncode, error

    def summary(self, folder: str = "work") -> dict[str, object]:
        """Return the summary."""
        return json.loads((self.build / folder / "summary.json").read_text())


@pytest.fixture
def work(tmp_path: Path) -> Work:
    return Work(tmp_path / "build")


def test_a_success_says_what_it_is_about(work: Work) -> None:
    assert work.run(GOOD) == (0, "")
    summary = work.summary()
    about = {"command": "work", "complete": True, "exit_status": 0, "sources": sources()}
    assert summary.items() >= (about | {"answer": 42}).items() and "begun" not in summary
    assert abs(summary["started"] - time.time()) < 60


def test_the_hashes_tell_design_model_and_environment_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rooms = {"hdl": "design", "model": "model", "verif": "environment", "tests": "environment"}
    files = {tmp_path / room / "one.v": part for room, part in rooms.items()}
    for path in files:
        path.parent.mkdir()
        path.write_text("one")
    monkeypatch.delenv("HDL", raising=False)
    before = sources(tmp_path)
    for path, part in files.items():
        path.write_text("two")
        after = sources(tmp_path)
        assert [one for one in before if before[one] != after[one]] == [part]
        path.write_text("one")
    (tmp_path / "model" / "__pycache__").mkdir()
    (tmp_path / "model" / "__pycache__" / "b.pyc").write_text("compiled")
    assert sources(tmp_path) == before


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ("raise ValueError('LAYERS=x: no such layer')", 2, "work: LAYERS=x: no such layer\n"),
        ("sys.exit(2)", 2, ""),
        ("open('/nowhere/file')", 2, "work: /nowhere/file: No such file or directory; what is "),
        ("raise MemoryError", 2, "work: out of memory (no more can be had)\n"),
        ("leave(complete=True)\nreturn 2", 2, ""),
        ("leave(complete=True)\nraise OSError('late')", 2, "work: late\n"),
        ("leave(complete=False)\nreturn 1", 1, ""),
        ("raise KeyboardInterrupt", 130, "work: interrupted\n"),
        ("1 / 0", 1, "Traceback"),
    ],
)
def test_what_is_no_success_leaves_none(work: Work, body: str, status: int, error: str) -> None:
    assert work.run(GOOD)[0] == 0
    code, said = work.run(body)
    assert code == status and said.startswith(error)
    assert "Traceback" in error or said.count("\n") == bool(error)
    assert work.summary()["complete"] is False and work.summary()["exit_status"] != 0


def test_a_run_that_found_something_wrong_has_come_to_its_end(work: Work) -> None:
    assert work.run("leave(closed=False, complete=True)\nreturn 1") == (1, "")
    assert work.summary().items() >= {"complete": True, "exit_status": 1, "closed": False}.items()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_signal_leaves_no_success_and_no_process(work: Work, number: signal.Signals) -> None:
    assert work.run(GOOD)[0] == 0
    killed = number == signal.SIGKILL
    start = "start_session" if killed else "subprocess.Popen"  # which the system does not end
    body = (
        "from verif.commands.processes import start_session\n"
        f"child = {start}(['sleep', '61'])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)"
    )
    process = work.start(body)
    child = int(process.stdout.readline())
    process.send_signal(number)
    _, error = process.communicate(timeout=10)
    assert (process.returncode, error) == ((-9, "") if killed else (130, "work: interrupted\n"))
    assert work.summary()["complete"] is False and work.summary()["exit_status"] != 0
    assert eventually(lambda: not Path(f"/proc/{child}").exists())


@pytest.mark.parametrize(
    "swallows",
    [
        "class Falls:\n    def __del__(self): os.kill(os.getpid(), 2); time.sleep(1)\n"
        "Falls()\ntime.sleep(60)\n",
        "try: os.kill(os.getpid(), 2); time.sleep(60)\nexcept BaseException: pass\n",
    ],
    ids=["callback", "except"],
)
def test_a_signal_that_is_swallowed_ends_the_run(work: Work, swallows: str) -> None:
    start = time.monotonic()
    assert work.run(swallows + GOOD) == (130, "work: interrupted\n")
    assert time.monotonic() - start < 10
    assert work.summary()["complete"] is False


def test_a_signal_that_comes_after_the_work_takes_nothing_back(work: Work) -> None:
    late = (
        "from verif.commands import running\n"
        "close = running._close\n"
        "running._close = lambda *how: (os.kill(os.getpid(), 2), close(*how))\n"
    )
    assert work.run(late + GOOD) == (0, "")
    assert work.summary()["complete"] is True


def test_the_death_of_make_ends_the_run(work: Work) -> None:
    script = work.build.parent / "command.py"
    script.write_text(BEGIN + textwrap.indent(WAITS, "    ") + "\nrun_command('work', main)")
    shell = subprocess.Popen(
        ["sh", "-c", f'"{sys.executable}" "{script}"; true'],
        cwd=ROOT,
        env=os.environ | {"BUILD": str(work.build), "MAKELEVEL": "1", "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert shell.stdout.readline() == "waits\n"
    start = time.monotonic()
    shell.kill()
    assert shell.stdout.read() == ""  # nobody holds the pipe any more
    assert time.monotonic() - start < 10
    shell.wait()
    assert work.summary()["complete"] is False


def test_a_second_run_is_told_who_owns_the_folder(work: Work) -> None:
    first = work.start("leave(complete=False, begun=True)\n" + WAITS)
    assert first.stdout.readline() == "waits\n"
    status, error = work.run(GOOD)
    assert status == 2 and error.count("\n") == 1
    assert f"{work.build / 'work'} belongs to process {first.pid} (" in error
    assert error.endswith("wait for it, or take a folder of your own with RUN=name\n")
    assert "answer" not in work.summary()
    assert work.run(GOOD, RUN="second.1") == (0, "")
    assert work.summary("work-second.1")["answer"] == 42
    first.kill()
    first.communicate()
    assert work.run(GOOD) == (0, "")


@pytest.mark.parametrize("name", ["../up", "a b", "-x", "x" * 65, "."])
def test_a_name_of_a_run_is_a_name(work: Work, name: str) -> None:
    status, error = work.run(GOOD, RUN=name)
    assert status == 2 and error.startswith(f"work: RUN={name}: a name of up to 64 letters")
    assert not work.build.exists()


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"HDL": "/nowhere"}, "HDL=/nowhere: no Verilog file (*.v) in it, the design's are wanted"),
        ({"HDL": "README.md"}, "HDL=README.md: no Verilog file"),
        ({"WAVES": "x"}, "WAVES=x: 1 for yes, or 0, is wanted"),
    ],
    ids=str,
)
def test_a_variable_that_no_command_can_take_is_refused(
    work: Work, variables: dict[str, str], says: str
) -> None:
    status, error = work.run(GOOD, **variables)
    assert status == 2 and error.startswith(f"work: {says}") and error.count("\n") == 1
    assert not work.build.exists()


def test_a_run_with_nothing_to_do_keeps_the_last_result(work: Work) -> None:
    assert work.run(GOOD)[0] == 0
    last = work.summary()
    assert work.run("assert json.loads((folder / 'previous.json').read_text())\nreturn 0")[0] == 0
    assert work.summary() == last
    assert work.run("raise ValueError('refused')")[0] == 2
    assert json.loads((work.build / "work" / "previous.json").read_text()) == last
    assert work.run("raise ValueError('refused again')")[0] == 2
    assert json.loads((work.build / "work" / "previous.json").read_text()) == last


@pytest.mark.parametrize("text", ["", "null", "[]", '"begun"', "{", "\0"])
def test_what_is_no_summary_is_passed_over(work: Work, text: str) -> None:
    (work.build / "work").mkdir(parents=True)
    (work.build / "work" / "summary.json").write_text(text)
    assert work.run(GOOD) == (0, "")
    assert work.summary()["answer"] == 42
    assert not (work.build / "work" / "previous.json").exists()
    assert work.run(f"(folder / 'summary.json').write_text({text!r})\nreturn 0")[1] == ""


def test_sources_that_change_meanwhile_are_no_state(work: Work, tmp_path: Path) -> None:
    (tmp_path / "hdl").mkdir()
    (tmp_path / "hdl" / "old.v").touch()
    change = "(pathlib.Path(os.environ['HDL']) / 'new.v').touch()\n"
    status, error = work.run(change + GOOD, HDL=str(tmp_path / "hdl"))
    assert status == 0 and error.startswith("work: the sources changed while it ran")
    assert work.summary()["sources"] is None


def test_a_folder_that_cannot_be_written_is_one_sentence(work: Work) -> None:
    work.build.write_text("a file")
    status, error = work.run(GOOD)
    assert status == 2 and error.count("\n") == 1
    assert error.startswith(f"work: {work.build}")


def test_a_full_disk_is_one_sentence(work: Work) -> None:
    full = "import os\nos.statvfs = lambda path: os.statvfs_result([1, 1, 1, 1, 9, 1, 1, 1, 1, 1])"
    text = BEGIN.replace("\nimport json", f"\n{full}\nimport json", 1)
    process = subprocess.run(
        [sys.executable, "-c", text + "    return 0\nsys.exit(run_command('work', main))"],
        cwd=ROOT,
        env=os.environ | {"BUILD": str(work.build)},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 2 and process.stderr.count("\n") == 1
    assert "0 MB are free on its disk, 64 MB are wanted" in process.stderr


def eventually(condition: Callable[[], bool], seconds: float = 5) -> bool:
    """Wait until something holds; tell whether it did in time."""
    until = time.monotonic() + seconds
    while not condition() and time.monotonic() < until:
        time.sleep(0.05)
    return condition()
