"""The test plan names what there is, all of it, and nothing else."""

import json
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from verif.testplan.__main__ import markdown, rows, summarize
from verif.testplan.plan import (
    Feature,
    PlanError,
    check,
    existing_points,
    existing_tests,
    load,
)
from verif.testplan.results import Results, read_results

ONE = Feature(
    "sums", "sums are exact", "V2", ("bench_unit.sums", "arithmetic/test_gemm"), ("splits",)
)
TESTS, POINTS = {"bench_unit.sums", "arithmetic/test_gemm"}, {"splits"}


def test_the_plan_and_what_there_is_agree() -> None:
    features, tests, points = load(), existing_tests(), existing_points()
    check(features, tests, points)
    assert len(features) >= 20 and len(tests) > 90 and len(points) >= 12
    assert {one.stage for one in features} == {"V1", "V2", "V3"}
    assert {"bench_decode.every_code_of_every_split", "testplan/test_testplan"} <= tests


@pytest.mark.parametrize(
    ("features", "tests", "points", "message"),
    [
        ([ONE], TESTS | {"test_new"}, POINTS, "test test_new: not in the plan"),
        (
            [ONE],
            {"arithmetic/test_gemm"},
            POINTS,
            "test bench_unit.sums: in the plan, but does not exist",
        ),
        ([ONE], TESTS, POINTS | {"flags"}, "cover point flags: not in the plan"),
        ([ONE], TESTS, set(), "cover point splits: in the plan, but does not exist"),
        ([ONE, ONE], TESTS, POINTS, "feature sums: 2 times"),
    ],
)
def test_a_name_on_one_side_only_is_an_error(features, tests, points, message) -> None:
    check([ONE], TESTS, POINTS)
    with pytest.raises(PlanError) as error:
        check(features, tests, points)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{feature: x, intent: y, stage: V9, tests: [a]}", "x: stage V9, choose of V1, V2, V3"),
        ("{feature: x, intent: y, stage: V1, tests: []}", "x: no test proves it"),
        ("{feature: x, stage: V1, tests: [a]}", "x: .*missing 1 required"),
        ("{feature: x, intent: y, stage: V1, tests: [a], owner: me}", "x: .*unexpected keyword"),
    ],
)
def test_an_incomplete_entry_is_an_error(tmp_path: Path, entry: str, message: str) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(f"- {entry}\n")
    with pytest.raises(PlanError, match=message):
        load(path)


NOW = {"design": "a1", "model": "b2"}


def write_results(build: Path, outcome: str, were: object = NOW, started: float = 0.0) -> None:
    """Write what a run of two simulations and three pytest tests leaves, and coverage."""
    about = {"sources": were, "started": started or time.time() - 1, "seconds": 2.0}
    names = [f"tests/arithmetic/test_gemm.py::test_{number}" for number in range(3)]
    tests = [{"name": name, "outcome": "passed"} for name in names[:2]]
    tests.append({"name": names[2], "outcome": outcome})
    (build / "sim").mkdir(parents=True)
    (build / "sim" / "summary.json").write_text(json.dumps(about | {"per_test": tests}))
    for number, inside in enumerate(("", "<failure/>" if outcome == "failed" else "")):
        folder = build / "sim" / f"unit-{number}"
        folder.mkdir()
        case = f'<testcase classname="tests.benches.bench_unit" name="sums">{inside}</testcase>'
        (folder / "a_results.xml").write_text(f"<testsuites>{case}</testsuites>")
    (build / "cover").mkdir()
    points = [
        {"group": group, "point": "splits", "bins": 10, "excluded": 1, "hit": hit}
        for group, hit in (("unit", 9), ("engine", 5))
    ]
    (build / "cover" / "summary.json").write_text(json.dumps(about | {"points": points}))


def test_results_are_joined(tmp_path: Path) -> None:
    write_results(tmp_path, "passed")
    results = read_results(tmp_path, NOW)
    assert results.tests["bench_unit.sums"] == Counter(passed=2)
    assert rows([ONE], results) == [("V2", "sums", "sums are exact", "2 / 2", "14 / 18")]
    assert "| V2 | sums | sums are exact | 2 / 2 | 14 / 18 |" in markdown([ONE], results)
    summary = summarize([ONE], results)
    assert summary["complete"] and summary["stale"] == {}
    (feature,) = summary["features"]
    assert feature == {"feature": "sums", "stage": "V2", "tests": (2, 2), "bins": (14, 18)}


def test_a_failure_or_a_missing_result_is_no_pass(tmp_path: Path) -> None:
    write_results(tmp_path / "failed", "failed")
    table = rows([ONE], read_results(tmp_path / "failed", NOW))
    assert table[0][3] == "0 / 2"
    other = replace(ONE, cover=())
    assert rows([other], Results({}, {}))[0][3:] == ("0 / 2", "")
    assert read_results(tmp_path / "nothing", NOW) == Results({}, {})


@pytest.mark.parametrize(
    ("were", "parts"),
    [({"design": "a1", "model": "b3"}, "model"), ({}, "design, model"), (None, "design, model")],
)
def test_results_of_other_sources_are_shown_as_stale(tmp_path: Path, were, parts: str) -> None:
    write_results(tmp_path, "passed", were)
    results = read_results(tmp_path, NOW)
    assert results.stale == {"sim": parts, "cover": parts}
    assert rows([ONE], results)[0][3:] == ("2 / 2 (stale)", "14 / 18 (stale)")


def test_simulations_of_another_run_do_not_count(tmp_path: Path) -> None:
    for hours in (-1, 1):
        build = tmp_path / str(hours)
        write_results(build, "passed", started=time.time() + 3600 * hours)
        assert "bench_unit.sums" not in read_results(build, NOW).tests


def test_what_an_interrupted_run_has_left_is_no_result(tmp_path: Path) -> None:
    write_results(tmp_path, "passed")
    (tmp_path / "sim" / "unit-0" / "a_results.xml").write_text("<testsuites><testcase")
    (tmp_path / "cover" / "summary.json").write_text('{"points": [')
    results = read_results(tmp_path, NOW)
    assert results.tests["bench_unit.sums"] == Counter(passed=1) and not results.cover
    for text in ('{"complete": false, "begun": true}', "null", ""):
        (tmp_path / "sim" / "summary.json").write_text(text)
        assert read_results(tmp_path, NOW) == Results({}, {})
