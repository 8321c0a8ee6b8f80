"""Bins that nothing can show: data with a category, a reason and a proof, checked for staleness."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from verif.commands.entries import read_entries

FILE = Path(__file__).with_name("exclusions.yaml")
CATEGORIES = ("impossible by definition", "impossible in this build")


class ExclusionError(ValueError):
    """An exclusion that is incomplete or stale."""


@dataclass(frozen=True)
class Exclusion:
    """Some bins of one point, in some groups; see the head of the file."""

    point: str
    bins: str
    groups: str
    category: str
    reason: str
    proof: str

    def matches(self, group: str, point: str, name: str) -> bool:
        """Whether it is about a bin."""
        return (
            point == self.point and fnmatchcase(group, self.groups) and fnmatchcase(name, self.bins)
        )

    def __str__(self) -> str:
        """Return point, bins and groups."""
        return f"exclusion of {self.point} '{self.bins}' in groups '{self.groups}'"


def load(path: Path = FILE) -> list[Exclusion]:
    """Read the exclusions.

    Raises
    ------
    ExclusionError
        If it is not YAML, an entry lacks something, or its category is none of `CATEGORIES`.
    """
    entries = []
    for entry in read_entries(path, ExclusionError):
        try:
            exclusion = Exclusion(**entry)
        except TypeError as error:
            raise ExclusionError(f"{path.name}: {entry}: {error}") from None
        if exclusion.category not in CATEGORIES:
            raise ExclusionError(
                f"{exclusion}: category '{exclusion.category}', choose of {', '.join(CATEGORIES)}"
            )
        entries.append(exclusion)
    return entries


def excluded(
    exclusions: Iterable[Exclusion], group: str, bins: Mapping[str, Iterable[str]]
) -> dict[str, set[str]]:
    """Return which bins of a group's points are excluded, by point."""
    return {
        point: {name for name in names if any(e.matches(group, point, name) for e in exclusions)}
        for point, names in bins.items()
    }


def check(
    exclusions: Iterable[Exclusion],
    hits: Mapping[str, Mapping[str, Mapping[str, int]]],
    all_groups: bool = True,
) -> None:
    """Check exclusions before what was hit, by group, point and bin.

    Raises
    ------
    ExclusionError
        If one matches a bin that was hit or, where all groups are there, no bin.
    """
    for exclusion in exclusions:
        matched = [
            (group, name, count)
            for group, points in hits.items()
            for name, count in points.get(exclusion.point, {}).items()
            if exclusion.matches(group, exclusion.point, name)
        ]
        if all_groups and not matched:
            raise ExclusionError(f"{exclusion}: matches no bin")
        for group, name, count in matched:
            if count:
                raise ExclusionError(f"{exclusion}: '{name}' of {group} was hit {count} times")
