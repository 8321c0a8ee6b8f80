"""What a build can be: legal parameters elaborate in silence, any other is refused by name."""

from __future__ import annotations

from itertools import product

import pytest

from verif.commands.folders import ROOT
from verif.lint import PARAMETER_SETS, icarus_check, run_check, verilator_check, yosys_check

HDL = ROOT / "hdl"
TOOLS = {"icarus": icarus_check, "verilator": verilator_check, "yosys": yosys_check}
SMALL = {"ffp8_engine": {"ROWS": 2, "COLS": 2}, "ffp8_array": {"ROWS": 2, "COLS": 2}}
REFUSED = {
    "PIPELINE_is_1_or_2": [{"PIPELINE": 0}, {"PIPELINE": 3}],
    "ACCUMULATOR_is_0_or_1": [{"ACCUMULATOR": 2}],
    "SEGMENT_is_1_or_more": [{"SEGMENT": 0}],
}
SIZES = {
    "ROWS_is_1_to_64": [{"ROWS": 0}, {"ROWS": 65}],
    "COLS_is_1_to_64": [{"COLS": 0}, {"COLS": 65}],
}
LONGEST = {"K_MAX_is_1_to_32768": [{"K_MAX": 0}, {"K_MAX": 32769}]}
RULES = {
    "ffp8_engine": REFUSED
    | SIZES
    | LONGEST
    | {"EXP_MAX_is_1_to_5": [{"EXP_MAX": 0}, {"EXP_MAX": 6}]},
    "ffp8_unit": REFUSED | LONGEST | {"EXP_MAX_is_1_to_8": [{"EXP_MAX": 0}, {"EXP_MAX": 9}]},
    "ffp8_array": REFUSED
    | SIZES
    | {
        "EXP_MAX_is_1_to_8": [{"EXP_MAX": 9}],
        "EXP_MAX_above_5_is_for_4_x_4": [
            {"EXP_MAX": 6, "ROWS": 5, "ACC_WIDTH": 145},
            {"EXP_MAX": 6, "COLS": 5, "ACC_WIDTH": 145},
        ],
        "ACC_WIDTH_holds_a_product_of_EXP_MAX": [{"EXP_MAX": 6, "ACC_WIDTH": 131}],
    },
    "ffp8_pe": {
        "ACC_WIDTH_holds_a_product_of_EXP_MAX": [
            {"EXP_MAX": 1, "ACC_WIDTH": 25},
            {"EXP_MAX": 5, "ACC_WIDTH": 69},
            {"EXP_MAX": 8, "ACC_WIDTH": 510},
        ],
    },
    "ffp8_column": {"ACC_WIDTH_is_26_or_more": [{"ACC_WIDTH": 25, "SHIFT_WIDTH": 5}]},
    "ffp8_context": {"ACC_WIDTH_is_26_or_more": [{"ACC_WIDTH": 25, "SHIFT_WIDTH": 5}]},
    "ffp8_start": {"ACC_WIDTH_is_26_or_more": [{"ACC_WIDTH": 25, "SHIFT_WIDTH": 5}]},
}
CASES = [
    (top, rule, parameters)
    for top, rules in RULES.items()
    for rule, several in rules.items()
    for parameters in several
]


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize(("top", "rule", "parameters"), CASES)
def test_what_is_not_legal_is_refused_by_name(top, rule, parameters, tool) -> None:
    outcome = run_check(TOOLS[tool](HDL, top, SMALL.get(top, {}) | parameters))
    assert not outcome.passed and f"ffp8_{rule}" in outcome.output, outcome.output[:500]


@pytest.mark.parametrize("tool", TOOLS)
def test_the_narrowest_accumulator_that_holds_a_product_is_legal(tool) -> None:
    for maximum, width in ((1, 26), (5, 70), (8, 511)):
        outcome = run_check(TOOLS[tool](HDL, "ffp8_pe", {"EXP_MAX": maximum, "ACC_WIDTH": width}))
        assert outcome.passed, outcome.output[:500]
    classical = {"EXP_MAX": 5, "ACC_WIDTH": 25, "ACCUMULATOR": 1}  # which has no such width
    assert run_check(TOOLS[tool](HDL, "ffp8_pe", classical)).passed


def test_lint_elaborates_every_legal_extreme() -> None:
    used = {
        (name, value)
        for sets in PARAMETER_SETS.values()
        for parameters in sets
        for name, value in parameters.items()
    }
    wanted = [("EXP_MAX", number) for number in range(1, 9)]
    wanted += [(name, side) for name, side in product(("ROWS", "COLS"), (1, 64))]
    wanted += [("K_MAX", 1), ("K_MAX", 32768), ("SEGMENT", 1), ("PIPELINE", 1), ("ACCUMULATOR", 1)]
    assert [one for one in wanted if one not in used] == []
    assert max(value for name, value in used if name == "SEGMENT") > 524


@pytest.mark.parametrize("tool", ["icarus", "verilator"])
def test_the_largest_array_elaborates_in_silence(tool: str) -> None:
    largest = {"EXP_MAX": 3, "ROWS": 64, "COLS": 64}
    outcome = run_check(TOOLS[tool](HDL, "ffp8_engine", largest))
    assert outcome.passed, outcome.output[:500]


def test_a_latch_or_a_second_driver_fails(tmp_path) -> None:
    body = {
        "latch": "reg q; always @* if (en) q = d; assign y = q;",
        "drivers": "wire q; assign q = en; assign q = d; assign y = q;",
        "good": "reg q; always @(posedge en) q <= d; assign y = q;",
    }
    for name, text in body.items():
        folder = tmp_path / name
        folder.mkdir()
        (folder / "top.v").write_text(
            f"module top(input wire en, input wire d, output wire y);\n{text}\nendmodule\n"
        )
        outcome = run_check(yosys_check(folder, "top", {}))
        assert outcome.passed == (name == "good"), outcome.output
