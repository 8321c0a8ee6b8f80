"""Guards of the checks of the engine's bench."""

from tests.benches.faulty import EMPTY_WHEN_HALTED, Fault

BUILD = {"EXP_MAX": 3, "ROWS": 1, "COLS": 1, "K_MAX": 16}
CONTROL = "CONTROL: read_data = {31'd0, soft_reset"
IDENTIFICATION = "identification_is_that_of_the_build"
INTERRUPTS = "interrupts_follow_tiles_and_errors"
WAITS = "a_soft_reset_after_an_error_waits"


def fault(module: str, old: str, new: str, test: str) -> Fault:
    """Return a fault inside of the smallest engine."""
    return Fault(module, old, new, "engine", BUILD, test=test)


GUARDS = {
    "driver.write_answer": fault(
        "registers", "(write_word_q) ? OKAY : SLVERR", "(write_word_q) ? SLVERR : OKAY", INTERRUPTS
    ),
    "driver.read_answer": fault(
        "registers", "read_known ? OKAY : SLVERR", "read_known ? SLVERR : OKAY", IDENTIFICATION
    ),
    "engine.counters_after_reset": fault(
        "engine",
        "            foot_valid_q <= {FOOT{1'b0}};\n",
        "            if (!y_room) foot_valid_q <= {FOOT{1'b0}};\n"
        "            else foot_valid_q <= {foot_valid_q[FOOT-2:0], row_valid};\n",
        "a_reset_empties_every_stage",
    ),
    "engine.counters": fault(
        "registers",
        "else if (occupied_q) stalled_q",
        "else if (occupied_q && !tile_done) stalled_q",
        "tiles_run_back_to_back",
    ),
    "engine.idle": fault(
        "registers",
        " STATUS: read_data = {30'd0,",
        " STATUS: read_data = {29'd0, tiles_done_q != 32'd0,",
        "tiles_run_back_to_back",
    ),
    "engine.tiles_done": fault(
        "registers",
        "tiles_done_q <= 32'd0;",
        "if (rst) tiles_done_q <= 32'd0;",
        "a_soft_reset_waits_and_clears",
    ),
    "engine.reset_words": fault(
        "registers", "clamp_q <= 32'd0;", "clamp_q <= 32'd1;", "a_reset_clears_every_register"
    ),
    "engine.flags": fault(
        "engine",
        "flags_set = delivered ?",
        "flags_set = m_axis_y_tvalid ?",
        "flags_stick_until_cleared",
    ),
    "engine.packets_ahead": fault(
        "engine",
        "(PIPELINE + 5 + PERIOD - 1) / PERIOD)",
        "(PIPELINE + 5 + PERIOD - 1) / PERIOD + 9)",
        "so_many_c_packets_are_taken_ahead",
    ),
    "engine.soft_reset_waits": Fault(
        "registers", CONTROL, CONTROL + " && !halted", "engine", BUILD | {"ROWS": 4}, test=WAITS
    ),
    "engine.status": fault(
        *EMPTY_WHEN_HALTED,
        WAITS,
    ),
    "engine.request": fault(
        "registers", CONTROL, CONTROL + " || halted", "an_error_wins_over_a_pending_soft_reset"
    ),
    "engine.irq": fault("registers", "& irq_enable_q[1:0]) != 2'd0", ") != 2'd0", INTERRUPTS),
    "engine.irq_status": fault(
        "registers",
        "IRQ_STATUS: read_data = {30'd0, irq_status_q};",
        "IRQ_STATUS: read_data = {30'd0, irq_status_q & irq_enable_q[1:0]};",
        INTERRUPTS,
    ),
    "engine.identification": fault(
        "registers", "LENGTH: read_data = K_MAX;", "LENGTH: read_data = K_MAX - 1;", IDENTIFICATION
    ),
    "engine.unknown_addresses": fault(
        "registers", "read_known ? OKAY : SLVERR", "OKAY", IDENTIFICATION
    ),
}
