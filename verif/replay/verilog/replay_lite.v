// replay_lite: an AXI4-Lite master that makes one access at a time.
//
// Purpose    Lets a test that is outside configure an engine and read its counters without a
//            look at each cycle. Not for synthesis.
// Interface  request  its change asks for an access: write, address, data. done follows it when
//                     the answer has come; response and answer (of a read) then hold it.
// Latency    That of the slave, and two cycles: response and answer stand when done follows.
// Reset      rst is synchronous, active high: nothing is offered, a request is left unanswered.

`default_nettype none

module replay_lite (
    input  wire        clk,
    input  wire        rst,
    input  wire        request,
    input  wire        write,
    input  wire [7:0]  address,
    input  wire [31:0] data,
    output reg         done,
    output reg  [1:0]  response,
    output reg  [31:0] answer,
    output wire [7:0]  m_axil_awaddr,
    output reg         m_axil_awvalid,
    input  wire        m_axil_awready,
    output wire [31:0] m_axil_wdata,
    output reg         m_axil_wvalid,
    input  wire        m_axil_wready,
    input  wire [1:0]  m_axil_bresp,
    input  wire        m_axil_bvalid,
    output wire        m_axil_bready,
    output wire [7:0]  m_axil_araddr,
    output reg         m_axil_arvalid,
    input  wire        m_axil_arready,
    input  wire [31:0] m_axil_rdata,
    input  wire [1:0]  m_axil_rresp,
    input  wire        m_axil_rvalid,
    output wire        m_axil_rready
);

    reg  sent_q, answered_q;
    wire asked = request != done && !sent_q && !answered_q;

    assign m_axil_awaddr = address;
    assign m_axil_wdata = data;
    assign m_axil_araddr = address;
    assign m_axil_bready = 1'b1;
    assign m_axil_rready = 1'b1;

    initial done = 1'b0;

    always @(posedge clk) begin
        if (rst) begin
            sent_q <= 1'b0;
            answered_q <= 1'b0;
            m_axil_awvalid <= 1'b0;
            m_axil_wvalid <= 1'b0;
            m_axil_arvalid <= 1'b0;
        end else begin
            if (asked) begin
                sent_q <= 1'b1;
                m_axil_awvalid <= write;
                m_axil_wvalid <= write;
                m_axil_arvalid <= !write;
            end else begin
                if (m_axil_awready) m_axil_awvalid <= 1'b0;
                if (m_axil_wready) m_axil_wvalid <= 1'b0;
                if (m_axil_arready) m_axil_arvalid <= 1'b0;
            end
            answered_q <= m_axil_bvalid || m_axil_rvalid;
            if (answered_q) done <= request;
            if (m_axil_bvalid || m_axil_rvalid) begin
                sent_q <= 1'b0;
                response <= m_axil_bvalid ? m_axil_bresp : m_axil_rresp;
                answer <= m_axil_rdata;
            end
        end
    end

endmodule

`default_nettype wire
