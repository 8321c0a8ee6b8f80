"""Coverage closure: ``python -m verif.coverage.cover --seed 1 --jobs 2``.

Closes the functional coverage from scratch: every shard aims at its own open bins until none is
left; what they hit is merged and judged. Fails unless every reachable bin was hit.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from verif.commands.arguments import JOBS, Parser, whole
from verif.commands.files import write_json, write_text
from verif.commands.folders import command_folder
from verif.commands.running import run_command
from verif.coverage import exclusions, report
from verif.coverage.exclusions import ExclusionError
from verif.coverage.gate import CoverageError, Row, judge, merge, read
from verif.coverage.run import Job, Pool, ShardError
from verif.coverage.shards import SHARDS, Shard, matching
from verif.simulator.simulation import check_simulator, chosen_simulator

FOLDER = command_folder("cover")


def run_jobs(jobs: Sequence[Job], processes: int, console: Console) -> None:
    """Run shards and show how far they are."""
    pool = Pool(processes)
    columns = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("shards", total=len(jobs))

        def done(job: Job) -> None:
            curve = job.curve()
            ended = f"{curve['transactions'][-1]} transactions, {curve['bins'][-1]} bins"
            console.print(
                f"{job.shard.name}, seed {job.seed}, {job.mode}: {ended}", highlight=False
            )
            progress.advance(task)

        pool.run(jobs, done)


def reachable(job: Job) -> int:
    """Return how many bins a shard's own design can show."""
    (group, points), *_ = read(job.folder / "coverage.yml").items()
    out = exclusions.excluded(exclusions.load(), group, points)
    return sum(len(bins) - len(out[point]) for point, bins in points.items())


def summarize(
    seed: int, jobs: Sequence[Job], rows: Sequence[Row], seconds: float, error: str | None
) -> dict[str, object]:
    """Return the content of ``summary.json``; successful only when everything was closed."""
    ended = [job for job in jobs if job.has_ended]
    closed = error is None and bool(rows) and not any(row.open for row in rows)
    return {
        "seed": seed,
        "complete": len(ended) == len(jobs),
        "closed": closed,
        "error": error,
        "seconds": round(seconds, 1),
        "bins": sum(row.bins for row in rows),
        "excluded": sum(row.excluded for row in rows),
        "hit": sum(row.hit for row in rows),
        "open": sum(len(row.open) for row in rows),
        "transactions": sum(job.curve()["transactions"][-1] for job in ended),
        "results": sum(job.curve()["results"] for job in ended),
        "shards": [job.shard.name for job in ended],
        "points": [asdict(row) for row in rows],
        "exit_status": 0 if closed else 1,
    }


def cover(
    seed: int, processes: int, folder: Path, console: Console, shards: Sequence[Shard] = SHARDS
) -> int:
    """Close the coverage of some shards, write the results, and return the exit status."""
    start = time.monotonic()
    shutil.rmtree(folder, ignore_errors=True)
    jobs = [Job(shard, seed, "steered", None, folder / shard.name) for shard in shards]
    rows: list[Row] = []
    error = "not finished"
    try:
        excluding = exclusions.load()
        write_json(folder / "summary.json", summarize(seed, jobs, rows, 0, error))
        run_jobs(jobs, processes, console)
        hits = merge([job.folder / "coverage.yml" for job in jobs])
        write_json(folder / "coverage.json", hits)
        rows = judge(hits, excluding, all_groups=len(shards) == len(SHARDS))
        error = None
    except (ShardError, CoverageError, ExclusionError) as failure:
        error = str(failure)
        console.print(error, markup=False, highlight=False, soft_wrap=True)
    except KeyboardInterrupt:
        error = "interrupted"
        console.print("interrupted: shards that had ended are kept")
    seconds = time.monotonic() - start
    summary = summarize(seed, jobs, rows, seconds, error)
    write_json(folder / "summary.json", summary)
    if rows:
        curves = {job.shard.name: {"steered": job.curve()} for job in jobs}
        report.picture(folder / "curves.svg", curves, {j.shard.name: reachable(j) for j in jobs})
        write_text(folder / "report.md", report.markdown(rows, excluding))
        report.show(rows, console)
        console.print(
            f"{summary['hit']} of {summary['bins'] - summary['excluded']} reachable bins hit with "
            f"{summary['transactions']} transactions, {summary['results']} results compared, "
            f"seed {seed}, {seconds:.0f} s"
        )
    return summary["exit_status"]


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the settings of a command line."""
    parser = Parser(prog="cover", description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=whole(), default=1, help="what everything random depends on")
    parser.add_argument("--jobs", type=JOBS, default=os.cpu_count(), help="simulations at a time")
    parser.add_argument("--only", default="*", help="pattern of the shards' names, as in 'unit*'")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line and return the exit status."""
    settings = parse_arguments(arguments)
    try:
        check_simulator(chosen_simulator())
    except ValueError as error:
        print(f"cover: {error}", file=sys.stderr)
        return 2
    shards = matching(settings.only)
    if not shards:
        names = ", ".join(shard.name for shard in SHARDS)
        print(f"cover: ONLY={settings.only}: no design matches, there are {names}", file=sys.stderr)
        return 2
    return cover(settings.seed, settings.jobs, FOLDER, Console(), shards)


if __name__ == "__main__":
    sys.exit(run_command("cover", main))
