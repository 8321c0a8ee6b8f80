"""Mutants of the source: which changes are made, where, and which of them are drawn."""

import pytest

from verif.commands.folders import ROOT
from verif.mutation import plan
from verif.mutation.design import Design
from verif.mutation.mutant import Mutant
from verif.mutation.source import KINDS, draw, make_mutants

DESIGN = Design.read(ROOT / "hdl")
MADE = {module: make_mutants(module, DESIGN) for module in DESIGN.sources}
FEW_KINDS = {"add32": 4, "decode": 4, "judge": 4, "pe": 4, "pe_exact": 4}
"""Modules without reset, or without modules inside."""

every_module = pytest.mark.parametrize("module", DESIGN.sources)

PART = """module ffp8_part (
    input  wire       clk,
    input  wire       left,
    input  wire [3:0] wide,
    output wire [7:0] out,
    input  wire       right
);
endmodule
"""


def mutants(body: str) -> list[Mutant]:
    text = f"module ffp8_example (input wire [7:0] a);\n{body}\nendmodule\n"
    sites = make_mutants("example", Design({"example": text, "part": PART}))
    return [mutant for site in sites for mutant in site]


def changes(body: str) -> set[tuple[str, str]]:
    return {(mutant.operation, mutant.change) for mutant in mutants(body)}


@every_module
def test_every_kind_and_enough_places(module: str) -> None:
    kinds = {mutant.operation for site in MADE[module] for mutant in site}
    assert kinds <= set(KINDS) and len(kinds) >= FEW_KINDS.get(module, 5)
    assert len(MADE[module]) >= 15


def test_every_kind_is_made_somewhere() -> None:
    every = {mutant.operation for sites in MADE.values() for site in sites for mutant in site}
    assert every == set(KINDS)


@every_module
def test_a_mutant_differs_in_one_place_of_code(module: str) -> None:
    original = DESIGN.sources[module]
    header = original.index(");", original.index("module ffp8_"))
    texts = [mutant.text for site in MADE[module] for mutant in site]
    assert original not in texts and len(set(texts)) == len(texts)
    for site in MADE[module]:
        for mutant in site:
            start = next(
                i for i, (a, b) in enumerate(zip(original, mutant.text, strict=False)) if a != b
            )
            assert start > header
            line_start = original.rindex("\n", 0, start) + 1
            assert "//" not in original[line_start:start], f"{mutant} touches a comment"
            before, after = mutant.change.split(" -> ", 1)
            rest = " ".join(original.split()).replace(before, "", 1)
            assert len(rest) < len(" ".join(original.split())), mutant
            assert after == "(nothing)" or after in " ".join(mutant.text.split())
            assert mutant.source in original.splitlines()[mutant.line - 1]


def test_all_mutants_of_a_choice() -> None:
    assert changes("wire y = c ? a[7] && b : 3'd6; // c && d, 8'd1") == {
        ("condition", "a[7] && b : 3'd6 -> 3'd6 : a[7] && b"),
        ("condition", "a[7] && b -> a[7]"),
        ("condition", "a[7] && b -> b"),
        ("operator", "&& -> ||"),
        ("constant", "[7] -> [6]"),
        ("constant", "3'd6 -> 3'd7"),
    }


def test_an_assignment_is_no_comparison() -> None:
    assert changes("always @(posedge clk) if (x <= y) q <= z;") == {
        ("condition", "(x <= y) -> (!(x <= y))"),
        ("operator", "<= -> <"),
        ("assignment", "q <= z -> (nothing)"),
    }
    assert changes("wire x = y <= z;") == {("operator", "<= -> <")}


def test_assignments_are_left_out_of_blocks_and_functions() -> None:
    block = "always @* begin {x[i], y} = a; if (b) z = c; else begin w = d; end end"
    left_out = {change for kind, change in changes(block) if kind == "assignment"}
    dropped = ("{x[i], y} = a", "z = c", "w = d")
    assert left_out == {f"{text} -> (nothing)" for text in dropped}
    assert changes("function f(input x); f = x; endfunction") == {
        ("assignment", "f = x -> (nothing)")
    }
    assert changes("assign x = y; assign z = x;") == set()


def test_what_reset_does_is_a_kind_of_its_own() -> None:
    block = "always @(posedge clk) if (rst) q <= 2'd2; else q <= 2'd1;"
    assert changes(block) == {
        ("condition", "(rst) -> (!(rst))"),
        ("reset", "2'd2 -> 2'd3"),
        ("reset", "q <= 2'd2 -> (nothing)"),
        ("constant", "2'd1 -> 2'd2"),
        ("constant", "2'd1 -> 2'd0"),
        ("assignment", "q <= 2'd1 -> (nothing)"),
    }


def test_connections_of_the_same_shape_are_exchanged() -> None:
    instance = "ffp8_part #(.W(3)) part (.clk(clk), .left(x), .wide(v), .out(y), .right(z));"
    assert changes(instance) == {
        (
            "connection",
            ".left(x), .wide(v), .out(y), .right(z) -> .left(z), .wide(v), .out(y), .right(x)",
        )
    }
    assert changes("ffp8_part part (.clk(clk), .left(x), .out(y), .right());") == set()


def test_prefixes_are_removed() -> None:
    assert changes("assign x = -a;") == {("operator", "- -> (nothing)")}
    assert changes("assign x = ~a;") == {("operator", "~ -> (nothing)")}
    assert changes("assign x = a - b;") == {("operator", "- -> +")}


@pytest.mark.parametrize(
    "body",
    [
        "wire [8-1:0] x = y[W-1:0];",
        "reg [7:0] memory [0:2**W-1];",
        "assign x = {W-1{y}};",
        "assign x = y[z +: W-1];",
        "localparam W = A + 2;",
        "part #(.W(8 + 1)) one (.a(a));",
        "generate for (i = 0; i < 8; i = i + 1) begin end endgenerate",
        "wire unused = &{1'b0, a};",
    ],
)
def test_what_only_shapes_the_design_stays(body: str) -> None:
    assert changes(body) == set()


@every_module
def test_a_draw_depends_on_the_seed_alone(module: str) -> None:
    drawn = draw(MADE[module], 12, "1")
    assert drawn == draw(make_mutants(module, DESIGN), 12, "1") != draw(MADE[module], 12, "2")
    assert len({mutant.key for mutant in drawn}) == 12
    assert all(mutant.text != DESIGN.sources[module] for mutant in drawn)


def test_a_draw_is_balanced_over_kinds_and_places() -> None:
    drawn = draw(MADE["encode"], 25, 1)
    of_kind = [sum(mutant.operation == kind for mutant in drawn) for kind in KINDS]
    assert of_kind == [5, 5, 5, 5, 5, 0]  # nothing is instantiated in ffp8_encode
    places = [
        next(index for index, site in enumerate(MADE["encode"]) if mutant in site)
        for mutant in drawn
    ]
    assert len(set(places)) == 25
    assert min(places) < 0.2 * len(MADE["encode"]) and max(places) > 0.8 * len(MADE["encode"])


def test_a_draw_of_more_than_there_are_has_them_all() -> None:
    every = {mutant.key for site in MADE["pe"] for mutant in site}
    assert {mutant.key for mutant in draw(MADE["pe"], 1000, 1)} == every


def test_mutants_are_divided_by_size_above_a_minimum() -> None:
    assert plan.shares({"a": 10, "b": 30}, 40) == {"a": 15, "b": 25}
    assert plan.shares({"a": 10, "b": 30}, 2) == {"a": 4, "b": 4}
    sizes = {name: DESIGN.size(name) for name in DESIGN.sources}
    assert sum(plan.shares(sizes, 1100).values()) == 1100
