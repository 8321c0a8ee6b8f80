"""Shares of what the tests passed, by module, and whether they are enough."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field

from verif.code_coverage.counts import KINDS, Counts, Point

GATES: Mapping[str, float] = {"line": 100.0, "branch": 100.0, "toggle": 98.0}
"""Least share in percent of the points of a kind that are not excluded."""


@dataclass
class Tally:
    """How many points of a kind there are, were passed, and are excluded."""

    total: int = 0
    passed: int = 0
    excluded: int = 0

    @property
    def percent(self) -> float:
        """Share of the points that are not excluded; 100 if there are none."""
        return 100.0 * self.passed / self.total if self.total else 100.0

    def add(self, other: Tally) -> None:
        """Add another module's."""
        self.total += other.total
        self.passed += other.passed
        self.excluded += other.excluded


@dataclass
class FileReport:
    """What became of one file.

    Attributes
    ----------
    tallies : dict
        By kind.
    lines : dict
        Passes of each line that is not excluded; 0 for one that is not covered.
    uncovered : list of str
        A sentence part for each line, branch and toggle that was not passed.
    """

    tallies: dict[str, Tally] = field(default_factory=lambda: {kind: Tally() for kind in KINDS})
    lines: dict[int, int] = field(default_factory=dict)
    uncovered: dict[str, list[str]] = field(default_factory=lambda: {kind: [] for kind in KINDS})


def report_file(file: str, counts: Counts, excluded: Set[Point]) -> FileReport:
    """Tally the points of one file."""
    report = FileReport()
    points = sorted(point for point in counts.hits if point.file == file)
    for point in points:
        if point.kind == "line":
            continue  # counted by the lines that belong to it
        tally = report.tallies[point.kind]
        if point in excluded:
            tally.excluded += 1
            continue
        tally.total += 1
        tally.passed += counts.hits[point] > 0
        if not counts.hits[point]:
            report.uncovered[point.kind].append(str(point))
    _tally_lines(file, points, counts, excluded, report)
    return report


def _tally_lines(
    file: str, points: list[Point], counts: Counts, excluded: Set[Point], report: FileReport
) -> None:
    """Judge each line by the points that it belongs to.

    It is covered if one of them was passed, and none of kind ``line`` (a block, a case) was not;
    what else is not passed is a branch, and counts there.
    """
    owners: dict[int, list[Point]] = {}
    for point in points:
        for line in counts.lines.get(point, ()):
            owners.setdefault(line, []).append(point)
    tally = report.tallies["line"]
    for line, of_line in sorted(owners.items()):
        judged = [point for point in of_line if point not in excluded]
        if not judged:
            tally.excluded += 1
            continue
        blocks = all(counts.hits[point] for point in judged if point.kind == "line")
        passes = max(counts.hits[point] for point in judged) if blocks else 0
        report.lines[line] = passes
        tally.total += 1
        tally.passed += passes > 0
        if not passes:
            report.uncovered["line"].append(f"{file}:{line}: line")


def total_of(reports: Mapping[str, FileReport]) -> dict[str, Tally]:
    """Return the sum over all files, by kind."""
    totals = {kind: Tally() for kind in KINDS}
    for report in reports.values():
        for kind, tally in report.tallies.items():
            totals[kind].add(tally)
    return totals


def shortfalls(totals: Mapping[str, Tally]) -> list[str]:
    """Return a sentence for each kind that is below its gate, or has no point at all."""
    sentences = []
    for kind, least in GATES.items():
        tally = totals[kind]
        if tally.total == 0:
            sentences.append(f"{kind}: no point was counted")
        elif tally.percent < least:
            sentences.append(
                f"{kind}: {tally.percent:.2f} % of {tally.total} covered, {least:g} % is needed"
            )
    return sentences
