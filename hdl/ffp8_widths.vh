// ffp8_widths.vh: the width formulas of the design, each of which stands here alone.
//
// Macros, since Verilog-2005 has no other way for modules to share what the widths of their ports
// depend on. A SEGMENT below 1 is refused by ffp8_pe; here it counts as 1, so that what is
// refused divides nothing by zero.

`ifndef FFP8_WIDTHS
`define FFP8_WIDTHS

// A decoded operand: sign, shift, significand.
`define FFP8_OPERAND(EXP_MAX) (1 + (EXP_MAX) + 8)

// Bits of the widest product: the square of the largest integer of the widest split with EXP_MAX
// bits of exponent. Unsigned that is (2^(9-e) - 1) * 2^(2^e - 2); with EXP_MAX 8 it is a power of
// two instead.
`define FFP8_PRODUCT(EXP_MAX) ((EXP_MAX) < 2 ? 16 : (EXP_MAX) == 8 ? 509 \
    : 2 * (9 - (EXP_MAX)) + 2 * ((1 << (EXP_MAX)) - 2))

// The accumulator: K_MAX products, a sign, and a bit for the start value, which ffp8_start judges
// in 26 bits at least.
`define FFP8_SUM(EXP_MAX, K_MAX) (`FFP8_PRODUCT(EXP_MAX) + $clog2(K_MAX) + 2)
`define FFP8_ACC_WIDTH(EXP_MAX, K_MAX) \
    (`FFP8_SUM(EXP_MAX, K_MAX) < 26 ? 26 : `FFP8_SUM(EXP_MAX, K_MAX))

// The place of a start value: a distance in the accumulator, or an exponent in two's complement.
`define FFP8_SHIFT_WIDTH(ACC_WIDTH, ACCUMULATOR) ((ACCUMULATOR) == 1 ? 11 : $clog2(ACC_WIDTH))

// A start value: sign, magnitude and its place. With the offset of y: what a column's foot wants.
`define FFP8_START(SHIFT_WIDTH) (1 + 24 + (SHIFT_WIDTH))
`define FFP8_COLUMN(SHIFT_WIDTH) (`FFP8_START(SHIFT_WIDTH) + 10)

// The exact accumulator's segments: the bits of each but the last, their number, the last one's bits.
`define FFP8_PIECE(ACC_WIDTH, SEGMENT) \
    ((SEGMENT) < 1 ? 1 : (SEGMENT) < (ACC_WIDTH) ? (SEGMENT) : (ACC_WIDTH))
`define FFP8_SEGMENTS(ACC_WIDTH, SEGMENT) \
    (((ACC_WIDTH) - 1) / `FFP8_PIECE(ACC_WIDTH, SEGMENT) + 1)
`define FFP8_TOP(ACC_WIDTH, SEGMENT) \
    ((ACC_WIDTH) - (`FFP8_SEGMENTS(ACC_WIDTH, SEGMENT) - 1) * `FFP8_PIECE(ACC_WIDTH, SEGMENT))

// What the chain holds: a binary32 sum, or segments and a slot for a carry between any two.
`define FFP8_STORED(ACC_WIDTH, SEGMENT, ACCUMULATOR) \
    ((ACCUMULATOR) == 1 ? 36 : (ACC_WIDTH) + `FFP8_SEGMENTS(ACC_WIDTH, SEGMENT) - 1)

`endif
