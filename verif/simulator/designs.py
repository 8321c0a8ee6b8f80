"""What a simulator is given to build, and what every simulator can do."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

TIMESCALE = "1ns/1ps"
Execute = Callable[[Sequence[str], Path], None]
"""Runs a command in a folder and raises if it fails."""


@dataclass(frozen=True)
class Design:
    """What is built.

    Attributes
    ----------
    toplevel
        Name of a module in `sources`.
    parameters
        Verilog parameters by name.
    sources
        Verilog files.
    waves
        Whether a run writes ``toplevel.fst``.
    coverage
        Whether a run counts lines, branches and toggles (Verilator only).
    long
        Whether runs are long: Verilator then compiles for speed, which takes longer, and makes
        nothing public but what the sources do.
    """

    toplevel: str
    parameters: Mapping[str, int]
    sources: Sequence[Path]
    waves: bool = False
    coverage: bool = False
    long: bool = False

    @property
    def folders(self) -> list[Path]:
        """Folders of the sources, where what they include is looked for."""
        return sorted({path.parent for path in self.sources})

    @property
    def label(self) -> str:
        """Name for a person: toplevel, parameters and what it was built for."""
        settings = (f"{name}{value}" for name, value in sorted(self.parameters.items()))
        flags = ("waves",) * self.waves + ("coverage",) * self.coverage + ("long",) * self.long
        return "-".join((self.toplevel, *settings, *flags))

    def content(self) -> list[str | bytes]:
        """Everything of the design that decides what is built."""
        headers = (path for folder in self.folders for path in sorted(folder.glob("*.vh")))
        files = (*self.sources, *headers)
        return [self.label, *(part for path in files for part in (path.name, path.read_bytes()))]


class Simulator(Protocol):
    """Builds designs into folders, and runs what is there."""

    name: str
    programs: tuple[str, ...]

    def key(self, design: Design) -> str:
        """Return what a build depends on, in a few digits."""

    def build(self, design: Design, folder: Path, execute: Execute) -> None:
        """Fill an empty folder."""

    def run_command(self, design: Design, folder: Path, seed: int) -> list[str]:
        """Return the command that simulates what was built, in the folder where results go."""


def identities(programs: Sequence[str]) -> list[str]:
    """Return the identity of each program.

    Raises
    ------
    FileNotFoundError
        If one is not on PATH.
    """
    paths = {program: shutil.which(program) for program in programs}
    missing = [program for program, path in paths.items() if path is None]
    if missing:
        raise FileNotFoundError(
            f"{', '.join(missing)}: not on PATH, run `make setup SIM={os.environ.get('SIM', '')}`"
        )
    return [_identity(Path(path)) for path in paths.values() if path]


def _identity(program: Path) -> str:
    """Return what changes when an installed program is replaced: its path, size and time."""
    status = program.stat()
    return f"{program} {status.st_size} {status.st_mtime_ns}"
