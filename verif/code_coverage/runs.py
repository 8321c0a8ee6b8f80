"""Runs benches with coverage, and hands over what each has counted as soon as it has passed."""

from __future__ import annotations

import fcntl
import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from verif.commands.folders import ROOT
from verif.commands.processes import end_session, outside_pytest, start_session
from verif.simulator.verilator import COVERAGE_DATA

BENCHES = "tests/benches/test_rtl.py"
LARGEST = {"EXP_MAX": 5, "ROWS": 4, "COLS": 4, "ACC_WIDTH": 145}
"""What the parameters of a case are at most: larger designs have the same lines, and take long."""
SIMULATIONS = "sim"
"""The benches' folder in that of the results."""
POLL_SECONDS = 0.5


class RunError(Exception):
    """Nothing can be run; the message is meant for a person."""


def find_cases(part: str = "") -> list[str]:
    """Return the pytest node ids of the benches that coverage is measured with.

    Parameters
    ----------
    part
        What must be in the name of a case.

    Raises
    ------
    RunError
        If there is none.
    """
    command = [sys.executable, "-m", "pytest", BENCHES, "--collect-only", "-q"]
    process = subprocess.run(
        command, cwd=ROOT, env=outside_pytest(), capture_output=True, text=True, check=False
    )
    names = re.findall(rf"^{BENCHES}::test_bench\[(.+)\]$", process.stdout, re.MULTILINE)
    chosen = [name for name in names if part in name and is_small(name)]
    if process.returncode or not names:
        raise RunError(f"{BENCHES}: no bench collected, see `pytest {BENCHES} --collect-only`")
    if not chosen:
        raise RunError(f"TESTS={part}: no case of that name, as in TESTS={names[0]}")
    return [f"{BENCHES}::test_bench[{name}]" for name in chosen]


def is_small(name: str) -> bool:
    """Tell whether no parameter of a case, named as in ``array-ROWS2-COLS3``, is too large."""
    settings = dict(re.findall(r"-([A-Z_]+)(\d+)", name))
    return all(int(settings.get(key, 0)) <= largest for key, largest in LARGEST.items())


class Runs:
    """One pytest run of all cases.

    Parameters
    ----------
    cases
        Node ids of what to run.
    results
        Folder for designs, results and log.
    jobs
        Cases at a time.
    seed
        Of the benches.
    """

    def __init__(self, cases: Sequence[str], results: Path, jobs: int, seed: int) -> None:
        self.cases, self.results, self.jobs, self.seed = list(cases), results, jobs, seed
        self.finished: set[Path] = set()
        self._process: subprocess.Popen[bytes] | None = None

    def clear(self) -> None:
        """Remove what another run has counted, unless that still goes on.

        Raises
        ------
        RunError
            If it does.
        """
        self.results.mkdir(parents=True, exist_ok=True)
        self._lock = (self.results / ".lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunError(f"{self.results}: another run is at work there, wait for it") from None
        shutil.rmtree(self.results / SIMULATIONS, ignore_errors=True)
        for name in ("tests.json", "pytest.log", "coverage.info", "toggles.csv"):
            (self.results / name).unlink(missing_ok=True)

    def run(self) -> Iterator[Path]:
        """Run the cases, and yield the counts of each that passes."""
        command = [sys.executable, "-m", "pytest", *self.cases]
        command += ["-n", str(self.jobs), "--dist", "worksteal", "-p", "no:cacheprovider"]
        command += ["--summary", str(self.results / "tests.json")]
        variables = {"SIM": "verilator", "CODE_COVERAGE": "1", "WAVES": "0"}
        variables |= {"BUILD": str(self.results), "SEED": str(self.seed)}
        environment = outside_pytest(self.results / SIMULATIONS)
        with (self.results / "pytest.log").open("wb") as log:
            self._process = start_session(command, log, environment | variables, ROOT)
        while self._process.poll() is None:
            yield from self._new()
            time.sleep(POLL_SECONDS)
        yield from self._new()

    def stop(self) -> None:
        """End what is still running, simulators included."""
        if self._process is not None:
            end_session(self._process.pid)
            self._process.wait()

    def failures(self) -> list[str]:
        """Return a sentence for each case that did not pass, after `run`."""
        log, summary = self.results / "pytest.log", self.results / "tests.json"
        tests = json.loads(summary.read_text())["per_test"] if summary.exists() else []
        failed = [
            f"{test['name']}: {test['outcome']}, see {log}"
            for test in tests
            if test["outcome"] != "passed"
        ]
        status = self._process.returncode if self._process else None
        if not failed and status != 0:
            failed = [f"pytest ended with status {status}, see {log}"]
        if not failed and len(self.finished) != len(self.cases):
            failed = [f"{len(self.finished)} of {len(self.cases)} cases left counts, see {log}"]
        return failed

    def _new(self) -> list[Path]:
        """Return the counts that have come since the last call."""
        found = set(self.results.glob(f"{SIMULATIONS}/*/{COVERAGE_DATA}")) - self.finished
        self.finished |= found
        return sorted(found)
