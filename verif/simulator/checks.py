"""Checks: each compares something of a design with what it has to be, under a name of its own.

A run counts how often each of its checks ran and which one failed, in the JSON file that the
variable CHECKS names. WITHOUT_CHECK names one check that lets everything pass, so that a guard in
`tests/checks` can be seen to fail without it; where it would have failed, the test that was running
is noted in the file that UNNOTICED names. What a test asserts of its own stimulus is an ordinary
``assert``.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_counts: Counter[str] = Counter()
_failed: list[str] = []
_taken_out = os.environ.get("WITHOUT_CHECK", "")
_unnoticed: set[str] = set()


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
    if holds:
        return
    if name == _taken_out:
        _pass_over()
        return
    _failed.append(name)
    raise CheckError(name, text if isinstance(text, str) else text())


def _pass_over() -> None:
    """Note, once, in which test the check that was taken out would have failed."""
    test = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" (")[0]
    path = os.environ.get("UNNOTICED")
    if path and test not in _unnoticed:
        _unnoticed.add(test)
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(f"{test}\n")


def write_counts() -> None:
    """Write what ran and what failed to the file that the variable CHECKS names, if it does."""
    if path := os.environ.get("CHECKS"):
        content = {"counts": dict(sorted(_counts.items())), "failed": _failed}
        Path(path).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


atexit.register(write_counts)  # in the simulator's process; elsewhere nothing names a file


def keep_counts(path: Path) -> None:
    """Copy what a simulation that passed has written to the folder that CHECKS_PASSED names."""
    if path.exists() and (copy := _place_to_keep()):
        shutil.copy(path, copy)


@contextmanager
def keeping_counts() -> Iterator[None]:
    """Keep the counts of what the block checks, outside any simulator, if it passes."""
    before = _counts.copy()
    yield
    if copy := _place_to_keep():
        copy.write_text(json.dumps({"counts": _counts - before}), encoding="utf-8")


def _place_to_keep() -> Path | None:
    folder = os.environ.get("CHECKS_PASSED")
    return Path(folder) / f"{uuid.uuid4().hex}.json" if folder and not _taken_out else None


def kept_counts(folder: Path) -> Counter[str]:
    """Return how often each check ran in all simulations whose counts a folder keeps."""
    total: Counter[str] = Counter()
    for path in folder.glob("*.json"):
        total.update(json.loads(path.read_text(encoding="utf-8"))["counts"])
    return total
