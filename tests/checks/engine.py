"""Guards of the checks of the engine's bench."""

from tests.benches.faulty import Fault

BUILD = {"EXP_MAX": 3, "ROWS": 1, "COLS": 1, "K_MAX": 16}
GUARDS = {
    "engine.counters_after_reset": Fault(
        "engine",
        "            foot_valid_q <= {FOOT{1'b0}};\n",
        "            if (!y_room) foot_valid_q <= {FOOT{1'b0}};\n"
        "            else foot_valid_q <= {foot_valid_q[FOOT-2:0], row_valid};\n",
        "engine",
        BUILD,
        test="a_reset_empties_every_stage",
    ),
}
