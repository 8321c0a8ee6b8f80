// replay_pauses: says in which cycles a stream pauses, from a seed.
//
// Purpose    A xorshift generator of 32 bits; a cycle is a pause if its lowest 16 bits are below
//            a threshold: 0 never, 65535 nearly always. Not for synthesis.
// Interface  load  takes the seed, which must not be 0.
// Latency    The first cycle after load looks at the seed itself.
// Reset      None: load.

`default_nettype none

module replay_pauses (
    input  wire        clk,
    input  wire        load,
    input  wire [31:0] seed,
    input  wire [15:0] threshold,
    output wire        pause
);

    reg [31:0] state_q;
    wire [31:0] left = state_q ^ (state_q << 13);
    wire [31:0] right = left ^ (left >> 17);

    assign pause = state_q[15:0] < threshold;

    initial state_q = 32'd1;

    always @(posedge clk) begin
        if (load) state_q <= seed;
        else if (threshold != 16'd0) state_q <= right ^ (right << 5);
    end

endmodule

`default_nettype wire
