"""Guards of the checks of the bench of ffp8_context."""

from tests.benches.faulty import Fault

BUILD = {"EXP_MAX": 3, "COLS": 2, "ACC_WIDTH": 39, "SHIFT_WIDTH": 6, "SLOTS": 4}


def fault(old: str, new: str) -> Fault:
    """Return a fault that shows while the ring is filled and reset."""
    return Fault("context", old, new, "context", BUILD, test="reset_empties_the_ring")


GUARDS = {
    "context.occupied": fault("inside_q || converting_q ||", "inside_q ||"),
    "context.c_ready": fault(
        "c_ready = advance && (inside_q", "c_ready = advance && !stream_done && (inside_q"
    ),
    "context.stream_ready": fault(
        "stream_ready = load_q != stream_q;", "stream_ready = load_q != stream_q && !write;"
    ),
    "context.stream_errors": fault(
        "start_error && !done_refused, done", "start_error_q && !done_refused, done"
    ),
    "context.stream_formats": fault(
        "settings_slot_q[stream_q[INDEX-1:0]][SETTINGS-1",
        "settings_slot_q[drain_q[INDEX-1:0]][SETTINGS-1",
    ),
    "context.stream_starts": fault("= 36'd0;", "= c == COLS - 1;"),
    "context.drain_output": fault(
        "drain_q[INDEX-1:0]][17:0];", "drain_q[INDEX-1:0]][17:0] & ~18'd1;"
    ),
    "context.drain_columns": fault(
        "<= {start_negative, start_magnitude,",
        "<= {start_negative && c < COLS - 1, start_magnitude,",
    ),
}
