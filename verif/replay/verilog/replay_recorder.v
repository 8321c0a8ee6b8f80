// replay_recorder: an AXI4-Stream slave that writes rows of results to a file, and judges the bus.
//
// Purpose    Takes a row in every cycle that is no pause. Not for synthesis.
// Interface  file    where a row goes: 32-bit words, the lowest byte of each first, of COLS codes
//                    (of 8 bits) or, if raw, words, and then COLS flags of 3 bits.
//            start   begins a job: no row has come, nothing is broken.
//            broken  what a row has broken since, a bit each: 0 TLAST is not with the last row of
//                    a tile, 1 TKEEP is not that of codes or words, 2 a byte is not null that
//                    TKEEP drops, 3 an offer was withdrawn, 4 it changed while it waited, 5 a bit
//                    is unknown.
// Latency    None.
// Reset      rst is synchronous, active high: no row is taken.

`default_nettype none

module replay_recorder #(
    parameter ROWS = 16,
    parameter COLS = 16
) (
    input  wire               clk,
    input  wire               rst,
    input  wire               start,
    input  wire               raw,
    input  wire               pause,
    input  wire [31:0]        file,
    output reg  [31:0]        rows,
    output reg  [5:0]         broken,
    input  wire [32*COLS-1:0] tdata,
    input  wire [4*COLS-1:0]  tkeep,
    input  wire [3*COLS-1:0]  tuser,
    input  wire               tvalid,
    output wire               tready,
    input  wire               tlast
);

    localparam CODES = 32 * ((11 * COLS + 31) / 32);
    localparam WORDS = 32 * ((35 * COLS + 31) / 32);

    reg  [31:0]         row_q;  // of the tile
    reg                 waited_q;
    reg  [39*COLS:0]    offer_q;
    wire [39*COLS:0]    offer = {tlast, tuser, tkeep, tdata};
    wire [4*COLS-1:0]   kept = raw ? {4*COLS{1'b1}} : {{3*COLS{1'b0}}, {COLS{1'b1}}};
    wire [CODES-1:0]    codes = {{CODES-11*COLS{1'b0}}, tuser, tdata[8*COLS-1:0]};
    wire [WORDS-1:0]    words = {{WORDS-35*COLS{1'b0}}, tuser, tdata};

    assign tready = !rst && !pause;

    initial begin
        rows = 32'd0;
        broken = 6'd0;
    end

    always @(posedge clk) begin
        if (rst || start) begin
            rows <= 32'd0;
            row_q <= 32'd0;
            broken <= 6'd0;
            waited_q <= 1'b0;
        end else begin
            waited_q <= tvalid && !tready;
            if (tvalid && !tready) offer_q <= offer;
            if (waited_q && !tvalid) broken[3] <= 1'b1;
            if (waited_q && offer !== offer_q) broken[4] <= 1'b1;
            if (tvalid === 1'bx) broken[5] <= 1'b1;
            if (tvalid && tready) begin
                rows <= rows + 32'd1;
                row_q <= tlast ? 32'd0 : row_q + 32'd1;
                if (tlast != (row_q == ROWS - 1)) broken[0] <= 1'b1;
                if (tkeep != kept) broken[1] <= 1'b1;
                if (!raw && tdata[32*COLS-1:8*COLS] != {24*COLS{1'b0}}) broken[2] <= 1'b1;
                if (^offer === 1'bx) broken[5] <= 1'b1;
                if (raw) $fwrite(file, "%u", words);
                else $fwrite(file, "%u", codes);
            end
        end
    end

endmodule

`default_nettype wire
