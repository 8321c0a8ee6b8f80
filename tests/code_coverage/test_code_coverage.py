"""Code coverage: what is read and added up, what may be excluded, and a gate that can fail."""

from pathlib import Path

import pytest
import yaml

from tests.code_coverage.counted_design import (
    ELSE,
    FALL,
    FILE,
    FULL,
    GO,
    LINES,
    REST,
    RISE,
    SOURCE,
    counted,
    record,
)
from verif.code_coverage.counts import merge, read_counts
from verif.code_coverage.exclusions import Exclusion, ExclusionError, apply, load_exclusions
from verif.code_coverage.judge import Tally, report_file, shortfalls, total_of
from verif.code_coverage.report import lcov_text, toggles_text
from verif.code_coverage.runs import RunError, find_cases, is_small


def exclusion(kind: str, **others: object) -> Exclusion:
    return Exclusion(FILE, kind, "defensive", "because", **others)


def test_instances_are_added_up(tmp_path: Path) -> None:
    path = tmp_path / "coverage.dat"
    path.write_text(
        "# SystemC::Coverage-3\n"
        + record(GO, 5, "top.one", "3")
        + record(GO, 2, "top.two", "6-8")
        + record(ELSE, 0, "top.one")
        + record(RISE[1], 9, "top.one")
    )
    counts = read_counts(path)
    assert counts.hits == {GO: 7, ELSE: 0, RISE[1]: 9}
    assert counts.lines == {GO: frozenset({3, 6, 7, 8})}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# SystemC::Coverage-3\n",
        "C 'no key' 3\n",
        record(GO, 1, "top").replace("C ", "D "),
        record(GO, 1, "top").replace("branch", "expr"),
        record(GO, 1, "top").replace("\x01o\x02if", ""),
        record(GO, 1, "top").removesuffix("1\n") + "\n",
        record(GO, 1, "top") + "C 'half a rec",
    ],
)
def test_what_is_no_record_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "coverage.dat"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"coverage\.dat.*(is not C|no record)"):
        read_counts(path)


def test_a_point_is_passed_if_any_run_passes_it() -> None:
    one, other = counted(go=0, full=3, rise2=0), counted(go=4, full=0, rise2=0)
    total = merge([one, other])
    assert [total.hits[point] for point in (GO, FULL, RISE[2], ELSE)] == [4, 3, 0, 2]
    assert total.lines == LINES
    assert one.hits[GO] == 0, "merging leaves the runs alone"


def test_everything_passed_is_enough() -> None:
    report = report_file(FILE, counted(), set())
    assert {kind: tally.total for kind, tally in report.tallies.items()} == {
        "line": 3,
        "branch": 4,
        "toggle": 6,
    }
    assert shortfalls(report.tallies) == []
    assert not any(report.uncovered.values())


@pytest.mark.parametrize(
    ("missing", "kinds", "named"),
    [
        ("otherwise", ["branch"], f"{FILE}:3: branch else"),
        ("full", ["line", "branch"], f"{FILE}:4: branch if"),
        ("full", ["line", "branch"], f"{FILE}:4: line"),
        ("block", ["line"], f"{FILE}:3: line"),
        ("fall2", ["toggle"], f"{FILE}:1: toggle value[2]:1->0"),
    ],
)
def test_the_gate_fails_and_names_the_point(missing: str, kinds: list[str], named: str) -> None:
    report = report_file(FILE, counted(**{missing: 0}), set())
    sentences = shortfalls(total_of({FILE: report}))
    assert [sentence.partition(":")[0] for sentence in sentences] == kinds
    assert named in sum(report.uncovered.values(), [])


def test_toggles_may_miss_two_of_a_hundred() -> None:
    full = {kind: Tally(100, 100) for kind in ("line", "branch")}
    assert shortfalls(full | {"toggle": Tally(100, 98)}) == []
    assert shortfalls(full | {"toggle": Tally(1000, 979)}) == [
        "toggle: 97.90 % of 1000 covered, 98 % is needed"
    ]
    assert shortfalls(full | {"branch": Tally(10000, 9999), "toggle": Tally(1, 1)}) == [
        "branch: 99.99 % of 10000 covered, 100 % is needed"
    ]


def test_nothing_counted_is_not_enough() -> None:
    assert [text.partition(":")[0] for text in shortfalls(total_of({}))] == [
        "line",
        "branch",
        "toggle",
    ]


def test_what_is_excluded_does_not_count() -> None:
    counts = counted(full=0, rise2=0, fall2=0)
    entries = [
        exclusion("branch", source="else if (value == 7) value <= 0;", what="if"),
        exclusion("toggle", signal="val.*", bits="2-3"),
    ]
    excluded, errors = apply(entries, counts, {FILE: SOURCE})
    assert errors == []
    assert set(excluded) == {FULL, RISE[2], FALL[2]}
    report = report_file(FILE, counts, excluded.keys())
    assert shortfalls(report.tallies) == []
    assert [tally.excluded for tally in report.tallies.values()] == [1, 1, 2]


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        (exclusion("branch", source="else if (value == 6) value <= 0;"), "no such point"),
        (exclusion("branch", source=SOURCE[3].strip(), what="case"), "no such point"),
        (exclusion("toggle", signal="val"), "no such point"),
        (exclusion("toggle", signal="value", bits="3-8"), "no such point"),
        (exclusion("branch", source=SOURCE[3].strip()), "pass 1 of it"),
        (exclusion("toggle", signal="value"), "pass 5 of it"),
        (exclusion("toggle", signal="value", bits="2"), "pass 1 of it"),
        (exclusion("toggle", signal="value", bits="0,2"), "pass 3 of it"),
    ],
)
def test_a_stale_exclusion_is_an_error(entry: Exclusion, says: str) -> None:
    _, errors = apply([entry], counted(full=0, fall2=0), {FILE: SOURCE})
    assert len(errors) == 1
    assert errors[0].startswith("stale exclusion") and says in errors[0]


def test_an_edge_is_excluded_alone() -> None:
    entry = exclusion("toggle", signal="value", bits="2", what="1->0")
    excluded, errors = apply([entry], counted(fall2=0), {FILE: SOURCE})
    assert (list(excluded), errors) == ([FALL[2]], [])


GOOD = {
    "file": FILE,
    "kind": "toggle",
    "signal": "value",
    "bits": "2-3",
    "category": "width",
    "reason": "a reason",
}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"kind": "expression"}, "kind expression: choose line, branch, toggle"),
        ({"category": "later"}, "category later: choose constant by parameter"),
        ({"reason": ""}, "a toggle has signal and a reason"),
        ({"reason": None}, "a toggle has signal and a reason"),
        ({"signal": ""}, "a toggle has signal"),
        ({"source": "a line"}, "a toggle has signal"),
        ({"bits": "4-"}, "bits 4-: as in 7 or 0-3,7"),
        ({"bits": "all"}, "bits all: as in 7 or 0-3,7"),
        ({"kind": "branch"}, "a branch has source"),
        ({"signal": "val(ue"}, "signal val.ue: no regular expression"),
    ],
)
def test_an_incomplete_exclusion_is_refused(
    tmp_path: Path, change: dict[str, object], says: str
) -> None:
    path = tmp_path / "list.yaml"
    path.write_text(yaml.safe_dump([GOOD]))
    assert load_exclusions(path)[0].bits == "2-3"
    path.write_text(yaml.safe_dump([GOOD | change]))
    with pytest.raises(ExclusionError, match=says):
        load_exclusions(path)
    path.write_text(yaml.safe_dump([{key: GOOD[key] for key in ("file", "kind")}]))
    with pytest.raises(ExclusionError, match="an entry has category, file, kind, reason"):
        load_exclusions(path)


def test_lcov_records() -> None:
    counts = counted(full=0, rest=4, go=7, otherwise=5)
    report = report_file(FILE, counts, {REST})
    assert lcov_text(counts, {REST}, {FILE: report}, Path("hdl")).splitlines() == [
        "TN:",
        f"SF:hdl/{FILE}",
        "BRDA:3,0,0,7",
        "BRDA:3,0,1,5",
        "BRDA:4,0,0,0",
        "BRF:3",
        "BRH:2",
        "DA:2,1",
        "DA:3,7",
        "DA:4,0",
        "LF:3",
        "LH:2",
        "end_of_record",
    ]


def test_toggle_records() -> None:
    rows = toggles_text(counted(rise0=3), {FALL[2]}).splitlines()
    assert rows[0] == "file,line,toggle,passes,excluded"
    assert f"{FILE},1,value[0]:0->1,3,0" in rows and f"{FILE},1,value[2]:1->0,1,1" in rows
    assert len(rows) == 7


def test_large_cases_are_left_out() -> None:
    assert is_small("array-EXP_MAX5-ROWS3-COLS2-ACC_WIDTH83-SEGMENT28-PIPELINE2")
    assert is_small("add32")
    for large in ("array-EXP_MAX5-ROWS16-COLS16", "decode-EXP_MAX8", "encode-ACC_WIDTH524"):
        assert not is_small(large)
    modules = {name.partition("[")[2].partition("-")[0].rstrip("]") for name in find_cases()}
    design = {path.stem.removeprefix("ffp8_") for path in Path("hdl").glob("ffp8_*.v")}
    assert modules == design, "every module has its own bench"
    with pytest.raises(RunError, match="TESTS=nothing: no case of that name"):
        find_cases("nothing")
