"""When a campaign passes, what it tells, and the list of known survivors."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.mutation.decode_mutants import DESIGN
from verif.mutation import known, report
from verif.mutation.known import Known
from verif.mutation.mutant import NETLIST, SOURCE, Mutant, MutationError, Proof, Verdict
from verif.mutation.report import Result

ONE = Mutant("decode", SOURCE, "operator", 34, "assign sign = is_signed & code[7];", "& -> |", "")


KNOWN = Known(ONE.identity, None, 7, "nobody looks")


def verdicts(*statuses: str) -> list[Verdict]:
    different = Proof({}, "unknown", "bounded (bmc3)", 7)
    return [
        Verdict(replace(ONE, line=line), status, killed_by="decode-EXP_MAX3", proofs=[different])
        for line, status in enumerate(statuses)
    ]


def result(found: list[Verdict], **settings: object) -> Result:
    return Result(1, found, len(found), ["decode"], **settings)


def test_a_sample_fails_for_a_survivor_that_is_not_listed() -> None:
    found = verdicts("killed", "survived", "invalid", "equivalent")
    assert [text for text in result(found).failures() if "not listed" in text]
    assert result(found, known=[KNOWN]).failures() == []
    other = replace(KNOWN, identity=("decode", "another line", "& -> |"))
    assert result(found, known=[other]).failures() != []


def test_a_full_campaign_fails_below_the_wanted_share() -> None:
    enough = verdicts("survived", *["killed"] * 190, *["equivalent"] * 9, "invalid")
    assert result(enough, is_full=True).failures() == []
    short = result(verdicts("survived", *["killed"] * 198), is_full=True)
    assert "99.50 %" in " ".join(short.failures())


def test_a_full_campaign_fails_if_one_kind_is_below_its_share() -> None:
    timing = [
        Verdict(replace(one.mutant, operation="timing"), one.status)
        for one in verdicts("survived", *["killed"] * 40)
    ]
    many = verdicts(*["killed"] * 400)
    (reason,) = result([*many, *timing], is_full=True).failures()
    assert reason.startswith("97.56 % of the mutants of kind timing are killed")
    assert result([*many, *timing[:10]], is_full=True).failures() == []  # too few to say


@pytest.mark.parametrize("is_full", [False, True])
def test_errors_and_emptiness_fail(is_full: bool) -> None:
    assert "error" in " ".join(result(verdicts("killed", "error"), is_full=is_full).failures())
    assert "no valid mutant" in " ".join(result([], is_full=is_full).failures())
    assert "no valid" in " ".join(result(verdicts("invalid"), is_full=is_full).failures())
    left = replace(result(verdicts("killed"), is_full=is_full), drawn=2)
    assert "incomplete: 1 of 2" in " ".join(left.failures())
    stale = result(verdicts("killed"), is_full=is_full, stale=["an entry is stale"])
    assert stale.failures() == ["an entry is stale"]


def built(module: str) -> dict[str, list[int]]:
    """Return no values: the entries here are of no kind that needs them."""
    return {}


def test_a_known_survivor_that_no_longer_is_one_is_stale() -> None:
    assert known.stale([KNOWN], verdicts("survived"), DESIGN, built) == []
    assert known.stale([KNOWN], [], DESIGN, built) == []
    assert "killed decode-EXP_MAX3" in known.stale([KNOWN], verdicts("killed"), DESIGN, built)[0]
    assert "but equivalent" in known.stale([KNOWN], verdicts("equivalent"), DESIGN, built)[0]
    gone = replace(KNOWN, identity=("decode", "assign sign = 1'b0;", "& -> |"))
    assert "no such mutant" in known.stale([gone], [], DESIGN, built)[0]
    renamed = replace(KNOWN, identity=("decoder", *KNOWN.identity[1:]))
    assert "no such mutant" in known.stale([renamed], [], DESIGN, built)[0]


def test_the_known_survivors_can_be_made() -> None:
    assert known.stale(known.load(), [], DESIGN, built) == []


@pytest.mark.parametrize(
    "text",
    [
        "- {module: decode, source: a, change: b, depth: 1}",
        "- {module: decode, source: a, change: b, depth: 1, reason: ' '}",
        "- {module: decode, source: a, change: b, depth: 1, reason: c, more: d}",
        "- decode",
        "- {module: decode, source: a ? b : c, change: b, depth: 1, reason: c: d}",
    ],
)
def test_an_incomplete_entry_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "survivors.yaml"
    path.write_text(text)
    with pytest.raises(MutationError, match="survivors.yaml"):
        known.load(path)


def test_the_report_shows_survivors_and_proofs() -> None:
    found = verdicts("killed", "survived", "equivalent")
    found[2].proofs = [Proof({"EXP_MAX": 3}, "equivalent", "combinational (fraig)")]
    found[1].mutant = replace(ONE, kind=NETLIST, parameters={"EXP_MAX": 4})
    text = report.markdown(result(found, known=[replace(KNOWN, parameters={"EXP_MAX": 4})]))
    assert "| decode | 3 | 1 | 0 | 1 | 0 | 1 |" in text and "66.67 %" in text
    assert "`ffp8_decode.v:34`, netlist of EXP_MAX 4: `assign sign" in text
    assert "no difference in 7 cycles. nobody looks" in text
    assert "Proven: combinational (fraig) at EXP_MAX 3." in text
