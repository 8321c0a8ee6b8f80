"""What the last runs gave, joined with the features of the test plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from verif.commands.summaries import read_summary
from verif.testplan.plan import Feature, module_name

RUNS = ("test", "sim")
"""Folders of `BUILD` whose summary tells of tests; the newest counts."""

SECONDS = 10.0
"""How much later than its summary a run may leave something."""


@dataclass(frozen=True)
class Results:
    """What the last runs gave.

    Attributes
    ----------
    tests
        Outcomes by name of a test, as often as it ran.
    cover
        Hit and reachable bins by cover point, over all designs.
    stale
        By `make`'s name of the run, which of its sources are others now: "design, model".
    """

    tests: Mapping[str, Counter[str]]
    cover: Mapping[str, tuple[int, int]]
    stale: Mapping[str, str] = field(default_factory=dict)

    @property
    def stale_tests(self) -> bool:
        """Whether the outcomes of tests are of other sources."""
        return bool(self.stale.keys() & set(RUNS))

    @property
    def stale_cover(self) -> bool:
        """Whether the coverage is of other sources."""
        return "cover" in self.stale


def read_results(build: Path, now: Mapping[str, str]) -> Results:
    """Read what the last runs of tests and coverage left; empty where they left nothing.

    Parameters
    ----------
    build
        Folder that the runs have written to.
    now
        Hashes of the sources as they are, see `verif.commands.fingerprint`.
    """
    tests: dict[str, Counter[str]] = {}
    cover: dict[str, tuple[int, int]] = {}
    stale = {}
    runs = {run: _summary(build / run / "summary.json", "per_test") for run in RUNS}
    runs = {run: summary for run, summary in runs.items() if summary}
    for run in sorted(runs, key=lambda run: runs[run].get("started", 0.0))[-1:]:
        stale[run] = _differing(runs[run], now)
        for test in runs[run]["per_test"]:
            module = Path(test["name"].partition("::")[0]).relative_to("tests")
            tests.setdefault(module_name(module), Counter())[test["outcome"]] += 1
        for path in build.glob("sim/*/*results.xml"):
            if _is_of(path, runs[run]):
                for name, outcome in _cases(path):
                    tests.setdefault(name, Counter())[outcome] += 1
    if summary := _summary(build / "cover" / "summary.json", "points"):
        stale["cover"] = _differing(summary, now)
        for row in summary["points"]:
            hit, reachable = cover.get(row["point"], (0, 0))
            total = reachable + row["bins"] - row["excluded"]
            cover[row["point"]] = hit + row["hit"], total
    return Results(tests, cover, {run: parts for run, parts in stale.items() if parts})


def _summary(path: Path, wanted: str) -> dict[str, Any]:
    """Return what a run has left; nothing if it has left no results."""
    summary = read_summary(path) or {}
    return summary if wanted in summary else {}


def _differing(summary: Mapping[str, Any], now: Mapping[str, str]) -> str:
    """Name the sources that were others when a run was made; unknown ones were."""
    were = summary.get("sources") or {}
    return ", ".join(part for part, hashed in now.items() if were.get(part) != hashed)


def _is_of(path: Path, summary: Mapping[str, Any]) -> bool:
    """Tell whether a file was left during a run, and not before it or after."""
    started = summary.get("started", 0.0)
    return started <= path.stat().st_mtime <= started + summary.get("seconds", 0.0) + SECONDS


def _cases(path: Path) -> Iterator[tuple[str, str]]:
    """Yield name and outcome of every test in a file of cocotb's; none of one that was cut off."""
    try:
        cases = list(ElementTree.parse(path).iter("testcase"))
    except ElementTree.ParseError:
        return
    for case in cases:
        name = f"{case.get('classname').rpartition('.')[2]}.{case.get('name')}"
        good = case.find("failure") is None and case.find("error") is None
        yield name, "passed" if good else "failed"


def passed(feature: Feature, results: Results) -> tuple[int, int]:
    """Return how many of a feature's tests ran and all passed, and how many it has."""
    counts = [results.tests.get(name, Counter()) for name in feature.tests]
    good = [count for count in counts if count["passed"] and set(count) <= {"passed"}]
    return len(good), len(counts)


def covered(feature: Feature, results: Results) -> tuple[int, int]:
    """Return how many bins of a feature's points were hit, of how many reachable ones."""
    counts = [results.cover.get(name, (0, 0)) for name in feature.cover]
    return sum(hit for hit, _ in counts), sum(reachable for _, reachable in counts)
