"""The test plan: ``python -m verif.testplan`` checks its names and joins it with results.

`plan.yaml` says for each feature which tests and which cover points prove it. Every test and
every cover point is in the plan, and everything that the plan names exists; else this fails.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from verif.commands.files import write_json, write_text
from verif.commands.fingerprint import sources
from verif.commands.folders import BUILD, command_folder
from verif.commands.running import run_command
from verif.testplan.plan import (
    STAGES,
    Feature,
    PlanError,
    check,
    existing_points,
    existing_tests,
    load,
)
from verif.testplan.results import Results, covered, passed, read_results

STALE = " (stale)"


def rows(features: Iterable[Feature], results: Results) -> list[tuple[str, ...]]:
    """Return the table: stage, feature, intent, tests that passed, bins that were hit."""
    table = []
    old_tests, old_bins = STALE * results.stale_tests, STALE * results.stale_cover
    for one in sorted(features, key=lambda feature: feature.stage):
        good, tests = passed(one, results)
        hit, bins = covered(one, results)
        bins_text = f"{hit} / {bins}{old_bins}" if one.cover else ""
        table.append(
            (one.stage, one.feature, one.intent, f"{good} / {tests}{old_tests}", bins_text)
        )
    return table


TITLES = ("stage", "feature", "intent", "tests passed", "bins hit")


def markdown(features: Sequence[Feature], results: Results) -> str:
    """Return the table, and under it what proves each feature."""
    lines = [f"| {' | '.join(TITLES)} |", "|---" * len(TITLES) + "|"]
    lines += [f"| {' | '.join(row)} |" for row in rows(features, results)]
    lines.append("")
    for one in features:
        points = f"; cover points {', '.join(one.cover)}" if one.cover else ""
        lines.append(f"* **{one.feature}**: {', '.join(f'`{name}`' for name in one.tests)}{points}")
    return "\n".join(lines) + "\n"


def summarize(features: Iterable[Feature], results: Results) -> dict[str, object]:
    """Return the content of ``summary.json``: of each feature [good, all], and what is stale."""
    table = [
        {
            "feature": one.feature,
            "stage": one.stage,
            "tests": passed(one, results),
            "bins": covered(one, results),
        }
        for one in features
    ]
    return {"complete": True, "stale": dict(results.stale), "features": table}


def main(arguments: Sequence[str] | None = None) -> int:
    """Check the plan, print it with results, and return the exit status."""
    console = Console()
    try:
        features = load()
        check(features, existing_tests(), existing_points())
    except PlanError as error:
        print(f"plan: {error}", file=sys.stderr)
        return 1
    results = read_results(BUILD, sources())
    table = Table(*TITLES, title="Test plan", box=box.SIMPLE)
    for row in rows(features, results):
        table.add_row(*row)
    console.print(table)
    write_text(command_folder("plan") / "testplan.md", markdown(features, results))
    write_json(command_folder("plan") / "summary.json", summarize(features, results))
    for run, parts in results.stale.items():
        console.print(f"stale: what make {run} has left is of another {parts}; run it again")
    counts = Counter(one.stage for one in features)
    stages = ", ".join(f"{counts[stage]} {stage} ({what})" for stage, what in STAGES.items())
    names = {name for one in features for name in one.tests}
    points = {name for one in features for name in one.cover}
    console.print(
        f"{len(features)} features: {stages}; {len(names)} tests and {len(points)} cover points, "
        "all of them there and in the plan"
    )
    return 0


if __name__ == "__main__":
    sys.exit(run_command("plan", main))
