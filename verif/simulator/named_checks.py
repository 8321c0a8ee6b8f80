"""The checks that there are, by name, from the sources; and apart from them the plain asserts."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDERS = ("verif", "tests/benches")
"""Where checks are, in a project's root, though not in the tests of pytest there."""

MODULE = "verif.simulator.checks"


class CheckNameError(ValueError):
    """A check without a literal name, or with one that another has."""


@dataclass(frozen=True)
class Place:
    """A check, or an assert, in the sources.

    Attributes
    ----------
    path, line
        The file, from the root, and the line.
    name
        The check's name; of an assert what it asserts.
    """

    path: str
    line: int
    name: str

    def __str__(self) -> str:
        """Return the place as editors take it."""
        return f"{self.path}:{self.line}"


def read_checks(root: Path) -> dict[str, Place]:
    """Return all checks by name, in the order of the names.

    Raises
    ------
    CheckNameError
        Naming every call whose name is no literal ``bench.what``, or is there twice.
    """
    found: dict[str, Place] = {}
    wrong: list[str] = []
    for path, tree in _trees(root):
        if not _imports_check(tree):
            continue
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Call) and ast.unparse(node.func) == "check"):
                continue
            name = node.args[0] if node.args else None
            text = name.value if isinstance(name, ast.Constant) else None
            place = Place(path, node.lineno, str(text))
            if not isinstance(text, str) or not _is_name(text):
                wrong.append(f"{place}: the name of a check is a literal, bench.what")
            elif text in found:
                wrong.append(f"{place}: {text} is at {found[text]}, too")
            else:
                found[text] = place
    if wrong:
        raise CheckNameError("\n".join(wrong))
    return dict(sorted(found.items()))


def read_asserts(root: Path) -> list[Place]:
    """Return every plain assert of the same sources, which are about the stimulus."""
    return [
        Place(path, node.lineno, ast.unparse(node.test))
        for path, tree in _trees(root)
        for node in ast.walk(tree)
        if isinstance(node, ast.Assert)
    ]


def _trees(root: Path) -> Iterator[tuple[str, ast.Module]]:
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*.py")):
            if path.name.startswith("test_"):
                continue
            tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
            yield path.relative_to(root).as_posix(), tree


def _imports_check(tree: ast.Module) -> bool:
    return any(
        isinstance(node, ast.ImportFrom)
        and node.module == MODULE
        and any(alias.name == "check" and alias.asname is None for alias in node.names)
        for node in ast.walk(tree)
    )


def _is_name(text: str) -> bool:
    bench, dot, what = text.partition(".")
    return bool(dot) and bench.isidentifier() and what.isidentifier()
