"""The prover: it proves what is equivalent, and must be able to fail."""

import pytest

from verif.commands.folders import ROOT
from verif.mutation import equivalence
from verif.mutation.design import Design
from verif.mutation.equivalence import prove
from verif.mutation.mutant import SOURCE, Mutant, Proof
from verif.mutation.yosys import YosysError

HDL = Design.read(ROOT / "hdl")


def compare(design: Design, module: str, old: str, new: str, **parameters: int) -> Proof:
    text = design.sources[module]
    assert text.count(old) == 1
    mutant = Mutant(module, SOURCE, "by hand", 1, old, new, text.replace(old, new))
    return prove(mutant, design, parameters)


def of_circuit(body: str, old: str, new: str) -> Proof:
    ports = "input clk, input rst, input [3:0] a, input [3:0] b, output [3:0] y"
    design = Design({"unit": f"module ffp8_unit #(parameter W = 4) ({ports});\n{body}\nendmodule"})
    return compare(design, "unit", old, new, W=4)


STAGES = """
reg valid_q, out_valid_q; reg [3:0] data_q, out_q;
always @(posedge clk) if (rst) {valid_q, out_valid_q} <= 0;
    else if (a[3]) {valid_q, out_valid_q} <= {a[0], valid_q};
always @(posedge clk) if (a[3]) begin
    if (a[0]) data_q <= b;
    if (valid_q) out_q <= data_q;
end
assign y = out_valid_q ? out_q : 4'd0;
"""
COUNTER = """
reg [3:0] count_q;
always @(posedge clk) if (rst) count_q <= 4'd0; else count_q <= count_q + 4'd1;
assign y = count_q == 4'd12 ? 4'd3 : 4'd1;
"""
THREE = """
reg [1:0] count_q;
always @(posedge clk) if (rst || count_q == 2'd2) count_q <= 2'd0; else count_q <= count_q + 2'd1;
assign y = count_q == 2'd3 ? 4'd7 : 4'd1;
"""
MEMORY = """
reg [3:0] word_q [0:1];
always @(posedge clk) if (rst) begin word_q[0] <= 0; word_q[1] <= 0; end else word_q[a[0]] <= b;
assign y = word_q[a[1]];
"""


@pytest.mark.parametrize(
    ("body", "old", "new", "method"),
    [
        ("assign y = a + b;", "a + b", "b + a", "combinational (fraig)"),
        ("assign y = a * (b + 4'd1);", "a * (b + 4'd1)", "a * b + a", "combinational (fraig)"),
        (COUNTER, "count_q + 4'd1", "4'd1 + count_q", "induction (scorr)"),
        (STAGES, "if (a[0]) data_q", "data_q", "induction (scorr)"),
        (STAGES, "if (valid_q) out_q", "out_q", "induction (scorr)"),
        (THREE, "4'd7", "4'd8", "induction (scorr)"),
        (MEMORY, "word_q[a[1]]", "(a[1] ? word_q[1] : word_q[0])", "induction (scorr)"),
        (
            "reg [3:0] dead_q; always @(posedge clk) dead_q <= a + b; assign y = a;",
            "dead_q <= a + b",
            "",
            "combinational (fraig)",
        ),
    ],
    ids=[
        "commuted",
        "distributed",
        "counter",
        "not valid",
        "not sent",
        "not reached",
        "memory",
        "dead register",
    ],
)
def test_what_is_equivalent_is_proven(body: str, old: str, new: str, method: str) -> None:
    proof = of_circuit(body, old, new)
    assert (proof.result, proof.method, proof.parameters) == ("equivalent", method, {"W": 4})


@pytest.mark.parametrize(
    ("body", "old", "new", "depth"),
    [
        ("assign y = a + b;", "a + b", "a - b", 0),
        ("assign y = a * b;", "a * b", "a * a", 0),
        ("assign y = a * b;", "a * b", "$signed(a) * $signed(b[2:0])", 0),
        ("assign y = a;", "= a", "= a == 4'd9 ? 4'd8 : a", 0),
        (COUNTER, "4'd12 ? 4'd3", "4'd12 ? 4'd2", 13),
        (COUNTER, "<= 4'd0", "<= 4'd1", 12),
        (COUNTER, "if (rst) count_q <= 4'd0; else ", "", 1),
        (STAGES, "if (a[0]) data_q", "if (a[1]) data_q", 3),
        (MEMORY, "word_q[a[0]] <= b", "word_q[0] <= b", 2),
        ("reg [3:0] q; always @(posedge clk) q <= a; assign y = q;", "q <= a", "", 1),
    ],
    ids=[
        "minus",
        "square",
        "signed",
        "one value",
        "late",
        "reset",
        "no reset",
        "loaded",
        "memory",
        "stuck",
    ],
)
def test_what_differs_is_not_proven(body: str, old: str, new: str, depth: int) -> None:
    proof = of_circuit(body, old, new)
    assert (proof.result, proof.depth) == ("different", depth)


def test_another_clock_is_not_proven() -> None:
    body = "reg [3:0] q; always @(posedge clk) q <= a; assign y = q;"
    proof = of_circuit(body, "posedge", "negedge")
    assert proof.result == "unknown" and "not clocked by clk" in proof.method


def test_what_takes_too_long_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(equivalence, "PREPARATION_SECONDS", 0.01)
    proof = of_circuit("assign y = a + b;", "a + b", "b + a")
    assert proof.result == "unknown" and "not done" in proof.method


def test_without_proof_the_bound_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"pdr": "Property UNDECIDED.", "bmc3": "No output asserted in 7 frames."}

    def answer(commands: list[str], *_: object) -> str:
        if commands[-1].startswith("write_aiger"):
            return "lat = 9\nlat = 8"
        return said[commands[-1].split()[0]]

    monkeypatch.setattr(equivalence, "abc", answer)
    proof = of_circuit(COUNTER, "4'd12 ? 4'd3", "4'd12 ? 4'd2")
    assert (proof.result, proof.method, proof.depth) == ("unknown", "bounded (bmc3)", 7)


def test_what_abc_does_not_say_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(equivalence, "abc", lambda *_: "")
    assert of_circuit("assign y = a + b;", "a + b", "b + a").result == "unknown"

    def refuse(*_: object) -> str:
        raise YosysError("ended with 1")

    monkeypatch.setattr(equivalence, "abc", refuse)
    assert of_circuit("assign y = a + b;", "a + b", "b + a").result == "unknown"


def test_modules_inside_are_cut_first() -> None:
    sets = {"EXP_MAX": 4, "ROWS": 3, "COLS": 4, "K_MAX": 64, "ACCUMULATOR": 1}
    proof = compare(HDL, "engine", "cols_live + 1'b1", "1'b1 + cols_live", **sets)
    assert proof.result == "equivalent"
    assert proof.method.startswith("induction (scorr), cut: add32 array column context")


def test_modules_inside_are_looked_into_where_that_is_needed() -> None:
    ports = "(input a, input b, output y)"
    inner = f"module ffp8_inner {ports};\nassign y = a & b;\nendmodule"
    outer = f"module ffp8_outer {ports};\n  ffp8_inner inner (.a(a), .b(b), .y(y));\nendmodule"
    design = Design({"inner": inner, "outer": outer})
    proof = compare(design, "outer", ".a(a), .b(b)", ".a(b), .b(a)")
    assert (proof.result, proof.method) == ("equivalent", "combinational (fraig)")
    assert compare(design, "outer", ".b(b)", ".b(a)").result == "different"


def test_a_module_may_not_look_at_what_differs() -> None:
    inner = "module ffp8_inner (input [3:0] a, output [3:0] y);\nassign y = a + 4'd1;\nendmodule"
    outer = """module ffp8_outer (input [3:0] a, output y);
  wire [3:0] all;
  ffp8_inner inner (.a(a), .y(all));
  assign y = all[0];
endmodule"""
    design = Design({"inner": inner, "outer": outer})
    assert compare(design, "inner", "4'd1", "4'd3").result == "different"
    for value, result in ((3, "equivalent"), (2, "different")):
        mutant = Mutant("inner", SOURCE, "", 1, "", "", inner.replace("4'd1", f"4'd{value}"))
        proof = prove(mutant, design, {}, "outer")
        assert (proof.result, proof.method) == (result, "combinational (fraig), inside outer")


@pytest.mark.parametrize(
    ("module", "old", "new", "parameters"),
    [
        ("encode", "(advance && valid2_q)", "(advance)", {"ACC_WIDTH": 31}),
        (
            *("pe_exact", "a_operand[7:0] * w_operand[7:0]", "w_operand[7:0] * a_operand[7:0]"),
            {"EXP_MAX": 4, "ACC_WIDTH": 49, "SEGMENT": 49, "PIPELINE": 1},
        ),
        ("add32", "12'd27 ? 5'd27", "12'd27 ? 5'd26", {}),
    ],
)
def test_equivalents_of_the_design_are_proven(
    module: str, old: str, new: str, parameters: dict[str, int]
) -> None:
    assert compare(HDL, module, old, new, **parameters).result == "equivalent"
