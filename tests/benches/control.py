"""What benches share that sample pins once a cycle: pins, reset, handshakes."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

from tests.benches.common import start_clock
from verif.simulator.checks import check


class Pins:
    """Inputs that are driven and outputs that are sampled, once a cycle.

    Values driven take effect after the edge that `cycle` returned from; `cycle` returns what
    the outputs were just before the next one.

    Parameters
    ----------
    dut
        The design, with inputs `clk` and `rst`.
    inputs
        Names of all other inputs.
    outputs
        Names of the outputs that must never be X or Z once reset is over.

    Attributes
    ----------
    edge
        Trigger of the clock's rising edge.
    cycles
        Cycles since reset.
    """

    def __init__(self, dut: Any, inputs: Iterable[str], outputs: Iterable[str]) -> None:
        self.dut = dut
        self._inputs = {name: getattr(dut, name) for name in ("rst", *inputs)}
        self._outputs = {name: getattr(dut, name) for name in outputs}
        self._driven: dict[str, int] = {}
        self.edge = start_clock(dut)
        self.cycles = 0
        self.drive(**dict.fromkeys(self._inputs, 0))

    def drive(self, **values: int) -> None:
        """Set inputs, from now on."""
        for name, value in values.items():
            if self._driven.get(name) != value:
                self._inputs[name].value = int(value)
                self._driven[name] = value

    @property
    def names(self) -> list[str]:
        """Names of all inputs."""
        return list(self._inputs)

    def driven(self, name: str) -> int:
        """Return what an input is set to."""
        return self._driven[name]

    async def reset(self, length: int = 2, **values: int) -> None:
        """Hold reset for some cycles, then set inputs; nothing is looked at."""
        self.drive(rst=1)
        for _ in range(length):
            await self.edge
        self.drive(rst=0, **values)
        self.cycles = 0

    async def cycle(self) -> SimpleNamespace:
        """Wait for the end of the cycle and return its outputs by name."""
        await self.edge
        self.cycles += 1
        return SimpleNamespace(**{name: known(pin) for name, pin in self._outputs.items()})


def known(pin: Any) -> int:
    """Return a pin's unsigned value, and check that no bit of it is X or Z."""
    value, number = pin.value, None
    with suppress(ValueError):
        number = int(value)
    check("pins.known", number is not None, lambda: f"{pin._name} is {value}")
    return number or 0


class Handshake:
    """Watches a valid/ready pair that the design offers: valid and payload hold until taken.

    Call it with each cycle's sample. X and Z are caught where the sample is taken.

    Parameters
    ----------
    valid
        Name of the output that offers.
    payload
        Names of the outputs that go with it.

    Attributes
    ----------
    moved
        Transfers seen.
    stalled
        Cycles in which an offer was not taken.
    """

    def __init__(self, valid: str, payload: tuple[str, ...]) -> None:
        self.moved = self.stalled = 0
        self._valid, self._payload = valid, payload
        self._offer: tuple[int, ...] | None = None

    def forget(self) -> None:
        """Expect nothing of what was offered, after a reset."""
        self._offer = None

    @property
    def fresh(self) -> bool:
        """Whether what is offered next has not been offered before."""
        return self._offer is None

    def __call__(self, sample: SimpleNamespace, ready: int) -> bool:
        """Return whether the payload moves in this cycle."""
        values = vars(sample)
        valid = values[self._valid]
        offer = tuple(values[name] for name in self._payload) if valid else None
        if self._offer is not None:
            told = f"{self._valid}: {self._offer} became {offer} before it was taken"
            check("handshake.held", offer == self._offer, told)
        moved = bool(valid and ready)
        self._offer = None if moved else offer
        self.moved += moved
        self.stalled += bool(valid and not ready)
        return moved
