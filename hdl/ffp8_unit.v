// ffp8_unit: the FFP8-compliant processing unit: decoders, one processing element, encoder.
//
// Purpose    A dot product: result = encode(start + sum a * w), one pair of codes a cycle, with
//            formats, biases, start value and output of its own for every dot product.
// Interface  in_valid/in_ready with in_first and in_last; everything but the codes is sampled
//            with the first pair. out_valid/out_ready with out_result (a code in the low byte, or
//            a binary32 word when `raw`) and out_flags {overflow, underflow, inexact}.
//            Sticky errors, cleared by rst only; such a dot product gives no result, those
//            before and after it do:
//              config_error  format, rounding mode or clamp that the build does not hold
//              start_error   start value not finite, or too large for the accumulator
//              length_error  more than K_MAX pairs
//              packet_error  a pair outside of a dot product, or a first pair inside of one (which
//                            ends the one that was open, and begins its own)
// Latency    PIPELINE + 10 cycles from the last pair to the result; a result every cycle.
// Reset      Synchronous: nothing inside, no error, outputs zero.
//
// The whole pipeline moves in lockstep, and stands still only while the output queue is full.

`default_nettype none

`include "ffp8_widths.vh"

module ffp8_unit #(
    parameter EXP_MAX     = 5,
    parameter K_MAX       = 8192,
    parameter SEGMENT     = 28,
    parameter PIPELINE    = 2,
    parameter ACCUMULATOR = 0  // 0 exact, 1 binary32
) (
    input  wire        clk,
    input  wire        rst,
    input  wire        in_valid,
    output wire        in_ready,
    input  wire        in_first,
    input  wire        in_last,
    input  wire [7:0]  in_a,
    input  wire [7:0]  in_w,
    input  wire        a_signed,
    input  wire [3:0]  a_exponent_bits,
    input  wire [7:0]  a_bias,
    input  wire        w_signed,
    input  wire [3:0]  w_exponent_bits,
    input  wire [7:0]  w_bias,
    input  wire [31:0] start,
    input  wire        y_signed,
    input  wire [3:0]  y_exponent_bits,
    input  wire [7:0]  y_bias,
    input  wire [2:0]  rounding,
    input  wire        clamp_enable,
    input  wire [7:0]  clamp,
    input  wire        raw,
    output wire        out_valid,
    input  wire        out_ready,
    output wire [31:0] out_result,
    output wire [2:0]  out_flags,
    output reg         config_error,
    output reg         start_error,
    output reg         length_error,
    output reg         packet_error
);

    // An instance of a module that does not exist refuses what is not legal: see
    // docs/hardware.md. ffp8_pe refuses SEGMENT and kinds of elements.
    generate
        if (EXP_MAX < 1 || EXP_MAX > 8) begin : g_illegal_exp_max
            ffp8_EXP_MAX_is_1_to_8 refused ();
        end
        if (K_MAX < 1 || K_MAX > 32768) begin : g_illegal_k_max
            ffp8_K_MAX_is_1_to_32768 refused ();
        end
    endgenerate

    localparam ACC_WIDTH = `FFP8_ACC_WIDTH(EXP_MAX, K_MAX);
    localparam STORED = `FFP8_STORED(ACC_WIDTH, SEGMENT, ACCUMULATOR);
    localparam SHIFT_WIDTH = `FFP8_SHIFT_WIDTH(ACC_WIDTH, ACCUMULATOR);
    localparam OPERAND = `FFP8_OPERAND(EXP_MAX);
    localparam STAGES = PIPELINE < 1 ? 1 : PIPELINE;  // what is refused is no empty array
    localparam COUNT = $clog2(K_MAX + 1);
    localparam OUTPUT = 10 + 18;  // offset, and what ffp8_column takes beside it
    localparam CONTEXT = 1 + OUTPUT;  // refused, output
    localparam START = `FFP8_START(SHIFT_WIDTH);
    localparam BITS = $clog2(EXP_MAX + 1);  // of an exponent width that the build holds

    wire advance;
    wire take = in_valid && advance;

    assign in_ready = advance;

    // Where in a dot product the pair stands, and whether it is one to go on with.
    reg [COUNT-1:0] count_q;   // pairs taken of the dot product that is open, K_MAX at most
    reg             inside_q;  // one is open
    wire too_long = inside_q && !in_first && count_q == K_MAX[COUNT-1:0];
    wire beat = take && (in_first || (inside_q && !too_long));

    always @(posedge clk) begin
        if (rst) begin
            count_q <= {COUNT{1'b0}};
            inside_q <= 1'b0;
            length_error <= 1'b0;
            packet_error <= 1'b0;
        end else if (take) begin
            count_q <= in_first ? {{COUNT-1{1'b0}}, 1'b1} : too_long ? count_q : count_q + 1'b1;
            inside_q <= (in_first || inside_q) && !in_last;
            if (too_long) length_error <= 1'b1;
            if (in_first == inside_q) packet_error <= 1'b1;
        end
    end

    // Decoders. The formats are those of the first pair.
    reg  [2*BITS+1:0] formats_q;
    wire [2*BITS+1:0] formats = in_first ? {a_signed, a_exponent_bits[BITS-1:0],
                                            w_signed, w_exponent_bits[BITS-1:0]} : formats_q;
    wire [OPERAND-1:0] a_operand, w_operand;
    reg  [OPERAND-1:0] a_operand_q, w_operand_q;

    ffp8_decode #(.EXP_MAX(EXP_MAX)) a_decode (
        .code(in_a), .is_signed(formats[2*BITS+1]),
        .exponent_bits({{4-BITS{1'b0}}, formats[BITS+1 +: BITS]}),
        .sign(a_operand[OPERAND-1]), .shift(a_operand[8 +: EXP_MAX]),
        .significand(a_operand[7:0]));

    ffp8_decode #(.EXP_MAX(EXP_MAX)) w_decode (
        .code(in_w), .is_signed(formats[BITS]),
        .exponent_bits({{4-BITS{1'b0}}, formats[BITS-1:0]}),
        .sign(w_operand[OPERAND-1]), .shift(w_operand[8 +: EXP_MAX]),
        .significand(w_operand[7:0]));

    always @(posedge clk) begin
        if (beat) begin
            formats_q <= formats;
            a_operand_q <= a_operand;
            w_operand_q <= w_operand;
        end
    end

    wire accumulate, accumulate_first, done, busy;
    wire unused = &{1'b0, busy};
    reg  sum_valid_q;

    ffp8_control #(
        .PIPELINE(PIPELINE)
    ) control (
        .clk             (clk),
        .rst             (rst),
        .step            (advance),
        .beat            (beat),
        .first           (in_first),
        .last            (in_last),
        .accumulate      (accumulate),
        .accumulate_first(accumulate_first),
        .done            (done),
        .busy            (busy)
    );

    always @(posedge clk) begin
        if (rst) sum_valid_q <= 1'b0;
        else if (advance) sum_valid_q <= done;
    end

    wire [STORED-1:0] sum;
    wire [35:0]       start_float;

    ffp8_pe #(
        .EXP_MAX    (EXP_MAX),
        .ACC_WIDTH  (ACC_WIDTH),
        .SEGMENT    (SEGMENT),
        .PIPELINE   (PIPELINE),
        .ACCUMULATOR(ACCUMULATOR)
    ) pe (
        .clk       (clk),
        .step      (advance),
        .a_operand (a_operand_q),
        .w_operand (w_operand_q),
        .accumulate(accumulate),
        .first     (accumulate_first),
        .start     (start_float),
        .capture   (advance && done),
        .drain     (1'b0),
        .chain_in  ({STORED{1'b0}}),
        .chain_out (sum)
    );

    // The context of a dot product goes along with its first pair, beside the array's stages,
    // and arrives exactly when the sum before it has been handed on.
    wire              refused, start_valid, start_refused;
    wire signed [9:0] grid, offset;
    wire              start_negative;
    wire [23:0]       start_magnitude;
    wire [SHIFT_WIDTH-1:0] start_shift;
    wire [OUTPUT:0]   start_user;

    ffp8_judge #(
        .EXP_MAX(EXP_MAX)
    ) judge (
        .a_signed       (a_signed),
        .a_exponent_bits(a_exponent_bits),
        .a_bias         (a_bias),
        .w_signed       (w_signed),
        .w_exponent_bits(w_exponent_bits),
        .w_bias         (w_bias),
        .y_signed       (y_signed),
        .y_exponent_bits(y_exponent_bits),
        .y_bias         (y_bias),
        .rounding       (rounding),
        .clamp_enable   (clamp_enable),
        .clamp_sign     (clamp[7]),
        .raw            (raw),
        .refused        (refused),
        .grid           (grid),
        .offset         (offset)
    );

    ffp8_start #(
        .ACC_WIDTH  (ACC_WIDTH),
        .SHIFT_WIDTH(SHIFT_WIDTH),
        .ACCUMULATOR(ACCUMULATOR),
        .USER_WIDTH (1 + OUTPUT)
    ) convert (
        .clk          (clk),
        .rst          (rst),
        .advance      (advance),
        .in_valid     (beat && in_first),
        .in_start     (start),
        .in_grid      (grid),
        .in_user      ({refused, offset, y_signed, y_exponent_bits, rounding, clamp_enable, clamp,
                        raw}),
        .out_valid    (start_valid),
        .out_negative (start_negative),
        .out_magnitude(start_magnitude),
        .out_shift    (start_shift),
        .out_refused  (start_refused),
        .out_user     (start_user)
    );

    wire config_refused = start_user[OUTPUT];
    reg [CONTEXT:0]   waiting_q [0:STAGES-1];  // a valid bit on top
    reg [CONTEXT-1:0] context_q;
    wire              arrives = advance && waiting_q[STAGES-1][CONTEXT];
    integer           i;

    always @(posedge clk) begin
        if (rst) begin
            config_error <= 1'b0;
            start_error <= 1'b0;
        end else if (advance) begin
            if (start_valid && config_refused) config_error <= 1'b1;
            if (start_valid && start_refused && !config_refused) start_error <= 1'b1;
        end
    end

    // Without reset: a context from before it is overwritten before a sum comes.
    always @(posedge clk) begin
        if (advance) begin
            waiting_q[0] <= {start_valid, config_refused || start_refused, start_user[OUTPUT-1:0]};
            for (i = 1; i < STAGES; i = i + 1) waiting_q[i] <= waiting_q[i-1];
        end
        if (arrives) context_q <= waiting_q[STAGES-1][CONTEXT-1:0];
    end

    // A classical accumulator takes the start value with the first product; to an exact sum it is
    // added by the column.
    wire [START-1:0] sum_start;

    generate
        if (ACCUMULATOR == 1) begin : g_binary32
            wire [35:0] start_new = {start_negative, start_shift, start_magnitude};
            assign sum_start = {START{1'b0}};
            if (PIPELINE == 1) begin : g_now
                assign start_float = start_new;
            end else begin : g_later
                reg [35:0] start_q;
                always @(posedge clk) if (advance) start_q <= start_new;
                assign start_float = start_q;
            end
        end else begin : g_exact
            reg [START-1:0] start_waiting_q [0:STAGES-1];
            reg [START-1:0] start_q;
            integer         j;
            always @(posedge clk) begin
                if (advance) begin
                    start_waiting_q[0] <= {start_negative, start_magnitude, start_shift};
                    for (j = 1; j < STAGES; j = j + 1) start_waiting_q[j] <= start_waiting_q[j-1];
                end
                if (arrives) start_q <= start_waiting_q[STAGES-1];
            end
            assign sum_start = start_q;
            assign start_float = 36'd0;
        end
    endgenerate

    wire        result_valid;
    wire [31:0] result;
    wire [2:0]  flags;

    ffp8_column #(
        .ACC_WIDTH  (ACC_WIDTH),
        .SEGMENT    (SEGMENT),
        .SHIFT_WIDTH(SHIFT_WIDTH),
        .ACCUMULATOR(ACCUMULATOR)
    ) column (
        .clk             (clk),
        .rst             (rst),
        .advance         (advance),
        .in_valid        (sum_valid_q && !context_q[CONTEXT-1]),
        .in_sum          (sum),
        .start_negative  (sum_start[START-1]),
        .start_magnitude (sum_start[SHIFT_WIDTH +: 24]),
        .start_shift     (sum_start[SHIFT_WIDTH-1:0]),
        .in_offset       (context_q[18 +: 10]),
        .in_signed       (context_q[17]),
        .in_exponent_bits(context_q[16:13]),
        .in_rounding     (context_q[12:10]),
        .in_clamp_enable (context_q[9]),
        .in_clamp        (context_q[8:1]),
        .in_raw          (context_q[0]),
        .out_valid       (result_valid),
        .out_result      (result),
        .out_flags       (flags)
    );

    ffp8_fifo #(.WIDTH(35)) queue (
        .clk(clk), .rst(rst),
        .in_valid(result_valid), .in_ready(advance), .in_data({flags, result}),
        .out_valid(out_valid), .out_ready(out_ready), .out_data({out_flags, out_result}));

endmodule

`default_nettype wire
