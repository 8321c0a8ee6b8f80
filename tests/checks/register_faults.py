"""Faults that the registers' loops have to notice, and the check that each of them fails."""

from __future__ import annotations

from dataclasses import dataclass

from tests.benches.faulty import DONE_WHEN_OFFERED, EMPTY_WHEN_HALTED

ALONE, ENGINE = ("registers",), ("engine_registers",)
BOTH = ALONE + ENGINE
CHECKS = {
    "registers": {"registers_alone.words", "registers_alone.outputs"},
    "engine_registers": {"engine_registers.words", "engine_registers.irq"},
}
"""Which of them fails first, is a matter of the seed."""

REPEATED = "write ? write_ones : 4'd0;"


@dataclass(frozen=True)
class Planted:
    """A change of a module's text, the loops that have to notice it, and the check that does.

    Attributes
    ----------
    module, old, new
        As of `tests.benches.faulty.Fault`.
    groups
        Kinds of design whose loops notice.
    check
        The check that fails; one of `CHECKS` unless given.
    """

    module: str
    old: str
    new: str
    groups: tuple[str, ...] = ALONE
    check: str = ""


def _with_lost(name: str, clear: str) -> str:
    """Return an update of a sticky register that loses what is set first in a clear's cycle."""
    held, cleared = f"{name.lower()}_q", f"(write_word_q == {name} ? {clear})"
    sets = f"{name.lower()}_set"
    return f"({held} & ~{cleared}) | ({sets} & ({held} | ~{cleared}));"


FAULTS = {
    # The port.
    "a write is answered before it is complete": Planted(
        "registers",
        "if (answer) begin\n                s_axil_bvalid <= 1'b1;",
        "if (address_held_q && !s_axil_bvalid) begin\n                s_axil_bvalid <= 1'b1;",
        check="lite.an_answer_to_each_write",
    ),
    "a write of an unknown address is answered with OKAY": Planted(
        "registers",
        "write_aligned_q && is_known(write_word_q) ? OKAY : SLVERR;",
        "write_aligned_q ? OKAY : SLVERR;",
        check="lite.response_of_a_write",
    ),
    "RVALID is not cleared by reset": Planted(
        "registers",
        "if (rst) begin\n            s_axil_rvalid <= 1'b0;",
        "if (rst) begin\n            if (s_axil_rvalid !== 1'b1) s_axil_rvalid <= 1'b0;",
        check="lite.an_answer_to_each_read",
    ),
    "an unaligned read is answered with OKAY": Planted(
        "registers",
        "is_known(read_word) && s_axil_araddr[1:0] == 2'd0;",
        "is_known(read_word);",
        check="lite.response_of_a_read",
    ),
    "a word goes on with its register": Planted(
        "registers",
        "end else if (s_axil_rready) begin\n            s_axil_rvalid <= 1'b0;",
        "end else if (s_axil_rready) begin\n            s_axil_rvalid <= 1'b0;\n"
        "        end else begin\n            s_axil_rdata <= read_known ? read_data : 32'd0;",
        check="lite.words_hold",
    ),
    "an address is taken over the one before": Planted(
        "registers",
        "assign s_axil_awready = !address_held_q;",
        "assign s_axil_awready = !address_held_q || s_axil_bvalid;",
        check="lite.one_access_at_a_time",
    ),
    "BRESP is X before the first answer": Planted(
        "registers",
        "s_axil_bresp <= OKAY;",
        "",
        check="lite.nothing_is_x",
    ),
    "data are never taken behind an answer": Planted(
        "registers",
        "assign s_axil_wready = !data_held_q;",
        "reg stuck_q;\n"
        "    always @(posedge clk) stuck_q <= !rst && (stuck_q || s_axil_bvalid && data_held_q);\n"
        "    assign s_axil_wready = !data_held_q && !stuck_q;",
        check="lite.every_access_is_answered",
    ),
    "WSTRB of byte 2 is ignored": Planted(
        "registers",
        "{8{write_strobe_q[2]}}",
        "{8{write_strobe_q[3] | 1'b1}}",
        check="registers_alone.outputs",
    ),
    "a read is of the address of a write": Planted(
        "registers",
        "case (read_word)",
        "case (s_axil_awvalid && s_axil_awready ? s_axil_awaddr[7:2] : read_word)",
        BOTH,
    ),
    # Bits that stay.
    "clearing wins over setting": Planted(
        "registers",
        "(errors_q & ~(write_word_q == ERRORS ? clear : 4'd0)) | errors_set;",
        "(errors_q | errors_set) & ~(write_word_q == ERRORS ? clear : 4'd0);",
    ),
    "a first error is lost in the cycle of its clear": Planted(
        "registers",
        "(errors_q & ~(write_word_q == ERRORS ? clear : 4'd0)) | errors_set;",
        _with_lost("ERRORS", "clear : 4'd0"),
        BOTH,
    ),
    "a first flag is lost in the cycle of its clear": Planted(
        "registers",
        "(flags_q & ~(write_word_q == FLAGS ? clear[2:0] : 3'd0)) | flags_set;",
        _with_lost("FLAGS", "clear[2:0] : 3'd0"),
    ),
    "a clear repeats while B waits": Planted(
        "registers", REPEATED, f"write || s_axil_bvalid ? {REPEATED[8:]}", BOTH
    ),
    "an error with a tile done is no cause": Planted(
        "registers",
        "| {errors_set != 4'd0, tile_done};",
        "| {errors_set != 4'd0 && !tile_done, tile_done};",
    ),
    "the causes are exchanged": Planted(
        "registers",
        "(irq_status_q & irq_enable_q[1:0])",
        "(irq_status_q & {irq_enable_q[0], irq_enable_q[1]})",
        ENGINE,
        "engine_registers.irq",
    ),
    "an answer wins over a request of its cycle": Planted(
        "registers",
        "else if (write && write_word_q == CONTROL && write_ones[0]) soft_reset",
        "else if (!resume && write && write_word_q == CONTROL && write_ones[0]) soft_reset",
    ),
    "an error is lost under a pending soft reset": Planted(
        "registers", "| errors_set;", "| (soft_reset ? 4'd0 : errors_set);", BOTH
    ),
    # Counters.
    "a snapshot is of two cycles": Planted(
        "registers",
        "snapshot_q <= {gated_q, macs_q,",
        "snapshot_q <= {gated_q + {{64-GATED_WIDTH{1'b0}}, gated}, macs_q,",
        BOTH,
    ),
    "TILES_DONE stops at its largest": Planted(
        "registers",
        "if (tile_done) tiles_done_q",
        "if (tile_done && tiles_done_q != 32'hffffffff) tiles_done_q",
    ),
    "the upper half of STALLED is never counted": Planted(
        "registers",
        "stalled_q <= stalled_q + 1'b1;",
        "stalled_q <= {32'd0, stalled_q[31:0] + 1'b1};",
    ),
    "a soft reset leaves TILES_DONE": Planted(
        "registers",
        "if (rst || resume) begin\n            tiles_done_q <= 32'd0;",
        "if (rst || resume) begin\n            if (rst) tiles_done_q <= 32'd0;",
        BOTH,
    ),
    "halted hides occupied": Planted(
        "registers",
        "{30'd0, halted, occupied}",
        "{30'd0, halted, occupied & ~halted}",
        check="registers_alone.words",
    ),
    # What the engine tells its registers.
    "SHAPE has rows and columns exchanged": Planted(
        "engine",
        ".ROWS       (ROWS),\n        .COLS       (COLS),\n        .K_MAX      (K_MAX),",
        ".ROWS       (COLS),\n        .COLS       (ROWS),\n        .K_MAX      (K_MAX),",
        ENGINE,
        "engine_registers.words",
    ),
    "no tile is inside after an error": Planted(
        *EMPTY_WHEN_HALTED,
        ENGINE,
    ),
    "a halt ends with the last result": Planted(
        "engine",
        ".resume         (resume),\n        .halted         (halted),",
        ".resume         (resume),\n        .halted         (halted && !quiet),",
        ENGINE,
    ),
    "a tile is done when its last row is offered": Planted(
        *DONE_WHEN_OFFERED,
        ENGINE,
    ),
    "flags are of rows that are offered": Planted(
        "engine",
        "assign flags_set = delivered ? row_flags",
        "assign flags_set = m_axis_y_tvalid ? row_flags",
        ENGINE,
    ),
    "flags of the last column are missing": Planted(
        "engine",
        "for (i = 0; i < COLS; i = i + 1) row_flags",
        "for (i = 0; i < COLS - 1; i = i + 1) row_flags",
        ENGINE,
    ),
    "a failing pair counts as busy": Planted(
        "engine", ".pair           (beat_valid)", ".pair           (a_ready)", ENGINE
    ),
    "gated are counted without their last row": Planted(
        "engine",
        "for (i = 0; i < ROWS; i = i + 1) if (row_live[i])",
        "for (i = 0; i < ROWS - 1; i = i + 1) if (row_live[i])",
        ENGINE,
    ),
}
"""By what is wrong."""
