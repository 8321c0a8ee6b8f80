"""Steered against plain random: ``python -m verif.coverage.compare --seeds 5``.

For each seed every shard is closed by the loop, then given three times as many transactions
that aim at nothing. Fails unless the loop closes everything and plain random nothing like it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from verif.coverage import exclusions, report
from verif.coverage.cover import reachable, run_jobs
from verif.coverage.gate import Row, judge, merge
from verif.coverage.run import Job, ShardError
from verif.coverage.shards import SHARDS, Shard, matching
from verif.files import write_json, write_text
from verif.interrupts import interrupt_once
from verif.simulation import BUILD

FOLDER = BUILD / "cover-compare"
FACTOR = 3
"""Transactions of plain random, as a multiple of what the loop needed."""

NAMED = 4
"""Lacking bins of a point that the document names."""


@dataclass(frozen=True)
class Outcome:
    """What one seed gave.

    Attributes
    ----------
    seed
        The session's seed.
    transactions
        Of the loop, over all shards.
    steered, plain
        Judged coverage of both.
    """

    seed: int
    transactions: int
    steered: Sequence[Row]
    plain: Sequence[Row]

    def share(self, rows: Sequence[Row]) -> float:
        """Return the share of reachable bins hit, in percent."""
        reached = sum(row.bins - row.excluded for row in rows)
        return 100 * sum(row.hit for row in rows) / reached


def run_seed(
    seed: int, shards: Sequence[Shard], processes: int, folder: Path, console: Console
) -> Outcome:
    """Run both ways under one seed."""
    steered = [Job(s, seed, "steered", None, folder / f"{seed}" / s.name) for s in shards]
    run_jobs(steered, processes, console)
    ended = {job.shard.name: job.curve()["transactions"][-1] for job in steered}
    plain = [
        replace(
            job,
            mode="plain",
            budget=FACTOR * ended[job.shard.name],
            folder=job.folder.with_name(f"{job.shard.name}-plain"),
        )
        for job in steered
    ]
    run_jobs(plain, processes, console)
    excluding = exclusions.load()
    rows = [
        judge(
            merge([job.folder / "coverage.yml" for job in jobs]),
            excluding,
            all_groups=len(shards) == len(SHARDS),
        )
        for jobs in (steered, plain)
    ]
    return Outcome(seed, sum(ended.values()), *rows)


def draw(outcome: Outcome, shards: Sequence[Shard], folder: Path, picture: Path) -> None:
    """Draw both curves of every shard under one seed."""
    curves, bins = {}, {}
    for shard in shards:
        steered = Job(shard, outcome.seed, "steered", None, folder / f"{outcome.seed}" / shard.name)
        plain = replace(steered, folder=steered.folder.with_name(f"{shard.name}-plain"))
        curves[shard.name] = {"steered": steered.curve(), "plain random": plain.curve()}
        bins[shard.name] = reachable(steered)
    report.picture(picture, curves, bins)


def markdown(shards: Sequence[Shard], outcomes: Sequence[Outcome], median: Outcome) -> str:
    """Return the table of seeds, and by point what plain random lacked under the median one."""
    lines = ["# The loop against plain random", "", "Designs:", ""]
    lines += [f"- {shard.name}" for shard in shards]
    lines += ["", "| seed | transactions, steered | steered | plain random, three times as many |"]
    lines.append("|---|---|---|---|")
    for one in outcomes:
        steered, plain = one.share(one.steered), one.share(one.plain)
        lines.append(f"| {one.seed} | {one.transactions} | {steered:.2f} % | {plain:.2f} % |")
    lines += ["", f"Lacking under plain random, seed {median.seed} (the median):", ""]
    lines += ["| design | point | lacks | of | among them |", "|---|---|---|---|---|"]
    for row in median.plain:
        if row.open:
            names = "; ".join(row.open[:NAMED]) + ("; ..." if len(row.open) > NAMED else "")
            count = row.bins - row.excluded
            lines.append(f"| {row.group} | {row.point} | {len(row.open)} | {count} | {names} |")
    return "\n".join(lines) + "\n"


def summarize(outcomes: Sequence[Outcome], complete: bool) -> Mapping[str, object]:
    """Return the content of ``summary.json``."""
    closed = all(one.share(one.steered) == 100 for one in outcomes)
    plain = [one.share(one.plain) for one in outcomes]
    good = complete and closed and bool(plain) and statistics.median(plain) < 100
    return {
        "complete": complete,
        "steered_closes": closed,
        "plain_median_percent": round(statistics.median(plain), 3) if plain else None,
        "per_seed": [
            {
                "seed": one.seed,
                "transactions": one.transactions,
                "steered_percent": one.share(one.steered),
                "plain_percent": one.share(one.plain),
                "plain_lacks": {f"{r.group}.{r.point}": r.open for r in one.plain if r.open},
            }
            for one in outcomes
        ],
        "exit_status": 0 if good else 1,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="verif.coverage.compare", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--seeds", type=int, default=5, help="how many, from 1 on")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="simulations at a time")
    parser.add_argument("--document", type=Path, help="folder for coverage.svg and its tables")
    parser.add_argument("--only", default="*", help="pattern of the shards' names, as in 'unit*'")
    settings = parser.parse_args(arguments)
    shards = matching(settings.only)
    if not shards:
        parser.error(f"--only {settings.only}: no shard matches")
    if settings.seeds < 1 or settings.jobs < 1:
        parser.error(f"--seeds {settings.seeds} --jobs {settings.jobs}: at least 1 of each")
    console, outcomes = Console(), []
    try:
        for seed in range(1, settings.seeds + 1):
            outcomes.append(run_seed(seed, shards, settings.jobs, FOLDER, console))
            write_json(FOLDER / "summary.json", summarize(outcomes, False))
    except ShardError as error:
        console.print(str(error), markup=False, highlight=False, soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        console.print(f"interrupted after {len(outcomes)} seeds, which are kept")
        return 130
    ranked = sorted(outcomes, key=lambda one: one.share(one.plain))
    median = ranked[len(ranked) // 2]
    text = markdown(shards, outcomes, median)
    write_text(FOLDER / "report.md", text)
    draw(median, shards, FOLDER, FOLDER / "coverage.svg")
    if settings.document:
        write_text(settings.document / "coverage-tables.md", text)
        draw(median, shards, FOLDER, settings.document / "coverage.svg")
    console.print(text, markup=False, highlight=False, soft_wrap=True)
    summary = summarize(outcomes, True)
    write_json(FOLDER / "summary.json", summary)
    return summary["exit_status"]


if __name__ == "__main__":
    interrupt_once()
    sys.exit(main())
