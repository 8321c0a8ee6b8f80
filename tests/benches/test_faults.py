"""Faults that people make, each of which a bench has to notice: once, all of these survived."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benches.faulty import DONE_WHEN_OFFERED, EMPTY_WHEN_HALTED, Fault
from tests.benches.test_rtl import BENCHES

REGISTERS = {"ROWS": 3, "COLS": 5, "K_MAX": 100, "PIPELINE": 1, "GATED_WIDTH": 4}
ENGINE = {"EXP_MAX": 4, "ROWS": 4, "COLS": 3, "K_MAX": 64, "PIPELINE": 1}
FAULTS = {
    "RVALID is not cleared by reset": Fault(
        "registers",
        "if (rst) begin\n            s_axil_rvalid <= 1'b0;",
        "if (rst) begin\n            if (s_axil_rvalid !== 1'b1) s_axil_rvalid <= 1'b0;",
        "registers",
        REGISTERS,
    ),
    "a clear repeats while B waits": Fault(
        "registers",
        "wire [3:0] clear = write ? write_ones : 4'd0;",
        "wire [3:0] clear = write || s_axil_bvalid ? write_ones : 4'd0;",
        "registers",
        REGISTERS,
    ),
    "a first error is lost in the cycle of the clear": Fault(
        "registers",
        "(errors_q & ~(write_word_q == ERRORS ? clear : 4'd0)) | errors_set;",
        "(errors_q & ~(write_word_q == ERRORS ? clear : 4'd0))\n"
        "                | (errors_set & (errors_q | ~(write_word_q == ERRORS ? clear : 4'd0)));",
        "registers",
        REGISTERS,
    ),
    "SHAPE has rows and columns swapped": Fault(
        "engine",
        ".ROWS       (ROWS),\n        .COLS       (COLS),\n        .K_MAX      (K_MAX),",
        ".ROWS       (COLS),\n        .COLS       (ROWS),\n        .K_MAX      (K_MAX),",
        "engine",
        ENGINE,
    ),
    "SEGMENT is not passed to the column": Fault(
        "engine",
        "                .SEGMENT    (SEGMENT),\n                .SHIFT_WIDTH",
        "                .SHIFT_WIDTH",
        "engine",
        {"EXP_MAX": 2, "ROWS": 17, "COLS": 1, "K_MAX": 20, "SEGMENT": 7, "PIPELINE": 1},
    ),
    "STATUS.occupied is 0 after an error": Fault(
        *EMPTY_WHEN_HALTED,
        "engine",
        ENGINE,
    ),
    "FLAGS of columns 16 and up are missing": Fault(
        "engine",
        "for (i = 0; i < COLS; i = i + 1) row_flags",
        "for (i = 0; i < COLS && i < 16; i = i + 1) row_flags",
        "engine",
        {"EXP_MAX": 1, "ROWS": 1, "COLS": 17, "K_MAX": 20000, "SEGMENT": 16},
    ),
    "a tile is done when its last row is offered": Fault(
        *DONE_WHEN_OFFERED,
        "engine",
        ENGINE,
    ),
    "an error is lost under a pending soft reset": Fault(
        "registers",
        "| errors_set;",
        "| (soft_reset ? 4'd0 : errors_set);",
        "engine",
        ENGINE,
    ),
    "a c packet of COLS + 16 beats is taken for a good one": Fault(
        "context",
        "wire extra = column_q == COLS[COUNT-1:0];\n"
        "    wire wrong_length = column_q != COLS[COUNT-1:0] - 1'b1;",
        "wire extra = 1'b0;\n    wire wrong_length = column_q[3:0] != 4'd15;",
        "context",
        {"EXP_MAX": 5, "COLS": 16, "ACC_WIDTH": 83, "SHIFT_WIDTH": 7, "SLOTS": 4},
    ),
    "a unit is one bit too narrow at K_MAX 20": Fault(
        "unit",
        "localparam ACC_WIDTH = `FFP8_ACC_WIDTH(EXP_MAX, K_MAX);",
        "localparam ACC_WIDTH = `FFP8_ACC_WIDTH(EXP_MAX, K_MAX) - (K_MAX == 20);",
        "unit",
        {"EXP_MAX": 3, "K_MAX": 20, "SEGMENT": 16},
    ),
    "the rows of a tile win over a reset in their cycle": Fault(
        "array",
        "if (rst) rows_left_q <= {COUNT{1'b0}};\n"
        "        else if (capture) rows_left_q <= ROWS[COUNT-1:0];",
        "if (capture) rows_left_q <= ROWS[COUNT-1:0];\n"
        "        else if (rst) rows_left_q <= {COUNT{1'b0}};",
        "array",
        {"EXP_MAX": 4, "ROWS": 2, "COLS": 3, "ACC_WIDTH": 53, "SEGMENT": 8, "PIPELINE": 1},
    ),
    "FLAGS of columns 12 to 15 are missing": Fault(
        "engine",
        "for (i = 0; i < COLS; i = i + 1) row_flags",
        "for (i = 0; i < COLS && i < 12; i = i + 1) row_flags",
        "engine",
        {"EXP_MAX": 1, "ROWS": 1, "COLS": 17, "K_MAX": 20000, "SEGMENT": 16},
    ),
}


def test_the_benches_pass_without_the_faults_in_the_regression() -> None:
    for name, fault in FAULTS.items():
        assert (fault.bench, fault.parameters) in BENCHES, name


@pytest.mark.sim
@pytest.mark.parametrize("name", FAULTS)
def test_a_bench_notices(name: str, seed: int, tmp_path: Path) -> None:
    FAULTS[name].failed_checks(tmp_path, seed)
