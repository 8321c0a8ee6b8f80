"""The test plan: ``python -m verif.testplan`` checks its names and joins it with results.

`testplan.yaml` says for each feature which tests and which cover points prove it. Every test and
every cover point is in the plan, and everything that the plan names exists; else this fails.
"""

from __future__ import annotations

import ast
import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from rich import box
from rich.console import Console
from rich.table import Table

from verif.coverage.model import points_of
from verif.entries import read_entries
from verif.environment.capabilities import FAILURES, Capabilities
from verif.files import write_text
from verif.simulation import BUILD, ROOT

PLAN = Path(__file__).with_name("testplan.yaml")
STAGES = {"V1": "smoke", "V2": "complete", "V3": "closed"}
RUNS = ("test", "sim")
"""Folders of `BUILD` whose summary tells of tests; the newest counts."""


class PlanError(ValueError):
    """A plan that does not fit what there is."""


@dataclass(frozen=True)
class Feature:
    """What is to be proven.

    Attributes
    ----------
    feature, intent
        Its name, and what holds when it works.
    stage
        One of `STAGES`: when in a project it has to be there.
    tests
        ``bench_x.name`` of a cocotb test, ``test_x`` of a module of pytest tests.
    cover
        Names of cover points.
    """

    feature: str
    intent: str
    stage: str
    tests: tuple[str, ...]
    cover: tuple[str, ...] = ()


@dataclass(frozen=True)
class Results:
    """What the last runs gave.

    Attributes
    ----------
    tests
        Outcomes by name of a test, as often as it ran.
    cover
        Hit and reachable bins by cover point, over all designs.
    """

    tests: Mapping[str, Counter[str]]
    cover: Mapping[str, tuple[int, int]]


def load(path: Path = PLAN) -> list[Feature]:
    """Read the plan.

    Raises
    ------
    PlanError
        If it is not YAML, an entry lacks something, or its stage is none of `STAGES`.
    """
    features = []
    for entry in read_entries(path, PlanError):
        try:
            lists = {key: tuple(entry.get(key) or ()) for key in ("tests", "cover")}
            feature = Feature(**entry | lists)
        except TypeError as error:
            raise PlanError(f"{path.name}: {entry.get('feature', entry)}: {error}") from None
        if feature.stage not in STAGES:
            stages = ", ".join(STAGES)
            raise PlanError(f"{feature.feature}: stage {feature.stage}, choose of {stages}")
        if not feature.tests:
            raise PlanError(f"{feature.feature}: no test proves it")
        features.append(feature)
    return features


def existing_tests(folder: Path = ROOT / "tests") -> set[str]:
    """Return the names of all cocotb tests, and of all modules of pytest tests."""
    names = {path.stem for path in folder.glob("test_*.py")}
    for path in (folder / "benches").glob("bench_*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        coroutines = [node for node in tree.body if isinstance(node, ast.AsyncFunctionDef)]
        names |= {f"{path.stem}.{node.name}" for node in coroutines if _is_test(node)}
    return names


def _is_test(node: ast.AsyncFunctionDef) -> bool:
    decorators = [d.func if isinstance(d, ast.Call) else d for d in node.decorator_list]
    return any(ast.unparse(d) in ("bench_test", "cocotb.test") for d in decorators)


def existing_points() -> set[str]:
    """Return the names of all cover points of a design that can do everything."""
    build = {"exp_max": 3, "k_max": 4, "accumulator": "exact", "rows": 2, "cols": 2}
    can = Capabilities.of_build(**build, failures=FAILURES, resets=("reset", "soft reset"))
    return {point.name for point in points_of(can)}


def check(features: Sequence[Feature], tests: set[str], points: set[str]) -> None:
    """Check that the plan and what there is agree.

    Raises
    ------
    PlanError
        Naming everything that is on one side only.
    """
    faults = []
    for what, there, planned in (
        ("test", tests, {name for one in features for name in one.tests}),
        ("cover point", points, {name for one in features for name in one.cover}),
    ):
        faults += [f"{what} {name}: in the plan, but does not exist" for name in planned - there]
        faults += [f"{what} {name}: not in the plan" for name in there - planned]
    counts = Counter(one.feature for one in features)
    faults += [f"feature {name}: {count} times" for name, count in counts.items() if count > 1]
    if faults:
        raise PlanError("\n".join(sorted(faults)))


def read_results(build: Path = BUILD) -> Results:
    """Read what the last runs of tests and coverage left; empty where they left nothing."""
    tests: dict[str, Counter[str]] = {}
    summaries = [build / run / "summary.json" for run in RUNS]
    summaries = sorted((path for path in summaries if path.is_file()), key=_age)
    for path in summaries[-1:]:
        for test in json.loads(path.read_text(encoding="utf-8"))["per_test"]:
            module = Path(test["name"].partition("::")[0]).stem
            tests.setdefault(module, Counter())[test["outcome"]] += 1
    for path in build.glob("sim/*/*results.xml"):
        for case in ElementTree.parse(path).iter("testcase"):
            name = f"{case.get('classname').rpartition('.')[2]}.{case.get('name')}"
            passed = case.find("failure") is None and case.find("error") is None
            tests.setdefault(name, Counter())["passed" if passed else "failed"] += 1
    cover: dict[str, tuple[int, int]] = {}
    summary = build / "cover" / "summary.json"
    if summary.is_file():
        for row in json.loads(summary.read_text(encoding="utf-8"))["points"]:
            hit, reachable = cover.get(row["point"], (0, 0))
            total = reachable + row["bins"] - row["excluded"]
            cover[row["point"]] = hit + row["hit"], total
    return Results(tests, cover)


def _age(path: Path) -> float:
    return path.stat().st_mtime


def passed(feature: Feature, results: Results) -> tuple[int, int]:
    """Return how many of a feature's tests ran and all passed, and how many it has."""
    counts = [results.tests.get(name, Counter()) for name in feature.tests]
    good = [count for count in counts if count["passed"] and set(count) <= {"passed"}]
    return len(good), len(counts)


def covered(feature: Feature, results: Results) -> tuple[int, int]:
    """Return how many bins of a feature's points were hit, of how many reachable ones."""
    counts = [results.cover.get(name, (0, 0)) for name in feature.cover]
    return sum(hit for hit, _ in counts), sum(reachable for _, reachable in counts)


def rows(features: Iterable[Feature], results: Results) -> list[tuple[str, ...]]:
    """Return the table: stage, feature, intent, tests that passed, bins that were hit."""
    table = []
    for one in sorted(features, key=lambda feature: feature.stage):
        good, tests = passed(one, results)
        hit, bins = covered(one, results)
        bins_text = f"{hit} / {bins}" if one.cover else ""
        table.append((one.stage, one.feature, one.intent, f"{good} / {tests}", bins_text))
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


def main() -> int:
    """Check the plan, print it with results, and return the exit status."""
    console = Console()
    try:
        features = load()
        check(features, existing_tests(), existing_points())
    except PlanError as error:
        print(f"plan: {error}", file=sys.stderr)
        return 1
    results = read_results()
    table = Table(*TITLES, title="Test plan", box=box.SIMPLE)
    for row in rows(features, results):
        table.add_row(*row)
    console.print(table)
    write_text(BUILD / "plan" / "testplan.md", markdown(features, results))
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
    sys.exit(main())
