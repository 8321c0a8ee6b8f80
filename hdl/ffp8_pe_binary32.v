// ffp8_pe_binary32: the processing element with the classical accumulator; ports as ffp8_pe.
//
// Purpose    acc <- RNE24((first ? start : acc) + a * w): what a classical floating-point unit
//            does. The product is exact; the sum is rounded to 24 significand bits each time.
// Interface  As ffp8_pe. A number is {sign, exponent, significand}: (-1)^sign * significand *
//            2^exponent, in units of the grid unit_a * unit_w, with bit 23 of the significand
//            set, or all bits zero. The exponent has 11 bits in two's complement, which no sum
//            of finite start values and products leaves.
// Latency    PIPELINE + 1 steps from the operands to the accumulator (PIPELINE = 1: a register
//            behind the multiplier; 2: one behind the product's normalisation as well). The loop
//            itself is one cycle, so the order of the additions is that of the operands.
// Reset      None, see ffp8_pe.
//
// Zero gating: while an operand is zero, product, addend and accumulator registers hold.

`default_nettype none

`include "ffp8_widths.vh"

module ffp8_pe_binary32 #(
    parameter EXP_MAX  = 5,
    parameter PIPELINE = 2,
    // derived, not to be set
    parameter OPERAND  = `FFP8_OPERAND(EXP_MAX)
) (
    input  wire               clk,
    input  wire               step,
    input  wire [OPERAND-1:0] a_operand,
    input  wire [OPERAND-1:0] w_operand,
    input  wire               accumulate,
    input  wire               first,
    input  wire [35:0]        start,
    input  wire               capture,
    input  wire               drain,
    input  wire [35:0]        chain_in,
    output reg  [35:0]        chain_out
);

    reg             live1_q;  // the product registers hold this beat's product
    reg [15:0]      product_q;
    reg [EXP_MAX:0] distance_q;
    reg             negative_q;
    reg             live2_q;  // likewise the addend register, of PIPELINE = 2
    reg [35:0]      addend_q;
    reg [35:0]      acc_q;

    // A product that is not zero, with its leading one moved to bit 23.
    function [35:0] normalised(input negative, input [EXP_MAX:0] distance, input [15:0] product);
        reg [23:0] significand;
        reg [10:0] exponent;
        integer    level;
        begin
            significand = {product, 8'd0};
            exponent = {{10-EXP_MAX{1'b0}}, distance} - 11'd8;
            for (level = 3; level >= 0; level = level - 1)
                if (significand >> (24 - (1 << level)) == 24'd0) begin
                    significand = significand << (1 << level);
                    exponent = exponent - (11'd1 << level);
                end
            normalised = {negative, exponent, significand};
        end
    endfunction

    wire        live = PIPELINE == 2 ? live2_q : live1_q;
    wire [35:0] addend = PIPELINE == 2 ? addend_q : normalised(negative_q, distance_q, product_q);
    wire [35:0] sum;

    ffp8_add32 add (
        .augend(first ? start : acc_q),
        .addend(addend),
        .sum   (sum)
    );

    always @(posedge clk) begin
        if (step) begin
            if (a_operand[7:0] != 8'd0 && w_operand[7:0] != 8'd0) begin
                live1_q <= 1'b1;
                product_q <= a_operand[7:0] * w_operand[7:0];
                distance_q <= a_operand[8 +: EXP_MAX] + w_operand[8 +: EXP_MAX];
                negative_q <= a_operand[OPERAND-1] ^ w_operand[OPERAND-1];
            end else begin
                live1_q <= 1'b0;
            end

            if (PIPELINE == 2) begin
                live2_q <= live1_q;
                if (live1_q) addend_q <= normalised(negative_q, distance_q, product_q);
            end

            if (accumulate) begin
                if (live) acc_q <= sum;
                else if (first) acc_q <= start;
            end
        end

        if (capture) chain_out <= acc_q;
        else if (drain) chain_out <= chain_in;
    end

endmodule

`default_nettype wire
