"""Runs of a bench on a mutant: what it says, and that none is left running."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from tests.mutation.decode_mutants import DECODE, DESIGN, SEEN, WRONG, mutant
from verif.commands.folders import ROOT
from verif.mutation import processes, runner
from verif.mutation.judge import Judge
from verif.mutation.mutant import Mutant
from verif.mutation.runner import Outcome
from verif.mutation.store import Store
from verif.mutation.yosys import yosys
from verif.simulator import simulation


@pytest.mark.sim
def test_a_mutant_that_a_bench_sees_is_killed(tmp_path: Path, running: None) -> None:
    judging = Judge(DESIGN, {"decode": [DECODE]}, Store(tmp_path), tmp_path)
    verdict = judging.judge(SEEN)
    assert (verdict.status, verdict.how, verdict.killed_by) == ("killed", "failed", DECODE.name)
    assert verdict.test == "every_code_of_every_split"
    assert judging.judge(WRONG).status == "invalid"


def run_on(changed: Mutant | None, limit: float) -> Outcome:
    with DESIGN.folder(changed) as hdl:
        return runner.run(DECODE, hdl, limit)


@pytest.mark.sim
def test_a_design_that_hangs_is_ended(running: None) -> None:
    endless = mutant(
        "always @* begin", "reg z; initial z = 0; always @(z) z <= ~z; always @* begin"
    )
    outcome = run_on(endless, 2)
    assert outcome.status == "timeout" and runner.CPU_TIME_OVER in outcome.detail


FAILURE = '<testsuites><testsuite><testcase name="one"/><testcase name="two"><failure/>'


FAILURE += "</testcase></testsuite></testsuites>"


@pytest.mark.parametrize(
    ("message", "results", "status", "test"),
    [
        ("FAILED 1 tests.", FAILURE, "failed", "two"),
        ("Cocotb results file not found", None, "crash", ""),
        ("Process vvp terminated with error -11", None, "crash", ""),
        ("Process vvp terminated with error -24", None, "timeout", ""),
        ("Process vvp terminated with error -9", None, "broken", ""),
        ("Process vvp terminated with error -15", None, "broken", ""),
        ("0 failures in 0 tests", "<testsuites/>", "broken", ""),
    ],
)
def test_what_a_simulation_says(
    message: str,
    results: str | None,
    status: str,
    test: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path / "results.xml"

    def simulate(*_: object, **__: object) -> None:
        if results is not None:
            file.write_text(results)
        raise simulation.SimulationError(message)

    monkeypatch.setattr(simulation, "compile_design", lambda *_: None)
    monkeypatch.setattr(simulation, "simulate", simulate)
    outcome = runner._outcome(DECODE, tmp_path / "simulation", file)
    assert (outcome.status, outcome.test) == (status, test)


@pytest.mark.sim
def test_a_killed_worker_teaches_nothing(running: None) -> None:
    known = set(processes._running)

    def kill() -> None:
        while not set(processes._running) - known:
            time.sleep(0.01)
        for pid in set(processes._running) - known:
            os.kill(pid, signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    outcome = run_on(None, 30)
    thread.join()
    assert outcome.status == "broken"


def test_after_a_stop_nothing_runs(running: None) -> None:
    processes.stop()
    with pytest.raises(processes.Stopped):
        run_on(None, 30)
    with pytest.raises(processes.Stopped):
        yosys(["help"], ROOT)
