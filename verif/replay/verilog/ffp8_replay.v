// ffp8_replay: the engine between stream players and a recorder, for long replays.
//
// Purpose    Plays a program of tiles into `ffp8_engine`, a beat in every cycle, and records what
//            comes out, with no help from outside meanwhile. Not for synthesis.
// Interface  No ports: a test sets and reads the registers below. A change of job_request starts
//            a job, and job_done follows it at the job's end; lite_request and lite_done do the
//            same for one access to the engine's registers. The clock runs only meanwhile.
//            Files, in the folder of the run, the first byte of a word being its highest:
//            program.bin  one tile a word of 16 bytes: first word of a, of w and of c, and K.
//            a.bin        one k a word: ROWS bytes, row 0 first.
//            w.bin        one k a word: COLS bytes, column 0 first.
//            c.bin        one column a word: 8 bytes, the first being the lowest of s_axis_c.
//            y.bin        what comes out, see replay_recorder.
// Latency    A tile's first beats follow the last ones of the tile before without a gap.
// Reset      Of the engine and all else, in the first four cycles, which the first access or job
//            waits for.

`default_nettype none

module ffp8_replay #(
    parameter EXP_MAX     = 5,
    parameter ROWS        = 16,
    parameter COLS        = 16,
    parameter K_MAX       = 8192,
    parameter SEGMENT     = 28,
    parameter ACCUMULATOR = 0,
    parameter A_DEPTH     = 1 << 20,  // words of each memory, which bound a job
    parameter W_DEPTH     = 1 << 18,
    parameter C_DEPTH     = 1 << 16,
    parameter TILES       = 1 << 16
) ();

    localparam AFTER = 32;  // cycles after the last row in which nothing more may come

    // A test sets these.
    // verilator lint_off SYNCASYNCNET
    reg        job_request   /*verilator public_flat_rw*/;
    // verilator lint_on SYNCASYNCNET
    reg [31:0] tiles         /*verilator public_flat_rw*/;
    reg [31:0] a_words       /*verilator public_flat_rw*/;
    reg [31:0] w_words       /*verilator public_flat_rw*/;
    reg [31:0] c_words       /*verilator public_flat_rw*/;
    reg        raw           /*verilator public_flat_rw*/;
    reg [31:0] patience      /*verilator public_flat_rw*/;  // cycles without a row
    reg [31:0] seed          /*verilator public_flat_rw*/;  // of pauses
    reg [63:0] pauses        /*verilator public_flat_rw*/;  // of y, w, a, c in 1/65536 of cycles
    reg        lite_request  /*verilator public_flat_rw*/;
    reg        lite_write    /*verilator public_flat_rw*/;
    reg [7:0]  lite_address  /*verilator public_flat_rw*/;
    reg [31:0] lite_data     /*verilator public_flat_rw*/;

    // And reads these.
    reg         job_done      /*verilator public_flat_rd*/;
    reg         job_loaded    /*verilator public_flat_rd*/;  // files were whole
    wire [31:0] rows          /*verilator public_flat_rd*/;
    wire [5:0]  broken        /*verilator public_flat_rd*/;  // rules of m_axis_y
    wire        lite_done     /*verilator public_flat_rd*/;
    wire [31:0] lite_answer   /*verilator public_flat_rd*/;
    wire [1:0]  lite_response /*verilator public_flat_rd*/;

    // The clock.
    reg clk, running_q, started_q;
    reg loaded;  // changes when the files of a job have been read
    reg [2:0] reset_q;
    wire rst = !reset_q[2];
    wire start = !rst && loaded != started_q;
    wire active = rst || running_q || loaded != started_q || lite_request != lite_done;

    initial begin
        job_request = 1'b0;
        tiles = 32'd0;
        a_words = 32'd0;
        w_words = 32'd0;
        c_words = 32'd0;
        raw = 1'b0;
        patience = 32'd0;
        seed = 32'd1;
        pauses = 64'd0;
        lite_request = 1'b0;
        lite_write = 1'b0;
        lite_address = 8'd0;
        lite_data = 32'd0;
        job_done = 1'b0;
        job_loaded = 1'b0;
        clk = 1'b0;
        running_q = 1'b0;
        started_q = 1'b0;
        loaded = 1'b0;
        reset_q = 3'd0;
    end

    always begin
        if (active) begin
            #5 clk = 1'b1;
            #5 clk = 1'b0;
        end else begin
            @(active);
        end
    end

    always @(posedge clk) if (rst) reset_q <= reset_q + 3'd1;

    // Memories.
    reg [127:0]      program_memory [0:TILES-1];
    reg [8*ROWS-1:0] a_memory [0:A_DEPTH-1];
    reg [8*COLS-1:0] w_memory [0:W_DEPTH-1];
    reg [63:0]       c_memory [0:C_DEPTH-1];

    // A job: its files are read, its packets played until its rows have come, or none does.
    integer    y_file;
    reg [31:0] waited_q, rows_q;

    always @(job_request) begin : load
        integer program_file, a_file, w_file, c_file;
        if (job_request != job_done) begin
            program_file = $fopen("program.bin", "rb");
            a_file = $fopen("a.bin", "rb");
            w_file = $fopen("w.bin", "rb");
            c_file = $fopen("c.bin", "rb");
            y_file = $fopen("y.bin", "wb");
            job_loaded = $fread(program_memory, program_file, 0, tiles) == 16 * tiles;
            job_loaded = $fread(a_memory, a_file, 0, a_words) == ROWS * a_words && job_loaded;
            job_loaded = $fread(w_memory, w_file, 0, w_words) == COLS * w_words && job_loaded;
            job_loaded = $fread(c_memory, c_file, 0, c_words) == 8 * c_words && job_loaded;
            $fclose(program_file);
            $fclose(a_file);
            $fclose(w_file);
            $fclose(c_file);
            loaded = job_request;
        end
    end

    wire finished = !job_loaded || (rows == ROWS * tiles && waited_q == AFTER);
    wire hung = waited_q == patience;

    always @(posedge clk) begin
        rows_q <= rows;
        waited_q <= start || rows != rows_q ? 32'd0 : waited_q + 32'd1;
        if (start) begin
            started_q <= loaded;
            running_q <= 1'b1;
        end else if (running_q && (finished || hung)) begin
            $fclose(y_file);
            running_q <= 1'b0;
            job_done <= job_request;
        end
    end

    // Streams. Numbers of tiles and words are wider than the memories are deep.
    // verilator lint_off UNUSEDSIGNAL
    wire [31:0]      c_tile, a_tile, w_tile, c_address, a_address, w_address;
    wire [127:0]     c_entry = program_memory[c_tile];
    wire [127:0]     a_entry = program_memory[a_tile];
    wire [127:0]     w_entry = program_memory[w_tile];
    // verilator lint_on UNUSEDSIGNAL
    wire [63:0]      c_word = c_memory[c_address];
    wire [8*ROWS-1:0] a_word = a_memory[a_address];
    wire [8*COLS-1:0] w_word = w_memory[w_address];
    wire [63:0]      c_data, c_bytes;
    wire [8*ROWS-1:0] a_data, a_bytes;
    wire [8*COLS-1:0] w_data, w_bytes;
    wire             c_valid, c_ready, c_last, a_valid, a_ready, a_last, w_valid, w_ready, w_last;
    wire [3:0]       pause;

    genvar i;
    generate
        for (i = 0; i < 4; i = i + 1) begin : g_pauses
            localparam [31:0] APART = 32'h1e3779b9 * i;
            replay_pauses generator (
                .clk(clk), .load(start), .seed(seed ^ APART),
                .threshold(pauses[16*i +: 16]), .pause(pause[i]));
        end
        for (i = 0; i < 8; i = i + 1) begin : g_c_byte
            assign c_data[8*i +: 8] = c_bytes[8*(7-i) +: 8];
        end
        for (i = 0; i < ROWS; i = i + 1) begin : g_a_byte
            assign a_data[8*i +: 8] = a_bytes[8*(ROWS-1-i) +: 8];
        end
        for (i = 0; i < COLS; i = i + 1) begin : g_w_byte
            assign w_data[8*i +: 8] = w_bytes[8*(COLS-1-i) +: 8];
        end
    endgenerate

    replay_player #(.WIDTH(64)) c_player (
        .clk(clk), .rst(rst), .start(start && job_loaded), .last_tile(tiles - 32'd1),
        .tile(c_tile), .base(c_entry[63:32]), .length(COLS),
        .address(c_address), .word(c_word), .pause(pause[0]),
        .tdata(c_bytes), .tvalid(c_valid), .tready(c_ready), .tlast(c_last));

    replay_player #(.WIDTH(8 * ROWS)) a_player (
        .clk(clk), .rst(rst), .start(start && job_loaded), .last_tile(tiles - 32'd1),
        .tile(a_tile), .base(a_entry[127:96]), .length(a_entry[31:0]),
        .address(a_address), .word(a_word), .pause(pause[1]),
        .tdata(a_bytes), .tvalid(a_valid), .tready(a_ready), .tlast(a_last));

    replay_player #(.WIDTH(8 * COLS)) w_player (
        .clk(clk), .rst(rst), .start(start && job_loaded), .last_tile(tiles - 32'd1),
        .tile(w_tile), .base(w_entry[95:64]), .length(w_entry[31:0]),
        .address(w_address), .word(w_word), .pause(pause[2]),
        .tdata(w_bytes), .tvalid(w_valid), .tready(w_ready), .tlast(w_last));

    wire [32*COLS-1:0] y_data;
    wire [4*COLS-1:0]  y_keep;
    wire [3*COLS-1:0]  y_user;
    wire               y_valid, y_ready, y_last;

    replay_recorder #(.ROWS(ROWS), .COLS(COLS)) recorder (
        .clk(clk), .rst(rst), .start(start), .raw(raw), .pause(pause[3]), .file(y_file),
        .rows(rows), .broken(broken),
        .tdata(y_data), .tkeep(y_keep), .tuser(y_user),
        .tvalid(y_valid), .tready(y_ready), .tlast(y_last));

    // Registers.
    wire [7:0]  awaddr, araddr;
    wire [31:0] wdata, rdata;
    wire [1:0]  bresp, rresp;
    wire        awvalid, awready, wvalid, wready, bvalid, bready, arvalid, arready, rvalid, rready;
    wire        irq;
    wire        unused = &{1'b0, irq};

    replay_lite lite (
        .clk(clk), .rst(rst), .request(lite_request), .write(lite_write),
        .address(lite_address), .data(lite_data),
        .done(lite_done), .response(lite_response), .answer(lite_answer),
        .m_axil_awaddr(awaddr), .m_axil_awvalid(awvalid), .m_axil_awready(awready),
        .m_axil_wdata(wdata), .m_axil_wvalid(wvalid), .m_axil_wready(wready),
        .m_axil_bresp(bresp), .m_axil_bvalid(bvalid), .m_axil_bready(bready),
        .m_axil_araddr(araddr), .m_axil_arvalid(arvalid), .m_axil_arready(arready),
        .m_axil_rdata(rdata), .m_axil_rresp(rresp), .m_axil_rvalid(rvalid),
        .m_axil_rready(rready));

    ffp8_engine #(
        .EXP_MAX(EXP_MAX), .ROWS(ROWS), .COLS(COLS), .K_MAX(K_MAX), .SEGMENT(SEGMENT),
        .ACCUMULATOR(ACCUMULATOR)
    ) engine (
        .clk(clk), .rst(rst),
        .s_axis_c_tdata(c_data), .s_axis_c_tvalid(c_valid), .s_axis_c_tready(c_ready),
        .s_axis_c_tlast(c_last),
        .s_axis_a_tdata(a_data), .s_axis_a_tvalid(a_valid), .s_axis_a_tready(a_ready),
        .s_axis_a_tlast(a_last),
        .s_axis_w_tdata(w_data), .s_axis_w_tvalid(w_valid), .s_axis_w_tready(w_ready),
        .s_axis_w_tlast(w_last),
        .m_axis_y_tdata(y_data), .m_axis_y_tkeep(y_keep), .m_axis_y_tuser(y_user),
        .m_axis_y_tvalid(y_valid), .m_axis_y_tready(y_ready), .m_axis_y_tlast(y_last),
        .s_axil_awaddr(awaddr), .s_axil_awprot(3'd0), .s_axil_awvalid(awvalid),
        .s_axil_awready(awready), .s_axil_wdata(wdata), .s_axil_wstrb(4'd15),
        .s_axil_wvalid(wvalid), .s_axil_wready(wready), .s_axil_bresp(bresp),
        .s_axil_bvalid(bvalid), .s_axil_bready(bready), .s_axil_araddr(araddr),
        .s_axil_arprot(3'd0), .s_axil_arvalid(arvalid), .s_axil_arready(arready),
        .s_axil_rdata(rdata), .s_axil_rresp(rresp), .s_axil_rvalid(rvalid),
        .s_axil_rready(rready), .irq(irq));

endmodule

`default_nettype wire
