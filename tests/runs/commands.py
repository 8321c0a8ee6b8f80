"""Every command in a small form, and what a run of it has left behind."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from verif.commands.folders import ROOT

SMALL = {
    "accuracy": {"MODEL": "fashion_resnet8", "IMAGES": "8", "FORMATS": "s?e2f5"},
    "bench": {"VALUES": "1000", "REPEATS": "1", "ONLY": "encode s1e4"},
    "checks": {"ONLY": "fifo.data"},
    "code-coverage": {"TESTS": "fifo"},
    "cover": {"ONLY": "registers-*"},
    "cover-compare": {"ONLY": "registers-*", "SEEDS": "1"},
    "judges": {"TESTS": "ml_dtypes", "JOBS": "1"},
    "layers": {},
    "light": {"TESTS": "imported and squeezenet", "JOBS": "1"},
    "lint": {},
    "malformed": {"TESTS": "every_command_and_kind", "JOBS": "1"},
    "mutate": {"MODULES": "fifo", "MUTANTS": "3", "PEOPLE": "0"},
    "plan": {},
    "replay": {"LAYERS": "block3/conv1", "FRESH": "1", "SIM": "icarus"},
    "runs": {"TESTS": "every_command_is", "JOBS": "1"},
    "sim": {"TESTS": "fifo", "JOBS": "2"},
    "soak": {"TESTS": "fifo", "MINUTES": "0.6", "JOBS": "1"},
    "test": {"TESTS": "test_arguments", "JOBS": "2"},
    "vectors": {"DOTS": "20"},
}
"""Variables that make a run of each command short; it does something, as its status says."""

HEEDING = ("env", "--default-signal=HUP")
"""Begins a command; under nohup, it would pass over SIGHUP."""

TAG = "DISTURBED_RUN"
"""Variable that all processes of a run share, by which they are found."""


@dataclass
class Disturbed:
    """A run of a command, whatever becomes of it.

    Attributes
    ----------
    command
        Its name.
    build
        BUILD.
    variables
        On top of those that make it short.
    """

    command: str
    build: Path
    variables: dict[str, str] = field(default_factory=dict)
    output: str = ""

    def start(self, **options: object) -> None:
        """Start it, as `make` does."""
        self.tag, self.started = secrets.token_hex(8), time.time()
        kept = {
            name: text
            for name, text in os.environ.items()
            if not name.startswith(("PYTEST_", "MAKE", "MFLAGS", "COCOTB_"))
        }
        self.process = subprocess.Popen(
            [*HEEDING, sys.executable, "-m", "verif", self.command],
            cwd=ROOT,
            env=kept
            | {"BUILD": str(self.build), TAG: self.tag}
            | SMALL[self.command]
            | self.variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **options,
        )

    def finish(self, seconds: float = 600) -> int:
        """Wait for its end, which includes that nobody holds its output; return the status."""
        output, _ = self.process.communicate(timeout=seconds)
        self.output += output.decode(errors="replace")
        return self.process.returncode

    def run(self, **options: object) -> int:
        """Start it and wait for its end."""
        self.start(**options)
        return self.finish()

    def kill(self, number: signal.Signals, after: float) -> int | None:
        """Send a signal to its first process after some seconds; return its status.

        None if it had ended by then.
        """
        self.start()
        try:
            self.process.wait(after)
        except subprocess.TimeoutExpired:
            self.process.send_signal(number)
            return self.finish(20)
        self.finish(20)
        return None

    @property
    def left(self) -> list[str]:
        """Command lines of its processes that are still there 5 s after its end."""
        until = time.monotonic() + 5
        while (found := self._processes()) and time.monotonic() < until:
            time.sleep(0.1)
        return found

    def _processes(self) -> list[str]:
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if f"{TAG}={self.tag}".encode() in (folder / "environ").read_bytes():
                    found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
            except (OSError, ValueError):
                continue
        return [line for line in found if line]  # a zombie has none

    @property
    def summary(self) -> dict[str, object]:
        """What stands in its summary; nothing if there is none."""
        run = self.variables.get("RUN")
        folder = self.build / (f"{self.command}-{run}" if run else self.command)
        try:
            return json.loads((folder / "summary.json").read_text())
        except FileNotFoundError:
            return {}

    @property
    def says_success(self) -> bool:
        """Whether its summary does."""
        return self.summary.get("complete") is True and self.summary.get("exit_status") == 0

    @property
    def sentences(self) -> list[str]:
        """The lines in which it says, under its name, what is wrong."""
        return [line for line in self.output.splitlines() if line.startswith(f"{self.command}: ")]
