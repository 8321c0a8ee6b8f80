"""A stream as it shows at a design's boundary: beats, stalls, starvation, and its rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from verif.simulator.checks import check


@dataclass(frozen=True)
class Port:
    """Pins of a stream.

    Attributes
    ----------
    valid
        Pin that offers a beat.
    ready
        Pin that takes it; None where every beat is taken at once.
    payload
        Pins that go with a beat.
    last
        Pin of the payload that ends a packet; None where each beat is one.
    """

    valid: str
    ready: str | None = None
    payload: tuple[str, ...] = ()
    last: str | None = None


@dataclass
class Stream:
    """What moves at a port, cycle by cycle; a broken rule raises `CheckError`.

    The rules are those of AXI4-Stream: an offer is not withdrawn, what it carries holds until it
    is taken, and nothing of it is X or Z.

    Attributes
    ----------
    beats, stalls, starvations
        Cycles in which a beat moved, waited for its receiver, or was waited for.
    offered, starved
        Whether in this cycle a beat is offered, or waited for.
    waiting
        Whether a beat was offered in this cycle and not taken.
    moved
        The payload that moves at the end of this cycle, None if none does.
    open
        Whether a packet has begun and not ended.
    """

    dut: Any
    port: Port
    beats: int = 0
    stalls: int = 0
    starvations: int = 0
    offered: bool = False
    starved: bool = False
    waiting: bool = False
    moved: Mapping[str, int] | None = None
    open: bool = False
    _held: Mapping[str, int] | None = None
    _pins: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Look the pins up."""
        port = self.port
        for name in (port.valid, port.ready, *port.payload):
            if name is not None:
                self._pins[name] = getattr(self.dut, name)

    def forget(self) -> None:
        """Expect nothing of what was offered, after a reset."""
        self.offered = self.starved = self.waiting = self.open = False
        self.moved = self._held = None

    def sample(self) -> Mapping[str, int] | None:
        """Look at one cycle; return the payload that moves at its end, if any."""
        held = self._held
        self.moved = (held or self.payload()) if self.step() else None
        if self.moved is not None and self.port.last is not None:
            self.open = not self.moved[self.port.last]
        return self.moved

    def step(self) -> bool:
        """Look at one cycle; return whether a beat moves at its end.

        What a beat carries is looked at if it has to wait, that is, if it could change.
        """
        port = self.port
        self.offered = bool(self.known(port.valid))
        ready = True if port.ready is None else bool(self.known(port.ready))
        self.starved = ready and not self.offered
        self.waiting = self.offered and not ready
        if not self.offered:
            check("stream.offer_stays", self._held is None, self._fell)
            self._held = None
            self.starvations += ready
            return False
        if self.waiting or self._held is not None:
            payload = self.payload()
            check("stream.payload_holds", self._held in (None, payload), self._changed)
            self._held = payload if self.waiting else None
        self.stalls += self.waiting
        self.beats += ready
        return ready

    def _fell(self) -> str:
        return f"{self.port.valid} fell before the beat was taken"

    def _changed(self) -> str:
        return f"{self.port.valid}: the payload changed while it waited"

    def payload(self) -> Mapping[str, int]:
        """Return what the payload's pins carry."""
        return {name: self.known(name) for name in self.port.payload}

    def known(self, name: str) -> int:
        """Return a pin's unsigned value, of which no bit is X or Z."""
        value = self._pins[name].value
        try:
            number = int(value)
        except ValueError:
            number = None
        check("stream.known", number is not None, lambda: f"{name} is {value}")
        return number or 0
