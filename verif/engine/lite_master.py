"""An AXI4-Lite master that drives any timing, any address and any strobe.

Bus models align addresses and offer what they have at once; here each channel has its own timing.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np
from cocotb.triggers import RisingEdge

from verif.engine.lite import Seen
from verif.simulator.checks import check

PATIENCE = 2_000
"""Cycles after which an access that was sent has to be answered."""


_INPUTS = ("awvalid", "awaddr", "awprot", "wvalid", "wdata", "wstrb", "bready")
_INPUTS += ("arvalid", "araddr", "arprot", "rready")


@dataclass(eq=False)
class Access:
    """An access and its timing, in cycles.

    Attributes
    ----------
    address, data, strobe
        What is sent; data is None for a read.
    wait
        Before address and data, each, once the access before it on its side is out of the way.
    hold
        That an answer is offered before it is taken.
    early
        Begins when the access before has been sent, not when it has been answered.
    response, word
        What the answer was.
    """

    address: int
    data: int | None = None
    strobe: int = 15
    wait: tuple[int, int] = (0, 0)
    hold: int = 0
    early: bool = False
    response: int | None = None
    word: int | None = None


@dataclass(frozen=True)
class Answer:
    """What a bus model gives for an access: response and data."""

    resp: int
    data: bytes


class _Side:
    """What the master still has to do on the side of writes, or of reads."""

    def __init__(self, channels: tuple[str, ...], answer: str) -> None:
        self.channels, self.answer = channels, answer
        self.forget()

    def forget(self) -> None:
        self.waiting: deque[Access] = deque()
        self.unanswered: deque[Access] = deque()
        self.current: Access | None = None
        self.left: dict[str, int] = {}  # cycles until a channel offers the current access
        self.held = 0  # cycles that the oldest answer has been offered
        self.idle = 0

    @property
    def busy(self) -> bool:
        return bool(self.waiting or self.unanswered or self.current)

    def step(self, seen: Seen) -> list[Access]:
        """End a cycle; return the accesses whose answer moved in it."""
        answered = []
        self.held = self.held + 1 if self.answer in seen.offered else 0
        if self.answer in seen.moved:
            answered.append(self.unanswered.popleft())
            self.held = 0
        for name in list(self.left):
            if self.left[name] == 0 and name in seen.moved:
                del self.left[name]
            elif self.left[name]:
                self.left[name] -= 1
        if self.current is not None and not self.left:
            self.current = None
        may_begin = self.waiting and (self.waiting[0].early or not self.unanswered)
        if self.current is None and may_begin:
            self.current = self.waiting.popleft()
            self.unanswered.append(self.current)
            self.left = dict(zip(self.channels, self.current.wait, strict=False))
        self.idle = self.idle + 1 if self.busy and not answered else 0
        check("lite.every_access_is_answered", self.idle < PATIENCE, lambda: f"{self.unanswered}")
        if self.idle >= PATIENCE:  # the check was taken out
            self.forget()
        return answered

    def offers(self, channel: str) -> Access | None:
        """Return the access that a channel offers, if it does."""
        return self.current if self.left.get(channel) == 0 else None

    def ready(self) -> bool:
        """Whether to take an answer in the next cycle."""
        return bool(self.unanswered) and self.held >= self.unanswered[0].hold


class LiteMaster:
    """Sends accesses, writes and reads independently of each other, noise where nothing is sent.

    Parameters
    ----------
    dut
        The design.
    random
        Where the noise comes from.
    """

    def __init__(self, dut: Any, random: np.random.Generator) -> None:
        self._pins = {name: getattr(dut, f"s_axil_{name}") for name in _INPUTS}
        self._payload = {
            name: getattr(dut, f"s_axil_{name}") for name in ("bresp", "rdata", "rresp")
        }
        self._random, self._driven = random, dict[str, int]()
        self._edge = RisingEdge(dut.clk)
        self._writes, self._reads = _Side(("aw", "w"), "b"), _Side(("ar",), "r")
        self._set(**dict.fromkeys(_INPUTS, 0))

    @property
    def busy(self) -> bool:
        """Whether an access has not been answered."""
        return self._writes.busy or self._reads.busy

    def forget(self) -> None:
        """Drop what was to be sent or answered: the design is reset."""
        self._writes.forget()
        self._reads.forget()
        self._set(awvalid=0, wvalid=0, arvalid=0, bready=0, rready=0)

    def post(self, access: Access) -> Access:
        """Queue an access; one without waits is offered from the next step on."""
        (self._reads if access.data is None else self._writes).waiting.append(access)
        return access

    def step(self, seen: Seen) -> None:
        """End a cycle that the monitor has looked at, and drive the next."""
        for access in self._writes.step(seen):
            access.response = int(self._payload["bresp"].value)
        for access in self._reads.step(seen):
            access.response = int(self._payload["rresp"].value)
            access.word = int(self._payload["rdata"].value)
        noise = self._random.integers(2**32, size=3).tolist()
        address, data, read = (
            self._writes.offers("aw"),
            self._writes.offers("w"),
            self._reads.offers("ar"),
        )
        self._set(
            awvalid=int(address is not None),
            awaddr=noise[0] & 0xFF if address is None else address.address,
            awprot=noise[0] >> 8 & 7,
            wvalid=int(data is not None),
            wdata=noise[1] if data is None else data.data,
            wstrb=noise[0] >> 16 & 15 if data is None else data.strobe,
            bready=int(self._writes.ready()),
            arvalid=int(read is not None),
            araddr=noise[2] & 0xFF if read is None else read.address,
            arprot=noise[2] >> 8 & 7,
            rready=int(self._reads.ready()),
        )

    async def _answer(self, access: Access) -> Answer:
        self.post(access)
        while access.response is None:
            await self._edge
        return Answer(access.response, (access.word or 0).to_bytes(4, "little"))

    async def write(self, address: int, data: bytes) -> Answer:
        """Write bytes of one word, as a bus model does it."""
        lanes = address % 4
        word = int.from_bytes(data, "little") << 8 * lanes
        strobe = (1 << len(data)) - 1 << lanes
        return await self._answer(Access(address - lanes, word, strobe))

    async def read(self, address: int, length: int) -> Answer:
        """Read a word."""
        return await self._answer(Access(address))

    def _set(self, **values: int) -> None:
        for name, value in values.items():
            if self._driven.get(name) != value:
                self._driven[name] = value
                self._pins[name].value = value
