// ffp8_judge: judges a configuration and derives the exponents that follow from it.
//
// Purpose    `refused`: a format that this build does not hold, an unknown rounding mode, or a
//            clamp code with the sign bit set. Formats, rounding and clamp of the output do not
//            matter for binary32 results.
//            `grid`: unit_a * unit_w = 2^-grid, the accumulator's unit.
//            `offset`: bias of the output - grid, the biased exponent of the accumulator's 1.
// Interface  Combinational. A format's unit is 2^(1 - bias - fraction bits).
// Latency    None.
// Reset      None.

`default_nettype none

module ffp8_judge #(
    parameter EXP_MAX = 5
) (
    input  wire              a_signed,
    input  wire [3:0]        a_exponent_bits,
    input  wire [7:0]        a_bias,
    input  wire              w_signed,
    input  wire [3:0]        w_exponent_bits,
    input  wire [7:0]        w_bias,
    input  wire              y_signed,
    input  wire [3:0]        y_exponent_bits,
    input  wire [7:0]        y_bias,
    input  wire [2:0]        rounding,
    input  wire              clamp_enable,
    input  wire              clamp_sign,  // bit 7 of the clamp code
    input  wire              raw,
    output wire              refused,
    output wire signed [9:0] grid,   // -258 to 268
    output wire signed [9:0] offset  // -396 to 385
);

    function unsupported(input is_signed, input [3:0] exponent_bits);
        unsupported = exponent_bits > EXP_MAX[3:0] || exponent_bits > 4'd8 - {3'd0, is_signed};
    endfunction

    assign refused = unsupported(a_signed, a_exponent_bits)
        || unsupported(w_signed, w_exponent_bits)
        || (!raw && (unsupported(y_signed, y_exponent_bits) || rounding > 3'd4
            || (clamp_enable && y_signed && clamp_sign)));

    function signed [9:0] unit_exponent(input is_signed, input [3:0] exponent_bits,
                                        input [7:0] bias);
        unit_exponent = $signed({{2{bias[7]}}, bias}) + 10'sd7
            - $signed({9'd0, is_signed}) - $signed({6'd0, exponent_bits});
    endfunction

    assign grid = unit_exponent(a_signed, a_exponent_bits, a_bias)
        + unit_exponent(w_signed, w_exponent_bits, w_bias);
    assign offset = (raw ? 10'sd127 : $signed({{2{y_bias[7]}}, y_bias})) - grid;

endmodule

`default_nettype wire
