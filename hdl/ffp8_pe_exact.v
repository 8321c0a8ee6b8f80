// ffp8_pe_exact: the processing element with the exact accumulator; see ffp8_pe for its ports.
//
// Purpose    acc <- (first ? 0 : acc) + a * w, an integer on the grid unit_a * unit_w, with no
//            rounding.
// Interface  As ffp8_pe, without start value: ffp8_column adds it, once per result.
// Latency    PIPELINE + 1 steps from the operands to the accumulator (PIPELINE = 1: a register
//            behind the multiplier; 2: one behind the alignment shifter as well).
// Reset      None, see ffp8_pe.
//
// Zero gating: while an operand is zero, product, addend and accumulator registers hold.
//
// Segmented accumulator: the adder is cut into segments of SEGMENT bits. A segment's carry is
// not rippled into the next one but stored in a slot above it, and added one cycle later; the
// loop's longest carry is SEGMENT bits, however wide the accumulator is. The stored form
// (low to high: segment 0, slot 0, segment 1, slot 1, ...) leaves through the chain;
// ffp8_column resolves it, once per result.

`default_nettype none

`include "ffp8_widths.vh"

module ffp8_pe_exact #(
    parameter EXP_MAX   = 5,
    parameter ACC_WIDTH = 83,  // see ffp8_widths.vh
    parameter SEGMENT   = 28,
    parameter PIPELINE  = 2,
    // derived, not to be set
    parameter OPERAND   = `FFP8_OPERAND(EXP_MAX),
    parameter STORED    = `FFP8_STORED(ACC_WIDTH, SEGMENT, 0)
) (
    input  wire               clk,
    input  wire               step,
    input  wire [OPERAND-1:0] a_operand,
    input  wire [OPERAND-1:0] w_operand,
    input  wire               accumulate,
    input  wire               first,
    input  wire               capture,
    input  wire               drain,
    input  wire [STORED-1:0]  chain_in,
    output reg  [STORED-1:0]  chain_out
);

    localparam PIECE = `FFP8_PIECE(ACC_WIDTH, SEGMENT);
    localparam SEGMENTS = `FFP8_SEGMENTS(ACC_WIDTH, SEGMENT);
    localparam TOP = `FFP8_TOP(ACC_WIDTH, SEGMENT);

    // Bit masks of the stored form: ones in the carry slots.
    function [STORED-1:0] slot_mask(input integer unused);
        integer i;
        begin
            slot_mask = {STORED{1'b0}};
            for (i = 1; i < SEGMENTS; i = i + 1) slot_mask[i*(PIECE+1)-1] = 1'b1;
        end
    endfunction

    localparam [STORED-1:0] SLOTS = slot_mask(0);

    // The product shifted to its place, ones' complement if negative, slots left free.
    function [STORED-1:0] aligned(input [15:0] product, input [EXP_MAX:0] distance,
                                  input negative);
        reg [ACC_WIDTH-1:0] place;
        integer i;
        begin
            place = {{ACC_WIDTH-16{1'b0}}, product} << distance;
            if (negative) place = ~place;
            aligned = {STORED{1'b0}};
            for (i = 0; i < SEGMENTS - 1; i = i + 1)
                aligned[i*(PIECE+1) +: PIECE] = place[i*PIECE +: PIECE];
            aligned[STORED-1 -: TOP] = place[ACC_WIDTH-1 -: TOP];
        end
    endfunction

    reg              live1_q;  // the product registers hold this beat's product
    reg [15:0]       product_q;
    reg [EXP_MAX:0]  distance_q;  // how far to align: up to 2 * (2^EXP_MAX - 2)
    reg              negative1_q;
    reg              live2_q;  // likewise the addend registers, of PIPELINE = 2
    reg [STORED-1:0] addend_q;
    reg              negative2_q;
    reg [STORED-1:0] acc_q;

    // What the accumulator takes: from the registers, or from the shifter itself.
    wire              live = PIPELINE == 2 ? live2_q : live1_q;
    wire              negative = PIPELINE == 2 ? negative2_q : negative1_q;
    wire [STORED-1:0] addend = PIPELINE == 2 ? addend_q
        : aligned(product_q, distance_q, negative1_q);

    // One block for all registers: a simulator wakes it up once a cycle, and an idle or gated
    // element costs little. Four blocks made a mostly gated array a quarter slower.
    always @(posedge clk) begin
        if (step) begin
            if (a_operand[7:0] != 8'd0 && w_operand[7:0] != 8'd0) begin
                live1_q <= 1'b1;
                product_q <= a_operand[7:0] * w_operand[7:0];
                distance_q <= a_operand[8 +: EXP_MAX] + w_operand[8 +: EXP_MAX];
                negative1_q <= a_operand[OPERAND-1] ^ w_operand[OPERAND-1];
            end else begin
                live1_q <= 1'b0;
            end

            if (PIPELINE == 2) begin
                live2_q <= live1_q;
                if (live1_q) begin
                    addend_q <= aligned(product_q, distance_q, negative1_q);
                    negative2_q <= negative1_q;
                end
            end

            // Each carry enters the segment above its slot, the two's complement's 1 the lowest
            // segment. No carry crosses a slot: the two other summands are zero there, and two
            // segments and a carry sum to less than 2^(SEGMENT+1).
            if (accumulate) begin
                if (live && first)
                    acc_q <= addend + {{STORED-1{1'b0}}, negative};
                else if (live)
                    acc_q <= (acc_q & ~SLOTS) + addend
                        + {acc_q[STORED-2:0] & SLOTS[STORED-2:0], negative};
                else if (first)
                    acc_q <= {STORED{1'b0}};
            end
        end

        if (capture) chain_out <= acc_q;
        else if (drain) chain_out <= chain_in;
    end

endmodule

`default_nettype wire
