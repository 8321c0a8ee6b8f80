"""Guards of the checks of the bench of ffp8_array; the sums are the environment's."""

from tests.benches.faulty import Fault

BUILD = {"EXP_MAX": 3, "ROWS": 2, "COLS": 1, "ACC_WIDTH": 39, "SEGMENT": 39, "PIPELINE": 1}
TEST = "tiles_behind_stalled_rows"
ROW = "assign row_valid = rows_left_q != {COUNT{1'b0}};"
LATE_ROW = """\
reg late_q;  // a cycle after the sums were captured
    always @(posedge clk) late_q <= !rst && capture;
    wire filled = rows_left_q != {COUNT{1'b0}};
    assign row_valid = filled && !late_q;"""
USES = """\
wire step = !done || !row_valid || (row_last && row_ready);
    wire capture = done && step;
    wire take = beat_valid && step;

    assign beat_ready = step;
    assign edge_beat = taken_q;
    assign working = busy || row_valid;"""
LATE_USES = USES.replace("!row_valid ||", "!filled || !late_q &&").replace(
    "busy || row_valid", "busy || filled"
)
BETWEEN = """
    assign row_last = rows_left_q == {{COUNT-1{1'b0}}, 1'b1};

    wire drain = row_valid && row_ready;
    """
GUARDS = {
    "array.beat_ready": Fault(
        "array",
        "wire step = !done || !row_valid ||",
        "wire step = !row_valid ||",
        "array",
        BUILD,
        test=TEST,
    ),
    "array.edge": Fault(
        "array",
        "row_live[r] = operand_q[7:0] != 8'd0;",
        "row_live[r] = operand_q[7:0] != 8'd0 || r == ROWS - 1;",
        "array",
        BUILD,
        test=TEST,
    ),
    "array.working": Fault(
        "array", "working = busy || row_valid;", "working = busy;", "array", BUILD, test=TEST
    ),
    "array.row_last": Fault(
        "array",
        "row_last = rows_left_q == {{COUNT-1{1'b0}}, 1'b1};",
        "row_last = rows_left_q <= {{COUNT-1{1'b0}}, 1'b1};",
        "array",
        BUILD,
        test=TEST,
    ),
    "array.row_valid": Fault(
        "array", ROW + BETWEEN + USES, LATE_ROW + BETWEEN + LATE_USES, "array", BUILD, test=TEST
    ),
}
