"""One pytest session of a command: its options, and what it must have left behind."""

from __future__ import annotations

import os
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from verif.commands.files import write_text
from verif.commands.processes import Run
from verif.commands.summaries import PREVIOUS
from verif.regression.record import NOT_ENDED, Record, read_record, to_rerun
from verif.regression.replay import settings

NO_TESTS = 5  # exit status of pytest


@dataclass
class Session:
    """What to run, and where its results go.

    Attributes
    ----------
    folder
        For summary.json and results.xml.
    options
        Of pytest, to choose tests.
    jobs
        Processes that run tests, a number or auto.
    tests
        Folder or file that is collected.
    variables
        Of the environment of every run.
    """

    folder: Path
    options: Sequence[str]
    jobs: str = "auto"
    tests: str = "tests"
    variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def summary(self) -> Path:
        """The file with the record."""
        return self.folder / "summary.json"

    @property
    def last(self) -> Path:
        """The record of the run before, which `verif.commands.running` has put aside."""
        return self.folder / PREVIOUS

    @property
    def results(self) -> Path:
        """JUnit's file."""
        return self.folder / "results.xml"

    def rerun(self) -> str:
        """Choose the tests that failed or did not finish the last time, under its settings.

        Variables that are set now stay as they are.

        Returns
        -------
        str
            A sentence on what is run; empty if the last run was a success.

        Raises
        ------
        ValueError
            If there was no run, or it was no success and nothing can be run again.
        """
        last = read_record(self.last)
        names = to_rerun(last)
        if not names:
            if last["complete"] and last.get("exit_status") == 0:
                return ""
            status = last.get("exit_status", NOT_ENDED)
            raise ValueError(
                f"{self.last}: nothing to run again, but that run was no success (exit status "
                f"{status}, {last['tests']} tests finished); run it without FAILED"
            )
        for name, text in last["settings"].items():
            os.environ.setdefault(name, text)
        only = self.folder / "rerun.txt"
        write_text(only, "\n".join(names) + "\n")
        self.options = [*self.options, "--only", str(only)]
        Record(self.summary, settings()).expect(names)
        variables = " ".join(f"{name}={text}" for name, text in settings().items())
        return f"{len(names)} failed or did not finish the last time, run again with {variables}"

    def start(
        self,
        run: Run,
        environment: Mapping[str, str] | None = None,
        output: IO[bytes] | None = None,
    ) -> int:
        """Run the session, and return pytest's exit status, below 0 if a signal ended it."""
        environment = {**self.variables, **(environment or {})}
        if "--only" not in self.options:
            Record(self.summary, {**settings(), **environment}).write()
        self.results.unlink(missing_ok=True)
        command = [sys.executable, "-m", "pytest", self.tests, "-n", self.jobs, *self.options]
        command += ["--junitxml", str(self.results), "--summary", str(self.summary)]
        return run(command, environment, output)

    def missing(self, exit_status: int) -> str:
        """Return what a success lacks of its results, in a sentence; empty if nothing."""
        if exit_status:
            return ""
        try:
            summary = read_record(self.summary)
            cases = len(list(ElementTree.parse(self.results).iter("testcase")))
        except (ValueError, OSError, ElementTree.ParseError) as error:
            return f"no results: {error}"
        if not summary["complete"] or summary["session_status"]:
            return f"{self.summary}: the run did not come to its end"
        if not cases or cases < summary["tests"]:
            return f"{self.results}: {cases} tests, {summary['tests']} have finished"
        return ""
