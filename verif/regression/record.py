"""The record of a run: ``summary.json``, whole and up to date whenever it is read."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from verif.commands.files import write_text

# A test's worst phase is its outcome.
SEVERITY = ("passed", "skipped", "failed", "error")
UNFINISHED = "unfinished"
NOT_ENDED = 1
"""Exit status of a run that has not ended; no number says so better, none of them is 0."""


@dataclass
class Entry:
    """What is known of a test; its fields, with a name, are its entry in the summary."""

    outcome: str = UNFINISHED
    seconds: float = 0.0
    checked: list[str] = field(default_factory=list)
    replay: str = ""

    def add(self, outcome: str, seconds: float) -> None:
        """Take a phase of the test into account."""
        known = [self.outcome] if self.outcome in SEVERITY else []
        self.outcome = max([*known, outcome], key=SEVERITY.index)
        self.seconds = round(self.seconds + seconds, 3)


class Record:
    """Outcomes by test, written to a file after every change that counts.

    Parameters
    ----------
    path
        Where the JSON goes, if anywhere.
    settings
        The variables that decide how the tests end.

    Attributes
    ----------
    checks
        How often each check of the sources ran in simulations that passed; None unless that
        was asked for, or if the run has not ended.
    """

    def __init__(self, path: Path | None, settings: Mapping[str, str]) -> None:
        self.path = path
        self.settings = dict(settings)
        self.start = time.monotonic()
        self.checks: dict[str, int] | None = None
        self.phases: dict[str, Entry] = {}
        self._finished: dict[str, str] = {}
        self._lines: dict[str, str] = {}

    def expect(self, names: Iterable[str]) -> None:
        """Enter the tests that are to run, as unfinished; they stand in for a file so entered."""
        for name in names:
            file, _, test = name.partition("::")
            if test and file not in self._finished:
                self._lines.pop(file, None)
            self._lines.setdefault(name, _line(name, Entry()))
        self.write()

    def finish(self, name: str) -> None:
        """Enter a test as it is now: all its phases are over."""
        entry = self.phases[name]
        self._finished[name] = entry.outcome
        self._lines[name] = _line(name, entry)
        self.write()

    def entry(self, name: str) -> Entry:
        """Return what is known of a test."""
        return self.phases.setdefault(name, Entry())

    @property
    def unfinished(self) -> list[str]:
        """Tests that were to run and have not finished."""
        return sorted(self._lines.keys() - self._finished.keys())

    @property
    def executed(self) -> int:
        """Number of tests that have finished and were not skipped."""
        return sum(outcome != "skipped" for outcome in self._finished.values())

    @property
    def idle_checks(self) -> list[str]:
        """Checks that ran in no simulation that passed."""
        return [name for name, count in (self.checks or {}).items() if not count]

    def write(self, exit_status: int = NOT_ENDED, complete: bool = False) -> None:
        """Write the file."""
        if self.path is None:
            return
        counts = Counter(self._finished.values())
        head = {
            "seed": int(self.settings["SEED"]),
            "settings": self.settings,
            "complete": complete,
            "session_status": exit_status,
            "tests": len(self._finished),
            "failures": counts["failed"],
            "errors": counts["error"],
            "skipped": counts["skipped"],
            "unfinished": len(self.unfinished),
            "seconds": round(time.monotonic() - self.start, 3),
        }
        if self.checks is not None:
            head["checks"] = self.checks
        # A line a test, put into JSON once: thousands of tests cost a millisecond a time.
        lines = ",\n".join(f"    {line}" for _, line in sorted(self._lines.items()))
        text = json.dumps(head, indent=2).removesuffix("\n}")
        write_text(self.path, f'{text},\n  "per_test": [\n{lines}\n  ]\n}}\n')


def _line(name: str, entry: Entry) -> str:
    return json.dumps({"name": name, **vars(entry)})


def read_record(path: Path) -> dict[str, object]:
    """Return the summary of a run that has been.

    ``session_status`` is pytest's. A run has an ``exit_status`` only if it came to its end.

    Raises
    ------
    ValueError
        If there is none, or it is none.
    """
    try:
        summary = json.loads(path.read_text(encoding="utf-8"))
        _ = [(test["name"], test["outcome"]) for test in summary["per_test"]]
        _ = (
            summary["settings"]["SEED"],
            summary["complete"],
            summary["session_status"] + summary["tests"],
        )
    except FileNotFoundError:
        raise ValueError(f"{path}: no such file, there has been no run yet") from None
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: no summary of a run ({error!r})") from None
    return summary


def to_rerun(summary: Mapping[str, object]) -> list[str]:
    """Return the tests of a summary that failed or did not finish."""
    wanted = ("failed", "error", UNFINISHED)
    return [test["name"] for test in summary["per_test"] if test["outcome"] in wanted]
