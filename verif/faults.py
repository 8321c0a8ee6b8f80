"""Fault campaign: ``python -m verif.faults --seed 1 --faults 6 --jobs 2``.

Makes faults in a copy of the RTL, one at a time, and runs on each the module's own bench, then
those of the modules that instantiate it, the nearest first, until one fails. A fault that none of
them notices is a survivor, unless `equivalent_faults.yaml` shows it to be equivalent.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from verif.campaign import (
    BENCHES,
    ROOT,
    Campaign,
    CampaignError,
    Case,
    Verdict,
    find_benches,
    load_equivalents,
    read_sources,
)
from verif.files import write_json
from verif.mutation import draw, make_faults

EQUIVALENTS = Path(__file__).with_name("equivalent_faults.yaml")
MINIMUM = 3  # faults a module


def summarize(
    seed: int, verdicts: Sequence[Verdict], modules: Sequence[str], seconds: float, complete: bool
) -> dict[str, object]:
    """Return the content of ``summary.json``."""
    per_fault = [asdict(one) for one in sorted(verdicts, key=lambda one: str(one.fault))]
    by_module = {name: [one for one in verdicts if one.module == name] for name in modules}
    return {
        "seed": seed,
        "complete": complete,
        **_count(verdicts),
        "survivors": [one for one in per_fault if one["status"] == "survived"],
        "seconds": round(seconds, 1),
        "modules": {name: _count(found) for name, found in by_module.items()},
        "per_fault": per_fault,
    }


def _count(verdicts: Sequence[Verdict]) -> dict[str, int]:
    statuses = Counter(one.status for one in verdicts)
    killed = [one for one in verdicts if one.status == "killed"]
    return {
        "faults": sum(one.fault is not None for one in verdicts),
        "killed": len(killed),
        "killed_by_own_bench": sum(Case(one.killed_by).module == one.module for one in killed),
        "timeouts": sum(one.timeout for one in killed),
        "equivalent": statuses["equivalent"],
        "survived": statuses["survived"],
        "errors": statuses["error"],
        "invalid": sum(len(one.invalid) for one in verdicts),
    }


def is_clean(summary: Mapping[str, object]) -> bool:
    """Tell whether every fault was killed or is equivalent, and no module had too few."""
    enough = all(counts["faults"] >= MINIMUM for counts in summary["modules"].values())
    return enough and summary["complete"] and not (summary["survived"] or summary["errors"])


def report(summary: Mapping[str, object], console: Console) -> None:
    """Print the counts by module, and a sentence."""
    columns = {"faults": "faults", "killed": "killed", "own bench": "killed_by_own_bench"}
    columns |= {"timeout": "timeouts", "equivalent": "equivalent", "survived": "survived"}
    table = Table("module", title=f"Faults, seed {summary['seed']}", box=box.SIMPLE)
    for title in columns:
        table.add_column(title, justify="right", no_wrap=True)
    for module, counts in summary["modules"].items():
        table.add_row(module, *(str(counts[key]) for key in columns.values()))
    console.print(table)
    few = [name for name, counts in summary["modules"].items() if counts["faults"] < MINIMUM]
    if few:
        console.print(f"fewer than {MINIMUM} faults judged in: {', '.join(few)}")
    console.print(
        f"{'' if summary['complete'] else 'INCOMPLETE: '}{summary['killed']} of "
        f"{summary['faults']} faults killed, {summary['equivalent']} equivalent, "
        f"{summary['survived']} survived, {summary['errors']} errors, {summary['invalid']} "
        "that did not compile"
    )


def run_campaign(
    campaign: Campaign, modules: Sequence[str], faults: int, jobs: int, console: Console
) -> dict[str, object]:
    """Measure the benches, judge all faults, and write the summary after each.

    Parameters
    ----------
    campaign : Campaign
        What to run on.
    modules : Sequence of str
        Modules to make faults in.
    faults : int
        How many in each.
    jobs : int
        Runs at a time.
    console : Console
        Where progress is shown.

    Returns
    -------
    dict
        The summary; not complete if the campaign was interrupted.
    """
    start = time.monotonic()
    verdicts: list[Verdict] = []

    def save(complete: bool = False) -> dict[str, object]:
        seconds = time.monotonic() - start
        summary = summarize(campaign.seed, verdicts, modules, seconds, complete)
        write_json(campaign.results / "summary.json", summary)
        return summary

    save()
    cases = dict.fromkeys(case for module in modules for case in campaign.order(module))
    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()]
    columns += [TextColumn("{task.fields[note]}"), TimeRemainingColumn()]
    with ThreadPoolExecutor(jobs) as pool, Progress(*columns, console=console) as progress:
        try:
            task = progress.add_task("unmutated design", total=len(cases), note="")
            for done in as_completed([pool.submit(campaign.measure, case) for case in cases]):
                done.result()
                progress.advance(task)
            work = []
            for module in modules:
                made = make_faults(f"ffp8_{module}.v", campaign.sources[module])
                drawn = draw(made, faults, f"{campaign.seed}:{module}")
                for number, choices in enumerate(drawn, start=1):
                    work.append(pool.submit(campaign.judge, module, number, choices))
            task = progress.add_task("faults", total=len(work), note="")
            for done in as_completed(work):
                verdict = done.result()
                verdicts.append(verdict)
                killed = sum(one.status == "killed" for one in verdicts)
                progress.update(task, advance=1, note=f"{killed} killed")
                if verdict.status in ("survived", "error"):
                    text = f"{verdict.status}: {verdict.fault or verdict.module} {verdict.detail}"
                    console.print(text, markup=False, highlight=False, soft_wrap=True)
                save()
            return save(complete=True)
        except KeyboardInterrupt:
            console.print("interrupted: what has been judged is kept")
            return save()
        finally:
            campaign.stop()
            pool.shutdown(cancel_futures=True)


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the command line's settings.

    Raises
    ------
    CampaignError
        If a number is too small.
    """
    parser = argparse.ArgumentParser(prog="verif.faults", description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, default=1, help="what faults and benches depend on")
    parser.add_argument("--faults", type=int, default=4, help="how many a module, at least 3")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="runs at a time")
    parser.add_argument("--modules", help="comma-separated, as in decode,encode; all unless given")
    parser.add_argument("--hdl", type=Path, default=ROOT / "hdl", help="folder of the design")
    parser.add_argument("--results", type=Path, default=ROOT / "build" / "faults")
    settings = parser.parse_args(arguments)
    if settings.faults < MINIMUM:
        raise CampaignError(f"--faults {settings.faults}: a module gets at least {MINIMUM}")
    if settings.jobs < 1:
        raise CampaignError(f"--jobs {settings.jobs}: at least 1 run at a time")
    return settings


def prepare(settings: argparse.Namespace) -> tuple[Campaign, list[str]]:
    """Return the campaign of a command line and the modules to make faults in.

    Raises
    ------
    CampaignError
        If a tool, a module or a bench is missing, or the equivalents do not fit the design.
    """
    if shutil.which("iverilog") is None:
        raise CampaignError("iverilog: not on PATH, run `make setup`")
    sources = read_sources(settings.hdl)
    modules = settings.modules.split(",") if settings.modules else list(sources)
    for module in modules:
        if module not in sources:
            raise CampaignError(f"module {module}: unknown, choose of {', '.join(sources)}")
    benches = find_benches()
    without = [module for module in modules if module not in benches]
    if without:
        raise CampaignError(f"{', '.join(without)}: no bench of its own in {BENCHES}")
    results = settings.results.resolve()
    for old in ("logs", "survivors"):
        shutil.rmtree(results / old, ignore_errors=True)
    equivalents = load_equivalents(EQUIVALENTS, sources)
    return Campaign(sources, benches, equivalents, settings.seed, results), modules


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a campaign from the command line and return the exit status."""
    console = Console()
    try:
        settings = parse_arguments(arguments)
        campaign, modules = prepare(settings)
        summary = run_campaign(campaign, modules, settings.faults, settings.jobs, console)
    except CampaignError as error:
        print(f"faults: {error}", file=sys.stderr)
        return 2
    report(summary, console)
    return 0 if is_clean(summary) else 1


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
