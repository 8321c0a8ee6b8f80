// ffp8_encode: an exact sum -> one FFP8 code or one binary32 word, rounded once.
//
// Purpose    Encodes in_value * 2^in_unit, an integer times a power of two, in the output
//            format: five rounding modes, saturation, clamp, flags.
// Interface  A pipeline that moves in cycles in which `advance` is high; in_valid enters with
//            its value and configuration, out_valid leaves with the result.
//            in_offset is the output bias + log2 of the value's unit: the biased exponent that
//            a value of 1 would have. The output bias for binary32 (in_raw) is 127.
//            in_rounding: 0 rne, 1 rmm, 2 rtz, 3 rup, 4 rdn; binary32 results are always rne.
//            in_clamp: largest magnitude code allowed, when in_clamp_enable; FFP8 only.
//            out_flags: bit 0 inexact, bit 1 underflow, bit 2 overflow.
// Latency    4 advances.
// Reset      out_valid, out_result and out_flags are cleared, and so are the valid bits inside.
//
// One datapath serves all formats. The magnitude code of a format, exponent and fraction field
// together, is an integer that counts representable magnitudes from zero up. It is
//     (max(E, 1) - 1) * 2^f + significand
// where the significand includes the hidden bit and is rounded to f + 1 bits (to f + E bits
// for E <= 0). Rounding up is adding one to it, across binades too; anything beyond the largest
// code has overflowed. binary32 is the same with f = 23 and E of 8 bits.

`default_nettype none

module ffp8_encode #(
    parameter ACC_WIDTH = 83
) (
    input  wire                    clk,
    input  wire                    rst,
    input  wire                    advance,
    input  wire                    in_valid,
    input  wire [ACC_WIDTH-1:0]    in_value,   // two's complement
    input  wire [11:0]             in_offset,  // two's complement
    input  wire                    in_signed,
    input  wire [3:0]              in_exponent_bits,
    input  wire [2:0]              in_rounding,
    input  wire                    in_clamp_enable,
    input  wire [7:0]              in_clamp,
    input  wire                    in_raw,
    output reg                     out_valid,
    output reg  [31:0]             out_result,
    output reg  [2:0]              out_flags
);

    localparam [2:0] RNE = 3'd0, RMM = 3'd1, RUP = 3'd3, RDN = 3'd4;  // 2, rtz, adds nothing

    localparam LEVELS = $clog2(ACC_WIDTH);  // of the normalising shifter
    localparam NORMAL = 1 << LEVELS;        // its width: at least ACC_WIDTH
    localparam EXTENDED = NORMAL + 26;      // so that 25 bits and a sticky rest always exist
    localparam EXPONENT_WIDTH = 12;         // |offset| + position of the leading one < 1500

    // What the later stages need of the configuration, carried along with the value.
    // {raw, signed, exponent bits, rounding, clamp enable, clamp}; in the end without exponent
    reg [17:0]       config1_q, config2_q;
    reg [13:0]       config3_q;
    reg              valid1_q, valid2_q, valid3_q;

    always @(posedge clk) begin
        if (rst) {valid1_q, valid2_q, valid3_q, out_valid} <= 4'd0;
        else if (advance)
            {valid1_q, valid2_q, valid3_q, out_valid} <= {in_valid, valid1_q, valid2_q, valid3_q};
    end

    always @(posedge clk) begin
        if (advance) begin
            config1_q <= {in_raw, in_signed, in_exponent_bits, in_rounding, in_clamp_enable,
                          in_clamp};
            config2_q <= config1_q;
            config3_q <= {config2_q[17:16], config2_q[11:0]};
        end
    end

    // Stage 1: sign and magnitude.
    reg                    negative1_q;
    reg [ACC_WIDTH-1:0]    magnitude1_q;
    reg [11:0]             offset1_q;

    always @(posedge clk) begin
        if (advance && in_valid) begin
            negative1_q <= in_value[ACC_WIDTH-1];
            magnitude1_q <= in_value[ACC_WIDTH-1] ? -in_value : in_value;
            offset1_q <= in_offset;
        end
    end

    // Stage 2: the leading one moves to the top; the biased exponent E of the value.
    reg [NORMAL-1:0] normal;
    reg [LEVELS-1:0] leading_zeros;
    integer level;

    always @* begin
        normal = {{NORMAL-ACC_WIDTH{1'b0}}, magnitude1_q};
        leading_zeros = {LEVELS{1'b0}};
        for (level = LEVELS - 1; level >= 0; level = level - 1)
            if (normal >> (NORMAL - (1 << level)) == {NORMAL{1'b0}}) begin
                normal = normal << (1 << level);
                leading_zeros[level] = 1'b1;
            end
    end

    wire [EXTENDED-1:0] extended = {normal, 26'd0};

    reg                             negative2_q, zero2_q, sticky2_q;
    reg [24:0]                      top2_q;  // 24 significand bits and one more
    reg signed [EXPONENT_WIDTH-1:0] exponent2_q;

    always @(posedge clk) begin
        if (advance && valid1_q) begin
            negative2_q <= negative1_q;
            zero2_q <= magnitude1_q == {ACC_WIDTH{1'b0}};
            top2_q <= extended[EXTENDED-1 -: 25];
            sticky2_q <= |extended[EXTENDED-26:0];
            exponent2_q <= offset1_q + NORMAL[EXPONENT_WIDTH-1:0] - 1'b1
                - {{EXPONENT_WIDTH-LEVELS{1'b0}}, leading_zeros};
        end
    end

    // Stage 3: bits below the last one kept go to the right; E to its field.
    wire       raw2 = config2_q[17];
    wire       signed2 = config2_q[16];
    wire [3:0] exponent_bits2 = config2_q[15:12];
    wire [4:0] fraction_bits2 = raw2 ? 5'd23 : 5'd8 - {4'd0, signed2} - {1'b0, exponent_bits2};
    wire       subnormal2 = exponent2_q <= 0;
    // E beyond 8 bits; a smaller E that a format has no field for shows in the rounded code.
    wire       huge2 = !subnormal2 && exponent2_q[EXPONENT_WIDTH-1:8] != 0;

    // 24 bits come in; f + 1 stay, or f + E of a subnormal. Past 25 dropped only sticky is left.
    wire signed [EXPONENT_WIDTH-1:0] dropped2 = $signed({7'd0, 5'd23 - fraction_bits2})
        + (subnormal2 ? 12'sd1 - exponent2_q : 12'sd0);
    wire [4:0] drop2 = dropped2 > 25 ? 5'd25 : dropped2[4:0];
    wire [25:0] kept2 = {1'b0, top2_q} >> drop2;  // one more bit than is kept: the guard bit

    reg        negative3_q, zero3_q, huge3_q, guard3_q, sticky3_q;
    reg [31:0] code3_q;  // magnitude code before rounding; of no meaning when huge

    always @(posedge clk) begin
        if (advance && valid2_q) begin
            negative3_q <= negative2_q;
            zero3_q <= zero2_q;
            huge3_q <= huge2;
            guard3_q <= kept2[0];
            sticky3_q <= sticky2_q || (kept2 << drop2) != {1'b0, top2_q};
            code3_q <= ({24'd0, subnormal2 ? 8'd0 : exponent2_q[7:0] - 8'd1} << fraction_bits2)
                + {7'd0, kept2[25:1]};
        end
    end

    // Stage 4: round, saturate, clamp, flags.
    wire       raw3 = config3_q[13];
    wire       signed3 = config3_q[12];
    wire [2:0] rounding3 = raw3 ? RNE : config3_q[11:9];
    wire       clamp_enable3 = config3_q[8];
    wire [7:0] clamp3 = config3_q[7:0];

    wire lost = guard3_q || sticky3_q;
    wire increment = rounding3 == RNE ? guard3_q && (sticky3_q || code3_q[0])
        : rounding3 == RMM ? guard3_q
        : rounding3 == RUP ? !negative3_q && lost
        : rounding3 == RDN ? negative3_q && lost : 1'b0;
    wire [31:0] rounded = code3_q + {31'd0, increment};

    wire [31:0] largest = raw3 ? 32'h7f7f_ffff : signed3 ? 32'h7f : 32'hff;
    wire        overflow = huge3_q || rounded > largest;
    wire [31:0] infinity_or_largest = raw3 ? 32'h7f80_0000 : largest;
    wire [31:0] saturated = overflow ? infinity_or_largest : rounded;

    wire        clamped = clamp_enable3 && !raw3 && saturated > {24'd0, clamp3};
    wire [31:0] magnitude = clamped ? {24'd0, clamp3} : saturated;

    wire        rectified = negative3_q && !signed3 && !raw3;
    wire        sign = negative3_q && magnitude != 32'd0;
    wire [31:0] signed_result = raw3 ? {sign, magnitude[30:0]} : {24'd0, sign, magnitude[6:0]};

    always @(posedge clk) begin
        if (rst) begin
            out_result <= 32'd0;
            out_flags <= 3'd0;
        end else if (advance && valid3_q) begin
            if (zero3_q) begin
                out_result <= 32'd0;
                out_flags <= 3'b000;
            end else if (rectified) begin
                out_result <= 32'd0;
                out_flags <= 3'b001;
            end else begin
                out_result <= raw3 || signed3 ? signed_result : magnitude;
                out_flags <= {overflow, saturated == 32'd0, lost || overflow || clamped};
            end
        end
    end

endmodule

`default_nettype wire
