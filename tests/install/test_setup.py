"""Set-up: what is missing is named at once, and nothing is removed that was not made here."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from verif.commands.folders import ROOT

HIDDEN = ("iverilog", "vvp", "g++")


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """Return a folder of programs for PATH: Debian's without some, for a user without rights."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for path in Path("/usr/bin").iterdir():
        if path.name not in (*HIDDEN, "id", "sudo"):
            (programs / path.name).symlink_to(path)
    for name, text in (("id", "echo 1000"), ("sudo", "exit 1")):
        (programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (programs / name).chmod(0o755)
    return programs


def set_up(programs: Path | None, *words: str, **variables: str) -> tuple[int, str]:
    """Run the script; return its status and what it says."""
    path = {"PATH": str(programs)} if programs else {}
    done = subprocess.run(
        ["/bin/sh", "verif/commands/setup.sh", *words],
        cwd=ROOT,
        env=os.environ | path | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.skipif(not shutil.which("apt-get"), reason="of Debian's packages")
def test_everything_that_is_missing_is_named_at_once(bare: Path, tmp_path: Path) -> None:
    status, text = set_up(bare, "compiler", VENV=str(tmp_path / "new"))
    assert status == 1 and text.count("\n") == 1
    assert (
        text.startswith("setup: missing: iverilog, ") and "sudo apt-get install -y iverilog" in text
    )
    assert "what Verilator compiles with" in text and text.endswith(" liblz4-dev zlib1g-dev\n")
    assert not (tmp_path / "new").exists()


def test_an_environment_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    other = tmp_path / "it's mine"
    other.mkdir()
    (other / "pyvenv.cfg").write_text("home = /usr/bin\n")
    status, text = set_up(None, VENV=str(other))
    assert (status, text.count("\n")) == (1, 1)
    assert text.startswith(f"setup: VENV={other} exists and was not made here: ")
    assert [path.name for path in other.iterdir()] == ["pyvenv.cfg"]


@pytest.mark.parametrize("name", ["python9", "no 'such", "$(touch made)"])
def test_a_python_that_is_not_there_is_named(tmp_path: Path, name: str) -> None:
    status, text = set_up(None, BASE_PYTHON=name, VENV=str(tmp_path / "new"))
    assert status == 1 and text.startswith(f"setup: BASE_PYTHON={name} is not on PATH")
    assert text.count("\n") == 1 and not (ROOT / "made").exists()


OLD = 'case "$2" in *exit*) exit 1 ;; *) echo 3.9.2 ;; esac'


@pytest.mark.parametrize(("answers", "found"), [("exit 1", "no Python"), (OLD, "3.9.2")])
def test_a_program_that_is_no_such_python_is_refused(
    tmp_path: Path, answers: str, found: str
) -> None:
    other = tmp_path / "other"
    other.write_text(f"#!/bin/sh\n{answers}\n")
    other.chmod(0o755)
    status, text = set_up(None, BASE_PYTHON=str(other), VENV=str(tmp_path / "new"))
    assert status == 1 and text.count("\n") == 1
    assert text.startswith(f"setup: BASE_PYTHON={other} is {found}: ")


def clean(folder: Path) -> tuple[int, str]:
    """Clean a folder as `make clean` does the project's; return the status and what it says."""
    done = subprocess.run(
        ["sh", ROOT / "verif" / "commands" / "clean.sh"],
        cwd=folder,
        env=os.environ | {"VENV": ".venv"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_clean_waits_for_no_one_and_takes_nothing_from_a_run(tmp_path: Path) -> None:
    (tmp_path / "build" / "sim").mkdir(parents=True)
    for name in (".plan.lock", ".sim.lock"):
        (tmp_path / "build" / name).write_text("12 10:00:00 sim")
    with (tmp_path / "build" / ".sim.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        says = "clean: process 12 10:00:00 sim is at work in build/; wait for it, or end it\n"
        assert clean(tmp_path) == (2, says)
        assert (tmp_path / "build" / "sim").exists()
    assert clean(tmp_path) == (0, "")
    assert not (tmp_path / "build").exists()


@pytest.mark.parametrize("mark", ["made-by-ffp8", "requirements.installed", "pyvenv.cfg"])
def test_clean_removes_what_was_made_here_alone(tmp_path: Path, mark: str) -> None:
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / mark).touch()
    (tmp_path / "model" / "__pycache__").mkdir(parents=True)
    (tmp_path / "kept").touch()
    somebody_elses = mark == "pyvenv.cfg"
    says = "clean: VENV=.venv was not made here, and stays\n" if somebody_elses else ""
    assert clean(tmp_path) == (0, says)
    assert (tmp_path / ".venv").exists() == somebody_elses
    assert not (tmp_path / "model" / "__pycache__").exists() and (tmp_path / "kept").exists()
