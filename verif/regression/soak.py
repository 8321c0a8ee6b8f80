"""Soak: the random simulations again and again, under new seeds, until time is up."""

from __future__ import annotations

import os
import random
import secrets
import shutil
import time
from dataclasses import asdict, dataclass, replace

from verif.commands.files import write_json
from verif.commands.processes import Run
from verif.regression.record import NOT_ENDED, read_record
from verif.regression.seeds import TEST_SEEDS, session_seed
from verif.regression.session import NO_TESTS, Session

CHOICE = ("--seeded", "-x", "--maxschedchunk", "1")


@dataclass(frozen=True)
class Round:
    """All tests under one session seed: how many passed, and the time in seconds."""

    seed: int
    passed: int
    seconds: float


class Soak:
    """Runs rounds and keeps ``summary.json``.

    Parameters
    ----------
    session
        Folder, choice of tests and processes; each round is such a session.
    minutes
        When to begin no other test.
    """

    def __init__(self, session: Session, minutes: float) -> None:
        self.folder = session.folder
        self.session = replace(
            session, folder=session.folder / "round", options=[*session.options, *CHOICE]
        )
        self.minutes = minutes
        self.start = time.monotonic()
        self.rounds: list[Round] = []
        self.failures: list[dict[str, str]] = []
        given = os.environ.get("SEED")
        self.base_seed = session_seed() if given else secrets.randbelow(TEST_SEEDS.stop)

    def run(self) -> int:
        """Soak, print what has been done, and return the exit status."""
        print(f"{self.minutes:g} minutes, base seed {self.base_seed} (SEED= repeats it)")
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        self._save(NOT_ENDED)
        until = time.time() + 60 * self.minutes
        seeds = random.Random(self.base_seed)
        status = 0
        while not status and time.time() < until:
            status = self._round(seeds.randrange(TEST_SEEDS.stop), until)
            self._save(status or NOT_ENDED)
        self._save(status, complete=not status)
        passed = sum(one.passed for one in self.rounds)
        ending = ", then FAILED" if self.failures else ", then stopped" if status else ""
        seconds = time.monotonic() - self.start
        print(f"{len(self.rounds)} seeds, {passed} tests passed in {seconds:.0f} s{ending}")
        for failure in self.failures:
            print(f"{failure['name']} {failure['outcome']}, replay:\n{failure['replay']}")
        return status

    def _round(self, seed: int, until: float) -> int:
        """Run all tests under a seed, and return the exit status."""
        number = len(self.rounds) + 1
        log = self.folder / f"round-{number}.log"
        run, start = Run(), time.monotonic()
        session = replace(self.session, options=[*self.session.options, "--until", str(until)])
        with log.open("wb") as output:
            status = session.start(run, {"SEED": str(seed)}, output)
        tests = read_record(session.summary)["per_test"]
        passed = sum(test["outcome"] == "passed" for test in tests)
        self.failures = [
            {key: test[key] for key in ("name", "outcome", "replay")}
            for test in tests
            if test["outcome"] in ("failed", "error")
        ]
        if status == NO_TESTS and self.rounds and time.time() > until:
            return 0  # time was up before this seed's first test
        self.rounds.append(Round(seed, passed, round(time.monotonic() - start, 1)))
        print(f"round {number}: seed {seed}, {passed} tests passed", flush=True)
        if missing := session.missing(status):
            print(f"soak: {missing}")
            return 1
        if status:
            how = "this round failed"
            if run.interrupted:
                how = "this round was stopped"
            elif status == NO_TESTS:
                how = "TESTS matches no test, or no MINUTES were left for one"
            print(f"soak: {how}, see {log}")
        return 1 if self.failures else abs(status)

    def _save(self, exit_status: int, complete: bool = False) -> None:
        write_json(
            self.folder / "summary.json",
            {
                "base_seed": self.base_seed,
                "minutes": self.minutes,
                "complete": complete,
                "session_status": exit_status,
                "tests": sum(one.passed for one in self.rounds) + len(self.failures),
                "failures": self.failures,
                "seconds": round(time.monotonic() - self.start, 1),
                "rounds": [asdict(one) for one in self.rounds],
            },
        )
