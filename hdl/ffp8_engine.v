// ffp8_engine: the FFP8 array behind AXI4-Stream (data) and AXI4-Lite (control).
//
// Purpose    y[m, n] = encode(start[n] + sum_k a[m, k] * w[k, n]), tile after tile of
//            ROWS x COLS outputs, with run-time formats of a, w and y.
// Interface  s_axis_c  one column a beat: TDATA[31:0] start value (binary32), [39:32] exponent
//                      bias of w (int8), [63:40] ignored; COLS beats a tile.
//            s_axis_a  one k a beat: byte r is row r's code; TLAST with the last k.
//            s_axis_w  one k a beat: byte c is column c's code; same number of beats.
//            m_axis_y  one row a beat, ROWS beats a tile: COLS codes in the low bytes, or COLS
//                      binary32 words; TKEEP tells which. TUSER[3c+2:3c]: overflow, underflow
//                      and inexact of column c.
//            s_axil    registers, see registers.yaml. irq is level, active high.
//            A tile starts with the first beat of its c packet, which samples the registers.
// Latency    PIPELINE + 11 cycles from the last a and w beat on the bus to the first y beat.
//            Tiles run back to back: N tiles of K take N * K cycles and a constant, for
//            K >= max(ROWS, COLS).
// Reset      rst is synchronous, active high; no output is X after it.

`default_nettype none

`include "ffp8_widths.vh"

module ffp8_engine #(
    parameter EXP_MAX     = 5,
    parameter ROWS        = 16,
    parameter COLS        = 16,
    parameter K_MAX       = 8192,
    parameter SEGMENT     = 28,
    parameter PIPELINE    = 2,
    parameter ACCUMULATOR = 0  // 0 exact, 1 binary32
) (
    input  wire                 clk,
    input  wire                 rst,
    input  wire [63:0]          s_axis_c_tdata,
    input  wire                 s_axis_c_tvalid,
    output wire                 s_axis_c_tready,
    input  wire                 s_axis_c_tlast,
    input  wire [8*ROWS-1:0]    s_axis_a_tdata,
    input  wire                 s_axis_a_tvalid,
    output wire                 s_axis_a_tready,
    input  wire                 s_axis_a_tlast,
    input  wire [8*COLS-1:0]    s_axis_w_tdata,
    input  wire                 s_axis_w_tvalid,
    output wire                 s_axis_w_tready,
    input  wire                 s_axis_w_tlast,
    output wire [32*COLS-1:0]   m_axis_y_tdata,
    output wire [4*COLS-1:0]    m_axis_y_tkeep,
    output wire [3*COLS-1:0]    m_axis_y_tuser,
    output wire                 m_axis_y_tvalid,
    input  wire                 m_axis_y_tready,
    output wire                 m_axis_y_tlast,
    input  wire [7:0]           s_axil_awaddr,
    input  wire [2:0]           s_axil_awprot,
    input  wire                 s_axil_awvalid,
    output wire                 s_axil_awready,
    input  wire [31:0]          s_axil_wdata,
    input  wire [3:0]           s_axil_wstrb,
    input  wire                 s_axil_wvalid,
    output wire                 s_axil_wready,
    output wire [1:0]           s_axil_bresp,
    output wire                 s_axil_bvalid,
    input  wire                 s_axil_bready,
    input  wire [7:0]           s_axil_araddr,
    input  wire [2:0]           s_axil_arprot,
    input  wire                 s_axil_arvalid,
    output wire                 s_axil_arready,
    output wire [31:0]          s_axil_rdata,
    output wire [1:0]           s_axil_rresp,
    output wire                 s_axil_rvalid,
    input  wire                 s_axil_rready,
    output wire                 irq
);

    // An instance of a module that does not exist refuses what is not legal: see
    // docs/hardware.md. ffp8_array refuses sizes, ffp8_pe SEGMENT and kinds of elements.
    generate
        if (EXP_MAX < 1 || EXP_MAX > 5) begin : g_illegal_exp_max
            ffp8_EXP_MAX_is_1_to_5 refused ();
        end
        if (K_MAX < 1 || K_MAX > 32768) begin : g_illegal_k_max
            ffp8_K_MAX_is_1_to_32768 refused ();
        end
    endgenerate

    localparam ACC_WIDTH = `FFP8_ACC_WIDTH(EXP_MAX, K_MAX);
    localparam STORED = `FFP8_STORED(ACC_WIDTH, SEGMENT, ACCUMULATOR);
    localparam SHIFT_WIDTH = `FFP8_SHIFT_WIDTH(ACC_WIDTH, ACCUMULATOR);
    localparam COLUMN = `FFP8_COLUMN(SHIFT_WIDTH);
    localparam FOOT = 6;  // latency of ffp8_column

    // Contexts in flight: one comes in, one streams, one drains, and those between the last
    // beat and the drain, which are more than one only in arrays smaller than the pipeline.
    localparam PERIOD = ROWS > COLS ? ROWS : COLS;
    localparam SLOTS = 1 << $clog2(3 + (PIPELINE + 5 + PERIOD - 1) / PERIOD);

    localparam GATED_WIDTH = $clog2(ROWS * COLS + 1);

    // Registers.
    wire       a_signed, w_signed, y_signed, clamp_enable, raw;
    wire [3:0] a_exponent_bits, w_exponent_bits, y_exponent_bits;
    wire [7:0] a_bias, y_bias, clamp;
    wire [2:0] rounding;
    wire       soft_reset, resume, open, halted, occupied;
    wire [3:0] errors_set;
    wire [2:0] flags_set;
    wire       tile_done, beat_valid, beat_ready;
    reg  [GATED_WIDTH-1:0] gated;

    ffp8_registers #(
        .EXP_MAX    (EXP_MAX),
        .ROWS       (ROWS),
        .COLS       (COLS),
        .K_MAX      (K_MAX),
        .PIPELINE   (PIPELINE),
        .ACCUMULATOR(ACCUMULATOR),
        .GATED_WIDTH(GATED_WIDTH)
    ) registers (
        .clk            (clk),
        .rst            (rst),
        .s_axil_awaddr  (s_axil_awaddr),
        .s_axil_awprot  (s_axil_awprot),
        .s_axil_awvalid (s_axil_awvalid),
        .s_axil_awready (s_axil_awready),
        .s_axil_wdata   (s_axil_wdata),
        .s_axil_wstrb   (s_axil_wstrb),
        .s_axil_wvalid  (s_axil_wvalid),
        .s_axil_wready  (s_axil_wready),
        .s_axil_bresp   (s_axil_bresp),
        .s_axil_bvalid  (s_axil_bvalid),
        .s_axil_bready  (s_axil_bready),
        .s_axil_araddr  (s_axil_araddr),
        .s_axil_arprot  (s_axil_arprot),
        .s_axil_arvalid (s_axil_arvalid),
        .s_axil_arready (s_axil_arready),
        .s_axil_rdata   (s_axil_rdata),
        .s_axil_rresp   (s_axil_rresp),
        .s_axil_rvalid  (s_axil_rvalid),
        .s_axil_rready  (s_axil_rready),
        .irq            (irq),
        .a_signed       (a_signed),
        .a_exponent_bits(a_exponent_bits),
        .a_bias         (a_bias),
        .w_signed       (w_signed),
        .w_exponent_bits(w_exponent_bits),
        .y_signed       (y_signed),
        .y_exponent_bits(y_exponent_bits),
        .y_bias         (y_bias),
        .rounding       (rounding),
        .clamp_enable   (clamp_enable),
        .clamp          (clamp),
        .raw            (raw),
        .soft_reset     (soft_reset),
        .resume         (resume),
        .halted         (halted),
        .errors_set     (errors_set),
        .flags_set      (flags_set),
        .tile_done      (tile_done),
        .pair           (beat_valid),
        .occupied       (occupied),
        .gated          (gated)
    );

    // Input queues of a and w. The c stream has none: the registers are sampled in the cycle in
    // which its first beat moves on the bus, so that software knows which tile a write meets.
    wire              a_valid, a_ready, a_last, w_valid, w_ready, w_last;
    wire [8*ROWS-1:0] a_codes;
    wire [8*COLS-1:0] w_codes;
    wire              unused = &{1'b0, s_axis_c_tdata[63:40]};

    ffp8_fifo #(.WIDTH(8 * ROWS + 1)) a_queue (
        .clk(clk), .rst(rst),
        .in_valid(s_axis_a_tvalid), .in_ready(s_axis_a_tready),
        .in_data({s_axis_a_tlast, s_axis_a_tdata}),
        .out_valid(a_valid), .out_ready(a_ready), .out_data({a_last, a_codes}));

    ffp8_fifo #(.WIDTH(8 * COLS + 1)) w_queue (
        .clk(clk), .rst(rst),
        .in_valid(s_axis_w_tvalid), .in_ready(s_axis_w_tready),
        .in_data({s_axis_w_tlast, s_axis_w_tdata}),
        .out_valid(w_valid), .out_ready(w_ready), .out_data({w_last, w_codes}));

    // Contexts and the sequence of tiles.
    wire                   context_ready, context_done, context_release, context_occupied;
    wire [2:0]             context_errors;
    wire [9:0]             formats;
    wire [36*COLS-1:0]     starts;
    wire [17:0]            drain_output;
    wire [COLUMN*COLS-1:0] drain_columns;
    wire                   beat_first, beat_last, quiet;
    wire                   row_valid, row_ready, row_last;

    ffp8_context #(
        .EXP_MAX    (EXP_MAX),
        .COLS       (COLS),
        .ACC_WIDTH  (ACC_WIDTH),
        .SHIFT_WIDTH(SHIFT_WIDTH),
        .ACCUMULATOR(ACCUMULATOR),
        .SLOTS      (SLOTS)
    ) contexts (
        .clk            (clk),
        .rst            (rst),
        .open           (open),
        .c_valid        (s_axis_c_tvalid),
        .c_ready        (s_axis_c_tready),
        .c_last         (s_axis_c_tlast),
        .c_start        (s_axis_c_tdata[31:0]),
        .c_bias         (s_axis_c_tdata[39:32]),
        .a_signed       (a_signed),
        .a_exponent_bits(a_exponent_bits),
        .a_bias         (a_bias),
        .w_signed       (w_signed),
        .w_exponent_bits(w_exponent_bits),
        .y_signed       (y_signed),
        .y_exponent_bits(y_exponent_bits),
        .y_bias         (y_bias),
        .rounding       (rounding),
        .clamp_enable   (clamp_enable),
        .clamp          (clamp),
        .raw            (raw),
        .stream_ready   (context_ready),
        .stream_errors  (context_errors),
        .stream_formats (formats),
        .stream_starts  (starts),
        .stream_done    (context_done),
        .drain_output   (drain_output),
        .drain_columns  (drain_columns),
        .drain_done     (row_last && row_ready),
        .release_slot   (context_release),
        .occupied       (context_occupied)
    );

    ffp8_sequencer #(
        .K_MAX(K_MAX)
    ) sequencer (
        .clk            (clk),
        .rst            (rst),
        .a_valid        (a_valid),
        .a_ready        (a_ready),
        .a_last         (a_last),
        .w_valid        (w_valid),
        .w_ready        (w_ready),
        .w_last         (w_last),
        .context_ready  (context_ready),
        .context_errors (context_errors),
        .context_done   (context_done),
        .context_release(context_release),
        .beat_valid     (beat_valid),
        .beat_ready     (beat_ready),
        .beat_first     (beat_first),
        .beat_last      (beat_last),
        .soft_reset     (soft_reset),
        .quiet          (quiet),
        .resume         (resume),
        .open           (open),
        .halted         (halted),
        .errors_set     (errors_set)
    );

    // The array.
    wire                   edge_beat, working;
    wire [ROWS-1:0]        row_live;
    wire [COLS-1:0]        col_live;
    wire [STORED*COLS-1:0] row_sums;

    ffp8_array #(
        .EXP_MAX    (EXP_MAX),
        .ROWS       (ROWS),
        .COLS       (COLS),
        .ACC_WIDTH  (ACC_WIDTH),
        .SEGMENT    (SEGMENT),
        .PIPELINE   (PIPELINE),
        .ACCUMULATOR(ACCUMULATOR)
    ) array (
        .clk            (clk),
        .rst            (rst),
        .beat_valid     (beat_valid),
        .beat_ready     (beat_ready),
        .beat_first     (beat_first),
        .beat_last      (beat_last),
        .a_codes        (a_codes),
        .a_signed       (formats[9]),
        .a_exponent_bits(formats[8:5]),
        .w_codes        (w_codes),
        .w_signed       (formats[4]),
        .w_exponent_bits(formats[3:0]),
        .starts         (starts),
        .edge_beat      (edge_beat),
        .row_live       (row_live),
        .col_live       (col_live),
        .row_valid      (row_valid),
        .row_ready      (row_ready),
        .row_last       (row_last),
        .row_sums       (row_sums),
        .working        (working)
    );

    // MACs gated = all, less those whose row and column are both live.
    reg [GATED_WIDTH-1:0] rows_live, cols_live;

    always @* begin : count_live
        integer i;
        rows_live = {GATED_WIDTH{1'b0}};
        cols_live = {GATED_WIDTH{1'b0}};
        for (i = 0; i < ROWS; i = i + 1) if (row_live[i]) rows_live = rows_live + 1'b1;
        for (i = 0; i < COLS; i = i + 1) if (col_live[i]) cols_live = cols_live + 1'b1;
        gated = edge_beat ? ROWS[GATED_WIDTH-1:0] * COLS[GATED_WIDTH-1:0] - rows_live * cols_live
            : {GATED_WIDTH{1'b0}};
    end

    // The foot of each column, and what travels beside it.
    wire [COLS-1:0]    column_valid;
    wire [32*COLS-1:0] results;
    wire [3*COLS-1:0]  flags;
    wire               y_room;
    reg  [FOOT-1:0]    foot_valid_q, foot_last_q, foot_raw_q;

    assign row_ready = y_room;

    always @(posedge clk) begin
        if (rst) begin
            foot_valid_q <= {FOOT{1'b0}};
            foot_last_q <= {FOOT{1'b0}};
            foot_raw_q <= {FOOT{1'b0}};
        end else if (y_room) begin
            foot_valid_q <= {foot_valid_q[FOOT-2:0], row_valid};
            foot_last_q <= {foot_last_q[FOOT-2:0], row_last};
            foot_raw_q <= {foot_raw_q[FOOT-2:0], row_valid && drain_output[0]};
        end
    end

    genvar c;
    generate
        for (c = 0; c < COLS; c = c + 1) begin : g_col
            wire [COLUMN-1:0] column_context = drain_columns[COLUMN*c +: COLUMN];
            ffp8_column #(
                .ACC_WIDTH  (ACC_WIDTH),
                .SEGMENT    (SEGMENT),
                .SHIFT_WIDTH(SHIFT_WIDTH),
                .ACCUMULATOR(ACCUMULATOR)
            ) column (
                .clk             (clk),
                .rst             (rst),
                .advance         (y_room),
                .in_valid        (row_valid),
                .in_sum          (row_sums[STORED*c +: STORED]),
                .start_negative  (column_context[COLUMN-1]),
                .start_magnitude (column_context[COLUMN-2 -: 24]),
                .start_shift     (column_context[10 +: SHIFT_WIDTH]),
                .in_offset       (column_context[9:0]),
                .in_signed       (drain_output[17]),
                .in_exponent_bits(drain_output[16:13]),
                .in_rounding     (drain_output[12:10]),
                .in_clamp_enable (drain_output[9]),
                .in_clamp        (drain_output[8:1]),
                .in_raw          (drain_output[0]),
                .out_valid       (column_valid[c]),
                .out_result      (results[32*c +: 32]),
                .out_flags       (flags[3*c +: 3])
            );
        end
    endgenerate

    // Pack a row, queue it, deliver it.
    reg [32*COLS-1:0] packed_row;

    always @* begin : pack
        integer i;
        packed_row = {32*COLS{1'b0}};
        for (i = 0; i < COLS; i = i + 1) packed_row[8*i +: 8] = results[32*i +: 8];
        if (foot_raw_q[FOOT-1]) packed_row = results;
    end

    wire y_raw;

    ffp8_fifo #(.WIDTH(2 + 3 * COLS + 32 * COLS)) y_queue (
        .clk(clk), .rst(rst),
        .in_valid(&column_valid), .in_ready(y_room),
        .in_data({foot_last_q[FOOT-1], foot_raw_q[FOOT-1], flags, packed_row}),
        .out_valid(m_axis_y_tvalid), .out_ready(m_axis_y_tready),
        .out_data({m_axis_y_tlast, y_raw, m_axis_y_tuser, m_axis_y_tdata}));

    assign m_axis_y_tkeep = {{3*COLS{y_raw}}, {COLS{1'b1}}};

    wire delivered = m_axis_y_tvalid && m_axis_y_tready;
    reg [2:0] row_flags;

    always @* begin : gather_flags
        integer i;
        row_flags = 3'd0;
        for (i = 0; i < COLS; i = i + 1) row_flags = row_flags | m_axis_y_tuser[3*i +: 3];
    end

    assign flags_set = delivered ? row_flags : 3'd0;
    assign tile_done = delivered && m_axis_y_tlast;
    assign quiet = !working && foot_valid_q == {FOOT{1'b0}} && !m_axis_y_tvalid;
    assign occupied = context_occupied || !quiet;

endmodule

`default_nettype wire
