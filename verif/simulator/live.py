"""A simulation that lives across many jobs: it answers one request after the other.

The bench reads requests from a pipe and writes its answers to another, a JSON object a line; see
`requests`. When the pipe of requests ends, because its owner has closed it or is gone, so does the
bench.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

from cocotb_tools.check_results import get_results

from verif.commands.processes import dying_with_parent, end_session
from verif.simulator.checks import keep_counts
from verif.simulator.designs import Design
from verif.simulator.simulation import CHECKS_FILE, SimulationError, bench_command

REQUESTS, ANSWERS = "REQUESTS", "ANSWERS"
"""Variables that hold the numbers of the bench's ends of the pipes."""

Message = dict[str, Any]


class LostSimulatorError(SimulationError):
    """A simulator that was killed, by somebody else than its bench."""


class LiveSimulation:
    """A started simulator, with the bench that serves requests in it.

    Parameters
    ----------
    design
        What is simulated.
    built
        Where it was built, see `verif.simulator.simulation.build_design`.
    bench
        Importable name of the module of its cocotb test.
    folder
        Where it works and logs; emptied first.
    """

    def __init__(self, design: Design, built: Path, bench: str, folder: Path) -> None:
        self.folder = folder
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self._results = folder / "results.xml"
        requests, ours = os.pipe()
        theirs, answers = os.pipe()
        variables = {
            REQUESTS: str(requests),
            ANSWERS: str(answers),
            "COCOTB_RESULTS_FILE": str(self._results),
            "CHECKS": str(folder / CHECKS_FILE),
        }
        command, environment = bench_command(design, built, bench, folder, variables)
        try:
            with (folder / "simulator.log").open("wb") as log:
                self._process = subprocess.Popen(
                    dying_with_parent(command),
                    cwd=folder,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    pass_fds=(requests, answers),
                )
        finally:
            os.close(requests)
            os.close(answers)
        self._requests, self._answers = os.fdopen(ours, "w"), os.fdopen(theirs)

    def ask(self, request: Message) -> Message:
        """Return the bench's answer to a request.

        Raises
        ------
        LostSimulatorError
            If the simulator was killed.
        SimulationError
            If it has ended, since a check failed for example.
        """
        answer = ""
        with suppress(BrokenPipeError):
            self._requests.write(json.dumps(request) + "\n")
            self._requests.flush()
            answer = self._answers.readline()
        if answer.endswith("\n"):
            return json.loads(answer)
        status = self._process.wait()
        end_session(self._process.pid)
        if status < 0:
            raise LostSimulatorError(f"a simulator got {signal.Signals(-status).name}")
        raise SimulationError(f"the simulator has ended early, see {self._log}")

    def close(self) -> None:
        """Have the bench end, and see that it ended well.

        Raises
        ------
        SimulationError
            If its test failed.
        """
        with suppress(BrokenPipeError):
            self._requests.close()
        self._process.wait()
        end_session(self._process.pid)
        self._answers.close()
        try:
            tests, failures = get_results(self._results)
        except (ParseError, RuntimeError):
            tests, failures = 0, 0
        if not tests or failures:
            raise SimulationError(f"{failures} failures in {tests} tests, see {self._log}")
        keep_counts(self.folder / CHECKS_FILE)

    def kill(self) -> None:
        """End it at once, whatever it does."""
        end_session(self._process.pid)

    @property
    def _log(self) -> Path:
        return self.folder / "simulator.log"


def requests() -> Iterator[tuple[Message, Callable[[Message], None]]]:
    """Yield, in a bench, each request and the function that answers it, until there are no more."""
    with (
        os.fdopen(int(os.environ[REQUESTS])) as incoming,
        os.fdopen(int(os.environ[ANSWERS]), "w") as outgoing,
    ):

        def answer(message: Mapping[str, Any]) -> None:
            outgoing.write(json.dumps(message) + "\n")
            outgoing.flush()

        for line in incoming:
            yield json.loads(line), answer
