// ffp8_column: the foot of a column: resolve the sum, add the start value, encode.
//
// Purpose    Turns an accumulator's stored form (segments with carry slots, see ffp8_pe) into
//            one result. It stands once per column, not per processing element, so the
//            full-width work (carry propagation, normalisation, rounding) costs ROWS times less.
// Interface  A pipeline that moves in cycles in which `advance` is high.
//            The start value is (-1)^start_negative * start_magnitude * 2^start_shift.
//            Offset, format and the rest are as in ffp8_encode.
// Latency    6 advances: input registers, addition, and ffp8_encode.
// Reset      Valid bits and outputs are cleared.

`default_nettype none

module ffp8_column #(
    parameter ACC_WIDTH    = 83,
    parameter SEGMENT      = 28,
    parameter SHIFT_WIDTH  = 7,
    // derived, not to be set
    parameter SEGMENTS     = (ACC_WIDTH + SEGMENT - 1) / SEGMENT,
    parameter STORED       = ACC_WIDTH + SEGMENTS - 1
) (
    input  wire                    clk,
    input  wire                    rst,
    input  wire                    advance,
    input  wire                    in_valid,
    input  wire [STORED-1:0]       in_sum,
    input  wire                    start_negative,
    input  wire [23:0]             start_magnitude,
    input  wire [SHIFT_WIDTH-1:0]  start_shift,
    input  wire [9:0] in_offset,
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

    localparam CONFIG = 10 + 18;
    localparam TOP = ACC_WIDTH - (SEGMENTS - 1) * SEGMENT;  // bits of the last segment

    // A start value may reach ACC_WIDTH - 1 signed bits; the register has one bit to spare.
    wire [ACC_WIDTH-1:0] start_place = {{ACC_WIDTH-24{1'b0}}, start_magnitude} << start_shift;

    reg                 valid1_q, valid2_q;
    reg [STORED-1:0]    sum1_q;
    reg [ACC_WIDTH-1:0] start1_q, total2_q;
    reg [CONFIG-1:0]    config1_q, config2_q;

    // Stored form to two plain numbers: the segments, and the carries that wait between them.
    reg [ACC_WIDTH-1:0] segments, carries;
    integer i;

    always @* begin
        carries = {ACC_WIDTH{1'b0}};
        for (i = 0; i < SEGMENTS - 1; i = i + 1) begin
            segments[i*SEGMENT +: SEGMENT] = sum1_q[i*(SEGMENT+1) +: SEGMENT];
            carries[(i+1)*SEGMENT] = sum1_q[i*(SEGMENT+1) + SEGMENT];
        end
        segments[ACC_WIDTH-1 -: TOP] = sum1_q[STORED-1 -: TOP];
    end

    always @(posedge clk) begin
        if (rst) {valid1_q, valid2_q} <= 2'd0;
        else if (advance) {valid1_q, valid2_q} <= {in_valid, valid1_q};
    end

    always @(posedge clk) begin
        if (advance && in_valid) begin
            sum1_q <= in_sum;
            start1_q <= start_negative ? -start_place : start_place;
            config1_q <= {in_offset, in_signed, in_exponent_bits, in_rounding, in_clamp_enable,
                          in_clamp, in_raw};
        end
        if (advance && valid1_q) begin
            total2_q <= segments + carries + start1_q;
            config2_q <= config1_q;
        end
    end

    ffp8_encode #(
        .ACC_WIDTH   (ACC_WIDTH)
    ) encode (
        .clk             (clk),
        .rst             (rst),
        .advance         (advance),
        .in_valid        (valid2_q),
        .in_value        (total2_q),
        .in_offset       (config2_q[CONFIG-1:18]),
        .in_signed       (config2_q[17]),
        .in_exponent_bits(config2_q[16:13]),
        .in_rounding     (config2_q[12:10]),
        .in_clamp_enable (config2_q[9]),
        .in_clamp        (config2_q[8:1]),
        .in_raw          (config2_q[0]),
        .out_valid       (out_valid),
        .out_result      (out_result),
        .out_flags       (out_flags)
    );

endmodule

`default_nettype wire
