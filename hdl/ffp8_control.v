// ffp8_control: the controls that go along with operands, from the edge to the accumulators.
//
// Purpose    Tells the elements when a beat's product has reached their accumulators and whether
//            it is the first of its sum, and tells when the sums of a whole tile stand there.
// Interface  Everything moves in cycles in which `step` is high. `beat` marks operands that enter
//            the edge registers, `first` and `last` where they stand in their sum.
//            `accumulate` and `accumulate_first` are what ffp8_pe wants; `done` is high while the
//            accumulators hold finished sums; `busy`: a beat or a finished sum is inside.
// Latency    PIPELINE + 1 steps from `beat` to `accumulate`, one more to `done`.
// Reset      Nothing inside. `first` is of meaning beside a beat only, and needs none.

`default_nettype none

module ffp8_control #(
    parameter PIPELINE = 2  // as in ffp8_pe, which refuses what is not legal
) (
    input  wire clk,
    input  wire rst,
    input  wire step,
    input  wire beat,
    input  wire first,
    input  wire last,
    output wire accumulate,
    output wire accumulate_first,
    output reg  done,
    output wire busy
);

    // One bit per stage: 0 beside the edge registers, PIPELINE beside the accumulators.
    reg [PIPELINE:0] beat_q, first_q, last_q;

    assign accumulate = beat_q[PIPELINE];
    assign accumulate_first = first_q[PIPELINE];
    assign busy = beat_q != {PIPELINE+1{1'b0}} || done;

    always @(posedge clk) begin
        if (rst) begin
            beat_q <= {PIPELINE+1{1'b0}};
            last_q <= {PIPELINE+1{1'b0}};
            done <= 1'b0;
        end else if (step) begin
            beat_q <= {beat_q[PIPELINE-1:0], beat};
            last_q <= {last_q[PIPELINE-1:0], beat && last};
            done <= last_q[PIPELINE];
        end
    end

    always @(posedge clk) if (step) first_q <= {first_q[PIPELINE-1:0], first};

endmodule

`default_nettype wire
