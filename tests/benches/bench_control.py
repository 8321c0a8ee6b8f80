"""ffp8_control: the controls of every beat, at the steps that its header names."""

from __future__ import annotations

from collections import Counter, deque

from tests.benches.control import Pins
from verif.simulator.checks import check
from verif.simulator.simulation import bench_random, bench_test

INPUTS = ("step", "beat", "first", "last")
OUTPUTS = ("accumulate", "done", "busy")
CYCLES = 600
RHYTHMS = ((1.0, 1.0), (0.5, 0.9), (0.9, 0.3), (0.1, 0.5))  # shares of steps, and of beats


class Line:
    """What is inside, by the header of the module: it moves in steps alone.

    "PIPELINE + 1 steps from `beat` to `accumulate`, one more to `done`", which is high while the
    accumulators hold finished sums: until the next step. "`busy`: a beat or a finished sum is
    inside." A beat is (first, last), a bubble None.
    """

    def __init__(self, pipeline: int) -> None:
        self.beats: deque[tuple[int, int] | None] = deque([None] * (pipeline + 1))
        self.done = 0

    def step(self, beat: tuple[int, int] | None) -> None:
        """Move everything on, and let a beat or a bubble in."""
        arrived = self.beats.pop()
        self.done = arrived[1] if arrived else 0
        self.beats.appendleft(beat)

    @property
    def busy(self) -> bool:
        """Whether anything is inside."""
        return any(self.beats) or bool(self.done)


@bench_test()
async def controls_of_every_beat(dut):
    """In every rhythm, with resets in between; a beat that is first and last among them."""
    random, pins = bench_random(), Pins(dut, INPUTS, OUTPUTS)
    seen: Counter[str] = Counter()
    for steps, beats in RHYTHMS * 2:
        await pins.reset()
        line = Line(int(dut.PIPELINE.value))
        for _ in range(CYCLES if random.random() < 0.7 else int(random.integers(1, 20))):
            step, beat = int(random.random() < steps), int(random.random() < beats)
            first, last = (int(bit) for bit in random.integers(2, size=2))
            pins.drive(step=step, beat=beat, first=first, last=last)
            sample, arriving = await pins.cycle(), line.beats[-1]
            check("control.accumulate", sample.accumulate == (arriving is not None))
            check("control.done", sample.done == line.done)
            check("control.busy", sample.busy == line.busy)
            if arriving is not None:
                shown = int(dut.accumulate_first.value)
                check("control.accumulate_first", shown == arriving[0], f"{shown}, {arriving}")
                seen[f"{arriving}"] += 1
            seen["done, not to step"] += line.done and not step
            if step:
                line.step((first, last) if beat else None)
        seen["reset while busy"] += line.busy
    assert len(seen) == 6 and min(seen.values()) > 0, seen
    dut._log.info("checked %d beats", sum(seen[f"{(a, b)}"] for a in (0, 1) for b in (0, 1)))
