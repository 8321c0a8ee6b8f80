"""Steered against plain random: ``python -m verif.coverage.compare --seeds 5``.

For each seed every shard is closed by the loop, then given three times as many transactions
that aim at nothing. Fails unless the loop closes everything, plain random nothing like it, and
the loop's curve, the median over the seeds, is nowhere much below plain random's.
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from rich.console import Console

from verif.commands.arguments import JOBS, Parser, folder_to_write, whole
from verif.commands.files import write_json, write_text
from verif.commands.folders import command_folder
from verif.commands.running import run_command
from verif.coverage import curves, exclusions, report
from verif.coverage.cover import reachable, run_jobs
from verif.coverage.gate import Row, judge, merge
from verif.coverage.run import Job, ShardError
from verif.coverage.shards import SHARDS, Shard, matching

FOLDER = command_folder("cover-compare")
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


def steered_jobs(seed: int, shards: Sequence[Shard], folder: Path) -> list[Job]:
    """Return the loop's jobs under one seed."""
    return [Job(shard, seed, "steered", None, folder / f"{seed}" / shard.name) for shard in shards]


def plain_job(job: Job) -> Job:
    """Return the job without aims beside one of the loop, which has ended."""
    return replace(
        job,
        mode="plain",
        budget=FACTOR * job.curve()["transactions"][-1],
        folder=job.folder.with_name(f"{job.shard.name}-plain"),
    )


def outcome(jobs: Sequence[Job], shards: Sequence[Shard]) -> Outcome:
    """Judge the jobs of the loop under one seed, and those beside them."""
    excluding = exclusions.load()
    rows = [
        judge(
            merge([job.folder / "coverage.yml" for job in some]),
            excluding,
            all_groups=len(shards) == len(SHARDS),
        )
        for some in (jobs, list(map(plain_job, jobs)))
    ]
    transactions = sum(job.curve()["transactions"][-1] for job in jobs)
    return Outcome(jobs[0].seed, transactions, *rows)


def compare(
    seeds: Sequence[int], shards: Sequence[Shard], processes: int, folder: Path, console: Console
) -> list[Outcome]:
    """Run both ways under all seeds; return outcomes of the seeds that ended, fewer if cut short.

    What cut it short, a shard that failed or an interruption, is printed.
    """
    per_seed = [steered_jobs(seed, shards, folder) for seed in seeds]
    every = [job for jobs in per_seed for job in jobs]
    try:
        run_jobs(every, processes, console)
        run_jobs(list(map(plain_job, every)), processes, console)
    except (ShardError, KeyboardInterrupt) as error:
        said = str(error) if isinstance(error, ShardError) else "interrupted"
        console.print(said, markup=False, highlight=False, soft_wrap=True)
    return [
        outcome(jobs, shards)
        for jobs in per_seed
        if all(job.has_ended and plain_job(job).has_ended for job in jobs)
    ]


def steer(seeds: Sequence[int], shards: Sequence[Shard], folder: Path) -> Sequence[curves.Steering]:
    """Return how well the loop aims at each shard, over seeds that have ended."""
    rows = []
    for of_shard in zip(*(steered_jobs(seed, shards, folder) for seed in seeds), strict=True):
        steered = [job.curve() for job in of_shard]
        plain = [plain_job(job).curve() for job in of_shard]
        name, bins = of_shard[0].shard.name, reachable(of_shard[0])
        rows.append(curves.steering(name, steered, plain, bins))
    return rows


def draw(seed: int, shards: Sequence[Shard], folder: Path, picture: Path) -> None:
    """Draw both curves of every shard under one seed."""
    jobs = steered_jobs(seed, shards, folder)
    both = {
        job.shard.name: {"steered": job.curve(), "plain random": plain_job(job).curve()}
        for job in jobs
    }
    report.picture(picture, both, {job.shard.name: reachable(job) for job in jobs})


def markdown(
    shards: Sequence[Shard],
    outcomes: Sequence[Outcome],
    steering: Sequence[curves.Steering],
    median: Outcome,
) -> str:
    """Return the tables of seeds and designs, and what plain random lacked under the median one."""
    lines = ["# The loop against plain random", "", "Designs:", ""]
    lines += [f"- {shard.name}" for shard in shards]
    lines += ["", "| seed | transactions, steered | steered | plain random, three times as many |"]
    lines.append("|---|---|---|---|")
    for one in outcomes:
        steered, plain = one.share(one.steered), one.share(one.plain)
        lines.append(f"| {one.seed} | {one.transactions} | {steered:.2f} % | {plain:.2f} % |")
    lines += ["", "How well the loop aims, medians over the seeds:", "", *curves.markdown(steering)]
    lines += ["", f"Lacking under plain random, seed {median.seed} (the median):", ""]
    lines += ["| design | point | lacks | of | among them |", "|---|---|---|---|---|"]
    for row in median.plain:
        if row.open:
            names = "; ".join(row.open[:NAMED]) + ("; ..." if len(row.open) > NAMED else "")
            count = row.bins - row.excluded
            lines.append(f"| {row.group} | {row.point} | {len(row.open)} | {count} | {names} |")
    return "\n".join(lines) + "\n"


def summarize(
    outcomes: Sequence[Outcome], steering: Sequence[curves.Steering], complete: bool
) -> Mapping[str, object]:
    """Return the content of ``summary.json``."""
    closed = all(one.share(one.steered) == 100 for one in outcomes)
    plain = [one.share(one.plain) for one in outcomes]
    aims = all(one.below <= curves.MOST_BELOW for one in steering)
    good = complete and closed and aims and bool(plain) and statistics.median(plain) < 100
    return {
        "complete": complete,
        "steered_closes": closed,
        "steered_keeps_up": aims,
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
        "per_design": [asdict(one) for one in steering],
        "exit_status": 0 if good else 1,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line and return the exit status."""
    parser = Parser(prog="cover-compare", description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=whole(1), default=5, help="how many, from 1 on")
    parser.add_argument("--jobs", type=JOBS, default=os.cpu_count(), help="simulations at a time")
    parser.add_argument(
        "--document", type=folder_to_write, help="folder for coverage.svg and its tables"
    )
    parser.add_argument("--only", default="*", help="pattern of the shards' names, as in 'unit*'")
    settings = parser.parse_args(arguments)
    shards = matching(settings.only)
    if not shards:
        names = ", ".join(shard.name for shard in SHARDS)
        parser.error(f"ONLY={settings.only}: no design matches, there are {names}")
    console, seeds = Console(), range(1, settings.seeds + 1)
    shutil.rmtree(FOLDER, ignore_errors=True)
    write_json(FOLDER / "summary.json", summarize([], [], complete=False))  # stands if it is killed
    outcomes = compare(seeds, shards, settings.jobs, FOLDER, console)
    steering = steer([one.seed for one in outcomes], shards, FOLDER)
    summary = summarize(outcomes, steering, complete=len(outcomes) == settings.seeds)
    write_json(FOLDER / "summary.json", summary)
    if not summary["complete"]:
        console.print(f"{len(outcomes)} of {settings.seeds} seeds ended, which are kept")
        return summary["exit_status"]
    ranked = sorted(outcomes, key=lambda one: one.share(one.plain))
    median = ranked[len(ranked) // 2]
    text = markdown(shards, outcomes, steering, median)
    write_text(FOLDER / "report.md", text)
    draw(median.seed, shards, FOLDER, FOLDER / "coverage.svg")
    if settings.document:
        write_text(settings.document / "coverage-tables.md", text)
        draw(median.seed, shards, FOLDER, settings.document / "coverage.svg")
    console.print(text, markup=False, highlight=False, soft_wrap=True)
    return summary["exit_status"]


if __name__ == "__main__":
    sys.exit(run_command("cover-compare", main))
