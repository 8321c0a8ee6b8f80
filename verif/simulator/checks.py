"""Checks: each compares something of a design with what it has to be, under a name of its own.

A run counts how often each of its checks ran and which one failed, in the JSON file that the
variable CHECKS names. WITHOUT_CHECK names one check that lets everything pass, so that a guard in
`tests/checks` can be seen to fail without it. What a test asserts of its own stimulus is an
ordinary ``assert``.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

_counts: Counter[str] = Counter()
_failed: list[str] = []
_taken_out = os.environ.get("WITHOUT_CHECK", "")


class CheckError(AssertionError):
    """A check that failed.

    Attributes
    ----------
    name
        The check's name.
    """

    def __init__(self, name: str, text: str) -> None:
        super().__init__(f"[{name}] {text}" if text else f"[{name}]")
        self.name = name


def check(name: str, holds: object, text: str | Callable[[], str] = "") -> None:
    """Count a check, and fail unless it holds.

    Parameters
    ----------
    name
        What is checked, as ``bench.what``: a literal, the same in no other place.
    holds
        Whether it does.
    text
        What to say if not; a function where saying it costs more than a few characters.

    Raises
    ------
    CheckError
        If it does not hold, unless it was taken out.
    """
    _counts[name] += 1
    if holds or name == _taken_out:
        return
    _failed.append(name)
    raise CheckError(name, text if isinstance(text, str) else text())


def write_counts() -> None:
    """Write what ran and what failed to the file that the variable CHECKS names, if it does."""
    if path := os.environ.get("CHECKS"):
        content = {"counts": dict(sorted(_counts.items())), "failed": _failed}
        Path(path).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
