"""Guards of the checks of the FIFO's bench."""

from tests.benches.faulty import Fault

BUILD = {"WIDTH": 8, "DEPTH": 2}
READY = "in_ready = write_q - read_q != DEPTH[INDEX:0]"
VALID = "out_valid = write_q != read_q"
GUARDS = {
    "fifo.ready": Fault("fifo", READY, "in_ready = write_q == read_q", "fifo", BUILD),
    "fifo.valid": Fault("fifo", VALID, "out_valid = write_q[0] != read_q[0]", "fifo", BUILD),
    "fifo.data": Fault("fifo", "<= in_data;", "<= in_data & ~1'b1;", "fifo", BUILD),
    "fifo.registered": Fault(
        "fifo", READY, f"{READY} || out_ready", "fifo", BUILD, test="no_combinational_path"
    ),
}
