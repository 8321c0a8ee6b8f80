"""Bins against jobs sent: the loop's curves beside those of plain random, over several seeds."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

MOST_BELOW = 1.0
"""Percent of the reachable bins that the loop's median may lie below plain random's, anywhere."""

BY_THE_JOB = "splits"
"""The point of which a job hits one bin, so that it bounds how few jobs can do."""

Curve = Mapping[str, Any]
"""What `closure.Curve` holds, as read from its file."""


@dataclass(frozen=True)
class Steering:
    """How well the loop aims at one design, by the medians over seeds.

    Attributes
    ----------
    design
        Its name.
    below, at
        Percent of the reachable bins that the loop is below plain random where it is worst, 0 if
        nowhere, and after how many jobs that is.
    jobs
        Jobs that the loop sends.
    a_bin
        Jobs for each bin of `BY_THE_JOB`, 0 if the design has no such point.
    others
        Jobs after which all bins of the other points are hit.
    """

    design: str
    below: float
    at: int
    jobs: float
    a_bin: float
    others: float


def bins_at(curve: Curve, jobs: int) -> int:
    """Return how many bins a curve has hit after so many jobs."""
    place = bisect_right(curve["jobs"], jobs)
    return curve["bins"][place - 1] if place else 0


def deepest(steered: Sequence[Curve], plain: Sequence[Curve]) -> tuple[float, int]:
    """Return by how many bins the median of `steered` is below that of `plain`, and where most."""
    counts = sorted({jobs for curve in (*steered, *plain) for jobs in curve["jobs"]})
    gaps = [
        median(bins_at(curve, jobs) for curve in plain)
        - median(bins_at(curve, jobs) for curve in steered)
        for jobs in counts
    ]
    most = max(gaps)
    return (most, counts[gaps.index(most)]) if most > 0 else (0.0, 0)


def steering(
    design: str, steered: Sequence[Curve], plain: Sequence[Curve], reachable: int
) -> Steering:
    """Return how well the loop aims at a design of so many reachable bins; a curve a seed."""
    below, at = deepest(steered, plain)
    jobs = median(curve["jobs"][-1] for curve in steered)
    bins = steered[0]["hit"].get(BY_THE_JOB, 0)
    others = median(
        max(end for name, end in curve["ends"].items() if name != BY_THE_JOB) for curve in steered
    )
    return Steering(design, 100 * below / reachable, at, jobs, jobs / bins if bins else 0.0, others)


def markdown(rows: Sequence[Steering]) -> list[str]:
    """Return the table's lines."""
    lines = [
        f"| design | most below plain random | after jobs | jobs | a bin of `{BY_THE_JOB}` "
        "| all other bins after jobs |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    return lines + [
        f"| {row.design} | {row.below:.2f} % | {row.at} | {row.jobs:g} | {row.a_bin:.2f} "
        f"| {row.others:g} |"
        for row in rows
    ]
