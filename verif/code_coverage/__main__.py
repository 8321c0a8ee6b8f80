"""Code coverage of the design by its benches: ``python -m verif.code_coverage --jobs 2``.

Runs the benches of `tests/benches/test_rtl.py` in Verilator, adds up what they passed, and fails
unless every line and branch, and nearly every toggle, was passed that `exclusions.yaml` does not
exclude.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from verif.code_coverage.counts import Counts, Point, read_counts
from verif.code_coverage.exclusions import Exclusion, ExclusionError, apply, load_exclusions
from verif.code_coverage.judge import FileReport, report_file, shortfalls, total_of
from verif.code_coverage.report import as_dict, print_table, print_uncovered, write_records
from verif.code_coverage.runs import RunError, Runs, find_cases
from verif.commands.arguments import JOBS, Parser, whole
from verif.commands.files import write_json
from verif.commands.folders import ROOT, command_folder, design_folder
from verif.commands.interrupts import INTERRUPTED
from verif.commands.messages import wide_console
from verif.commands.running import run_command

EXCLUSIONS = Path(__file__).with_name("exclusions.yaml")


class Judgement:
    """What has been counted so far, judged against the exclusions and the gate.

    Parameters
    ----------
    exclusions
        See `load_exclusions`.
    hdl
        Folder of the design.
    results
        Folder for records and summary.
    """

    def __init__(self, exclusions: Sequence[Exclusion], hdl: Path, results: Path) -> None:
        self.exclusions, self.hdl, self.results = exclusions, hdl, results
        self.counts = Counts()
        self.sources = {
            path.name: path.read_text(encoding="utf-8").splitlines()
            for path in sorted(hdl.glob("*.v"))
        }
        self.start = time.monotonic()

    def judge(self) -> tuple[dict[Point, Exclusion], dict[str, FileReport], list[str]]:
        """Return excluded points, a report for each file, and a sentence for each failure."""
        excluded, errors = apply(self.exclusions, self.counts, self.sources)
        reports = {file: report_file(file, self.counts, excluded.keys()) for file in self.sources}
        return excluded, reports, errors + shortfalls(total_of(reports))

    def save(self, runs: Runs, complete: bool, errors: Sequence[str] = ()) -> list[str]:
        """Write records and summary; return what is wrong, nothing if the gate is passed."""
        excluded, reports, failures = self.judge()
        failures = [*errors, *failures] if complete else [*errors, "the run is not complete"]
        write_records(self.results, self.counts, excluded.keys(), reports, self.hdl)
        summary = {
            "complete": complete,
            "passed": not failures,
            "failures": failures,
            "runs": len(runs.cases),
            "finished": len(runs.finished),
            "seconds": round(time.monotonic() - self.start, 1),
            "totals": as_dict(total_of(reports)),
            "modules": {
                file.removesuffix(".v"): as_dict(one.tallies) for file, one in reports.items()
            },
            "uncovered": {file: one.uncovered for file, one in reports.items()},
            "exclusions": [
                {"entry": str(entry), "category": entry.category, "reason": entry.reason}
                for entry in self.exclusions
            ],
        }
        write_json(self.results / "summary.json", summary)
        return failures


def collect(runs: Runs, judgement: Judgement, console: Console) -> bool:
    """Run all cases, counting each as it finishes; return False if interrupted."""
    columns = [TextColumn("benches in Verilator"), BarColumn(), MofNCompleteColumn()]
    with Progress(*columns, TimeRemainingColumn(), console=console) as progress:
        task = progress.add_task("", total=len(runs.cases))
        try:
            for path in runs.run():
                judgement.counts.add(read_counts(path))
                judgement.save(runs, complete=False)
                progress.advance(task)
        except KeyboardInterrupt:
            console.print("interrupted: what has finished is kept")
            return False
        finally:
            runs.stop()
    return True


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the command line's settings."""
    parser = Parser(prog="code-coverage", description=__doc__.partition("\n")[0])
    parser.add_argument("--jobs", type=JOBS, default=os.cpu_count(), help="JOBS=: runs at a time")
    parser.add_argument("--seed", type=whole(), default=1, help="SEED=: of the benches")
    parser.add_argument(
        "--tests", help="TESTS=: only cases with this in their name, which never pass"
    )
    parser.add_argument("--results", type=Path, default=command_folder("code-coverage"))
    parser.add_argument("--exclusions", type=Path, default=EXCLUSIONS)
    return parser.parse_args(arguments)


def measure(settings: argparse.Namespace, console: Console) -> int:
    """Run the benches, write and print what they cover, and return the exit status."""
    exclusions = load_exclusions(settings.exclusions)
    cases = find_cases(settings.tests or "")
    runs = Runs(cases, settings.results.absolute(), settings.jobs, settings.seed)
    runs.clear()
    hdl = design_folder().absolute()
    hdl = hdl.relative_to(ROOT) if hdl.is_relative_to(ROOT) else hdl
    judgement = Judgement(exclusions, hdl, settings.results)
    judgement.save(runs, complete=False)
    whole = collect(runs, judgement, console)
    failures = judgement.save(runs, complete=whole and not settings.tests, errors=runs.failures())
    if not whole:
        return INTERRUPTED
    _, reports, _ = judgement.judge()
    print_table(reports, console)
    print_uncovered(reports, console)
    for failure in failures:
        console.print(f"code-coverage: {failure}", markup=False, highlight=False, soft_wrap=True)
    console.print(f"records: {settings.results}/coverage.info, toggles.csv, summary.json")
    return 1 if failures else 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure code coverage from the command line and return the exit status."""
    console = wide_console(120)
    try:
        return measure(parse_arguments(arguments), console)
    except (RunError, ExclusionError, ValueError, OSError) as error:
        print(f"code-coverage: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(run_command("code-coverage", main))
