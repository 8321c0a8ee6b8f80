"""What several benches share: clock and reset, random integers, and the pipeline's scoreboard."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge

from verif.simulator.checks import check

Vector = tuple[Mapping[str, int], Any]
"""Values of the inputs by name, and what is told of the result to what judges it."""


def start_clock(dut: Any) -> RisingEdge:
    """Start the clock and return the trigger of its rising edge."""
    Clock(dut.clk, 10, unit="ns", impl="gpi").start(start_high=False)
    return RisingEdge(dut.clk)


def integer(random: np.random.Generator, bits: int) -> int:
    """Return a uniform integer of up to `bits` bits, however many these are."""
    return int.from_bytes(random.bytes(bits // 8 + 1), "little") & (1 << bits) - 1


def signed_value(random: np.random.Generator, width: int) -> int:
    """Return a signed integer of up to `width` bits, sign included, of any length and shape."""
    bits = int(random.integers(width))
    shape = random.integers(4)
    if shape == 0:
        magnitude = integer(random, bits)
    elif shape == 1:  # runs of ones, so that a carry travels far
        magnitude = (1 << bits) - (1 << int(random.integers(bits + 1)))
    elif shape == 2:  # a leading bit and something far below it
        magnitude = (1 << bits >> 1) + integer(random, int(random.integers(bits + 1)) // 2)
    else:
        magnitude = (1 << bits) - 1
    return -magnitude - int(random.integers(2)) if random.random() < 0.5 else magnitude


class Pipeline:
    """Drives a pipeline of `advance`, in_valid and out_valid, and judges it in every cycle.

    By the headers of the modules: "A pipeline that moves in cycles in which `advance` is high";
    "Latency 4 advances" of ffp8_encode, and so on; of reset "valid bits and outputs are cleared".
    In each cycle out_valid and the result are compared with what entered `latency` advances
    before: nothing may come early, late, twice or not at all, or change while the pipeline
    stands. While it stands and in bubbles the inputs carry other vectors' values.

    Parameters
    ----------
    dut
        The design.
    latency
        Advances from an input to its result.
    judge
        Called with the second part of a vector while its result is on the outputs.
    random
        Where stalls, bubbles and what fills them come from.
    cleared
        Outputs that reset sets to zero.
    """

    def __init__(
        self,
        dut: Any,
        latency: int,
        judge: Callable[[Any], None],
        random: np.random.Generator,
        cleared: Sequence[str] = ("out_valid",),
    ) -> None:
        self.sent = self.checked = self.dropped = 0
        self.stalls = self.bubbles = self.resets = 0
        self._dut, self._judge, self._random = dut, judge, random
        self._cleared = [getattr(dut, name) for name in cleared]
        self._stages: deque[Any] = deque([None] * latency, maxlen=latency)
        self._seen = False  # the last stage has been counted
        self._driven: dict[str, int] = {}
        self._inputs: dict[str, Any] = {}
        self._valid = dut.out_valid
        self._edge = start_clock(dut)

    async def reset(self) -> None:
        """Reset for one cycle in which a vector is offered, and look at what that clears.

        Every other reset comes while the pipeline stands.
        """
        self._drive({"rst": 1, "in_valid": 1, "advance": self.resets % 2})
        await self._edge
        self.resets += 1
        self.dropped += sum(stage is not None for stage in self._stages) - self._seen
        self._drive({"rst": 0, "in_valid": 0, "advance": 0})
        await self._edge
        shown = {signal._name: str(signal.value) for signal in self._cleared}
        check("pipeline.cleared", not set("".join(shown.values())) - {"0"}, f"{shown} after reset")
        self._stages.extend([None] * len(self._stages))
        self._seen = False

    async def run(
        self, vectors: Sequence[Vector], advance: float, valid: float, drain: bool = True
    ) -> None:
        """Send vectors, at these probabilities of an advance and of a vector in an advance."""
        assert advance > 0 and valid > 0
        random, stages, position = self._random.random, self._stages, 0
        while position < len(vectors) or (drain and any(stages)):
            moves = random() < advance
            enters = position < len(vectors) and random() < valid
            chosen = position if moves and enters else int(random() * len(vectors))
            inputs, expected = vectors[chosen]
            self._drive(inputs)
            shown = enters if moves else random() < 0.5
            self._drive({"in_valid": int(shown), "advance": int(moves)})
            await self._edge
            self._look()
            if not moves:
                self.stalls += 1
                continue
            stages.appendleft((expected,) if enters else None)
            self._seen = False
            self.sent += enters
            position += enters
            self.bubbles += not enters

    def finish(self) -> None:
        """Assert that something was sent, that all of it arrived, and that the rest was tried."""
        assert not any(self._stages), "a result is still due"
        assert self.checked + self.dropped == self.sent and self.checked > 0
        assert self.stalls > 0 and self.bubbles > 0
        self._dut._log.info("checked %d of %d sent", self.checked, self.sent)

    def _drive(self, values: Mapping[str, int]) -> None:
        for name, value in values.items():
            if self._driven.get(name) != value:
                self._driven[name] = value
                if name not in self._inputs:
                    self._inputs[name] = getattr(self._dut, name)
                self._inputs[name].value = value

    def _look(self) -> None:
        due = self._stages[-1]
        valid = str(self._valid.value)
        wanted = "0" if due is None else "1"
        check("pipeline.valid", valid == wanted, lambda: f"out_valid {valid}, result due: {due}")
        if due is not None:
            self._judge(due[0])
            self.checked += not self._seen
            self._seen = True
