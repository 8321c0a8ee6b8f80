"""Writes code coverage: lcov records, a table of toggles, a summary, and what a person reads."""

from __future__ import annotations

from collections.abc import Mapping, Set
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table

from verif.code_coverage.counts import KINDS, Counts, Point
from verif.code_coverage.judge import GATES, FileReport, Tally, total_of
from verif.commands.files import write_text

SHOWN = 40


def lcov_text(
    counts: Counts, excluded: Set[Point], reports: Mapping[str, FileReport], hdl: Path
) -> str:
    """Return lines (DA) and branches (BRDA) as lcov reads them, without what is excluded."""
    records = ["TN:"]
    for file, report in sorted(reports.items()):
        records.append(f"SF:{hdl / file}")
        records += _branches(file, counts, excluded)
        for kind, letters in (("branch", "BR"), ("line", "L")):
            if kind == "line":
                records += [f"DA:{line},{passes}" for line, passes in report.lines.items()]
            tally = report.tallies[kind]
            records += [f"{letters}F:{tally.total}", f"{letters}H:{tally.passed}"]
        records.append("end_of_record")
    return "\n".join(records) + "\n"


def _branches(file: str, counts: Counts, excluded: Set[Point]) -> list[str]:
    """Return the BRDA records of a file; the branches of a line are numbered by column."""
    records, numbers = [], dict[int, int]()
    for point in sorted(counts.hits):
        if point.file == file and point.kind == "branch" and point not in excluded:
            number = numbers.get(point.line, 0)
            numbers[point.line] = number + 1
            records.append(f"BRDA:{point.line},0,{number},{counts.hits[point]}")
    return records


def toggles_text(counts: Counts, excluded: Set[Point]) -> str:
    """Return one line a toggle, comma-separated: file, line, signal and edge, passes, excluded."""
    rows = [
        f"{point.file},{point.line},{point.what},{passes},{int(point in excluded)}"
        for point, passes in sorted(counts.hits.items())
        if point.kind == "toggle"
    ]
    return "\n".join(["file,line,toggle,passes,excluded", *rows]) + "\n"


def write_records(
    folder: Path,
    counts: Counts,
    excluded: Set[Point],
    reports: Mapping[str, FileReport],
    hdl: Path,
) -> None:
    """Write ``coverage.info`` and ``toggles.csv``."""
    write_text(folder / "coverage.info", lcov_text(counts, excluded, reports, hdl))
    write_text(folder / "toggles.csv", toggles_text(counts, excluded))


def as_dict(tallies: Mapping[str, Tally]) -> dict[str, dict[str, float | int]]:
    """Return tallies as the summary holds them."""
    return {
        kind: {
            "percent": round(tally.percent, 2),
            "total": tally.total,
            "covered": tally.passed,
            "excluded": tally.excluded,
        }
        for kind, tally in tallies.items()
    }


def print_table(reports: Mapping[str, FileReport], console: Console) -> None:
    """Print a row a module, and their sum."""
    table = Table("module", title="Code coverage, what is excluded left away", box=box.SIMPLE)
    for kind in KINDS:
        table.add_column(f"{kind} %", justify="right", no_wrap=True)
        table.add_column("of", justify="right", no_wrap=True)
        table.add_column("excluded", justify="right", no_wrap=True)
    rows = {file.removesuffix(".v"): report.tallies for file, report in sorted(reports.items())}
    for name, tallies in (rows | {"all": total_of(reports)}).items():
        cells = []
        for tally in tallies.values():
            cells += [_percent(tally), str(tally.total), str(tally.excluded)]
        table.add_row(name, *cells)
    console.print(table)


def _percent(tally: Tally) -> str:
    """Format a share, which must not look whole when it is not, or of nothing."""
    if not tally.total:
        return "-"
    return "100" if tally.percent == 100.0 else f"{min(tally.percent, 99.99):.2f}"


def print_uncovered(reports: Mapping[str, FileReport], console: Console) -> None:
    """Name what is not covered: all lines and branches, the first toggles."""
    for kind in KINDS:
        missing = [text for report in reports.values() for text in report.uncovered[kind]]
        shown = missing if GATES[kind] == 100.0 else missing[:SHOWN]
        for text in shown:
            console.print(f"not covered: {text}", markup=False, highlight=False, soft_wrap=True)
        if len(shown) < len(missing):
            console.print(f"... and {len(missing) - len(shown)} more of {kind}, see toggles.csv")
