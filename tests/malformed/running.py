"""Runs a command that must refuse what it is given, and holds what it leaves to the rules."""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.malformed.payload import TOUCHED
from verif.commands.folders import ROOT

MAINS = {
    "replay": "verif.replay.__main__",
    "layers": "verif.replay.layers",
    "accuracy": "verif.accuracy.__main__",
    "checks": "verif.checks.__main__",
    "cover": "verif.coverage.cover",
    "cover-compare": "verif.coverage.compare",
    "code-coverage": "verif.code_coverage.__main__",
    "mutate": "verif.mutation.command",
    "bench": "verif.bench",
    "vectors": "verif.vectors.__main__",
    "sim": "verif.regression.__main__",
    "test": "verif.regression.__main__",
    "soak": "verif.regression.__main__",
    "judges": "verif.regression.__main__",
    "light": "verif.regression.__main__",
    "malformed": "verif.regression.__main__",
    "runs": "verif.regression.__main__",
}
ENVIRONMENT = {
    "sim": ("SEED", "SIM"),
    "test": ("SEED", "SIM"),
    "soak": ("SEED",),
    "cover": ("SIM",),
}
"""Variables that a command reads itself."""

SECONDS = 30


class TooSlowError(BaseException):
    """A command that has not refused within `SECONDS`; no command catches this."""


@contextmanager
def within_seconds() -> Iterator[None]:
    """Raise `TooSlowError` after `SECONDS`."""

    def stop(number: int, frame: object) -> None:
        raise TooSlowError(f"nothing was refused within {SECONDS} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def call(
    command: str,
    variables: Mapping[str, object],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> tuple[int, str]:
    """Call a command's function, whose results go into a folder; return status and errors."""
    module = importlib.import_module(MAINS[command])
    for place in ("FOLDER", "BUILD"):
        if hasattr(module, place):
            monkeypatch.setattr(module, place, folder)
    monkeypatch.chdir(folder.parent)
    arguments = [command] if MAINS[command] == "verif.regression.__main__" else []
    for name, value in variables.items():
        if name in ENVIRONMENT.get(command, ()):
            monkeypatch.setenv(name, str(value))
        else:
            arguments.append(f"--{name.lower()}={value}")
    capsys.readouterr()
    with within_seconds():
        try:
            status = module.main(arguments)
        except SystemExit as end:
            status = end.code
    return status, capsys.readouterr().err


def make(command: str, variables: Mapping[str, object]) -> tuple[int, str]:
    """Run a target of make; return status and errors.

    What make itself says of a target that fails is left out.
    """
    given = [f"{name}={value}" for name, value in variables.items()]
    unset = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "SEED", "SIM", "TEST_SEED")
    environment = {name: value for name, value in os.environ.items() if name not in unset}
    done = subprocess.run(
        ["make", "-s", command, *given],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    lines = [line for line in done.stderr.splitlines(True) if not line.startswith("make")]
    return done.returncode, "".join(lines)


def check_refusal(command: str, says: str, status: int, errors: str, folder: Path) -> None:
    """Assert that a command refused in one sentence, ran nothing and left nothing behind."""
    assert status == 2, (status, errors)
    assert errors.startswith(f"{command}: ") and errors.endswith("\n"), errors
    assert errors.count("\n") == 1, errors
    assert says in errors, errors
    for unclear in ("Traceback", "Error:", "error code", "<class", "object at 0x", "Errno"):
        assert unclear not in errors, errors
    left = [path for path in folder.parent.rglob("*") if path.suffix == ".unfinished"]
    assert left == []
    files = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".lock"]
    summaries = [folder / command / "summary.json"]  # of a whole command: that it did nothing
    assert files in ([], summaries), files
    for path in files:
        said = json.loads(path.read_text())
        assert (said["complete"], said["exit_status"], said["begun"]) == (False, 2, True)
    assert not TOUCHED.exists()
