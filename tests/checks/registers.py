"""Guards of the checks of the bench of ffp8_registers."""

from tests.benches.faulty import Fault

BUILD = {"ROWS": 3, "COLS": 5, "K_MAX": 100, "PIPELINE": 1, "GATED_WIDTH": 4}
KNOWN = "write_aligned_q && is_known(write_word_q) ?"
MASTER = "a_master_with_accesses_on_the_way"


def fault(old: str, new: str, test: str) -> Fault:
    """Return a fault of the registers."""
    return Fault("registers", old, new, "registers", BUILD, test=test)


GUARDS = {
    "registers.answers_after_reset": fault(
        "            s_axil_bresp <= OKAY;",
        "            if (s_axil_bresp !== SLVERR) s_axil_bresp <= OKAY;",
        "reset_takes_answers_back",
    ),
    "registers.outputs": fault(
        "(irq_status_q & irq_enable_q[1:0]) != 2'd0",
        "irq_status_q[0] && irq_enable_q[0]",
        "what_sets_which_sticky_bit",
    ),
    "registers.answers": fault(
        "data_held_q <= 1'b0;\n            s_axil_bvalid <= 1'b0;",
        "data_held_q <= 1'b0;\n            if (s_axil_bvalid !== 1'b1) s_axil_bvalid <= 1'b0;",
        "reset_takes_answers_back",
    ),
    "registers.bresp": fault(KNOWN, "write_aligned_q ?", "unknown_addresses"),
    "registers.read": fault("read_known ? read_data : 32'd0", "read_data", "unknown_addresses"),
    "registers.write_answers": fault(KNOWN, "write_aligned_q ?", MASTER),
    "registers.read_answers": fault("write_mask, 32'h7)", "write_mask, 32'h3)", MASTER),
}
