"""The one line that repeats a test: pasted into a shell at the project's root."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from verif.regression.seeds import session_seed

FOLDERS = ("HDL", "BUILD")
VARIABLES = ("SEED", "TEST_SEED", "SIM", *FOLDERS, "JUDGES", "MALFORMED", "RUNS", "CODE_COVERAGE")
"""All that decides how a test ends, apart from the code."""


def settings() -> dict[str, str]:
    """Return the variables that decide how a test ends, those that are set; SEED always."""
    found = {name: os.environ[name] for name in VARIABLES if os.environ.get(name)}
    return {"SEED": str(session_seed())} | found


def replay_line(node_id: str, root: Path, waves: bool) -> str:
    """Return the shell command that runs one test again as it just ran.

    Parameters
    ----------
    node_id
        The test, or a file that could not be collected.
    root
        The project's root: what the line is to be run in.
    waves
        Whether to write waves, for a test that simulates.
    """
    return python_line(["-m", "pytest", node_id], settings(), root, waves)


def python_line(
    arguments: Sequence[str], variables: Mapping[str, str], root: Path, waves: bool
) -> str:
    """Return the shell command that runs this Python again, under some variables."""
    words = [
        f"{name}={shlex.quote(_seen_from(root, Path(text)) if name in FOLDERS else text)}"
        for name, text in {**variables, **({"WAVES": "1"} if waves else {})}.items()
    ]
    words.append(shlex.quote(_seen_from(root, Path(sys.executable))))
    return " ".join([*words, shlex.join(arguments)])


def _seen_from(root: Path, path: Path) -> str:
    """Return a path as `root` sees it: relative if it lies there. Links stay as they are."""
    path = path.absolute()
    return str(path.relative_to(root) if path.is_relative_to(root) else path)
