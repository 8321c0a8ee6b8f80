// ffp8_add32: a floating-point addition with 24 significand bits, rounded to nearest even.
//
// Purpose    sum = RNE24(augend + addend) over an exponent range that no sum leaves: there is no
//            overflow and nothing is subnormal.
// Interface  Combinational. A number is {sign, exponent, significand}: (-1)^sign * significand *
//            2^exponent with bit 23 of the significand set, or all 36 bits zero.
// Latency    None.
// Reset      None.

`default_nettype none

module ffp8_add32 (
    input  wire [35:0] augend,
    input  wire [35:0] addend,
    output reg  [35:0] sum
);

    // Zero or not, exponent, fraction: a number of larger magnitude has the larger rank. Only equal
    // magnitudes have the same, so that the order of the inputs never matters.
    wire [34:0] augend_rank = {augend[23], !augend[34], augend[33:24], augend[22:0]};
    wire [34:0] addend_rank = {addend[23], !addend[34], addend[33:24], addend[22:0]};

    // The larger magnitude, and the smaller one to be aligned with it.
    wire        swap = addend_rank > augend_rank;
    wire [35:0] major = swap ? addend : augend;
    wire [35:0] minor = swap ? augend : addend;

    // Three bits to the right suffice: guard, round, and a last one that stands for all below.
    // From 27 places on the smaller one is that last bit alone.
    wire [11:0] difference = {major[34], major[34:24]} - {minor[34], minor[34:24]};
    wire [4:0]  distance = difference > 12'd27 ? 5'd27 : difference[4:0];
    wire [26:0] extended = {minor[23:0], 3'd0};
    wire [26:0] shifted = extended >> distance;
    wire        lost = (shifted << distance) != extended;
    wire [27:0] aligned = {1'b0, shifted[26:1], shifted[0] | lost};

    wire [27:0] total = major[35] == minor[35] ? {1'b0, major[23:0], 3'd0} + aligned
        : {1'b0, major[23:0], 3'd0} - aligned;

    reg [27:0] normal;
    reg [10:0] exponent;
    reg [24:0] rounded;
    integer    level;

    always @* begin
        // Leading one to bit 27, where a carry out has it already.
        normal = total;
        exponent = major[34:24] + 11'd1;
        for (level = 4; level >= 0; level = level - 1)
            if (normal >> (28 - (1 << level)) == 28'd0) begin
                normal = normal << (1 << level);
                exponent = exponent - (11'd1 << level);
            end

        rounded = {1'b0, normal[27:4]}
            + {24'd0, normal[3] && (normal[2:0] != 3'd0 || normal[4])};

        if (total == 28'd0)
            sum = 36'd0;
        else if (rounded[24])
            sum = {major[35], exponent + 11'd1, 24'h80_0000};
        else
            sum = {major[35], exponent, rounded[23:0]};
    end

endmodule

`default_nettype wire
