// replay_player: an AXI4-Stream master that plays packets out of a memory.
//
// Purpose    One packet for each tile of a program: `length` words from `base` on. The memory and
//            the program are outside: this asks for a word and a tile by number. Not for synthesis.
// Interface  start   begins with tile 0; last_tile is how many there are, less one.
//            tile    whose base and length are wanted in this cycle; address likewise.
//            pause   in such a cycle no further beat is offered; one that is offered stays.
// Latency    One beat a cycle while its receiver is ready, from the cycle after start.
// Reset      rst is synchronous, active high: nothing is offered and nothing left to play.

`default_nettype none

module replay_player #(
    parameter WIDTH = 8
) (
    input  wire             clk,
    input  wire             rst,
    input  wire             start,
    input  wire [31:0]      last_tile,
    output reg  [31:0]      tile,
    input  wire [31:0]      base,
    input  wire [31:0]      length,
    output wire [31:0]      address,
    input  wire [WIDTH-1:0] word,
    input  wire             pause,
    output reg  [WIDTH-1:0] tdata,
    output reg              tvalid,
    input  wire             tready,
    output reg              tlast
);

    reg         playing_q;
    reg  [31:0] beat_q;
    wire        room = !tvalid || tready;
    wire        last = beat_q == length - 32'd1;

    assign address = base + beat_q;

    always @(posedge clk) begin
        if (rst) begin
            tile <= 32'd0;
            beat_q <= 32'd0;
            playing_q <= 1'b0;
            tvalid <= 1'b0;
            tlast <= 1'b0;
        end else if (start) begin
            tile <= 32'd0;
            beat_q <= 32'd0;
            playing_q <= 1'b1;
        end else if (room) begin
            tvalid <= playing_q && !pause;
            if (playing_q && !pause) begin
                tdata <= word;
                tlast <= last;
                beat_q <= last ? 32'd0 : beat_q + 32'd1;
                if (last) begin
                    tile <= tile + 32'd1;
                    playing_q <= tile != last_tile;
                end
            end
        end
    end

endmodule

`default_nettype wire
