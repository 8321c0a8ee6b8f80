"""Guards of the checks of the unit's benches."""

from tests.benches.faulty import Fault

BUILD = {"EXP_MAX": 3, "K_MAX": 16, "PIPELINE": 1}
FEW = {"EXP_MAX": 3, "K_MAX": 8, "SEGMENT": 7, "PIPELINE": 1}
READY = "wire take = in_valid && advance;\n\n    assign in_ready = advance;"
EVERY_OTHER = """\
reg odd_q;
    always @(posedge clk) odd_q <= !rst && !odd_q;
    wire take = in_valid && advance && odd_q;
    assign in_ready = advance && odd_q;"""
CONTROLS = "wire accumulate, accumulate_first, done, busy;"
GAP = """
    reg gone_q;  // the error does not show for a cycle
    always @(negedge clk)
        if (rst) gone_q <= 1'b0;
        else if (gone_q) {gone_q, packet_error} <= 2'b01;
        else if (packet_error && out_valid) {gone_q, packet_error} <= 2'b10;"""
VALID = "(sum_valid_q && !context_q[CONTEXT-1])"
EARLY = "(sum_valid_q && !context_q[CONTEXT-1] || done)"
TOO_LONG, FULL = "if (too_long) length_error", "if (count_q == K_MAX[COUNT-1:0]) length_error"
PAIRS = {"PAIR_FORMATS": "s1e3f4b3*s0e3f5b3=s1e3f4b0"}


def of_pairs(module: str, old: str, new: str) -> Fault:
    """Return a fault that the bench of all pairs finds."""
    return Fault(module, old, new, "unit_pairs", {"EXP_MAX": 3}, toplevel="unit", environment=PAIRS)


def of_longest(module: str, old: str, new: str) -> Fault:
    """Return a fault that the bench of the longest sums finds."""
    return Fault(module, old, new, "unit_longest", FEW, toplevel="unit")


GUARDS = {
    "unit.reset": Fault(
        "fifo",
        "word_q[i] <= {WIDTH{1'b0}};",
        "word_q[i] <= {WIDTH{1'b1}};",
        "unit",
        BUILD,
        test="errors_of_every_kind",
    ),
    "unit.in_ready": Fault("unit", READY, EVERY_OTHER, "unit", BUILD, test="errors_of_every_kind"),
    "unit.errors": Fault(
        "unit", CONTROLS, CONTROLS + GAP, "unit", BUILD, test="errors_of_every_kind"
    ),
    "unit_longest.valid": of_longest("unit", VALID, EARLY),
    "unit_longest.outputs": of_longest(
        "column", "value1 = segments + carries + start1_q", "value1 = segments + start1_q"
    ),
    "unit_longest.errors": of_longest("unit", TOO_LONG, FULL),
    "unit_pairs.valid": of_pairs("unit", VALID, EARLY),
    "unit_pairs.outputs": of_pairs(
        "encode", "overflow, saturated == 32'd0,", "overflow, saturated == 32'd1,"
    ),
    "unit_pairs.errors": of_pairs(
        "unit", "if (in_first == inside_q) packet", "if (in_first == in_last) packet"
    ),
}
