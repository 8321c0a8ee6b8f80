// ffp8_context: the context of each tile, from its c packet until its last row has drained.
//
// Purpose    A tile's configuration is sampled and judged with the first beat of its c packet.
//            It is kept in a ring of SLOTS slots, with start value and offset of every column,
//            while the tile waits, streams and drains; so registers may be rewritten at any
//            time, and tiles of different formats follow each other without a gap.
// Interface  c_valid/c_ready: one column a beat, c_last with column COLS-1. No new packet is
//            begun unless `open`, nor after a refused configuration until the tile that it belongs
//            to is released. While the ring is full, two more beats fit in front of it.
//            stream_*: the oldest tile that has not been streamed; stream_done steps past it.
//            drain_*: the tile whose rows leave the array; drain_done steps past it.
//            `release_slot` steps both past a discarded tile.
//            stream_errors: {packet, start, config}; such a tile must not be streamed.
// Latency    3 cycles from a beat to its place in the slot.
// Reset      Empties the ring.

`default_nettype none

`include "ffp8_widths.vh"

module ffp8_context #(
    parameter EXP_MAX     = 5,
    parameter COLS        = 16,
    parameter ACC_WIDTH   = 83,
    parameter SHIFT_WIDTH = 7,  // as in ffp8_start
    parameter ACCUMULATOR = 0,
    parameter SLOTS       = 4,  // a power of two
    // derived, not to be set: start sign, start magnitude, start shift, offset
    parameter COLUMN      = `FFP8_COLUMN(SHIFT_WIDTH)
) (
    input  wire                   clk,
    input  wire                   rst,
    input  wire                   open,
    input  wire                   c_valid,
    output wire                   c_ready,
    input  wire                   c_last,
    input  wire [31:0]            c_start,
    input  wire [7:0]             c_bias,
    // registers
    input  wire                   a_signed,
    input  wire [3:0]             a_exponent_bits,
    input  wire [7:0]             a_bias,
    input  wire                   w_signed,
    input  wire [3:0]             w_exponent_bits,
    input  wire                   y_signed,
    input  wire [3:0]             y_exponent_bits,
    input  wire [7:0]             y_bias,
    input  wire [2:0]             rounding,
    input  wire                   clamp_enable,
    input  wire [7:0]             clamp,
    input  wire                   raw,
    // the tile to stream
    output wire                   stream_ready,
    output wire [2:0]             stream_errors,
    output wire [9:0]             stream_formats,  // a_signed, a exponent, w_signed, w exponent
    output wire [36*COLS-1:0]     stream_starts,   // binary32 accumulator only, else zero
    input  wire                   stream_done,
    // the tile that drains
    output wire [17:0]            drain_output,    // y_signed, exponent, rounding, clamp, raw
    output wire [COLUMN*COLS-1:0] drain_columns,
    input  wire                   drain_done,
    input  wire                   release_slot,
    output wire                   occupied         // a tile has begun and not left
);

    localparam INDEX = $clog2(SLOTS);
    localparam COUNT = $clog2(COLS + 1);
    localparam SETTINGS = 10 + 18;          // formats of a and w; output
    localparam REGISTERS = 2 * 8 + SETTINGS;  // and the biases of a and y
    localparam USER = SETTINGS + 10 + COUNT + 4;

    // The registers are looked at with the first beat of a packet only, then held for it.
    reg                 inside_q, blocked_q;
    reg [REGISTERS-1:0] held_q;
    reg [COUNT-1:0]     column_q;  // stays at COLS in a packet that is too long

    wire [REGISTERS-1:0] now = {
        a_bias, y_bias, a_signed, a_exponent_bits, w_signed, w_exponent_bits,
        y_signed, y_exponent_bits, rounding, clamp_enable, clamp, raw};
    wire [REGISTERS-1:0] used = inside_q ? held_q : now;
    wire [SETTINGS-1:0]  settings = used[SETTINGS-1:0];
    wire                 refused;
    wire signed [9:0]    grid, offset;

    ffp8_judge #(
        .EXP_MAX(EXP_MAX)
    ) judge (
        .a_signed       (used[27]),
        .a_exponent_bits(used[26:23]),
        .a_bias         (used[43:36]),
        .w_signed       (used[22]),
        .w_exponent_bits(used[21:18]),
        .w_bias         (c_bias),
        .y_signed       (used[17]),
        .y_exponent_bits(used[16:13]),
        .y_bias         (used[35:28]),
        .rounding       (used[12:10]),
        .clamp_enable   (used[9]),
        .clamp_sign     (used[8]),
        .raw            (used[0]),
        .refused        (refused),
        .grid           (grid),
        .offset         (offset)
    );

    wire extra = column_q == COLS[COUNT-1:0];
    wire wrong_length = column_q != COLS[COUNT-1:0] - 1'b1;
    wire advance;
    wire take = c_valid && c_ready;

    assign c_ready = advance && (inside_q || (open && !blocked_q));

    always @(posedge clk) begin
        if (rst) begin
            inside_q <= 1'b0;
            blocked_q <= 1'b0;
            column_q <= {COUNT{1'b0}};
        end else begin
            // No packet is begun behind a refused one, so it is the last tile inside.
            blocked_q <= blocked_q ? !(release_slot && stream_errors[0]) : take && refused;
            if (take) begin
                inside_q <= !c_last;
                if (c_last) column_q <= {COUNT{1'b0}};
                else if (!extra) column_q <= column_q + 1'b1;
            end
        end
    end

    always @(posedge clk) if (take && !inside_q) held_q <= now;

    // Start values: rounded onto the grid, judged.
    wire                    start_valid, start_negative, start_refused;
    wire [23:0]             start_magnitude;
    wire [SHIFT_WIDTH-1:0]  start_shift;
    wire                    done_last, done_extra, done_length, done_refused;
    wire [COUNT-1:0]        done_column;
    wire [9:0] done_offset;
    wire [SETTINGS-1:0]     done_settings;

    ffp8_start #(
        .ACC_WIDTH  (ACC_WIDTH),
        .SHIFT_WIDTH(SHIFT_WIDTH),
        .ACCUMULATOR(ACCUMULATOR),
        .USER_WIDTH (USER)
    ) start (
        .clk          (clk),
        .rst          (rst),
        .advance      (advance),
        .in_valid     (take),
        .in_start     (c_start),
        .in_grid      (grid),
        .in_user      ({c_last, extra, wrong_length, refused, column_q, offset, settings}),
        .out_valid    (start_valid),
        .out_negative (start_negative),
        .out_magnitude(start_magnitude),
        .out_shift    (start_shift),
        .out_refused  (start_refused),
        .out_user     ({done_last, done_extra, done_length, done_refused, done_column,
                        done_offset, done_settings})
    );

    // The ring. One bit more than the index tells full from empty.
    reg [INDEX:0] load_q, stream_q, drain_q;

    reg converting_q;  // a column is in the first stage of ffp8_start
    wire write = start_valid && advance;
    wire commit = write && done_last;

    assign advance = !start_valid || load_q - drain_q != SLOTS[INDEX:0];
    assign stream_ready = load_q != stream_q;
    assign occupied = inside_q || converting_q || start_valid || load_q != drain_q;

    always @(posedge clk) begin
        if (rst) begin
            load_q <= {INDEX+1{1'b0}};
            stream_q <= {INDEX+1{1'b0}};
            drain_q <= {INDEX+1{1'b0}};
            converting_q <= 1'b0;
        end else begin
            if (advance) converting_q <= take;
            if (commit) load_q <= load_q + 1'b1;
            if (stream_done || release_slot) stream_q <= stream_q + 1'b1;
            if (drain_done || release_slot) drain_q <= drain_q + 1'b1;
        end
    end

    reg start_error_q;  // of an earlier column of the packet
    wire start_error = (start_error_q || (start_refused && !done_extra));

    always @(posedge clk) begin
        if (rst) start_error_q <= 1'b0;
        else if (write) start_error_q <= start_error && !done_last;
    end

    reg [SETTINGS-1:0] settings_slot_q [0:SLOTS-1];
    reg [2:0]          errors_slot_q [0:SLOTS-1];

    // A refused configuration has no grid: its start values are not judged.
    always @(posedge clk) begin
        if (commit) begin
            settings_slot_q[load_q[INDEX-1:0]] <= done_settings;
            errors_slot_q[load_q[INDEX-1:0]] <=
                {done_length, start_error && !done_refused, done_refused};
        end
    end

    assign stream_formats = settings_slot_q[stream_q[INDEX-1:0]][SETTINGS-1 -: 10];
    assign stream_errors = errors_slot_q[stream_q[INDEX-1:0]];
    assign drain_output = settings_slot_q[drain_q[INDEX-1:0]][17:0];

    genvar c;
    generate
        for (c = 0; c < COLS; c = c + 1) begin : g_col
            localparam [COUNT-1:0] HERE = c;
            reg [COLUMN-1:0] slot_q [0:SLOTS-1];
            always @(posedge clk)
                if (write && done_column == HERE)
                    slot_q[load_q[INDEX-1:0]] <= {start_negative, start_magnitude, start_shift,
                                                  done_offset};
            assign drain_columns[COLUMN*c +: COLUMN] = slot_q[drain_q[INDEX-1:0]];
            if (ACCUMULATOR == 1) begin : g_start
                wire [COLUMN-1:0] streams = slot_q[stream_q[INDEX-1:0]];
                wire              unused = &{1'b0, streams[9:0]};
                assign stream_starts[36*c +: 36] =
                    {streams[COLUMN-1], streams[10 +: SHIFT_WIDTH], streams[COLUMN-2 -: 24]};
            end else begin : g_no_start
                assign stream_starts[36*c +: 36] = 36'd0;
            end
        end
    endgenerate

endmodule

`default_nettype wire
