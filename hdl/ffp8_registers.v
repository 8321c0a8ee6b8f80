// ffp8_registers: the AXI4-Lite registers of ffp8_engine.
//
// Purpose    Identification, configuration, sticky flags and errors, interrupt, counters. The map
//            is documented in registers.yaml, beside this file; a test proves that it agrees.
// Interface  AXI4-Lite: AW and W in either order, WSTRB honoured, writes to read-only registers
//            ignored, unknown and unaligned addresses answered with SLVERR. One read and one write
//            at a time.
//            errors_set, flags_set and tile_done are pulses from the engine; pair and occupied
//            describe the cycle for the counters, gated the pair of the cycle before.
// Latency    A write takes effect one cycle after the later of AW and W has been taken, and the
//            response to the write before it.
// Reset      Configuration to zero, counters to zero, no response pending.
//
// The counters are read from a copy, which CONTROL.SNAPSHOT takes of all of them at once. They run
// one cycle behind, so that a pair is counted together with those of its MACs that were gated.
// A soft reset, when the engine answers it with `resume`, clears counters and TILES_DONE; the
// sticky bits stay until they are cleared by writing 1.

`default_nettype none

module ffp8_registers #(
    parameter EXP_MAX     = 5,
    parameter ROWS        = 16,
    parameter COLS        = 16,
    parameter K_MAX       = 8192,
    parameter PIPELINE    = 2,
    parameter ACCUMULATOR = 0,
    parameter GATED_WIDTH = 9  // clog2(ROWS * COLS + 1)
) (
    input  wire                   clk,
    input  wire                   rst,
    input  wire [7:0]             s_axil_awaddr,
    input  wire [2:0]             s_axil_awprot,
    input  wire                   s_axil_awvalid,
    output wire                   s_axil_awready,
    input  wire [31:0]            s_axil_wdata,
    input  wire [3:0]             s_axil_wstrb,
    input  wire                   s_axil_wvalid,
    output wire                   s_axil_wready,
    output reg  [1:0]             s_axil_bresp,
    output reg                    s_axil_bvalid,
    input  wire                   s_axil_bready,
    input  wire [7:0]             s_axil_araddr,
    input  wire [2:0]             s_axil_arprot,
    input  wire                   s_axil_arvalid,
    output wire                   s_axil_arready,
    output reg  [31:0]            s_axil_rdata,
    output reg  [1:0]             s_axil_rresp,
    output reg                    s_axil_rvalid,
    input  wire                   s_axil_rready,
    output wire                   irq,
    output wire                   a_signed,
    output wire [3:0]             a_exponent_bits,
    output wire [7:0]             a_bias,
    output wire                   w_signed,
    output wire [3:0]             w_exponent_bits,
    output wire                   y_signed,
    output wire [3:0]             y_exponent_bits,
    output wire [7:0]             y_bias,
    output wire [2:0]             rounding,
    output wire                   clamp_enable,
    output wire [7:0]             clamp,
    output wire                   raw,
    output reg                    soft_reset,
    input  wire                   resume,
    input  wire                   halted,
    input  wire [3:0]             errors_set,  // length, packet, start, config
    input  wire [2:0]             flags_set,   // overflow, underflow, inexact
    input  wire                   tile_done,
    input  wire                   pair,        // the array took a pair of beats
    input  wire                   occupied,    // a tile is inside
    input  wire [GATED_WIDTH-1:0] gated        // MACs that the pair before did not perform
);

    localparam [5:0]
        ID = 6'h00, VERSION = 6'h01, BUILD = 6'h02, SHAPE = 6'h03, LENGTH = 6'h04,
        CONTROL = 6'h05, STATUS = 6'h06, ERRORS = 6'h07, FLAGS = 6'h08,
        FORMAT_A = 6'h09, FORMAT_W = 6'h0a, FORMAT_Y = 6'h0b, ROUNDING = 6'h0c, CLAMP = 6'h0d,
        OUTPUT = 6'h0e, IRQ_ENABLE = 6'h0f, IRQ_STATUS = 6'h10, TILES_DONE = 6'h11,
        CYCLES = 6'h20, CYCLES_HIGH = 6'h21, BUSY = 6'h22, BUSY_HIGH = 6'h23,
        STALLED = 6'h24, STALLED_HIGH = 6'h25, IDLE = 6'h26, IDLE_HIGH = 6'h27,
        MACS = 6'h28, MACS_HIGH = 6'h29, GATED = 6'h2a, GATED_HIGH = 6'h2b;

    localparam [1:0] OKAY = 2'b00, SLVERR = 2'b10;
    localparam [31:0] IDENTIFICATION = 32'h46465038;  // "FFP8"
    localparam [31:0] INTERFACE_VERSION = 32'h0001_0001;

    function is_known(input [5:0] word);
        is_known = word <= TILES_DONE || (word >= CYCLES && word <= GATED_HIGH);
    endfunction

    wire unused = &{1'b0, s_axil_awprot, s_axil_arprot};

    // Write channels: hold whichever comes first, act when both are there.
    reg        address_held_q, data_held_q;
    reg [5:0]  write_word_q;
    reg        write_aligned_q;
    reg [31:0] write_data_q;
    reg [3:0]  write_strobe_q;

    wire answer = address_held_q && data_held_q && !s_axil_bvalid;
    wire write = answer && write_aligned_q;  // and else nothing happens but the answer

    assign s_axil_awready = !address_held_q;
    assign s_axil_wready = !data_held_q;

    always @(posedge clk) begin
        if (rst) begin
            address_held_q <= 1'b0;
            data_held_q <= 1'b0;
            s_axil_bvalid <= 1'b0;
            s_axil_bresp <= OKAY;
        end else begin
            if (s_axil_awvalid && s_axil_awready) address_held_q <= 1'b1;
            else if (answer) address_held_q <= 1'b0;
            if (s_axil_wvalid && s_axil_wready) data_held_q <= 1'b1;
            else if (answer) data_held_q <= 1'b0;
            if (answer) begin
                s_axil_bvalid <= 1'b1;
                s_axil_bresp <= write_aligned_q && is_known(write_word_q) ? OKAY : SLVERR;
            end else if (s_axil_bready) begin
                s_axil_bvalid <= 1'b0;
            end
        end
    end

    always @(posedge clk) begin
        if (s_axil_awvalid && s_axil_awready) begin
            write_word_q <= s_axil_awaddr[7:2];
            write_aligned_q <= s_axil_awaddr[1:0] == 2'd0;
        end
        if (s_axil_wvalid && s_axil_wready) begin
            write_data_q <= s_axil_wdata;
            write_strobe_q <= s_axil_wstrb;
        end
    end

    wire [31:0] write_mask = {{8{write_strobe_q[3]}}, {8{write_strobe_q[2]}},
                              {8{write_strobe_q[1]}}, {8{write_strobe_q[0]}}};
    wire [3:0] write_ones = write_data_q[3:0] & write_mask[3:0];

    // Configuration registers: the fields that exist; the other bits read as zero.
    reg [31:0] format_a_q, format_w_q, format_y_q, rounding_q, clamp_q, output_q, irq_enable_q;

    localparam [31:0] FORMAT_FIELDS = 32'h00ff_0f01, FORMAT_W_FIELDS = 32'h0000_0f01;

    function [31:0] written(input [31:0] old, input [31:0] data, input [31:0] mask,
                            input [31:0] fields);
        written = ((old & ~mask) | (data & mask)) & fields;
    endfunction

    always @(posedge clk) begin
        if (rst) begin
            format_a_q <= 32'd0;
            format_w_q <= 32'd0;
            format_y_q <= 32'd0;
            rounding_q <= 32'd0;
            clamp_q <= 32'd0;
            output_q <= 32'd0;
            irq_enable_q <= 32'd0;
        end else if (write) begin
            case (write_word_q)
                FORMAT_A: format_a_q <= written(format_a_q, write_data_q, write_mask, FORMAT_FIELDS);
                FORMAT_W: format_w_q <= written(format_w_q, write_data_q, write_mask, FORMAT_W_FIELDS);
                FORMAT_Y: format_y_q <= written(format_y_q, write_data_q, write_mask, FORMAT_FIELDS);
                ROUNDING: rounding_q <= written(rounding_q, write_data_q, write_mask, 32'h7);
                CLAMP: clamp_q <= written(clamp_q, write_data_q, write_mask, 32'h1ff);
                OUTPUT: output_q <= written(output_q, write_data_q, write_mask, 32'h1);
                IRQ_ENABLE: irq_enable_q <= written(irq_enable_q, write_data_q, write_mask, 32'h3);
                default: ;
            endcase
        end
    end

    assign {a_bias, a_exponent_bits, a_signed} = {format_a_q[23:16], format_a_q[11:8], format_a_q[0]};
    assign {w_exponent_bits, w_signed} = {format_w_q[11:8], format_w_q[0]};
    assign {y_bias, y_exponent_bits, y_signed} = {format_y_q[23:16], format_y_q[11:8], format_y_q[0]};
    assign rounding = rounding_q[2:0];
    assign {clamp_enable, clamp} = clamp_q[8:0];
    assign raw = output_q[0];

    // Sticky bits: setting wins over clearing.
    reg [3:0]  errors_q;
    reg [2:0]  flags_q;
    reg [1:0]  irq_status_q;
    reg [31:0] tiles_done_q;

    wire [3:0] clear = write ? write_ones : 4'd0;

    assign irq = (irq_status_q & irq_enable_q[1:0]) != 2'd0;

    always @(posedge clk) begin
        if (rst) begin
            errors_q <= 4'd0;
            flags_q <= 3'd0;
            irq_status_q <= 2'd0;
            soft_reset <= 1'b0;
        end else begin
            errors_q <= (errors_q & ~(write_word_q == ERRORS ? clear : 4'd0)) | errors_set;
            flags_q <= (flags_q & ~(write_word_q == FLAGS ? clear[2:0] : 3'd0)) | flags_set;
            irq_status_q <= (irq_status_q & ~(write_word_q == IRQ_STATUS ? clear[1:0] : 2'd0))
                | {errors_set != 4'd0, tile_done};
            // An error drops a request, that of the same cycle included: software is to see it first.
            if (errors_set != 4'd0) soft_reset <= 1'b0;
            else if (write && write_word_q == CONTROL && write_ones[0]) soft_reset <= 1'b1;
            else if (resume) soft_reset <= 1'b0;
        end
    end

    // Counters, and the copy of them that is read.
    reg [63:0] cycles_q, busy_q, stalled_q, idle_q, macs_q, gated_q;
    reg [6*64-1:0] snapshot_q;

    wire [63:0] macs_a_pair = ROWS * COLS;
    reg         counts_q, pair_q, occupied_q;  // of the cycle before, which is counted now

    always @(posedge clk) begin
        if (rst || resume) {counts_q, pair_q, occupied_q} <= 3'd0;
        else {counts_q, pair_q, occupied_q} <= {1'b1, pair, occupied};
    end

    always @(posedge clk) begin
        if (rst || resume) begin
            tiles_done_q <= 32'd0;
            cycles_q <= 64'd0;
            busy_q <= 64'd0;
            stalled_q <= 64'd0;
            idle_q <= 64'd0;
            macs_q <= 64'd0;
            gated_q <= 64'd0;
        end else begin
            if (tile_done) tiles_done_q <= tiles_done_q + 1'b1;
            if (counts_q) begin
                cycles_q <= cycles_q + 1'b1;
                if (pair_q) busy_q <= busy_q + 1'b1;
                else if (occupied_q) stalled_q <= stalled_q + 1'b1;
                else idle_q <= idle_q + 1'b1;
            end
            if (pair_q) macs_q <= macs_q + macs_a_pair;
            gated_q <= gated_q + {{64-GATED_WIDTH{1'b0}}, gated};
        end
    end

    always @(posedge clk) begin
        if (rst) snapshot_q <= {6*64{1'b0}};
        else if (write && write_word_q == CONTROL && write_ones[1])
            snapshot_q <= {gated_q, macs_q, idle_q, stalled_q, busy_q, cycles_q};
    end

    // Read channel.
    wire [5:0] read_word = s_axil_araddr[7:2];
    wire       read_known = is_known(read_word) && s_axil_araddr[1:0] == 2'd0;
    reg [31:0] read_data;

    always @* begin
        case (read_word)
            ID: read_data = IDENTIFICATION;
            VERSION: read_data = INTERFACE_VERSION;
            BUILD: read_data = {20'd0, PIPELINE[3:0], ACCUMULATOR[3:0], EXP_MAX[3:0]};
            SHAPE: read_data = {COLS[15:0], ROWS[15:0]};
            LENGTH: read_data = K_MAX;
            CONTROL: read_data = {31'd0, soft_reset};
            STATUS: read_data = {30'd0, halted, occupied};
            ERRORS: read_data = {28'd0, errors_q};
            FLAGS: read_data = {29'd0, flags_q};
            FORMAT_A: read_data = format_a_q;
            FORMAT_W: read_data = format_w_q;
            FORMAT_Y: read_data = format_y_q;
            ROUNDING: read_data = rounding_q;
            CLAMP: read_data = clamp_q;
            OUTPUT: read_data = output_q;
            IRQ_ENABLE: read_data = irq_enable_q;
            IRQ_STATUS: read_data = {30'd0, irq_status_q};
            TILES_DONE: read_data = tiles_done_q;
            CYCLES: read_data = snapshot_q[0*32 +: 32];
            CYCLES_HIGH: read_data = snapshot_q[1*32 +: 32];
            BUSY: read_data = snapshot_q[2*32 +: 32];
            BUSY_HIGH: read_data = snapshot_q[3*32 +: 32];
            STALLED: read_data = snapshot_q[4*32 +: 32];
            STALLED_HIGH: read_data = snapshot_q[5*32 +: 32];
            IDLE: read_data = snapshot_q[6*32 +: 32];
            IDLE_HIGH: read_data = snapshot_q[7*32 +: 32];
            MACS: read_data = snapshot_q[8*32 +: 32];
            MACS_HIGH: read_data = snapshot_q[9*32 +: 32];
            GATED: read_data = snapshot_q[10*32 +: 32];
            GATED_HIGH: read_data = snapshot_q[11*32 +: 32];
            default: read_data = 32'd0;
        endcase
    end

    assign s_axil_arready = !s_axil_rvalid;

    always @(posedge clk) begin
        if (rst) begin
            s_axil_rvalid <= 1'b0;
            s_axil_rdata <= 32'd0;
            s_axil_rresp <= OKAY;
        end else if (s_axil_arvalid && s_axil_arready) begin
            s_axil_rvalid <= 1'b1;
            s_axil_rdata <= read_known ? read_data : 32'd0;
            s_axil_rresp <= read_known ? OKAY : SLVERR;
        end else if (s_axil_rready) begin
            s_axil_rvalid <= 1'b0;
        end
    end

endmodule

`default_nettype wire
