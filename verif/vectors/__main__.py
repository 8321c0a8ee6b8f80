"""Golden vectors for people who verify elsewhere: decode, encode and dot products.

``make vectors``, or ``python -m verif.vectors --help``.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from verif.commands.arguments import Parser, whole
from verif.commands.files import write_json
from verif.commands.folders import command_folder
from verif.commands.interrupts import INTERRUPTED
from verif.commands.running import run_command
from verif.vectors.cases import DECODE, ENCODE, decode_count, decode_rows, encode_count, encode_rows
from verif.vectors.dots import DOT, dot_rows
from verif.vectors.files import Layout, Row, describe, write_vectors

FOLDER = command_folder("vectors")
SEED, DOTS = 1, 20_000
LAYOUTS = (DECODE, ENCODE, DOT)


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    """Parse the command line; each option says which make variable sets it."""
    parser = Parser(prog="vectors", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--seed", type=whole(), default=SEED, help=f"SEED=: of all choices ({SEED})"
    )
    parser.add_argument(
        "--dots", type=whole(1), default=DOTS, help=f"DOTS=: how many sums ({DOTS})"
    )
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the files go")
    return parser.parse_args(arguments)


def advancing(rows: Iterable[Row], progress: Progress, task: int) -> Iterator[Row]:
    """Yield the rows and report them as done, a hundred at a time."""
    done = 0
    for done, row in enumerate(rows, 1):
        yield row
        if done % 100 == 0:
            progress.update(task, completed=done)
    progress.update(task, completed=done)


def write_all(seed: int, dots: int, folder: Path, console: Console) -> dict[str, int]:
    """Write the files of every set; return how many vectors each has."""
    sets: list[tuple[Layout, int, Iterator[Row]]] = [
        (DECODE, decode_count(), decode_rows()),
        (ENCODE, encode_count(), encode_rows(seed)),
        (DOT, dots, dot_rows(seed, dots)),
    ]
    columns = (TextColumn("{task.description:>8}"), BarColumn(), MofNCompleteColumn())
    counts = {}
    with Progress(*columns, TimeRemainingColumn(), console=console) as progress:
        tasks = [progress.add_task(layout.name, total=total) for layout, total, _ in sets]
        for task, (layout, _, rows) in zip(tasks, sets, strict=True):
            counts[layout.name] = write_vectors(
                layout, advancing(rows, progress, task), seed, folder
            )
    return counts


def write_summary(folder: Path, seed: int, counts: dict[str, int], seconds: float) -> None:
    """Write summary.json: how many vectors each file holds."""
    files = {
        f"{name}.{ending}": count for name, count in counts.items() for ending in ("json", "hex")
    }
    summary = {"seed": seed, "counts": files, "seconds": round(seconds, 3)}
    write_json(folder / "summary.json", summary)


def main(arguments: list[str] | None = None) -> int:
    """Command line; 0 when all is written, 130 when interrupted."""
    parsed = parse_arguments(arguments)
    console = Console()
    started = time.monotonic()
    parsed.folder.mkdir(parents=True, exist_ok=True)
    (parsed.folder / "summary.json").unlink(missing_ok=True)
    try:
        counts = write_all(parsed.seed, parsed.dots, parsed.folder, console)
    except KeyboardInterrupt:
        print("vectors: interrupted, finished files are complete", file=sys.stderr)
        return INTERRUPTED
    readme = describe(LAYOUTS, counts, parsed.seed)
    (parsed.folder / "README.md").write_text(readme, encoding="utf-8")
    write_summary(parsed.folder, parsed.seed, counts, time.monotonic() - started)
    listed = ", ".join(f"{count:,} {name}" for name, count in counts.items())
    console.print(f"{listed} vectors in {parsed.folder}", highlight=False, soft_wrap=True)
    return 0


if __name__ == "__main__":
    sys.exit(run_command("vectors", main))
