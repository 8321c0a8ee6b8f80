"""Merges what the shards hit, outside the simulator, and judges it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from verif.coverage import exclusions
from verif.coverage.exclusions import Exclusion

SafeLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Hits = Mapping[str, Mapping[str, Mapping[str, int]]]
"""How often each bin was hit, by group, point and name."""


class CoverageError(RuntimeError):
    """Coverage that cannot be judged."""


@dataclass(frozen=True)
class Row:
    """One point of one group, judged.

    Attributes
    ----------
    group, point
        What it is.
    bins
        How many it has.
    excluded, hit
        How many of these are excluded, or were hit.
    open
        Names of the bins that are neither.
    """

    group: str
    point: str
    bins: int
    excluded: int
    hit: int
    open: tuple[str, ...]


def merge(files: Sequence[Path]) -> Hits:
    """Return the sum of what the files of the shards say.

    The shards of a group have different bins, which cocotb-coverage's own merging does not take.

    Raises
    ------
    CoverageError
        If a file is missing: what a shard has not said counts for nothing.
    """
    merged: dict[str, dict[str, dict[str, int]]] = {}
    for path in files:
        for group, points in read(path).items():
            for point, bins in points.items():
                total = merged.setdefault(group, {}).setdefault(point, {})
                for name, count in bins.items():
                    total[name] = total.get(name, 0) + count
    return merged


def read(path: Path) -> Hits:
    """Read a coverage file that cocotb-coverage wrote in YAML.

    Raises
    ------
    CoverageError
        If there is none.
    """
    if not path.is_file():
        raise CoverageError(f"{path}: missing, so its shard did not end well")
    hits: dict[str, dict[str, dict[str, int]]] = {}
    for name, entry in yaml.load(path.read_text(encoding="utf-8"), SafeLoader).items():
        if "bins:_hits" in entry:
            _, group, point = name.split(".")
            bins = entry["bins:_hits"].items()
            hits.setdefault(group, {})[point] = {str(one): count for one, count in bins}
    return hits


def judge(hits: Hits, excluding: Iterable[Exclusion], all_groups: bool = True) -> list[Row]:
    """Return every point of every group, judged.

    Parameters
    ----------
    hits
        What was hit.
    excluding
        Exclusions.
    all_groups
        Whether every group is there, so that an exclusion without a bin is stale.

    Raises
    ------
    ExclusionError
        If an exclusion is stale.
    """
    excluding = list(excluding)
    exclusions.check(excluding, hits, all_groups)
    rows = []
    for group, points in sorted(hits.items()):
        out = exclusions.excluded(excluding, group, points)
        for point, bins in points.items():
            left = tuple(name for name, n in bins.items() if not n and name not in out[point])
            hit = sum(count > 0 for count in bins.values())
            rows.append(Row(group, point, len(bins), len(out[point]), hit, left))
    return rows
