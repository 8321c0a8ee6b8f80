// ffp8_start: a binary32 start value -> what the accumulator starts from.
//
// Purpose    In units of the grid unit_a * unit_w = 2^-grid the start value is
//            (-1)^negative * magnitude * 2^shift. In this form only 24 bits and a distance need to
//            be stored for each column.
//            ACCUMULATOR = 0, exact     an integer, rounded once to nearest even (shift >= 0);
//                                       judged whether it is finite and fits ACC_WIDTH - 1 signed
//                                       bits
//            ACCUMULATOR = 1, binary32  the number itself, bit 23 of the magnitude set unless it
//                                       is zero, shift in two's complement; judged whether finite
// Interface  A pipeline that moves when `advance` is high. in_user passes through beside it.
//            out_refused: the judgement; the number then has no meaning.
// Latency    2 advances.
// Reset      Clears the valid bits.

`default_nettype none

module ffp8_start #(
    parameter ACC_WIDTH   = 83,  // at least 26, so that what is rounded always fits
    parameter SHIFT_WIDTH = 7,  // exact: clog2(ACC_WIDTH), binary32: 11
    parameter ACCUMULATOR = 0,
    parameter USER_WIDTH  = 1
) (
    input  wire                   clk,
    input  wire                   rst,
    input  wire                   advance,
    input  wire                   in_valid,
    input  wire [31:0]            in_start,
    input  wire [9:0]             in_grid,  // two's complement
    input  wire [USER_WIDTH-1:0]  in_user,
    output reg                    out_valid,
    output reg                    out_negative,
    output reg  [23:0]            out_magnitude,
    output reg  [SHIFT_WIDTH-1:0] out_shift,
    output reg                    out_refused,
    output reg  [USER_WIDTH-1:0]  out_user
);

    // A significand of 24 bits, a sign, and a bit that the sum of products may carry into.
    generate
        if (ACCUMULATOR == 0 && ACC_WIDTH < 26) begin : g_illegal_width
            ffp8_ACC_WIDTH_is_26_or_more refused ();
        end
    endgenerate

    localparam DISTANCE_WIDTH = 12;  // 1..254 - 150 + (-512..511)

    // Stage 1: fields. The value is significand * 2^(max(exponent, 1) - 150), in grid units
    // significand * 2^distance.
    wire [7:0] exponent_field = in_start[30:23];
    wire       is_normal = exponent_field != 8'd0;
    wire [7:0] exponent = is_normal ? exponent_field : 8'd1;

    reg                             valid1_q, negative1_q, nonfinite1_q;
    reg [23:0]                      significand1_q;
    reg signed [DISTANCE_WIDTH-1:0] distance1_q;
    reg [USER_WIDTH-1:0]            user1_q;

    always @(posedge clk) begin
        if (rst) {valid1_q, out_valid} <= 2'd0;
        else if (advance) {valid1_q, out_valid} <= {in_valid, valid1_q};
    end

    always @(posedge clk) begin
        if (advance && in_valid) begin
            negative1_q <= in_start[31];
            nonfinite1_q <= exponent_field == 8'hff;
            significand1_q <= {is_normal, in_start[22:0]};
            distance1_q <= {4'd0, exponent} - 12'd150
                + {{DISTANCE_WIDTH-10{in_grid[9]}}, in_grid};
            user1_q <= in_user;
        end
    end

    reg [4:0] leading;  // position of the leading one
    integer i;

    always @* begin
        leading = 5'd0;
        for (i = 1; i < 24; i = i + 1) if (significand1_q[i]) leading = i[4:0];
    end

    wire is_zero = significand1_q == 24'd0;

    // Stage 2: what the accumulator takes. It needs no enable of its own: stage 1 holds between
    // values.
    wire [23:0]            magnitude;
    wire [SHIFT_WIDTH-1:0] shift;
    wire                   refused;

    generate
        if (ACCUMULATOR == 1) begin : g_binary32
            // The number itself, with its leading one moved to bit 23.
            wire [4:0]                missing = 5'd23 - leading;
            wire [DISTANCE_WIDTH-1:0] exponent1 = distance1_q - {7'd0, missing};
            wire                      unused = &{1'b0, exponent1[DISTANCE_WIDTH-1]};
            assign magnitude = significand1_q << missing;
            assign shift = exponent1[SHIFT_WIDTH-1:0];
            assign refused = nonfinite1_q;
        end else begin : g_exact
            // To the right: round to nearest even; from 25 places on nothing is left.
            wire                      to_right = distance1_q < 0;
            wire [DISTANCE_WIDTH-1:0] opposite = -distance1_q;
            wire [4:0]                right = opposite > 12'd25 ? 5'd25 : opposite[4:0];
            wire [24:0]               kept = {significand1_q, 1'b0} >> right;  // and a guard bit
            wire                      sticky = (kept << right) != {significand1_q, 1'b0};
            wire [23:0]               rounded = kept[24:1] + {23'd0, kept[0] && (sticky || kept[1])};

            // To the left: it fits while its leading one stays below bit ACC_WIDTH - 2, and
            // -2^(ACC_WIDTH-2) fits too.
            wire signed [DISTANCE_WIDTH-1:0] top = distance1_q + $signed({7'd0, leading});
            wire signed [DISTANCE_WIDTH-1:0] limit = ACC_WIDTH[DISTANCE_WIDTH-1:0] - 12'd2;
            wire power_of_two = (significand1_q & (significand1_q - 24'd1)) == 24'd0;
            wire fits = top < limit || (top == limit && negative1_q && power_of_two);

            assign magnitude = to_right ? rounded : significand1_q;
            assign shift = to_right ? {SHIFT_WIDTH{1'b0}} : distance1_q[SHIFT_WIDTH-1:0];
            assign refused = nonfinite1_q || !(to_right || is_zero || fits);
        end
    endgenerate

    always @(posedge clk) begin
        if (advance) begin
            out_negative <= negative1_q && !is_zero;
            out_magnitude <= magnitude;
            out_shift <= is_zero ? {SHIFT_WIDTH{1'b0}} : shift;
            out_refused <= refused;
            out_user <= user1_q;
        end
    end

endmodule

`default_nettype wire
