"""Rules that hold on a bus whatever the data: checked in every cycle, in every test."""

from __future__ import annotations

import itertools
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge


class ProtocolError(AssertionError):
    """A bus that broke its rules."""


class StreamChecker:
    """Watches an AXI4-Stream: TVALID is not withdrawn, the payload holds until it is taken.

    An X or Z on TVALID or TREADY, or in a payload while valid, is an error too. Sampled just
    before the rising edge, as a receiver samples.

    Parameters
    ----------
    dut
        The design.
    prefix
        Prefix of the stream's signals.

    Attributes
    ----------
    beats
        Beats that moved.
    stalls
        Cycles in which a beat was offered and not taken.
    starved
        Cycles in which the receiver was ready and nothing was offered.
    """

    PAYLOAD = ("tdata", "tkeep", "tlast", "tuser")

    def __init__(self, dut: Any, prefix: str) -> None:
        self.beats = self.stalls = self.starved = 0
        self._dut, self._prefix = dut, prefix
        names = [name for name in self.PAYLOAD if hasattr(dut, f"{prefix}_{name}")]
        self._payload = [getattr(dut, f"{prefix}_{name}") for name in names]
        self._valid = getattr(dut, f"{prefix}_tvalid")
        self._ready = getattr(dut, f"{prefix}_tready")

    def start(self) -> StreamChecker:
        """Watch in the background from now on; a broken rule fails the test."""
        cocotb.start_soon(self.watch())
        return self

    async def watch(self, cycles: int | None = None) -> None:
        """Check `cycles` cycles, or for ever."""
        offered = None
        edge = RisingEdge(self._dut.clk)
        for _ in itertools.count() if cycles is None else range(cycles):
            await edge
            if self._dut.rst.value != 0:
                offered = None
                continue
            valid, ready = self._level(self._valid, "tvalid"), self._level(self._ready, "tready")
            if offered is not None and not valid:
                raise ProtocolError(f"{self._prefix}_tvalid fell before the beat was taken")
            if not valid:
                self.starved += ready
                continue
            if ready and offered is None:
                payload = None
            else:
                payload = [self._known(signal) for signal in self._payload]
            if offered is not None and payload != offered:
                raise ProtocolError(f"{self._prefix}: the payload changed while it waited")
            offered = None if ready else payload
            self.beats += ready
            self.stalls += not ready

    def _level(self, signal: Any, name: str) -> bool:
        try:
            return bool(signal.value)
        except ValueError:
            raise ProtocolError(f"{self._prefix}_{name} is {signal.value}") from None

    def _known(self, signal: Any) -> int:
        try:
            return int(signal.value)
        except ValueError:
            raise ProtocolError(f"{self._prefix}: {signal._name} is {signal.value}") from None
