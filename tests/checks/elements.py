"""Guards of the checks of the processing elements' benches, and of what all benches see at pins."""

from tests.benches.faulty import Fault

BUILD = {"EXP_MAX": 3, "ACC_WIDTH": 35, "SEGMENT": 7, "PIPELINE": 1}
ZEROS = "zero_operands_hold_the_registers"
GUARDS = {
    "element.sum": Fault(
        "pe_exact",
        "distance_q <= a_operand[8 +: EXP_MAX] + w_operand[8 +: EXP_MAX];",
        "distance_q <= a_operand[8 +: EXP_MAX];",
        "pe_exact",
        BUILD,
        test=ZEROS,
    ),
    "element.held": Fault(
        "pe_exact",
        "live1_q <= 1'b0;",
        "begin live1_q <= 1'b0; product_q <= 16'd0; end",
        "pe_exact",
        BUILD,
        test=ZEROS,
    ),
    "element.drained": Fault(
        "pe_binary32",
        "chain_out <= chain_in;",
        "chain_out <= chain_in & ~36'd1;",
        "pe_binary32",
        {"EXP_MAX": 3, "PIPELINE": 2},
        test="rounded_sums",
    ),
    "pins.known": Fault(
        "control", "1'b0}} || done;", "1'b0}} || done ? 1'b1 : 1'bx;", "control", {"PIPELINE": 2}
    ),
}
