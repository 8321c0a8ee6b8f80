"""Guards of the checks of the bench of ffp8_control."""

from tests.benches.faulty import Fault

BUILD = {"PIPELINE": 2}
GUARDS = {
    "control.accumulate": Fault(
        "control", "accumulate = beat_q[PIPELINE]", "accumulate = beat_q[0]", "control", BUILD
    ),
    "control.accumulate_first": Fault(
        "control", "if (step) first_q", "if (step && beat) first_q", "control", BUILD
    ),
    "control.done": Fault("control", "beat && last}", "last}", "control", BUILD),
    "control.busy": Fault("control", "1'b0}} || done;", "1'b0}};", "control", BUILD),
}
