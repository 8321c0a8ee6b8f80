"""Guards of the checks of this project's adapters, and of scenarios that need the engine."""

from tests.benches.faulty import Fault

ENGINE = {"EXP_MAX": 3, "ROWS": 1, "COLS": 1, "K_MAX": 16}
TALL = {"EXP_MAX": 3, "ROWS": 2, "COLS": 1, "K_MAX": 16, "PIPELINE": 1, "ACCUMULATOR": 1}
ARRAY = {"EXP_MAX": 3, "ROWS": 1, "COLS": 1, "PIPELINE": 2, "ACCUMULATOR": 1}
GUARDS = {
    "engine_adapter.keep": Fault(
        "engine",
        "{{3*COLS{y_raw}}, {COLS{1'b1}}}",
        "{{3*COLS{y_raw}}, {COLS{y_raw}}}",
        "engine",
        ENGINE,
        test="random_tiles",
    ),
    "engine_adapter.dropped_bytes": Fault(
        "engine",
        "packed_row = {32*COLS{1'b0}}",
        "packed_row = {32*COLS{1'b1}}",
        "engine",
        ENGINE,
        test="random_tiles",
    ),
    "engine_adapter.rows": Fault(
        "engine",
        "{foot_last_q[FOOT-2:0], row_last}",
        "{foot_last_q[FOOT-2:0], 1'b1}",
        "engine",
        TALL,
        test="random_tiles",
    ),
    "engine_adapter.halted": Fault(
        "registers",
        "STATUS: read_data = {30'd0, halted,",
        "STATUS: read_data = {30'd0, 1'b0,",
        "engine",
        ENGINE,
        test="a_started_context_survives_the_soft_reset",
    ),
    "environment.waiting_job": Fault(
        "context",
        "!(release_slot && stream_errors[0])",
        "!release_slot",
        "engine",
        ENGINE,
        test="a_refused_configuration_keeps_the_c_stream_closed",
    ),
    "array_adapter.stored": Fault(
        "array",
        "`FFP8_STORED(ACC_WIDTH, SEGMENT, ACCUMULATOR)",
        "`FFP8_STORED(ACC_WIDTH, SEGMENT, ACCUMULATOR) + 1",
        "array",
        ARRAY,
        test="largest_sums",
    ),
    "array_adapter.normalised": Fault(
        "pe_binary32",
        "if (capture) chain_out <= acc_q;",
        "if (capture) chain_out <= acc_q[0] || !acc_q[23] ? acc_q\n"
        "            : {acc_q[35], acc_q[34:24] + 11'd1, 1'b0, acc_q[23:1]};",
        "array",
        ARRAY,
        test="largest_sums",
    ),
}
