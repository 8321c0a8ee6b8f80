"""Finds the guards of each check; inside of pytest this module is the plugin that does so."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from verif.commands.processes import dying_with_parent, outside_pytest

FOLDER = "tests/checks"
"""Where guards are, in a project's root."""

VARIABLE = "GUARDS"
"""Names the file that the plugin writes."""


class GuardError(ValueError):
    """Guards that cannot be collected, or guard what is no check."""


def find_guards(root: Path) -> dict[str, list[str]]:
    """Return the tests marked with ``guards(name)`` by name, as node ids.

    Raises
    ------
    GuardError
        If they cannot be collected.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "guards.json"
        command = [sys.executable, "-m", "pytest", FOLDER, "--collect-only"]
        process = subprocess.run(
            dying_with_parent([*command, "-q", "-p", "no:cacheprovider", "-p", __name__]),
            cwd=root,
            env=outside_pytest() | {VARIABLE: str(path)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if process.returncode or not path.exists():
            raise GuardError(f"{FOLDER}: no guards could be collected\n{process.stdout.strip()}")
        return json.loads(path.read_text(encoding="utf-8"))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Write which guards have been collected, where that is asked for."""
    path = os.environ.get(VARIABLE)
    if not path:
        return
    found: dict[str, list[str]] = {}
    for item in session.items:
        for mark in item.iter_markers("guards"):
            found.setdefault(mark.args[0], []).append(item.nodeid)
    Path(path).write_text(json.dumps(found), encoding="utf-8")
