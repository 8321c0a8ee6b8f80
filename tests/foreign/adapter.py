"""The adapter of `fp8_mac`: what it can do, and how jobs and outcomes show at its pins."""

import numpy as np

from model import Format
from verif.environment.adapter import PinAdapter
from verif.environment.capabilities import Capabilities
from verif.environment.job import Job
from verif.environment.settings import Settings
from verif.environment.streams import Port

OPERANDS, RESULT = Format(1, 4, 3, 7), Format(1, 5, 2, 16)
CAN = Capabilities.fixed(OPERANDS, OPERANDS, RESULT, k_max=32, width=42, flags=5, latency=4)


class MacAdapter(PinAdapter):
    """Pins of `fp8_mac`; a job is an operation."""

    clock, reset_pin, reset_level = "clk_i", "rst_ni", 0
    ports = {
        "in": Port("op_vld_i", payload=("op_end_i", "x_i", "y_i"), last="op_end_i"),
        "out": Port("z_vld_o", payload=("z_o", "sat_o", "nx_o")),
    }

    def __init__(self, dut, random):
        super().__init__(dut, CAN, random)
        self.begin()

    def begin(self):
        """Forget an operation that is not complete."""
        self._pairs = []

    def beats(self, job):
        """Yield the pairs of an operation, the last of them marked."""
        for k, (x, y) in enumerate(zip(job.a_codes[0], job.w_codes[:, 0], strict=True), 1):
            yield "in", {"x_i": int(x), "y_i": int(y), "op_end_i": int(k == job.k)}

    def take(self, stream, pins):
        """Gather pairs into jobs; z and its flags are an outcome."""
        if stream == "out":
            flags = pins["sat_o"] << 2 | pins["nx_o"]
            yield np.array([[pins["z_o"]]], np.uint8), np.array([[flags]], np.uint8)
            return
        self._pairs.append((pins["x_i"], pins["y_i"]))
        if pins["op_end_i"]:
            x, y = np.array(self._pairs, np.uint8).T
            self.begin()
            yield Job(Settings.of(OPERANDS, OPERANDS, RESULT), x[None], y[:, None], (0,), (7,))
