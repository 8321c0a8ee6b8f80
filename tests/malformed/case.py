"""A case: what is given to a command, and what its one sentence has to say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Case:
    """One malformed file or option.

    Attributes
    ----------
    name
        Of the case.
    command
        The target of make.
    variables
        Writes files into a folder, and returns the variables of make that the command is given.
    says
        What its sentence must have in it.
    """

    name: str
    command: str
    variables: Callable[[Path], Mapping[str, object]]
    says: str

    def __str__(self) -> str:
        """Name the command too."""
        return f"{self.command}: {self.name}"


def given(**variables: object) -> Callable[[Path], Mapping[str, object]]:
    """Return what gives variables, and writes no file."""
    return lambda folder: variables
