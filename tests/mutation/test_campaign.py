"""The campaign: what it takes up again, what an interruption leaves, when it fails."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from tests.mutation.decode_mutants import CASES, DESIGN
from verif.commands.folders import ROOT
from verif.mutation import command, judge, known, plan, processes, runner
from verif.mutation.campaign import Campaign
from verif.mutation.cases import Case
from verif.mutation.command import main
from verif.mutation.design import Design
from verif.mutation.judge import Judge
from verif.mutation.mutant import SOURCE, Mutant, Verdict
from verif.mutation.report import Result
from verif.mutation.runner import Outcome
from verif.mutation.store import Store

QUIET = Console(quiet=True)


MODULES = ("decode", "judge", "array")


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Have every bench notice every mutant, and return the modules that were simulated so far."""
    asked: list[str] = []

    def run(case: Case, hdl: Path, limit: float) -> Outcome:
        texts = {name: (hdl / f"ffp8_{name}.v").read_text() for name in DESIGN.sources}
        if all("// mutant" not in text for text in texts.values()):
            return Outcome("passed", seconds=1.0)
        asked.append(case.module)
        return Outcome("failed", "a_test")

    def draw(module: str, design: Design, cases: object, count: int, seed: int) -> list[Mutant]:
        texts = [f"// mutant {number} of {seed}\n{design.sources[module]}" for number in range(3)]
        return [
            Mutant(module, SOURCE, "comment", 1, "", str(number), text)
            for number, text in enumerate(texts)
        ]

    monkeypatch.setattr(runner, "run", run)
    monkeypatch.setattr(plan, "draw", draw)
    monkeypatch.setattr(known, "load", lambda: [])
    return asked


def campaign(folder: Path, design: Design = DESIGN, seed: int = 1) -> Result:
    judging = Judge(design, CASES, Store(folder / "results"), folder / "survivors")
    settings = {"mutants": 9, "seed": seed, "jobs": 2, "folder": folder}
    return Campaign(judging, MODULES, **settings).run(QUIET)


def summary(folder: Path) -> dict[str, object]:
    return json.loads((folder / "summary.json").read_text())


def test_a_campaign_judges_all_and_says_so(judged: list[str], tmp_path: Path) -> None:
    result = campaign(tmp_path)
    assert result.is_complete and not result.failures() and len(judged) == 9
    written = summary(tmp_path)
    assert written["complete"] and written["passed"] and written["killed"] == 9
    assert written["modules"]["decode"]["killed_by_own_bench"] == 3
    assert "| decode | 3 | 3 | 0 |" in (tmp_path / "report.md").read_text()


def test_a_second_run_judges_nothing_again(judged: list[str], tmp_path: Path) -> None:
    campaign(tmp_path)
    judged.clear()
    result = campaign(tmp_path)
    assert not judged and result.recalled == 9 and not result.failures()


def test_a_second_run_judges_what_has_changed(judged: list[str], tmp_path: Path) -> None:
    campaign(tmp_path)
    judged.clear()
    changed = DESIGN.sources | {"decode": DESIGN.sources["decode"] + "// changed\n"}
    result = campaign(tmp_path, replace(DESIGN, sources=changed))
    # ffp8_array has ffp8_decode inside, ffp8_judge has not
    assert sorted(judged) == ["array"] * 3 + ["decode"] * 3 and result.recalled == 3


def test_another_bench_or_seed_is_judged_again(
    judged: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign(tmp_path)
    judged.clear()
    monkeypatch.setattr(
        judge, "fingerprint", lambda case, *_: "new" if case.module == "judge" else _old(case, *_)
    )
    campaign(tmp_path)
    assert judged == ["judge"] * 3
    campaign(tmp_path, seed=2)
    assert len(judged) == 12


_old = judge.fingerprint


def test_survivors_are_judged_once_more_if_that_is_asked_for(
    judged: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Mutant] = []

    def survive(self: Judge, mutant: Mutant) -> Verdict:
        asked.append(mutant)
        return Verdict(mutant)

    monkeypatch.setattr(Judge, "judge", survive)
    monkeypatch.setattr(Judge, "recall", lambda self, mutant: Verdict(mutant))
    judging = Judge(DESIGN, CASES, Store(tmp_path), tmp_path)
    settings = {"mutants": 9, "seed": 1, "jobs": 1, "folder": tmp_path}
    for retry in (False, True):
        Campaign(judging, MODULES, **settings, retry=retry).run(QUIET)
        assert len(asked) == 9 * retry


def test_an_interruption_keeps_what_is_judged(
    judged: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original = Judge.judge

    def interrupted(self: Judge, mutant: Mutant) -> Verdict:
        if len(judged) >= 4:
            raise KeyboardInterrupt
        return original(self, mutant)

    monkeypatch.setattr(Judge, "judge", interrupted)
    result = campaign(tmp_path)
    assert not result.is_complete and "incomplete" in " ".join(result.failures())
    written = summary(tmp_path)
    assert (written["complete"], written["passed"], written["drawn"]) == (False, False, 9)
    monkeypatch.setattr(Judge, "judge", original)
    done = len(judged)
    assert done >= 4
    assert campaign(tmp_path).recalled == done and len(judged) == 9


def test_a_verdict_that_is_kept_while_the_campaign_ends_counts(
    judged: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save, first = Store.save, [True]

    def interrupted(self: Store, verdict: Verdict) -> None:
        save(self, verdict)
        if first and first.pop():
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        assert processes._stopped.wait(20)

    monkeypatch.setattr(Store, "save", interrupted)
    result = campaign(tmp_path)
    kept = [path for name in MODULES for path in tmp_path.glob(f"results/{name}-*.json")]
    assert not result.is_complete and 1 <= len(kept) == summary(tmp_path)["killed"]


def test_an_interruption_after_the_last_verdict_is_no_success(
    judged: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> list[str]:
        raise KeyboardInterrupt

    monkeypatch.setattr(known, "stale", interrupted)
    result = campaign(tmp_path)
    assert result.is_complete and "interrupted" in " ".join(result.failures())
    assert not summary(tmp_path)["passed"]


def test_an_interruption_is_no_success(
    judged: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(self: Judge, mutant: Mutant) -> Verdict:
        raise KeyboardInterrupt

    monkeypatch.setattr(Judge, "judge", interrupted)
    document = tmp_path / "document.md"
    arguments = ["--modules", "decode", "--results", str(tmp_path), "--document", str(document)]
    assert main(arguments) == command.INTERRUPTED
    assert not document.exists()


@pytest.mark.sim
def test_a_signal_ends_a_campaign(tmp_path: Path) -> None:
    arguments = ["--modules", "decode", "--mutants", "20", "--results", str(tmp_path)]
    process = subprocess.Popen(
        [sys.executable, "-m", "verif.mutation", "--jobs", "1", *arguments],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),  # as in a background job
    )
    deadline = time.monotonic() + 300
    while not list(tmp_path.glob("results/decode-*.json")):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.05)
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(process.pid, number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == command.INTERRUPTED and errors == b""
    written = summary(tmp_path)
    assert not written["complete"] and 1 <= written["killed"] < written["drawn"]


def test_a_failing_design_is_one_sentence(
    judged: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    monkeypatch.setattr(runner, "run", lambda *_: Outcome("failed", "a_test", "1 failure"))
    assert main(["--modules", "decode", "--results", str(tmp_path)]) == 2
    message = capsys.readouterr().err
    assert message.startswith("mutate: decode-EXP_MAX3 does not pass on the unmutated design")
    assert not summary(tmp_path)["passed"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--modules", "decode,divide"],
        ["--hdl", "no/such/folder"],
    ],
)
def test_bad_input_is_one_sentence(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--results", str(tmp_path)]) == 2
    message = capsys.readouterr().err
    assert message.startswith("mutate: ") and message.count("\n") == 1
