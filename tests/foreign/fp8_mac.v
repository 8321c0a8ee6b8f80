// fp8_mac: a fixed-format FP8 multiply-accumulate, for the environment's test on a foreign design.
//
// Purpose    z = the sum of x * y over one operation, rounded once to nearest, ties to even, and
//            saturated. x and y are s1e4f3 with bias 7, z is s1e5f2 with bias 16; every code is a
//            finite number. Written apart from hdl/, with which it shares nothing: significands
//            are multiplied before they are aligned, one wide register sums, a loop seeks the
//            leading one.
// Interface  A pair is taken in each cycle in which op_vld_i is high; op_end_i marks the last of
//            an operation, after which the next begins. Nothing holds a pair off, and z_vld_o
//            holds for one cycle, whether anybody looks or not. sat_o: beyond the largest
//            magnitude; nx_o: z is not the sum. An operation has at most 32 pairs; nothing
//            guards that.
// Latency    4 cycles from the last pair to z, always.
// Reset      Synchronous, active low: nothing inside, no operation open.
//
// FAULT plants one bug: 1 ties go away from zero; 2 a sum beyond the range wraps; 3 an operation
// right behind another adds to it; 4 subnormals of x have the hidden bit; 5 a negative sum rounds
// to minus zero; 6 sat_o lacks what only rounding takes beyond; 7 z_vld_o comes a cycle early;
// 8 every third pair of an operation ends it, too; 9 z comes a cycle late; 10 reset leaves an
// operation open; 11 the sum has no room for more than one largest product; 12 a sum is lost whose
// operation has one pair and follows another; 13 nx_o lacks sums that a wider z would hold;
// 14 to 17 what is beyond the half does not see the lowest 1, 2, 8 or 14 bits of the sum; 18 sat_o
// stays until reset; 19 nx_o stays for the operation right behind; 20 the 32nd pair counts for
// nothing; 21 subnormals of y have the hidden bit; 22 the largest product lacks its top bit; 23 a
// minus zero of x is the smallest negative; 24 a carry into the next binade is lost; 25 z has the
// sign of the last product; 26 every 16th operation since reset is positive; 27 a pair like the
// one before counts for nothing; 28 the largest alignment is one less; 29 four idle cycles in an
// operation clear its sum; 30 a pair in reset is taken; 31 a zero after a negative z is minus
// zero; 32 what is beyond the range is positive; 33 no leading one is seen above bit 33.

`default_nettype none

module fp8_mac #(
    parameter FAULT = 0
) (
    input  wire       clk_i,
    input  wire       rst_ni,
    input  wire       op_vld_i,
    input  wire       op_end_i,
    input  wire [7:0] x_i,
    input  wire [7:0] y_i,
    output wire       z_vld_o,
    output wire [7:0] z_o,
    output wire       sat_o,
    output wire       nx_o
);

    localparam PRODUCT = 36;            // (15 * 15) << (14 + 14) is less than 2^36
    localparam SUM = PRODUCT + 5 + 1;   // 32 of them, and a sign; one unit is 2^-18

    // Stage 1: significands multiply, exponents add up to a shift.
    wire       minus_zero = FAULT == 23 && x_i == 8'h80;
    wire [3:0] x_significand = {x_i[6:3] != 4'd0 || FAULT == 4, x_i[2:0] | {2'd0, minus_zero}};
    wire [3:0] y_significand = {y_i[6:3] != 4'd0 || FAULT == 21, y_i[2:0]};
    wire [3:0] x_shift = x_i[6:3] == 4'd0 ? 4'd0 : x_i[6:3] - 4'd1;
    wire [3:0] y_shift = y_i[6:3] == 4'd0 ? 4'd0 : y_i[6:3] - 4'd1;

    reg       taken1_q, end1_q, negative1_q;
    reg [7:0] significand1_q;
    reg [4:0] shift1_q;

    // Pairs of the operation so far, idle cycles since, and the pair before; for faults alone.
    reg [4:0]  count_q;
    reg [2:0]  idle_q;
    reg [15:0] before_q;
    reg        cleared1_q;
    wire       largest = FAULT == 22 && x_i[6:0] == 7'h7F && y_i[6:0] == 7'h7F;
    wire       ignored = (FAULT == 20 && count_q == 5'd31)
        || (FAULT == 27 && count_q != 5'd0 && {x_i, y_i} == before_q);
    wire [7:0] product = {4'd0, x_significand} * {4'd0, y_significand};
    wire [4:0] shift = {1'b0, x_shift} + {1'b0, y_shift};

    always @(posedge clk_i) begin
        taken1_q <= (rst_ni || FAULT == 30) && op_vld_i;
        end1_q <= op_end_i;
        negative1_q <= x_i[7] ^ y_i[7];
        significand1_q <= ignored ? 8'd0 : product & {!largest, 7'h7F};
        shift1_q <= FAULT == 28 && shift == 5'd28 ? 5'd27 : shift;
        before_q <= op_vld_i ? {x_i, y_i} : before_q;
        cleared1_q <= FAULT == 29 && idle_q >= 3'd4 && count_q != 5'd0;
        if (!rst_ni || (op_vld_i && op_end_i)) count_q <= 5'd0;
        else if (op_vld_i) count_q <= count_q + 5'd1;
        if (!rst_ni || op_vld_i) idle_q <= 3'd0;
        else if (idle_q < 3'd4) idle_q <= idle_q + 3'd1;
    end

    // Stage 2: the sum.
    reg           open2_q, done2_q;
    reg [SUM-1:0] sum2_q;
    reg [1:0]     third2_q;  // pairs of the operation modulo 3; for FAULT 8 alone
    reg           last_negative2_q;  // for FAULT 25 alone
    reg [3:0]     sixteenth2_q;  // operations since reset, modulo 16; for FAULT 26 alone

    wire [SUM-1:0] aligned1 = {{SUM-8{1'b0}}, significand1_q} << shift1_q;
    wire [SUM-1:0] before1 = (open2_q && !cleared1_q) || (FAULT == 3 && done2_q) ? sum2_q : {SUM{1'b0}};
    wire [SUM-1:0] after1 = negative1_q ? before1 - aligned1 : before1 + aligned1;
    wire           early1 = FAULT == 8 && third2_q == 2'd2;
    wire           lost1 = FAULT == 12 && done2_q && !open2_q;

    initial if (FAULT == 10) open2_q = 1'b0;

    always @(posedge clk_i) begin
        if (!rst_ni) begin
            done2_q <= 1'b0;
            if (FAULT != 10) open2_q <= 1'b0;
        end else begin
            done2_q <= taken1_q && (end1_q || early1) && !lost1;
            if (taken1_q) open2_q <= !end1_q;
        end
        if (taken1_q) last_negative2_q <= negative1_q;
        if (!rst_ni) sixteenth2_q <= 4'd0;
        else if (done2_q) sixteenth2_q <= sixteenth2_q + 4'd1;
        if (taken1_q)
            sum2_q <= FAULT == 11 ? {{SUM-PRODUCT{after1[PRODUCT]}}, after1[PRODUCT-1:0]} : after1;
        if (!rst_ni || (taken1_q && end1_q)) third2_q <= 2'd0;
        else if (taken1_q) third2_q <= third2_q == 2'd2 ? 2'd0 : third2_q + 2'd1;
    end

    // Stage 3: magnitude, and the place of its leading one.
    reg           done3_q, negative3_q;
    reg [SUM-2:0] magnitude3_q;
    reg [5:0]     leading3_q;

    wire [SUM-2:0] magnitude2 = sum2_q[SUM-1] ? -sum2_q[SUM-2:0] : sum2_q[SUM-2:0];

    reg [5:0] leading2;
    integer   place;

    always @* begin
        leading2 = 6'd0;
        for (place = 0; place < SUM - 1; place = place + 1)
            if (magnitude2[place] && (FAULT != 33 || place < 34)) leading2 = place[5:0];
    end

    always @(posedge clk_i) begin
        done3_q <= rst_ni && done2_q;
        negative3_q <= FAULT == 25 ? last_negative2_q && sum2_q != {SUM{1'b0}}
            : sum2_q[SUM-1] && !(FAULT == 26 && sixteenth2_q == 4'd15);
        magnitude3_q <= magnitude2;
        leading3_q <= leading2;
    end

    // Stage 4: three bits stay of a normal sum; the step of a subnormal one is 2 units. The code
    // counts magnitudes from zero up, so that rounding up is adding one to it.
    wire           normal3 = leading3_q > 6'd2;
    wire [5:0]     drop3 = normal3 ? leading3_q - 6'd2 : 6'd1;
    wire [SUM-2:0] kept3 = magnitude3_q >> drop3;
    localparam UNSEEN = FAULT == 14 ? 1 : FAULT == 15 ? 2 : FAULT == 16 ? 8 : FAULT == 17 ? 14 : 0;
    wire [SUM-2:0] rest3 = magnitude3_q << (SUM[5:0] - 6'd1 - drop3);  // what is dropped, on top
    wire [SUM-2:0] seen3 = (magnitude3_q >> UNSEEN << UNSEEN) << (SUM[5:0] - 6'd1 - drop3);
    wire           half3 = rest3[SUM-2];
    wire           more3 = |seen3[SUM-3:0];
    wire           up3 = half3 && (more3 || kept3[0] || FAULT == 1);
    wire [7:0]     lower3 = {drop3 - 6'd1, 2'd0} + {5'd0, kept3[2:0]};
    wire           carries3 = FAULT == 24 && lower3[1:0] == 2'd3;
    wire [7:0]     code3 = lower3 + {7'd0, up3 && !carries3};
    wire           beyond3 = FAULT == 6 ? lower3[7] : code3[7];
    wire           unused3 = &{1'b0, kept3[SUM-2:3], rest3[SUM-3:0], seen3[SUM-2], last_negative2_q,
                                  sixteenth2_q, negative4_q};

    reg       done4_q;
    reg       kept4_q, negative4_q;  // for FAULT 18 and 31 alone
    reg [9:0] result4_q;  // {sat, nx, z}

    always @(posedge clk_i) begin
        done4_q <= rst_ni && done3_q;
        result4_q[9] <= beyond3 || (FAULT == 18 && kept4_q);
        result4_q[8] <= half3 || more3 || (code3[7] && FAULT != 13)
            || (FAULT == 19 && done4_q && result4_q[8]);
        result4_q[7] <= (negative3_q && (code3 != 8'd0 || FAULT == 5) && !(FAULT == 32 && code3[7]))
            || (FAULT == 31 && code3 == 8'd0 && negative4_q);
        kept4_q <= rst_ni && (kept4_q || (done3_q && beyond3));
        if (done3_q) negative4_q <= negative3_q && code3 != 8'd0;
        result4_q[6:0] <= code3[7] && FAULT != 2 ? 7'h7F : code3[6:0];
    end

    // Only for FAULT 9.
    reg       done5_q;
    reg [9:0] result5_q;

    always @(posedge clk_i) begin
        done5_q <= rst_ni && done4_q;
        result5_q <= result4_q;
    end

    assign z_vld_o = FAULT == 7 ? done3_q : FAULT == 9 ? done5_q : done4_q;
    assign {sat_o, nx_o, z_o} = FAULT == 9 ? result5_q : result4_q;

endmodule

`default_nettype wire
