"""Guards of the checks of the bench of ffp8_sequencer, and of that of every handshake."""

from tests.benches.faulty import Fault

BUILD = {"K_MAX": 5}
RESETS, CALM = "reset_in_every_state", "a_pair_every_cycle"
PAIR = "a_valid && w_valid && beat_ready;"
ACCEPTED = """\
assign beat_valid = pair && !unequal && !too_long;
    assign beat_first = fresh;
    assign beat_last = a_last;
    assign context_done = beat_valid && a_last;"""
OFFERED = """\
wire good = running && !spoilt && a_valid && w_valid && !unequal && !too_long;
    assign beat_valid = good && (beat_ready || quiet);  // withdrawn when it is quiet no more
    assign beat_first = fresh;
    assign beat_last = a_last;
    assign context_done = good && beat_ready && a_last;"""
GAP = """ && !gap_q;
    reg gap_q;
    always @(posedge clk) gap_q <= !rst && context_done;"""


def fault(old: str, new: str, test: str = RESETS) -> Fault:
    """Return a fault of the sequencer."""
    return Fault("sequencer", old, new, "sequencer", BUILD, test=test)


GUARDS = {
    "handshake.held": fault(ACCEPTED, OFFERED),
    "sequencer.halted": fault("state_q == HALT;", "state_q == HALT || context_done;", CALM),
    "sequencer.open": fault(
        "state_q == RUN && !soft_reset;", "state_q == RUN && !soft_reset && !context_done;", CALM
    ),
    "sequencer.taken": fault(
        "pair && !unequal && !too_long;", "pair && (!unequal || w_last) && !too_long;"
    ),
    "sequencer.beat": fault("beat_first = fresh;", "beat_first = fresh || a_last;", CALM),
    "sequencer.errors_set": fault(
        "spoilt && context_errors[1],", "spoilt && context_errors[1] && !context_errors[0],"
    ),
    "sequencer.context_done": fault(
        "context_done = beat_valid && a_last;", "context_done = beat_valid && a_last || halted;"
    ),
    "sequencer.context_release": fault("= resume && halted;", "= resume;"),
    "sequencer.settled": fault(
        "if (!a_left_q && !w_left_q) state_q",
        "if (!a_left_q && !w_left_q && a_valid && w_valid) state_q",
    ),
    "sequencer.resume": fault(
        "soft_reset && quiet && (halted ||", "soft_reset && (halted && quiet ||"
    ),
    "sequencer.rate": fault(PAIR, PAIR[:-1] + GAP, CALM),
    "sequencer.finished": fault(PAIR, PAIR[:-1] + " && !(a_last && count_q == 3);", CALM),
}
