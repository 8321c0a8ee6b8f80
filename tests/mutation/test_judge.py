"""How mutants are judged: what kills, what does not, and in which order benches are asked."""

import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.mutation.decode_mutants import CASES, DECODE, DESIGN, SAME, SEEN, mutant
from verif.commands.folders import ROOT
from verif.mutation import judge, processes, runner
from verif.mutation.cases import Case
from verif.mutation.design import Design
from verif.mutation.judge import Judge
from verif.mutation.mutant import NETLIST, Mutant, MutationError, Proof
from verif.mutation.runner import Outcome
from verif.mutation.store import Store
from verif.mutation.yosys import YosysKilled, yosys

Said = dict[tuple[str, bool], str]


class Script:
    """Says how a case ends, by its module and whether the mutant is in the design."""

    def __init__(self, outcomes: Said) -> None:
        self.outcomes = outcomes
        self.asked: list[str] = []

    def __call__(self, case: Case, hdl: Path, limit: float) -> Outcome:
        """Stand in for `runner.run`."""
        original = all(
            (hdl / f"ffp8_{name}.v").read_text() == text for name, text in DESIGN.sources.items()
        )
        self.asked.append(f"{'unmutated ' * original}{case.module}")
        return Outcome(self.outcomes.get((case.module, original), "passed"), seconds=1.0)


@pytest.fixture
def scripted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Said, str], tuple[Judge, Script]]:
    def make(outcomes: Said, proof: str = "unknown") -> tuple[Judge, Script]:
        script = Script(outcomes)
        monkeypatch.setattr(runner, "run", script)
        monkeypatch.setattr(
            judge.equivalence, "prove", lambda *_: Proof({"EXP_MAX": 3}, proof, "said", 5)
        )
        return Judge(DESIGN, CASES, Store(tmp_path / "results"), tmp_path / "survivors"), script

    return make


def test_own_bench_then_proof_then_the_users(
    scripted: Callable[..., tuple[Judge, Script]], tmp_path: Path
) -> None:
    judging, script = scripted({})
    verdict = judging.judge(SEEN)
    assert (verdict.status, verdict.depth) == ("survived", 5)
    asked = [name for name in script.asked if "unmutated" not in name]
    assert asked == ["decode", "array", "unit", "engine"]
    kept = tmp_path / "survivors" / f"decode-{SEEN.key}"
    assert (kept / "ffp8_decode.v").read_text() == SEEN.text


@pytest.mark.parametrize("how", ["failed", "timeout", "crash"])
def test_a_bench_that_ends_badly_kills(
    how: str, scripted: Callable[..., tuple[Judge, Script]]
) -> None:
    judging, script = scripted({("decode", False): how})
    verdict = judging.judge(SEEN)
    assert (verdict.status, verdict.how, verdict.killed_by) == ("killed", how, DECODE.name)
    assert verdict.by_own_bench and not verdict.proofs
    assert "array" not in script.asked


def test_a_user_kills_what_the_own_bench_lets_pass(
    scripted: Callable[..., tuple[Judge, Script]],
) -> None:
    judging, script = scripted({("unit", False): "failed"}, "different")
    verdict = judging.judge(SEEN)
    assert (verdict.status, verdict.killed_by) == ("killed", "unit-EXP_MAX3")
    assert not verdict.by_own_bench and "engine" not in script.asked


def test_what_is_proven_is_not_shown_to_users(
    scripted: Callable[..., tuple[Judge, Script]],
) -> None:
    judging, script = scripted({}, "equivalent")
    assert judging.judge(SAME).status == "equivalent"
    assert script.asked == ["unmutated decode", "decode"]


@pytest.mark.parametrize(("outcome", "status"), [("invalid", "invalid"), ("broken", "error")])
def test_what_does_not_run_is_no_kill(
    outcome: str, status: str, scripted: Callable[..., tuple[Judge, Script]]
) -> None:
    judging, _ = scripted({("decode", False): outcome})
    assert judging.judge(SEEN).status == status
    assert (judging.store.load(SEEN) is None) == (status == "error")


def test_a_crash_of_the_machine_is_no_kill(
    scripted: Callable[..., tuple[Judge, Script]],
) -> None:
    judging, script = scripted({("decode", False): "crash"})
    judging.judge(SAME)  # the unmutated design has passed
    script.outcomes[("decode", True)] = "crash"
    assert judging.judge(SEEN).status == "error"


def test_a_killed_prover_proves_nothing_and_is_asked_again(
    scripted: Callable[..., tuple[Judge, Script]], monkeypatch: pytest.MonkeyPatch
) -> None:
    judging, _ = scripted({})

    def killed(*_: object) -> Proof:
        raise YosysKilled("yosys: killed, status -9")

    monkeypatch.setattr(judge.equivalence, "prove", killed)
    assert judging.judge(SEEN).status == "error"
    assert judging.store.load(SEEN) is None


def test_a_yosys_that_is_killed_is_no_refusal(running: None) -> None:
    def kill() -> None:
        while not processes._running:
            time.sleep(0.01)
        os.kill(next(iter(processes._running)), signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    with pytest.raises(YosysKilled, match="status -9"):
        yosys(["exec -- sleep 20"], ROOT)
    thread.join()


def test_a_failing_design_ends_the_campaign(
    scripted: Callable[..., tuple[Judge, Script]],
) -> None:
    judging, _ = scripted({("decode", True): "failed", ("decode", False): "failed"})
    with pytest.raises(MutationError, match="decode-EXP_MAX3 does not pass on the unmutated"):
        judging.judge(SEEN)


def test_a_netlist_meets_only_its_own_builds(
    scripted: Callable[..., tuple[Judge, Script]], monkeypatch: pytest.MonkeyPatch
) -> None:
    judging, _ = scripted({})
    three, five = ({frozenset({("EXP_MAX", value)})} for value in (3, 5))
    inside = {"decode": three, "array": three, "unit": five, "engine": three | five}
    builds = {CASES[module][0]: {"decode": builds} for module, builds in inside.items()}
    every = {case: {} for found in CASES.values() for case in found}
    monkeypatch.setattr(judge, "builds_of", lambda *_: every | builds)
    netlist = replace(SEEN, kind=NETLIST, parameters={"EXP_MAX": 3})
    assert judging.own_cases(netlist) == [DECODE]
    assert judging.user_cases(netlist) == CASES["array"]
    assert judging.own_cases(replace(netlist, parameters={"EXP_MAX": 4})) == []


def test_a_bench_must_pass_on_the_unmutated_netlist(
    scripted: Callable[..., tuple[Judge, Script]], monkeypatch: pytest.MonkeyPatch
) -> None:
    judging, script = scripted({("decode", False): "failed"})
    asked: list[object] = []
    changed = replace(SAME, kind=NETLIST, parameters={"EXP_MAX": 3})
    monkeypatch.setattr(judge.netlist, "unmutated", lambda *those: asked.append(those) or changed)
    with pytest.raises(MutationError, match="does not pass on the unmutated"):
        judging.judge(replace(SEEN, kind=NETLIST, parameters={"EXP_MAX": 3}))
    assert asked == [("decode", DESIGN, {"EXP_MAX": 3})] and script.asked == ["decode"]


def test_proofs_are_at_all_but_the_largest_builds(tmp_path: Path) -> None:
    every = [Case("encode", (("ACC_WIDTH", width),), 1) for width in (31, 83, 524)]
    judging = Judge(DESIGN, CASES | {"encode": every}, Store(tmp_path), tmp_path)
    sets = judging.proof_sets(mutant("dropped2 > 25", "dropped2 > 26", "encode"))
    assert sets == [{"ACC_WIDTH": 31}, {"ACC_WIDTH": 83}]
    judging.cases["encode"][:2] = []
    assert judging.proof_sets(mutant("dropped2 > 25", "dropped2 > 26", "encode")) == [
        {"ACC_WIDTH": 524}
    ]


def test_what_shows_at_some_sizes_meets_and_is_proven_at_all_of_them(
    scripted: Callable[..., tuple[Judge, Script]], monkeypatch: pytest.MonkeyPatch
) -> None:
    large = Case("decode", (("EXP_MAX", 8),), 1)
    (array,) = CASES["array"]
    same, other = (Case("unit", (("EXP_MAX", built),), 1) for built in (5, 6))
    builds = {DECODE: 3, array: 5, large: 8, same: 5, other: 6}
    every = {case: {} for found in CASES.values() for case in found}
    found = {case: {"decode": {frozenset({("EXP_MAX", built)})}} for case, built in builds.items()}
    monkeypatch.setattr(judge, "builds_of", lambda _, cases: {c: (every | found)[c] for c in cases})
    sized = replace(SEEN, operation="build")

    judging, script = scripted({})
    judging.large = {"decode": [large], "unit": [same, other]}
    assert judging.proof_sets(sized) == [{"EXP_MAX": built} for built in (3, 5, 6, 8)]
    assert judging.proof_sets(SEEN) == [{"EXP_MAX": 3}]
    assert judging.large_cases(sized) == [large, other] and judging.large_cases(SEEN) == []
    judging.judge(SEEN)
    asked = [name for name in script.asked if "unmutated" not in name]
    assert asked == ["decode", "array", "unit", "engine"]
    script.asked.clear()
    judging.judge(sized)
    asked = [name for name in script.asked if "unmutated" not in name]
    assert asked == ["decode", "array", "unit", "engine", "decode", "unit"]

    at = []

    def prove(mutant: Mutant, design: Design, parameters: dict[str, int], *_: str) -> Proof:
        at.append(parameters["EXP_MAX"])
        return Proof(parameters, "different" if parameters == {"EXP_MAX": 8} else "equivalent", "")

    monkeypatch.setattr(judge.equivalence, "prove", prove)
    judging.proofs_inside = lambda _: []  # type: ignore[method-assign]
    assert judging.judge(sized).status == "survived" and at == [3, 5, 6, 8]
    assert judging.judge(SEEN).status == "equivalent"


def test_what_shows_at_some_sizes_is_proven_inside_large_users_too(tmp_path: Path) -> None:
    large = Case("array", (("COLS", 16),), 1)
    judging = Judge(DESIGN, CASES, Store(tmp_path), tmp_path, {"array": [large]})
    assert large in judging.proofs_inside(replace(SEEN, operation="build"))
    assert large not in judging.proofs_inside(SEEN)


def test_what_differs_may_be_equivalent_inside_all_its_users(
    scripted: Callable[..., tuple[Judge, Script]], monkeypatch: pytest.MonkeyPatch
) -> None:
    judging, script = scripted({})
    different = {"decode"}

    def prove(mutant: Mutant, design: Design, parameters: object, top: str = "decode") -> Proof:
        return Proof({}, "different" if top in different else "equivalent", f"inside {top}")

    monkeypatch.setattr(judge.equivalence, "prove", prove)
    assert {case.module for case in judging.proofs_inside(SEEN)} == {"array", "unit"}
    verdict = judging.judge(SEEN)
    assert (verdict.status, len(verdict.proofs)) == ("equivalent", 2)
    assert "engine" in script.asked  # benches of users come first
    different.add("unit")
    verdict = judging.judge(SEEN)
    assert (verdict.status, verdict.proofs[-1].method) == ("survived", "inside unit")
    large = Case("unit", (("K_MAX", 8192),), 1)
    judging.cases = CASES | {"unit": [large]}
    assert judging.proofs_inside(SEEN) == []
