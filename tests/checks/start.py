"""Guards of the checks of the bench of ffp8_start, and of those of a pipeline."""

from tests.benches.faulty import Fault

BUILD = {"SHIFT_WIDTH": 11, "USER_WIDTH": 8, "ACCUMULATOR": 1}
VALID = "{in_valid, valid1_q};"
GUARDS = {
    "start.refused": Fault(
        "start", "assign refused = nonfinite1_q;", "assign refused = 1'b0;", "start", BUILD
    ),
    "start.user": Fault(
        "start", "user1_q <= in_user;", "user1_q <= in_user | 1'b1;", "start", BUILD
    ),
    "start.value": Fault(
        "start", "out_negative <= negative1_q &&", "out_negative <= negative1_q ||", "start", BUILD
    ),
    "pipeline.valid": Fault("start", VALID, "{in_valid, valid1_q || in_valid};", "start", BUILD),
    "pipeline.cleared": Fault(
        "encode",
        "out_result <= 32'd0;\n            out_flags <= 3'd0;",
        "out_result <= 32'd1;\n            out_flags <= 3'd0;",
        "encode",
        {"ACC_WIDTH": 31},
        test="binary32_values_and_midpoints",
    ),
}
