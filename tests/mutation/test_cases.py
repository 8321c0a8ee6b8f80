"""Cases of the regression, what a fingerprint is of, and the store."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.mutation.decode_mutants import CASES, DECODE, DESIGN, SAME, SEEN
from verif.mutation import cases
from verif.mutation.cases import fingerprint, import_closure, read_cases
from verif.mutation.mutant import Proof, Verdict
from verif.mutation.store import Store


def test_cases_of_the_regression_with_its_seeds() -> None:
    found = read_cases(1)
    assert set(found) == set(DESIGN.sources)
    assert found["decode"][0].name == DECODE.name and found["decode"][0].seed > 1
    assert found != read_cases(2)
    assert all(case.parameters.get("ROWS", 1) <= 4 for case in found["engine"] + found["array"])
    builds = [case.parameters.get("ACCUMULATOR", 0) for case in found["engine"][:3]]
    assert set(builds) == {0, 1}


def test_a_fingerprint_is_of_what_decides() -> None:
    before = fingerprint(DECODE, DESIGN, "decode")
    changed = {name: f"// changed\n{text}" for name, text in DESIGN.sources.items()}
    texts = DESIGN.sources | {"array": changed["array"], "decode": changed["decode"]}
    unrelated = replace(DESIGN, sources=texts)
    assert fingerprint(DECODE, unrelated, "decode") == before
    assert fingerprint(DECODE, unrelated, "") != fingerprint(DECODE, DESIGN, "")
    assert fingerprint(replace(DECODE, seed=2), DESIGN, "decode") != before
    array = CASES["array"][0]
    assert fingerprint(array, unrelated, "decode") != fingerprint(array, DESIGN, "decode")


def test_a_bench_is_all_that_it_imports(monkeypatch: pytest.MonkeyPatch) -> None:
    closure = import_closure("tests.benches.bench_decode")
    assert {
        "tests/benches/bench_decode.py",
        "verif/simulator/simulation.py",
        "model/format/format.py",
        "model/format/lookup.py",
    } <= set(closure)
    assert "tests/benches/bench_encode.py" not in closure
    before = fingerprint(DECODE, DESIGN, "decode")
    monkeypatch.setattr(cases, "_python", lambda module: "other text")
    assert fingerprint(DECODE, DESIGN, "decode") != before


def test_the_store_gives_back_what_it_got(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert store.load(SEEN) is None and store.load_seconds("key") is None
    verdict = Verdict(SEEN, "equivalent", proofs=[Proof({"EXP_MAX": 3}, "equivalent", "fraig")])
    store.save(verdict)
    assert store.load(SEEN) == verdict and store.load(SAME) is None
    (tmp_path / f"decode-{SEEN.key}.json").write_text("{half")
    assert store.load(SEEN) is None
    store.save_seconds("key", DECODE.name, 1.5)
    assert store.load_seconds("key") == 1.5
