"""How the environment meets a design: the adapter, and a base for designs with plain pins."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import ReadWrite, RisingEdge

from verif.engine.streams import Port, Stream
from verif.environment.capabilities import Capabilities
from verif.environment.draw import choose
from verif.environment.job import Job, Outcome
from verif.environment.settings import Settings

NOISY = 0.25
"""Share of beats in which pins that carry nothing change, though none begins or ends to do so."""


class Adapter(ABC):
    """Maps jobs and outcomes to a design's pins.

    Attributes
    ----------
    can
        What the design can do.
    streams
        Its streams by name, `can.sources` and `can.sinks`.
    edge
        Trigger of the clock's active edge.
    """

    can: Capabilities
    streams: dict[str, Stream]
    edge: Any

    @abstractmethod
    async def reset(self, kind: str = "reset") -> None:
        """Reset the design, in one of the ways that it has; it then takes jobs."""

    @abstractmethod
    async def send(self, job: Job) -> None:
        """Begin to send a job; return when another, of any configuration, may be sent."""

    async def send_all(self, jobs: Sequence[Job]) -> None:
        """Send jobs of one configuration, one right behind the other."""
        for job in jobs:
            await self.send(job)

    @abstractmethod
    def pace(self, rates: Mapping[str, float]) -> None:
        """From now on offer, or be ready, in these shares of cycles, by stream; 1 for others."""

    @abstractmethod
    def take(self, stream: str, payload: Mapping[str, int]) -> Iterable[Job | Outcome]:
        """Return the jobs and outcomes that a beat completes which moved at the boundary."""

    def drive(self) -> None:  # noqa: B027
        """Drive the next cycle, after this one was looked at; for adapters that drive pins."""

    async def configure(self, settings: Settings) -> None:  # noqa: B027
        """Have what is sent from now on meet these settings, where they are registers."""

    async def errors(self) -> set[str]:
        """Return the sticky errors that the design shows, of config, start, packet, length."""
        return set()

    async def halted(self) -> None:  # noqa: B027
        """Wait until the design shows that it takes no job after a failing one."""

    async def recover(self) -> None:  # noqa: B027
        """Clear the errors and get the design to take jobs again."""

    @property
    def halts(self) -> bool:
        """Whether the design takes no job after a failing one, until `recover`."""
        return "soft reset" in self.can.resets

    @property
    def in_reset(self) -> bool:
        """Whether the design is held in reset in this cycle."""
        return False


class PinAdapter(Adapter):
    """Base of adapters for a design with plain valid and ready pins: drives and samples them.

    A subclass names the pins, turns a job into beats (`beats`) and beats into jobs and
    outcomes (`take`). Between offers the payload pins carry noise, or what `noise` returns.

    Parameters
    ----------
    dut
        The design.
    random
        Where pace and noise come from.
    """

    clock = "clk"
    reset_pin = "rst"
    reset_level = 1
    ports: Mapping[str, Port]

    def __init__(self, dut: Any, can: Capabilities, random: np.random.Generator) -> None:
        self.dut, self.can, self.random = dut, can, random
        self.streams = {name: Stream(dut, port) for name, port in self.ports.items()}
        self.edge = RisingEdge(getattr(dut, self.clock))
        self._rates: Mapping[str, float] = {}
        self._queues: dict[str, deque[dict[str, int]]] = {name: deque() for name in can.sources}
        self._offers: dict[str, dict[str, int] | None] = dict.fromkeys(can.sources)
        self._driven: dict[str, int] = {}
        self._widths: dict[str, int] = {}
        self._carried: dict[str, Collection[str]] = {}  # pins of the payload that carry something
        self._in_reset = True
        Clock(getattr(dut, self.clock), 10, unit="ns", impl="gpi").start(start_high=False)
        self._set({self.reset_pin: self.reset_level})

    @abstractmethod
    def beats(self, job: Job) -> Iterable[tuple[str, dict[str, int]]]:
        """Yield each beat of a job: the stream, and the values of its payload pins."""

    @property
    def in_reset(self) -> bool:
        """Whether the design is held in reset in this cycle."""
        return self._in_reset

    async def reset(self, kind: str = "reset") -> None:
        """Hold reset for a cycle or two; what was on its way in is dropped.

        Meanwhile beats of noise are offered, of which the design must take none.
        """
        self._in_reset = True
        self._set({self.reset_pin: self.reset_level})
        for queue in self._queues.values():
            queue.clear()
        self._offers = dict.fromkeys(self._offers)
        for stream in self.streams.values():
            stream.forget()
        self.begin()
        self.drive()
        valids = [self.ports[name].valid for name in self.can.sources]
        for _ in range(choose(self.random, (1, 1, 1, 2))):
            self._set({valid: int(self.random.integers(2)) for valid in valids})
            await self.edge
        self._set({self.reset_pin: 1 - self.reset_level, **dict.fromkeys(valids, 0)})
        await ReadWrite()  # who looks at this last cycle of reset has to know that it is one
        self._in_reset = False

    def begin(self) -> None:
        """Forget a job or an outcome that is not complete; for subclasses that gather beats."""

    async def send(self, job: Job) -> None:
        """Queue the beats of a job; return when little is left of those before."""
        for stream, values in self.beats(job):
            self._queues[stream].append(values)
        while any(len(queue) > 4 for queue in self._queues.values()):
            await self.edge

    def pace(self, rates: Mapping[str, float]) -> None:
        """From now on offer, or be ready, in these shares of cycles, by stream; 1 for others."""
        self._rates = dict(rates)

    def drive(self) -> None:
        """Offer what is due, by the pace, and be ready, by the pace."""
        for name in self.can.sources:
            self._drive_source(name)
        for name in self.can.sinks:
            if (ready := self.ports[name].ready) is not None:
                self._set({ready: int(self._now(name))})

    def _drive_source(self, name: str) -> None:
        queue, port = self._queues[name], self.ports[name]
        if not self.streams[name].waiting:
            self._offers[name] = queue.popleft() if queue and self._now(name) else None
            payload = self._offers[name] or {}
            self._set(payload)
            if payload.keys() != self._carried.get(name) or self.random.random() < NOISY:
                self._carried[name] = payload.keys()
                self._set(self._noise(pin for pin in port.payload if pin not in payload))
        self._set({port.valid: int(self._offers[name] is not None)})

    def _now(self, name: str) -> bool:
        rate = self._rates.get(name, 1.0)
        return rate >= 1 or self.random.random() < rate

    def _noise(self, pins: Iterable[str]) -> dict[str, int]:
        """Return random values for pins."""
        widths = {pin: self._width(pin) for pin in pins}
        bits = int.from_bytes(self.random.bytes(sum(widths.values()) // 8 + 1), "little")
        values = {}
        for pin, width in widths.items():
            values[pin] = bits & (1 << width) - 1
            bits >>= width
        return values

    def _width(self, pin: str) -> int:
        if pin not in self._widths:
            self._widths[pin] = len(getattr(self.dut, pin))
        return self._widths[pin]

    def _set(self, values: Mapping[str, int]) -> None:
        for name, value in values.items():
            if self._driven.get(name) != value:
                self._driven[name] = value
                getattr(self.dut, name).value = int(value)
