"""Takes out one check after the other, and runs its guards without it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from verif.commands.folders import ROOT
from verif.commands.interrupts import completed
from verif.commands.processes import end_session, outside_pytest, start_session
from verif.regression.record import read_record

FAILED, PASSED, OTHERWISE, NOTHING = (
    "failed",
    "passed without it",
    "failed for another reason",
    "did not run",
)
"""How a guard ends without its check. It fails because of that only if the check was asked in it,
and did not hold; a fault that does not compile, for one, is another reason."""

NO_GUARD = "no guard"


@dataclass(frozen=True)
class Check:
    """A check to be taken out.

    Attributes
    ----------
    name, place
        Its name, and where it is, as ``path:line``.
    guards
        Node ids of its guards.
    """

    name: str
    place: str
    guards: Sequence[str]


@dataclass(frozen=True)
class Verdict:
    """What came of the guards of a check.

    Attributes
    ----------
    check
        What was taken out.
    endings
        How each guard ended, in the order of the check's.
    seconds
        Time that they took.
    """

    check: Check
    endings: Sequence[str] = field(default=())
    seconds: float = 0.0

    @property
    def is_proved(self) -> bool:
        """Whether there are guards, and each failed because the check was missing."""
        return bool(self.endings) and all(ending == FAILED for ending in self.endings)

    @property
    def faults(self) -> list[str]:
        """What is wrong, a sentence each."""
        if not self.check.guards:
            return [f"{self.check.name} ({self.check.place}): {NO_GUARD}"]
        ended = zip(self.check.guards, self.endings, strict=True)
        return [
            f"{self.check.name} ({self.check.place}): {guard} {ending}"
            for guard, ending in ended
            if ending != FAILED
        ]


class Campaign:
    """Runs the guards of several checks at a time.

    Parameters
    ----------
    folder
        Where logs and temporary files go, a folder for each check.
    jobs
        Checks at a time.
    seed
        What everything random depends on.
    root
        Of the project.
    """

    def __init__(self, folder: Path, jobs: int, seed: int, root: Path = ROOT) -> None:
        self.folder, self.jobs, self.seed = folder.absolute(), jobs, seed
        self.root = root
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock, self._stopped = threading.Lock(), False

    def run(self, checks: Sequence[Check], done: Callable[[Verdict], None]) -> None:
        """Judge checks, and tell of each as it is judged; what runs ends with an interruption."""
        with ThreadPoolExecutor(self.jobs) as pool:
            futures = [pool.submit(self._judge, check) for check in checks]
            try:
                for future in completed(futures):
                    done(future.result())
            finally:
                for future in futures:
                    future.cancel()
                self._stop()

    def _judge(self, check: Check) -> Verdict:
        if not check.guards:
            return Verdict(check)
        start, folder = time.monotonic(), self.folder / check.name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        unnoticed, summary = folder / "unnoticed", folder / "summary.json"
        command = [sys.executable, "-m", "pytest", *check.guards, "-p", "no:cacheprovider"]
        command += ["--summary", str(summary), "--basetemp", str(folder / "temporary")]
        environment = outside_pytest(folder / "simulations")
        environment |= {"WITHOUT_CHECK": check.name, "UNNOTICED": str(unnoticed)}
        environment |= {"SEED": str(self.seed), "WAVES": "0"}
        self._execute(command, environment, folder / "log")
        shutil.rmtree(folder / "temporary", ignore_errors=True)
        endings = _endings(check.guards, summary, unnoticed)
        return Verdict(check, endings, time.monotonic() - start)

    def _execute(self, command: Sequence[str], environment: dict[str, str], log: Path) -> None:
        with log.open("wb") as output:
            with self._lock:
                if self._stopped:
                    return
                process = start_session(command, output, environment, self.root)
                self._running.add(process)
            process.wait()
        with self._lock:
            self._running.discard(process)
        end_session(process.pid)

    def _stop(self) -> None:
        with self._lock:
            self._stopped = True
            for process in self._running:
                end_session(process.pid)


def _endings(guards: Sequence[str], summary: Path, unnoticed: Path) -> list[str]:
    """Return how guards ended, from the record of their run and from where the check was missed."""
    outcomes: dict[str, str] = {}
    if summary.exists():
        outcomes = {test["name"]: test["outcome"] for test in read_record(summary)["per_test"]}
    missed = set(unnoticed.read_text("utf-8").splitlines()) if unnoticed.exists() else set()
    endings = []
    for guard in guards:
        outcome = outcomes.get(guard, "")
        if outcome == "failed":
            endings.append(FAILED if guard in missed else OTHERWISE)
        else:
            endings.append(PASSED if outcome == "passed" else NOTHING)
    return endings
