"""The loop beside plain random: what counts as success, what an interruption leaves."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from rich.console import Console

from verif.coverage import compare
from verif.coverage.compare import Outcome, main, plain_job, summarize
from verif.coverage.curves import MOST_BELOW, Steering
from verif.coverage.gate import Row
from verif.coverage.run import Job, ShardError
from verif.coverage.shards import matching

ARRAY = "array*PIPELINE1"
CURVE = {"transactions": [7], "jobs": [9], "bins": [1], "ends": {"length": 9}, "hit": {}}


def outcome(seed: int, steered: int, plain: int) -> Outcome:
    """Return an outcome with so many of four reachable bins hit."""
    rows = [[row(hit)] for hit in (steered, plain)]
    return Outcome(seed, 10, *rows)


def row(hit: int) -> Row:
    return Row("array", "length", bins=5, excluded=1, hit=hit, open=["K_MAX"] * (4 - hit))


@pytest.mark.parametrize(
    ("outcomes", "complete", "status"),
    [
        ([(4, 3), (4, 3), (4, 4)], True, 0),
        ([(4, 3), (4, 4), (4, 4)], True, 1),  # plain random closes in the median
        ([(4, 3), (3, 2), (4, 3)], True, 1),  # the loop does not
        ([(4, 3), (4, 3), (4, 3)], False, 1),
        ([], True, 1),
    ],
)
def test_success(outcomes: Sequence[tuple[int, int]], complete: bool, status: int) -> None:
    summary = summarize([outcome(1, *hits) for hits in outcomes], [], complete)
    assert summary["exit_status"] == status and summary["complete"] is complete


@pytest.mark.parametrize(("below", "status"), [(0.0, 0), (MOST_BELOW, 0), (MOST_BELOW + 0.01, 1)])
def test_success_wants_a_curve_that_keeps_up(below: float, status: int) -> None:
    rows = [Steering("array", one, 5, 9, 1.0, 4) for one in (0.0, below)]
    summary = summarize([outcome(1, 4, 3)], rows, complete=True)
    assert summary["exit_status"] == status and summary["per_design"][1]["below"] == below


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(compare, "FOLDER", tmp_path / "compare")
    return tmp_path / "compare"


@pytest.mark.parametrize("error", [KeyboardInterrupt, ShardError])
def test_what_ends_early_keeps_seeds_that_had_ended(
    error: type[BaseException],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (shard,) = matching(ARRAY)
    earlier = folder / "3" / f"{shard.name}-plain" / "curve.json"
    earlier.parent.mkdir(parents=True)
    earlier.write_text("an earlier run's")
    judged: list[Job] = []

    def run_jobs(jobs: Sequence[Job], processes: int, console: Console) -> None:
        assert json.loads((folder / "summary.json").read_text())["complete"] is False
        for job in jobs:
            if job.mode == "plain" and job.seed == 2:
                raise KeyboardInterrupt if error is KeyboardInterrupt else ShardError(job, "broken")
            job.folder.mkdir(parents=True)
            (job.folder / "curve.json").write_text(json.dumps(CURVE))
            assert job.budget == (21 if job.mode == "plain" else None)

    def judge(jobs: Sequence[Job], shards: object) -> Outcome:
        judged.extend(jobs)
        return outcome(jobs[0].seed, 4, 3)

    monkeypatch.setattr(compare, "run_jobs", run_jobs)
    monkeypatch.setattr(compare, "outcome", judge)
    monkeypatch.setattr(compare, "reachable", lambda _: 4)
    document = folder.parent / "docs"
    assert main(["--seeds", "3", "--only", ARRAY, "--document", str(document)]) == 1
    assert [(job.seed, job.mode) for job in judged] == [(1, "steered")]
    summary = json.loads((folder / "summary.json").read_text())
    assert not summary["complete"] and [one["seed"] for one in summary["per_seed"]] == [1]
    printed = capsys.readouterr().out
    assert "1 of 3 seeds ended, which are kept" in printed and not document.exists()
    assert ("interrupted" if error is KeyboardInterrupt else "replay: ") in printed


@pytest.mark.sim
@pytest.mark.parametrize("only", [ARRAY, "registers-*"])
def test_plain_random_gets_three_times_as_many(folder: Path, only: str) -> None:
    document = folder.parent / "docs"
    status = main(["--seeds", "1", "--only", only, "--document", str(document)])
    summary = json.loads((folder / "summary.json").read_text())
    (seed,) = summary["per_seed"]
    assert summary["complete"] and seed["steered_percent"] == 100
    (design,) = summary["per_design"]
    keeps_up = summary["steered_keeps_up"]
    assert keeps_up == (design["below"] <= MOST_BELOW)
    assert (status == 0) == (keeps_up and seed["plain_percent"] < 100)
    (shard,) = matching(only)
    job = compare.steered_jobs(1, [shard], folder)[0]
    sent = job.curve()["transactions"][-1]
    assert plain_job(job).curve()["transactions"][-1] == 3 * sent == 3 * seed["transactions"]
    lines = (document / "coverage-tables.md").read_text().splitlines()
    assert f"| 1 | {sent} | 100.00 % | {seed['plain_percent']:.2f} % |" in lines
    assert "<svg" in (document / "coverage.svg").read_text()
