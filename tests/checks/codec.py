"""Guards of the checks of the benches of ffp8_decode, ffp8_encode and ffp8_column."""

from tests.benches.faulty import Fault

GUARDS = {
    "decode.outputs": Fault(
        "decode", "is_signed & code[7];", "is_signed ^ code[7];", "decode", {"EXP_MAX": 3}
    ),
    "encode.outputs": Fault(
        "encode",
        "raw3 ? 32'h7f80_0000 : largest",
        "largest",
        "encode",
        {"ACC_WIDTH": 31},
        test="binary32_values_and_midpoints",
    ),
    "column.outputs": Fault(
        "column",
        "value1 = segments + carries + start1_q",
        "value1 = segments + start1_q",
        "column",
        {"ACC_WIDTH": 39, "SEGMENT": 7, "SHIFT_WIDTH": 6},
    ),
}
