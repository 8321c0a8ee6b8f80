"""Mutants of the kinds that people make: which changes are made, and which of them are drawn."""

from __future__ import annotations

import subprocess
from collections import Counter
from pathlib import Path

import pytest

from verif.commands.folders import ROOT
from verif.mutation.cases import read_cases
from verif.mutation.design import Design
from verif.mutation.judge import Judge
from verif.mutation.mutant import Mutant
from verif.mutation.people import KINDS, draw, make_mutants
from verif.mutation.store import Store

DESIGN = Design.read(ROOT / "hdl")
JUDGE = Judge(DESIGN, read_cases(1), Store(Path()), Path(), read_cases(1, large=True))
MADE = [
    mutant
    for module in DESIGN.sources
    for mutant in make_mutants(module, DESIGN, JUDGE.values(module))
]
PART = """module ffp8_part #(parameter ROWS = 4, parameter COLS = 5) (
    input  wire       clk,
    input  wire       rst,
    input  wire [3:0] wide,
    output wire [7:0] out,
    output wire       no
);
endmodule
"""
HEAD = "module ffp8_example #(parameter N = 3) (input  wire clk, input  wire rst, input  wire a);"


def changes(body: str, kind: str) -> set[str]:
    design = Design({"example": f"{HEAD}\n{body}\nendmodule\n", "part": PART})
    made = make_mutants("example", design, {"N": [3, 5]})
    return {mutant.change for mutant in made if mutant.operation == kind}


def test_there_are_enough_of_each_kind_in_many_modules() -> None:
    count = Counter(mutant.operation for mutant in MADE)
    modules = {kind: {one.module for one in MADE if one.operation == kind} for kind in KINDS}
    assert set(count) == set(KINDS) and min(count.values()) >= 40
    assert min(len(found) for found in modules.values()) >= 6


def test_loops_stop_where_users_build_more() -> None:
    """The array's own bench has 16 rows at most, those inside engines have more."""
    short = {one.change for one in MADE if one.module == "array" and one.operation == "short"}
    assert "r < ROWS -> r < ROWS && r < 16" in short


def test_all_differ_from_the_design_and_from_each_other() -> None:
    assert len({mutant.key for mutant in MADE}) == len(MADE)
    assert all(mutant.text != DESIGN.sources[mutant.module] for mutant in MADE)


def test_the_draw_is_of_the_seed_and_spread_over_modules() -> None:
    drawn = draw(MADE, 16, 1)
    assert drawn == draw(MADE, 16, 1) != draw(MADE, 16, 2)
    assert Counter(mutant.operation for mutant in drawn) == dict.fromkeys(KINDS, 16)
    timing = Counter(mutant.module for mutant in drawn if mutant.operation == "timing")
    assert len(timing) >= 12 and max(timing.values()) <= 2


def compiles(mutant: Mutant) -> bool:
    case = JUDGE.cases[mutant.module][0]
    top = f"ffp8_{mutant.module}"
    settings = [f"-P{top}.{name}={value}" for name, value in case.settings]
    with DESIGN.folder(mutant) as hdl:
        command = ["iverilog", "-g2005", "-t", "null", "-I", str(hdl), "-s", top, *settings]
        sources = map(str, sorted(hdl.glob("*.v")))
        return subprocess.run([*command, *sources], capture_output=True).returncode == 0


@pytest.mark.parametrize("kind", KINDS)
def test_most_of_a_kind_compile(kind: str, seed: int) -> None:
    drawn = draw([mutant for mutant in MADE if mutant.operation == kind], 16, seed)
    assert sum(map(compiles, drawn)) >= 12, [str(one) for one in drawn if not compiles(one)]


def test_pins_and_parameters() -> None:
    body = "ffp8_part #(.ROWS(N), .COLS(2)) part (.clk(clk), .rst(rst), .wide(q), .out(o), .no());"
    assert changes(body, "pin") == {
        *("(rst) -> ()", "(rst) -> (1'b0)", "(rst) -> (1'b1)"),
        *("(q) -> ()", "(q) -> (1'b0)", "(q) -> (~0)", "(o) -> ()"),
    }
    assert changes(body, "parameter") == {
        ".ROWS(N), -> (nothing)",
        ", .COLS(2) -> (nothing)",
        "(N), .COLS(2) -> (2), .COLS(N)",
        *("(N) -> (3)", "(N) -> (5)"),
    }


def test_one_register_that_only_power_up_clears() -> None:
    body = "always @(posedge clk) if (rst) begin p <= 1'b0; {q, r} <= 2'd0; end else p <= a;"
    assert changes(body, "unreset") == {
        "p <= 1'b0; -> ;, initial p = 1'b0;",
        "{q, r} <= 2'd0; -> ;, initial {q, r} = 2'd0;",
        "{q, r} <= 2'd0; -> begin r <= 0; end, initial q = 0;",
        "{q, r} <= 2'd0; -> begin q <= 0; end, initial r = 0;",
    }


def test_the_other_event_wins() -> None:
    chain = "always @(posedge clk) if (b) q <= 0; else if (c) q <= 1;"
    both = "if (b) q <= 0; else if (c) q <= 1;"
    assert changes(chain, "priority") == {f"{both} -> if (c) q <= 1; else if (b) q <= 0;"}
    apart = "always @(posedge clk) begin if (b) q <= 0; if (c) q <= 1; end"
    assert changes(apart, "priority") == {
        "if (b) q <= 0; if (c) q <= 1; -> if (c) q <= 1; if (b) q <= 0;"
    }
    assert not changes(apart.replace("q <= 1", "r <= 1"), "priority")
    assert changes("wire y = b ? 1 : c ? 2 : 3;", "priority") == {
        "b ? 1 : c ? 2 : -> c ? 2 : b ? 1 :"
    }
    assert changes("wire y = (q & ~b) | c;", "priority") == {"(q & ~b) | c -> ((q | c) & ~b)"}


def test_a_condition_in_another_cycle() -> None:
    late = "reg late_q; always @(posedge clk) late_q <= b;"
    body = "wire b; always @(posedge clk) begin b_q <= b; if (b && d) q <= 0; end"
    assert changes(body, "timing") == {
        f"b -> late_q, {late}",
        f"b -> (late_q && b), {late}",
        f"b -> (late_q || b), {late}",
    }
    assert "b_q -> b" in changes(body.replace("if (b", "if (b_q"), "timing")


def test_a_range_that_is_not_reached() -> None:
    assert changes("always @* for (i = 0; i < N; i = i + 1) x[i] = a;", "short") == {
        "i < N -> i < N - 1",
        "i < N -> i < N && i < 4",  # no bench has an N above 5
    }
    down = "always @* for (i = 3; i >= 0; i = i - 1) x[i] = a;"
    assert changes(down, "short") == {"i >= 0 -> i > 0"}
    assert changes("reg [N-1:0] q; wire y = q == N[1:0];", "short") == {
        "[N-1:0] -> [N-2:0]",
        "N[1:0] -> (N[1:0] - 1'b1)",
    }


def test_a_fault_at_one_build() -> None:
    assert changes("localparam M = N + 1; always @* if (a) x = 1;", "build") == {
        "N + 1 -> (N + 1) - (N == 3)",
        "N + 1 -> (N + 1) - (N == 5)",
        "(a) -> ((a) && !(N == 3))",
        "(a) -> ((a) && !(N == 5))",
    }
