// ffp8_pe: one processing element: multiply, accumulate, hold for the drain.
//
// Purpose    acc <- (first ? nothing or the start value : acc) + a * w, in one of two ways:
//            ACCUMULATOR = 0, exact     an integer on the grid unit_a * unit_w, never rounded; the
//                                       start value is added later, by ffp8_column
//            ACCUMULATOR = 1, binary32  rounded to 24 significand bits at each addition, to
//                                       nearest even, beginning with the start value
// Interface  An operand is {sign, shift, significand} as ffp8_decode gives them.
//            Everything moves only in cycles in which `step` is high, the shadow register apart.
//            `accumulate`, `first` and `start` must follow the operands PIPELINE steps later, so
//            that they meet the product; operands that no `accumulate` follows have no effect.
//            `capture` copies the accumulator into the shadow register, which is chain_out;
//            `drain` shifts chain_in into it. Both at once: capture wins.
//            What the chain holds is the accumulator's own form, see the two modules.
// Latency    PIPELINE + 1 steps from the operands to the accumulator.
// Reset      None: the controls that give the registers a meaning are reset in ffp8_array and
//            ffp8_unit, and `first` overwrites the accumulator.

`default_nettype none

`include "ffp8_widths.vh"

module ffp8_pe #(
    parameter EXP_MAX     = 5,
    parameter ACC_WIDTH   = 83,  // exact: see ffp8_widths.vh
    parameter SEGMENT     = 28,  // exact: bits that a carry may cross in a cycle
    parameter PIPELINE    = 2,
    parameter ACCUMULATOR = 0,
    // derived, not to be set
    parameter OPERAND     = `FFP8_OPERAND(EXP_MAX),
    parameter STORED      = `FFP8_STORED(ACC_WIDTH, SEGMENT, ACCUMULATOR)
) (
    input  wire               clk,
    input  wire               step,
    input  wire [OPERAND-1:0] a_operand,
    input  wire [OPERAND-1:0] w_operand,
    input  wire               accumulate,
    input  wire               first,
    input  wire [35:0]        start,  // binary32: {sign, exponent, significand}
    input  wire               capture,
    input  wire               drain,
    input  wire [STORED-1:0]  chain_in,
    output wire [STORED-1:0]  chain_out
);

    // An instance of a module that does not exist refuses what is not legal, here for all that
    // have elements.
    generate
        if (PIPELINE != 1 && PIPELINE != 2) begin : g_illegal_pipeline
            ffp8_PIPELINE_is_1_or_2 refused ();
        end
        if (ACCUMULATOR != 0 && ACCUMULATOR != 1) begin : g_illegal_accumulator
            ffp8_ACCUMULATOR_is_0_or_1 refused ();
        end
        if (SEGMENT < 1) begin : g_illegal_segment
            ffp8_SEGMENT_is_1_or_more refused ();
        end
        if (ACCUMULATOR == 0 && ACC_WIDTH < `FFP8_ACC_WIDTH(EXP_MAX, 1)) begin : g_illegal_width
            ffp8_ACC_WIDTH_holds_a_product_of_EXP_MAX refused ();
        end
    endgenerate

    generate
        if (ACCUMULATOR == 1) begin : g_binary32
            ffp8_pe_binary32 #(
                .EXP_MAX (EXP_MAX),
                .PIPELINE(PIPELINE)
            ) element (
                .clk       (clk),
                .step      (step),
                .a_operand (a_operand),
                .w_operand (w_operand),
                .accumulate(accumulate),
                .first     (first),
                .start     (start),
                .capture   (capture),
                .drain     (drain),
                .chain_in  (chain_in),
                .chain_out (chain_out)
            );
        end else begin : g_exact
            wire unused = &{1'b0, start};
            ffp8_pe_exact #(
                .EXP_MAX  (EXP_MAX),
                .ACC_WIDTH(ACC_WIDTH),
                .SEGMENT  (SEGMENT),
                .PIPELINE (PIPELINE)
            ) element (
                .clk       (clk),
                .step      (step),
                .a_operand (a_operand),
                .w_operand (w_operand),
                .accumulate(accumulate),
                .first     (first),
                .capture   (capture),
                .drain     (drain),
                .chain_in  (chain_in),
                .chain_out (chain_out)
            );
        end
    endgenerate

endmodule

`default_nettype wire
