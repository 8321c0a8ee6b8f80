// misbehaving_stream: an AXI4-Stream source that breaks a rule, for the protocol checker's test.
//
// Purpose    Offers beats to a slow receiver. FAULT 0: none, 1: TVALID is withdrawn, 2: the payload
//            changes while it waits, 3: the payload is X, 4: TVALID is X.
// Interface  AXI4-Stream master "m_axis_y"; the receiver is inside and ready every fourth cycle.
// Latency    None.
// Reset      Synchronous, active high.

`default_nettype none

module misbehaving_stream #(
    parameter FAULT = 0
) (
    input  wire       clk,
    input  wire       rst,
    output wire       m_axis_y_tvalid,
    output wire       m_axis_y_tready,
    output wire [7:0] m_axis_y_tdata,
    output wire       m_axis_y_tlast
);

    reg [7:0] cycle_q;

    always @(posedge clk) begin
        if (rst) cycle_q <= 8'd0;
        else cycle_q <= cycle_q + 1'b1;
    end

    wire strikes = cycle_q == 8'd102;  // in the middle of a wait

    assign m_axis_y_tready = cycle_q[1:0] == 2'd3;
    assign m_axis_y_tvalid = FAULT == 4 && strikes ? 1'bx : !(FAULT == 1 && strikes);
    assign m_axis_y_tdata = FAULT == 3 && strikes ? 8'hxx
        : FAULT == 2 && strikes ? ~cycle_q : {2'd0, cycle_q[7:2]};
    assign m_axis_y_tlast = cycle_q[2];

endmodule

`default_nettype wire
