"""Proof that the checks check: ``python -m verif.checks --jobs 2``.

Takes out each check in turn and runs its guards, which have to fail then. Fails if a check has no
guard, or if one does not fail, or fails for another reason than that the check is missing.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from verif.checks.campaign import Campaign, Check, Verdict
from verif.checks.guards import GuardError, find_guards
from verif.checks.report import Result, markdown, show, show_list, summarize
from verif.commands.arguments import JOBS, Parser, file_to_write, whole
from verif.commands.files import write_json, write_text
from verif.commands.folders import ROOT, command_folder
from verif.commands.interrupts import INTERRUPTED
from verif.commands.messages import wide_console
from verif.commands.running import run_command
from verif.simulator.named_checks import CheckNameError, read_asserts, read_checks


def every_check(root: Path) -> list[Check]:
    """Return all checks of the sources with their guards.

    Raises
    ------
    CheckNameError
        If a check has no name of its own.
    GuardError
        If guards cannot be collected, or one guards what is no check.
    """
    places, guards = read_checks(root), find_guards(root)
    if strange := sorted(guards.keys() - places.keys()):
        raise GuardError(f"{', '.join(strange)}: guarded, but there is no such check")
    return [Check(name, str(place), guards.get(name, [])) for name, place in places.items()]


def chosen(checks: Sequence[Check], settings: argparse.Namespace) -> list[Check]:
    """Return the checks that a command line asks for.

    Raises
    ------
    GuardError
        If no check is called like that.
    """
    found = [check for check in checks if fnmatchcase(check.name, settings.only)]
    if not found:
        names = ", ".join(sorted({check.name.partition(".")[0] for check in checks}))
        raise GuardError(f"ONLY={settings.only}: no check matches, there are {names}, each .*")
    if settings.sample and settings.sample < len(found):
        found = random.Random(settings.seed).sample(found, settings.sample)
    return found


def judge(result: Result, folder: Path, console: Console) -> None:
    """Take the checks out, one after the other, and write down what is known at any time."""
    start = time.monotonic()
    campaign = Campaign(folder, result.jobs, result.seed)
    columns = [TextColumn("checks taken out"), BarColumn(), MofNCompleteColumn()]
    with Progress(*columns, TimeRemainingColumn(), console=console) as progress:
        task = progress.add_task("", total=len(result.checks))

        def done(verdict: Verdict) -> None:
            result.verdicts.append(verdict)
            result.seconds = time.monotonic() - start
            write_json(folder / "summary.json", summarize(result))
            progress.advance(task)
            for fault in verdict.faults:
                console.print(fault, markup=False, highlight=False, soft_wrap=True)

        campaign.run(result.checks, done)


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the command line's settings; a wrong one ends the program."""
    parser = Parser(prog="checks", description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default="*", help="pattern of the checks' names, as in 'fifo.*'")
    parser.add_argument("--sample", type=whole(1), help="so many, drawn by the seed; all else")
    parser.add_argument("--seed", type=whole(), default=1, help="what everything random depends on")
    parser.add_argument("--jobs", type=JOBS, default=os.cpu_count(), help="checks at a time")
    parser.add_argument("--list", action="store_true", help="only list checks and asserts")
    parser.add_argument(
        "--document", type=file_to_write, help="write the table there, if all was judged"
    )
    parser.add_argument("--results", type=Path, default=command_folder("checks"))
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line and return the exit status."""
    settings = parse_arguments(arguments)
    console = wide_console(140)
    try:
        checks = every_check(ROOT)
        wanted = chosen(checks, settings)
    except (CheckNameError, GuardError) as error:
        print(f"checks: {error}", file=sys.stderr)
        return 2
    if settings.list:
        show_list(wanted, read_asserts(ROOT), console)
        return 0
    result = Result(wanted, len(checks), settings.seed, settings.jobs)
    write_json(settings.results / "summary.json", summarize(result))
    try:
        judge(result, settings.results, console)
    except KeyboardInterrupt:
        console.print("interrupted: what has been judged is kept in the summary")
    show(result, console)
    if not result.is_complete:
        return INTERRUPTED
    if settings.document and result.is_whole:
        write_text(settings.document, markdown(result, read_asserts(ROOT)))
    elif settings.document:
        console.print(f"{settings.document}: not written, for it is of all checks")
    return 1 if result.failures else 0


if __name__ == "__main__":
    sys.exit(run_command("checks", main))
