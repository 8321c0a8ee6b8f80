"""Yosys and its ABC, out of the wheel ``pyosys``, each run in a process of its own.

Run as a script this file is the ``yosys`` command: it carries out the lines of standard input.
"""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ERROR = re.compile(r"^ERROR: (.*)", re.MULTILINE)


KILLED = -9, -15


class YosysError(Exception):
    """Yosys refused something, or took too long."""


class YosysKilled(Exception):
    """Somebody ended Yosys, which says nothing about the design."""


def yosys(commands: Sequence[str], folder: Path, seconds: float = 120) -> str:
    """Run Yosys commands.

    Parameters
    ----------
    commands : Sequence of str
        One command each.
    folder : Path
        Where files are read and written.
    seconds : float
        Time limit.

    Returns
    -------
    str
        What Yosys printed.

    Raises
    ------
    YosysError
        If a command fails or the time is over.
    YosysKilled
        If somebody else has ended it.
    """
    return _run([sys.executable, __file__], "\n".join(commands), folder, seconds)


def abc(commands: Sequence[str], folder: Path, seconds: float) -> str:
    """Run ABC commands, as `yosys` does."""
    specification = importlib.util.find_spec("pyosys")
    if specification is None or specification.origin is None:
        raise YosysError("the Python package pyosys is not installed, run `make setup`")
    program = Path(specification.origin).with_name("yosys-abc")
    return _run([str(program), "-q", "; ".join(commands)], "", folder, seconds)


def _run(command: list[str], text: str, folder: Path, seconds: float) -> str:
    from verif.mutation import processes

    try:
        process = processes.run(command, text, folder, seconds)
    except subprocess.TimeoutExpired:
        raise YosysError(f"not done in {seconds:.0f} s") from None
    if process.returncode in KILLED:
        raise YosysKilled(f"{' '.join(command)}: killed, status {process.returncode}")
    if process.returncode:
        lines = ERROR.findall(process.stdout) or process.stdout.strip().splitlines()
        raise YosysError(f"ended with {process.returncode}: {(lines or ['no message'])[-1]}")
    return process.stdout


def main() -> None:
    """Carry out the commands of standard input."""
    from pyosys import libyosys

    design = libyosys.Design()
    for line in sys.stdin:
        libyosys.run_pass(line.strip(), design)


if __name__ == "__main__":
    main()
