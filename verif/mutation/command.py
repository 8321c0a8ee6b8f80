"""The command line of the campaign."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from verif.commands.arguments import JOBS, Parser, file_to_write, whole
from verif.commands.files import write_text
from verif.commands.folders import ROOT, command_folder
from verif.commands.interrupts import INTERRUPTED
from verif.mutation.campaign import Campaign
from verif.mutation.cases import read_cases
from verif.mutation.design import Design
from verif.mutation.judge import Judge
from verif.mutation.mutant import MutationError
from verif.mutation.report import WANTED_OF_KIND, WANTED_PERCENT, markdown, show
from verif.mutation.store import Store
from verif.mutation.yosys import YosysError, YosysKilled

SAMPLE, FULL = 64, 1100
PEOPLE, PEOPLE_FULL = 1, 50
"""Mutants of each of the kinds that people make."""


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the command line's settings; a wrong one ends the program."""
    parser = Parser(
        prog="mutate",
        description="Break the design on purpose: a bench must notice each mutant, or a proof "
        "show that nobody can.",
    )
    parser.add_argument("--mutants", type=whole(0), help=f"how many, {SAMPLE}, or {FULL} if --full")
    parser.add_argument(
        "--people",
        type=whole(0),
        help=f"how many of each kind that people make, {PEOPLE}, or {PEOPLE_FULL} if --full",
    )
    parser.add_argument(
        "--full",
        action="store_true",
        help=f"pass if {WANTED_PERCENT} percent are killed or proven equivalent, and "
        f"{WANTED_OF_KIND} of each kind",
    )
    parser.add_argument(
        "--seed", type=whole(), default=1, help="what mutants and benches depend on"
    )
    parser.add_argument("--jobs", type=JOBS, default=os.cpu_count(), help="mutants at a time")
    parser.add_argument("--modules", help="comma-separated, as in decode,encode; all unless given")
    parser.add_argument("--hdl", type=Path, default=ROOT / "hdl", help="folder of the design")
    parser.add_argument("--results", type=Path, default=command_folder("mutate"))
    parser.add_argument("--retry", action="store_true", help="judge kept survivors once more")
    parser.add_argument(
        "--document", type=file_to_write, help="write the report there too, if complete"
    )
    settings = parser.parse_args(arguments)
    if settings.people is None:
        settings.people = PEOPLE_FULL if settings.full else PEOPLE
    if settings.mutants is None:
        settings.mutants = FULL if settings.full else SAMPLE
    return settings


def prepare(settings: argparse.Namespace) -> Campaign:
    """Return the campaign of a command line.

    Raises
    ------
    MutationError
        If a tool, a module or a bench is missing.
    """
    if shutil.which("iverilog") is None:
        raise MutationError("iverilog: not on PATH, run `make setup`")
    design = Design.read(settings.hdl)
    modules = settings.modules.split(",") if settings.modules else list(design.sources)
    cases = read_cases(settings.seed)
    for module in modules:
        if module not in design.sources:
            raise MutationError(f"module {module}: unknown, choose of {', '.join(design.sources)}")
        if module not in cases:
            raise MutationError(f"module {module}: no bench of its own, expected one in BENCHES")
    folder = settings.results.resolve()
    large = read_cases(settings.seed, large=True)
    judge = Judge(design, cases, Store(folder / "results"), folder / "survivors", large)
    return Campaign(
        judge,
        modules,
        mutants=settings.mutants,
        seed=settings.seed,
        jobs=settings.jobs,
        folder=folder,
        is_full=settings.full,
        retry=settings.retry,
        people=settings.people,
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a campaign and return the exit status."""
    console = Console()
    try:
        settings = parse_arguments(arguments)
        result = prepare(settings).run(console)
    except (MutationError, YosysError, YosysKilled) as error:
        print(f"mutate: {error}", file=sys.stderr)
        return 2
    show(result, console)
    if settings.document and result.is_complete:
        write_text(settings.document, markdown(result))
    if not result.is_complete:
        return INTERRUPTED
    return 1 if result.failures() else 0
