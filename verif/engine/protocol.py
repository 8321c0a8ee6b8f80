"""Watches an AXI4-Stream in the background: its rules hold in every cycle, in every test."""

from __future__ import annotations

import itertools
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge

from verif.engine.streams import Port, Stream

__all__ = ["StreamChecker"]


class StreamChecker(Stream):
    """Watches an AXI4-Stream; sampled just before the rising edge, as a receiver samples.

    Parameters
    ----------
    dut
        The design, with pins `clk` and `rst`.
    prefix
        Prefix of the stream's signals.
    """

    PAYLOAD = ("tdata", "tkeep", "tlast", "tuser")

    def __init__(self, dut: Any, prefix: str) -> None:
        pins = [f"{prefix}_{name}" for name in self.PAYLOAD]
        payload = tuple(name for name in pins if hasattr(dut, name))
        super().__init__(dut, Port(f"{prefix}_tvalid", f"{prefix}_tready", payload))

    def start(self) -> StreamChecker:
        """Watch in the background from now on; a broken rule fails the test."""
        cocotb.start_soon(self.watch())
        return self

    async def watch(self, cycles: int | None = None) -> None:
        """Check `cycles` cycles, or for ever."""
        edge, rst = RisingEdge(self.dut.clk), self.dut.rst
        for _ in itertools.count() if cycles is None else range(cycles):
            await edge
            if rst.value != 0:
                self.forget()
            else:
                self.step()
