"""What the last runs gave, joined with the features of the test plan."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from verif.commands.folders import BUILD
from verif.testplan.plan import Feature, module_name

RUNS = ("test", "sim")
"""Folders of `BUILD` whose summary tells of tests; the newest counts."""


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


def read_results(build: Path = BUILD) -> Results:
    """Read what the last runs of tests and coverage left; empty where they left nothing."""
    tests: dict[str, Counter[str]] = {}
    summaries = [build / run / "summary.json" for run in RUNS]
    summaries = sorted((path for path in summaries if path.is_file()), key=_age)
    for path in summaries[-1:]:
        for test in json.loads(path.read_text(encoding="utf-8"))["per_test"]:
            module = Path(test["name"].partition("::")[0]).relative_to("tests")
            tests.setdefault(module_name(module), Counter())[test["outcome"]] += 1
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
