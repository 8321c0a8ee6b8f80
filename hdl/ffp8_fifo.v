// ffp8_fifo: a small first-in first-out queue.
//
// Purpose    Decouples two valid/ready pairs, so that no combinational path runs from an input
//            of the engine to an output: in_ready and out_valid depend on registers only.
// Interface  valid/ready on both sides; a word moves in a cycle in which both are high.
//            DEPTH is a power of two, at least 2, which is enough for a word every cycle.
// Latency    1 cycle.
// Reset      Empties the queue and clears its words, so that out_data is never X.

`default_nettype none

module ffp8_fifo #(
    parameter WIDTH = 8,
    parameter DEPTH = 2
) (
    input  wire             clk,
    input  wire             rst,
    input  wire             in_valid,
    output wire             in_ready,
    input  wire [WIDTH-1:0] in_data,
    output wire             out_valid,
    input  wire             out_ready,
    output wire [WIDTH-1:0] out_data
);

    localparam INDEX = $clog2(DEPTH);

    // One bit more than the index tells full from empty.
    reg [INDEX:0]     write_q, read_q;
    reg [WIDTH-1:0]   word_q [0:DEPTH-1];
    integer           i;

    assign in_ready = write_q - read_q != DEPTH[INDEX:0];
    assign out_valid = write_q != read_q;
    assign out_data = word_q[read_q[INDEX-1:0]];

    always @(posedge clk) begin
        if (rst) begin
            write_q <= {INDEX+1{1'b0}};
            read_q <= {INDEX+1{1'b0}};
            for (i = 0; i < DEPTH; i = i + 1) word_q[i] <= {WIDTH{1'b0}};
        end else begin
            if (in_valid && in_ready) begin
                word_q[write_q[INDEX-1:0]] <= in_data;
                write_q <= write_q + 1'b1;
            end
            if (out_valid && out_ready) read_q <= read_q + 1'b1;
        end
    end

endmodule

`default_nettype wire
