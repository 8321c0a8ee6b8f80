"""Mutants of netlists: drawn from a seed, different from the netlist, good for the benches."""

from pathlib import Path

import pytest

from verif.commands.folders import ROOT
from verif.mutation import netlist, plan
from verif.mutation.builds import builds_of
from verif.mutation.cases import Case
from verif.mutation.design import Design
from verif.mutation.mutant import Mutant, MutationError
from verif.mutation.netlist import MODES, Mutation

DESIGN = Design.read(ROOT / "hdl")
COLUMN = {"ACC_WIDTH": 39, "SEGMENT": 7, "SHIFT_WIDTH": 6}


@pytest.fixture(scope="module")
def drawn() -> list[Mutant]:
    return netlist.draw("column", DESIGN, COLUMN, 40, 1)


def test_a_draw_depends_on_the_seed_alone(drawn: list[Mutant]) -> None:
    assert netlist.draw("column", DESIGN, COLUMN, 40, 1) == drawn
    assert netlist.draw("column", DESIGN, COLUMN, 40, 2) != drawn


def test_every_mode_is_drawn_and_every_mutant_differs(drawn: list[Mutant]) -> None:
    assert len(drawn) == 40 == len({mutant.text for mutant in drawn})
    assert {mutant.operation for mutant in drawn} == set(MODES)
    assert netlist.unmutated("column", DESIGN, COLUMN).text not in {one.text for one in drawn}


def test_what_changes_nothing_is_no_mutant() -> None:
    nothing = Mutation(netlist.UNMUTATED, {"mode": "inv"}, ())
    twice = [netlist.list_all("column", DESIGN, COLUMN)[0]] * 2
    assert len(netlist.make_mutants("column", DESIGN, COLUMN, [nothing, *twice])) == 1


def test_a_mutant_takes_the_place_of_its_module(drawn: list[Mutant]) -> None:
    for mutant in drawn:
        assert mutant.text.count("module ffp8_column #(") == 1
        assert "parameter SHIFT_WIDTH = 7" in mutant.text and "ffp8_encode #(" in mutant.text
        assert mutant.parameters == COLUMN


def test_a_mutant_tells_its_place_in_the_source(drawn: list[Mutant]) -> None:
    lines = DESIGN.sources["column"].splitlines()
    for mutant in drawn:
        assert mutant.source and "$proc" not in mutant.change
        assert mutant.source.split()[0] in lines[mutant.line - 1]


def test_the_clock_is_left_alone() -> None:
    every = netlist.list_all("column", DESIGN, COLUMN)
    assert len(every) > 1000 and not any(one.is_of_clock for one in every)
    line = "mutate -mode inv -module ffp8_array -cell $procdff$166 -port CLK -portbit 0"
    assert Mutation.read(line).is_of_clock


def test_the_words_say_what_changed() -> None:
    one = Mutation.read(
        "mutate -mode cnot1 -module ffp8_pe_exact -cell $procdff$1291 -port Q -portbit 35 "
        "-ctrlbit 32 -wire acc_q -wirebit 35 -src ffp8_pe_exact.v:77.22-77.27 "
        "-src ffp8_pe_exact.v:2.1-3.4"
    )
    assert one.words == "$dff pin Q[35] (acc_q[35]) inverted while bit 32 is 1"
    assert one.command.endswith("-port Q -portbit 35 -ctrlbit 32")
    assert one.place("nothing\nalways @*\n  q <= d;") == (2, "always @* q")


def test_a_mutant_that_was_drawn_is_found_again(drawn: list[Mutant]) -> None:
    mutant = drawn[7]
    assert plan.find(mutant.identity, COLUMN, DESIGN, {})
    assert not plan.find(("column", mutant.source, "$add stuck at 7"), COLUMN, DESIGN, {})
    assert not plan.find(("column", "another text", mutant.change), COLUMN, DESIGN, {})


def test_the_first_case_that_matches_decides() -> None:
    text = netlist.unmutated("registers", DESIGN, {"EXP_MAX": 3}).text
    assert "casez" in text and "parallel_case" not in text


def test_what_yosys_cannot_read_is_one_sentence() -> None:
    broken = Design({"part": "module ffp8_part (input wire a);\nassign = a;\nendmodule\n"})
    with pytest.raises(MutationError, match=r"ffp8_part with WIDTH=3: Yosys .*syntax error"):
        netlist.draw("part", broken, {"WIDTH": 3}, 1, 1)


def test_builds_inside_a_design() -> None:
    case = Case("pe", (("EXP_MAX", 3), ("ACC_WIDTH", 35), ("SEGMENT", 7), ("PIPELINE", 1)), 1)
    own = Case("pe_exact", case.settings, 1)
    builds = builds_of(DESIGN, [case, own])
    assert set(builds[case]) == {"pe", "pe_exact"}
    assert builds[case]["pe_exact"] == builds[own]["pe_exact"]
    (build,) = builds[own]["pe_exact"]
    assert dict(build)["STORED"] == 39


def test_a_draw_of_a_module_has_both_kinds_and_all_variants() -> None:
    cases = [Case("pe", (("EXP_MAX", 4), ("ACCUMULATOR", number)), 1) for number in range(2)]
    drawn = plan.draw("pe", DESIGN, cases, 12, 1)
    assert drawn == plan.draw("pe", DESIGN, cases, 12, 1) != plan.draw("pe", DESIGN, cases, 12, 2)
    builds = [mutant.parameters and mutant.parameters["ACCUMULATOR"] for mutant in drawn]
    assert [builds.count(which) for which in (None, 0, 1)] == [6, 3, 3]
    few = plan.draw("pe", DESIGN, cases, 4, 1)
    assert len(few) == 4 and len({str(one.parameters) for one in few if one.parameters}) == 1


def test_netlists_are_of_builds_in_which_everything_has_something_to_do() -> None:
    sizes = [(8, 1, 39), (3, 2, 39), (5, 2, 83), (8, 2, 524), (5, 3, 83)]
    cases = [
        Case("array", (("EXP_MAX", e), ("COLS", cols), ("ACC_WIDTH", width)), 1)
        for e, cols, width in sizes
    ]
    drawn = plan.draw("array", DESIGN, cases, 12, 1)
    used = {tuple(one.parameters.values()) for one in drawn if one.parameters}
    assert used == {(5, 2, 83)}


def test_the_design_is_written_with_the_mutant(drawn: list[Mutant], tmp_path: Path) -> None:
    DESIGN.write(tmp_path, drawn[0])
    texts = {path.stem: path.read_text() for path in tmp_path.glob("*.v")}
    assert len(texts) == len(DESIGN.sources) and texts["ffp8_column"] == drawn[0].text
    assert texts["ffp8_encode"] == DESIGN.sources["encode"]
