// ffp8_decode: one FFP8 code and its format -> sign, shift and significand.
//
// Purpose    The integer view of a code: its value is
//                (-1)^sign * significand * 2^shift
//            times the unit 2^(1 - bias - fraction bits) of its tensor. The unit, and with it
//            the bias, never enters the multiply-accumulate path.
// Interface  Combinational. `exponent_bits` must be at most EXP_MAX and at most
//            8 - is_signed; the engine and the unit refuse other formats before they get here.
// Latency    None.
// Reset      None.
//
// Minus zero (0x80 of a signed format) gives significand 0, as every other zero does.

`default_nettype none

module ffp8_decode #(
    parameter EXP_MAX = 5  // largest exponent width that the build holds, 1 to 8
) (
    input  wire [7:0]         code,
    input  wire               is_signed,
    input  wire [3:0]         exponent_bits,
    output wire               sign,
    output reg  [EXP_MAX-1:0] shift,       // effective exponent max(E, 1), less 1
    output reg  [7:0]         significand  // fraction field, hidden bit included; right-aligned
);

    wire [7:0] magnitude = {code[7] & ~is_signed, code[6:0]};
    wire [3:0] fraction_bits = 4'd8 - {3'd0, is_signed} - exponent_bits;
    // s0e0f8 has all 8 bits in its fraction: its hidden bit is shifted out, and never used.
    wire [7:0] hidden_bit = 8'd1 << fraction_bits;

    reg [7:0] exponent_field;

    assign sign = is_signed & code[7];

    always @* begin
        exponent_field = magnitude >> fraction_bits;
        significand = magnitude & (hidden_bit - 8'd1);
        shift = {EXP_MAX{1'b0}};
        if (exponent_field != 8'd0) begin
            significand = significand | hidden_bit;
            shift = exponent_field[EXP_MAX-1:0] - 1'b1;
        end
    end

endmodule

`default_nettype wire
