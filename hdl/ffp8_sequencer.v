// ffp8_sequencer: pairs the beats of a and w, bounds the tiles, discards the failing one.
//
// Purpose    Feeds the array one pair of beats a cycle, in lockstep, tile after tile with no gap
//            where the streams give none. After an error it discards the failing tile on both
//            streams up to and including each one's TLAST, then halts until soft reset.
// Interface  a_*, w_*: valid/ready/last of the streams. beat_*: to the array.
//            context_*: the tile to stream (see ffp8_context); context_errors {packet, start,
//            config} make it fail before its first beat.
//            soft_reset: a request, held until `resume` or an error; `resume` answers it in the cycle
//            in which no tile streams and `quiet` says that every result has been delivered. A tile that
//            has begun to stream is finished first; contexts that have come in stay.
//            errors_set: pulses {length, packet, start, config}.
// Latency    None: a beat reaches the array in the cycle in which it is taken.
// Reset      To running, no tile begun.

`default_nettype none

module ffp8_sequencer #(
    parameter K_MAX = 8192
) (
    input  wire       clk,
    input  wire       rst,
    input  wire       a_valid,
    output wire       a_ready,
    input  wire       a_last,
    input  wire       w_valid,
    output wire       w_ready,
    input  wire       w_last,
    input  wire       context_ready,
    input  wire [2:0] context_errors,
    output wire       context_done,
    output wire       context_release,
    output wire       beat_valid,
    input  wire       beat_ready,
    output wire       beat_first,
    output wire       beat_last,
    input  wire       soft_reset,
    input  wire       quiet,
    output wire       resume,
    output wire       open,       // a new tile may come in
    output wire       halted,
    output wire [3:0] errors_set
);

    localparam COUNT = $clog2(K_MAX + 1);
    localparam [1:0] RUN = 2'd0, DISCARD = 2'd1, HALT = 2'd2;

    reg [1:0]       state_q;
    reg [COUNT-1:0] count_q;  // beats of this tile that were taken
    reg             a_left_q, w_left_q;  // while discarding: TLAST has not been seen

    wire fresh = count_q == {COUNT{1'b0}};
    wire running = state_q == RUN && context_ready && !(fresh && soft_reset);
    wire spoilt = running && context_errors != 3'd0;
    wire pair = running && !spoilt && a_valid && w_valid && beat_ready;
    wire unequal = a_last != w_last;
    wire too_long = !a_last && !w_last && count_q == K_MAX[COUNT-1:0] - 1'b1;

    assign beat_valid = pair && !unequal && !too_long;
    assign beat_first = fresh;
    assign beat_last = a_last;
    assign context_done = beat_valid && a_last;

    assign errors_set = {
        pair && too_long,
        (pair && unequal) || (spoilt && context_errors[2]),
        spoilt && context_errors[1],
        spoilt && context_errors[0]};

    wire a_discard = state_q == DISCARD && a_left_q;
    wire w_discard = state_q == DISCARD && w_left_q;
    assign a_ready = pair || a_discard;
    assign w_ready = pair || w_discard;

    assign open = state_q == RUN && !soft_reset;
    assign halted = state_q == HALT;
    assign resume = soft_reset && quiet && (halted || (state_q == RUN && fresh));
    assign context_release = resume && halted;

    always @(posedge clk) begin
        if (rst) begin
            state_q <= RUN;
            count_q <= {COUNT{1'b0}};
            a_left_q <= 1'b0;
            w_left_q <= 1'b0;
        end else begin
            case (state_q)
                RUN: begin
                    if (errors_set != 4'd0) begin
                        state_q <= DISCARD;
                        count_q <= {COUNT{1'b0}};
                        a_left_q <= spoilt || !a_last;
                        w_left_q <= spoilt || !w_last;
                    end else if (pair) begin
                        count_q <= a_last ? {COUNT{1'b0}} : count_q + 1'b1;
                    end
                end
                DISCARD: begin
                    if (a_valid && a_last) a_left_q <= 1'b0;
                    if (w_valid && w_last) w_left_q <= 1'b0;
                    if (!a_left_q && !w_left_q) state_q <= HALT;
                end
                default: if (resume) state_q <= RUN;
            endcase
        end
    end

endmodule

`default_nettype wire
