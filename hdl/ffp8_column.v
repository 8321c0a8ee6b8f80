// ffp8_column: the foot of a column: resolve the sum, add the start value, encode.
//
// Purpose    Turns an accumulator's stored form (ffp8_pe_exact, or ffp8_pe_binary32) into one
//            result. It stands once per column, not per processing element, so the
//            full-width work (carry propagation, normalisation, rounding) costs ROWS times less.
// Interface  A pipeline that moves in cycles in which `advance` is high.
//            The start value is (-1)^start_negative * start_magnitude * 2^start_shift.
//            Offset, format and the rest are as in ffp8_encode.
// Latency    6 advances: input registers, addition, and ffp8_encode.
// Reset      Valid bits and outputs are cleared.

`default_nettype none

`include "ffp8_widths.vh"

module ffp8_column #(
    parameter ACC_WIDTH   = 83,
    parameter SEGMENT     = 28,
    parameter SHIFT_WIDTH = 7,
    parameter ACCUMULATOR = 0,
    // derived, not to be set
    parameter STORED      = `FFP8_STORED(ACC_WIDTH, SEGMENT, ACCUMULATOR)
) (
    input  wire                    clk,
    input  wire                    rst,
    input  wire                    advance,
    input  wire                    in_valid,
    input  wire [STORED-1:0]       in_sum,
    input  wire                    start_negative,
    input  wire [23:0]             start_magnitude,
    input  wire [SHIFT_WIDTH-1:0]  start_shift,
    input  wire [9:0]              in_offset,
    input  wire                    in_signed,
    input  wire [3:0]              in_exponent_bits,
    input  wire [2:0]              in_rounding,
    input  wire                    in_clamp_enable,
    input  wire [7:0]              in_clamp,
    input  wire                    in_raw,
    output wire                    out_valid,
    output wire [31:0]             out_result,
    output wire [2:0]              out_flags
);

    // An instance of a module that does not exist refuses what is not legal.
    generate
        if (ACCUMULATOR == 0 && ACC_WIDTH < 26) begin : g_illegal_width
            ffp8_ACC_WIDTH_is_26_or_more refused ();
        end
    endgenerate

    localparam VALUE_WIDTH = ACCUMULATOR == 1 ? 25 : ACC_WIDTH;
    localparam OUTPUT = 18;

    reg                   valid1_q, valid2_q;
    reg [STORED-1:0]      sum1_q;
    reg [9:0]             offset1_q;
    reg [OUTPUT-1:0]      output1_q, output2_q;
    reg [VALUE_WIDTH-1:0] value2_q;
    reg [11:0]            offset2_q;

    wire [VALUE_WIDTH-1:0] value1;
    wire [11:0]            offset1;

    always @(posedge clk) begin
        if (rst) {valid1_q, valid2_q} <= 2'd0;
        else if (advance) {valid1_q, valid2_q} <= {in_valid, valid1_q};
    end

    always @(posedge clk) begin
        if (advance && in_valid) begin
            sum1_q <= in_sum;
            offset1_q <= in_offset;
            output1_q <= {in_signed, in_exponent_bits, in_rounding, in_clamp_enable, in_clamp,
                          in_raw};
        end
        if (advance && valid1_q) begin
            value2_q <= value1;
            offset2_q <= offset1;
            output2_q <= output1_q;
        end
    end

    generate
        if (ACCUMULATOR == 1) begin : g_binary32
            // A float is an integer times a power of two, which joins the offset.
            wire unused = &{1'b0, start_negative, start_magnitude, start_shift};
            assign value1 = sum1_q[35] ? -{1'b0, sum1_q[23:0]} : {1'b0, sum1_q[23:0]};
            assign offset1 = {{2{offset1_q[9]}}, offset1_q} + {sum1_q[34], sum1_q[34:24]};
        end else begin : g_exact
            // Stored form to plain numbers: segments, the carries that wait between them, and
            // the start value shifted to its place.
            localparam PIECE = `FFP8_PIECE(ACC_WIDTH, SEGMENT);
            localparam SEGMENTS = `FFP8_SEGMENTS(ACC_WIDTH, SEGMENT);
            localparam TOP = `FFP8_TOP(ACC_WIDTH, SEGMENT);
            wire [ACC_WIDTH-1:0] start_place = {{ACC_WIDTH-24{1'b0}}, start_magnitude}
                << start_shift;
            reg [ACC_WIDTH-1:0] start1_q, segments, carries;
            integer i;

            always @(posedge clk)
                if (advance && in_valid) start1_q <= start_negative ? -start_place : start_place;

            always @* begin
                carries = {ACC_WIDTH{1'b0}};
                for (i = 0; i < SEGMENTS - 1; i = i + 1) begin
                    segments[i*PIECE +: PIECE] = sum1_q[i*(PIECE+1) +: PIECE];
                    carries[(i+1)*PIECE] = sum1_q[i*(PIECE+1) + PIECE];
                end
                segments[ACC_WIDTH-1 -: TOP] = sum1_q[STORED-1 -: TOP];
            end

            assign value1 = segments + carries + start1_q;
            assign offset1 = {{2{offset1_q[9]}}, offset1_q};
        end
    endgenerate

    ffp8_encode #(
        .ACC_WIDTH(VALUE_WIDTH)
    ) encode (
        .clk             (clk),
        .rst             (rst),
        .advance         (advance),
        .in_valid        (valid2_q),
        .in_value        (value2_q),
        .in_offset       (offset2_q),
        .in_signed       (output2_q[17]),
        .in_exponent_bits(output2_q[16:13]),
        .in_rounding     (output2_q[12:10]),
        .in_clamp_enable (output2_q[9]),
        .in_clamp        (output2_q[8:1]),
        .in_raw          (output2_q[0]),
        .out_valid       (out_valid),
        .out_result      (out_result),
        .out_flags       (out_flags)
    );

endmodule

`default_nettype wire
