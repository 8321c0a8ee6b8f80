// ffp8_array: ROWS x COLS processing elements, output-stationary, with decoders at the edge.
//
// Purpose    Element (r, c) accumulates sum_k a[r, k] * w[k, c]. One code per row and one per
//            column enter each beat; they are decoded once, at the edge, and broadcast.
// Interface  beat_valid/beat_ready with beat_first and beat_last of a tile. The formats belong
//            to the beat. Finished sums leave row by row, row 0 first, in the stored form of
//            ffp8_pe: row_valid/row_ready, row_last with row ROWS-1 and at no other
//            time.
//            edge_beat: in the cycle before a beat was taken; row_live and col_live tell which of
//            its codes are not zero (for the zero-gating counter).
//            `working`: a beat or a sum is inside.
// Latency    PIPELINE + 3 cycles from the last beat to the first row.
// Reset      Empties the array: no beat, no row.
//
// The sums drain through a shift chain per column, in the shadow registers, while the next
// tile accumulates. Only if a tile ends before the rows of the one before it have left does
// the array stand still (beat_ready low).

`default_nettype none

`include "ffp8_widths.vh"

module ffp8_array #(
    parameter EXP_MAX     = 5,
    parameter ROWS        = 16,
    parameter COLS        = 16,
    parameter ACC_WIDTH   = 83,
    parameter SEGMENT     = 28,
    parameter PIPELINE    = 2,
    parameter ACCUMULATOR = 0,
    // derived, not to be set
    parameter STORED      = `FFP8_STORED(ACC_WIDTH, SEGMENT, ACCUMULATOR)
) (
    input  wire                   clk,
    input  wire                   rst,
    input  wire                   beat_valid,
    output wire                   beat_ready,
    input  wire                   beat_first,
    input  wire                   beat_last,
    input  wire [8*ROWS-1:0]      a_codes,
    input  wire                   a_signed,
    input  wire [3:0]             a_exponent_bits,
    input  wire [8*COLS-1:0]      w_codes,
    input  wire                   w_signed,
    input  wire [3:0]             w_exponent_bits,
    input  wire [36*COLS-1:0]     starts,  // binary32 accumulator only: with beat_first
    output wire                   edge_beat,
    output wire [ROWS-1:0]        row_live,
    output wire [COLS-1:0]        col_live,
    output wire                   row_valid,
    input  wire                   row_ready,
    output wire                   row_last,
    output wire [STORED*COLS-1:0] row_sums,
    output wire                   working
);

    // An instance of a module that does not exist refuses what is not legal: see
    // docs/hardware.md. ffp8_pe refuses SEGMENT, ACC_WIDTH and kinds of elements.
    generate
        if (EXP_MAX < 1 || EXP_MAX > 8) begin : g_illegal_exp_max
            ffp8_EXP_MAX_is_1_to_8 refused ();
        end
        if (EXP_MAX > 5 && (ROWS > 4 || COLS > 4)) begin : g_illegal_large
            ffp8_EXP_MAX_above_5_is_for_4_x_4 refused ();
        end
        if (ROWS < 1 || ROWS > 64) begin : g_illegal_rows
            ffp8_ROWS_is_1_to_64 refused ();
        end
        if (COLS < 1 || COLS > 64) begin : g_illegal_cols
            ffp8_COLS_is_1_to_64 refused ();
        end
    endgenerate

    localparam OPERAND = `FFP8_OPERAND(EXP_MAX);

    wire accumulate, accumulate_first;
    wire done;  // the accumulators hold the sums of a whole tile
    wire busy;
    reg  taken_q;  // a beat was taken in the cycle before

    localparam COUNT = $clog2(ROWS + 1);
    reg [COUNT-1:0] rows_left_q;  // in the shadow registers

    assign row_valid = rows_left_q != {COUNT{1'b0}};
    assign row_last = rows_left_q == {{COUNT-1{1'b0}}, 1'b1};

    wire drain = row_valid && row_ready;
    wire step = !done || !row_valid || (row_last && row_ready);
    wire capture = done && step;
    wire take = beat_valid && step;

    assign beat_ready = step;
    assign edge_beat = taken_q;
    assign working = busy || row_valid;

    ffp8_control #(
        .PIPELINE(PIPELINE)
    ) control (
        .clk             (clk),
        .rst             (rst),
        .step            (step),
        .beat            (beat_valid),
        .first           (beat_first),
        .last            (beat_last),
        .accumulate      (accumulate),
        .accumulate_first(accumulate_first),
        .done            (done),
        .busy            (busy)
    );

    always @(posedge clk) taken_q <= !rst && take;

    always @(posedge clk) begin
        if (rst) rows_left_q <= {COUNT{1'b0}};
        else if (capture) rows_left_q <= ROWS[COUNT-1:0];
        else if (drain) rows_left_q <= rows_left_q - 1'b1;
    end

    genvar r, c;
    generate
        for (r = 0; r < ROWS; r = r + 1) begin : g_row
            wire [OPERAND-1:0] operand;
            reg  [OPERAND-1:0] operand_q;
            ffp8_decode #(
                .EXP_MAX(EXP_MAX)
            ) decode (
                .code         (a_codes[8*r +: 8]),
                .is_signed    (a_signed),
                .exponent_bits(a_exponent_bits),
                .sign         (operand[OPERAND-1]),
                .shift        (operand[8 +: EXP_MAX]),
                .significand  (operand[7:0])
            );
            always @(posedge clk) if (take) operand_q <= operand;
            assign row_live[r] = operand_q[7:0] != 8'd0;
        end

        for (c = 0; c < COLS; c = c + 1) begin : g_col
            wire [OPERAND-1:0] operand;
            reg  [OPERAND-1:0] operand_q;
            ffp8_decode #(
                .EXP_MAX(EXP_MAX)
            ) decode (
                .code         (w_codes[8*c +: 8]),
                .is_signed    (w_signed),
                .exponent_bits(w_exponent_bits),
                .sign         (operand[OPERAND-1]),
                .shift        (operand[8 +: EXP_MAX]),
                .significand  (operand[7:0])
            );
            always @(posedge clk) if (take) operand_q <= operand;
            assign col_live[c] = operand_q[7:0] != 8'd0;

            // The start value goes along with the first beat.
            wire [35:0] start;
            if (ACCUMULATOR == 1) begin : g_start
                reg [36*(PIPELINE+1)-1:0] stage_q;
                always @(posedge clk)
                    if (step) stage_q <= {stage_q[36*PIPELINE-1:0], starts[36*c +: 36]};
                assign start = stage_q[36*PIPELINE +: 36];
            end else begin : g_no_start
                wire unused = &{1'b0, starts[36*c +: 36]};
                assign start = 36'd0;
            end

            for (r = 0; r < ROWS; r = r + 1) begin : g_pe
                wire [STORED-1:0] chain_in, chain_out;
                if (r == ROWS - 1) begin : g_end
                    assign chain_in = {STORED{1'b0}};
                end else begin : g_link
                    assign chain_in = g_pe[r+1].chain_out;
                end
                ffp8_pe #(
                    .EXP_MAX    (EXP_MAX),
                    .ACC_WIDTH  (ACC_WIDTH),
                    .SEGMENT    (SEGMENT),
                    .PIPELINE   (PIPELINE),
                    .ACCUMULATOR(ACCUMULATOR)
                ) pe (
                    .clk       (clk),
                    .step      (step),
                    .a_operand (g_row[r].operand_q),
                    .w_operand (operand_q),
                    .accumulate(accumulate),
                    .first     (accumulate_first),
                    .start     (start),
                    .capture   (capture),
                    .drain     (drain),
                    .chain_in  (chain_in),
                    .chain_out (chain_out)
                );
            end

            if (ROWS >= 1) begin : g_top  // else refused
                assign row_sums[STORED*c +: STORED] = g_pe[0].chain_out;
            end
        end
    endgenerate

endmodule

`default_nettype wire
