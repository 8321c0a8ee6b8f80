"""A processing element and, beside it, a model: in any rhythm, captured and drained."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from typing import Any

from model import Format, supported_splits
from tests.benches.common import integer, start_clock
from tests.benches.control import known
from tests.benches.element_model import Accumulator, Item, Pair, Sum
from verif.engine import describe, floats
from verif.simulator.checks import check
from verif.simulator.simulation import bench_random

RHYTHMS = ((1.0, 1.0), (1.0, 0.6), (0.6, 1.0), (0.7, 0.7))
"""Probabilities of a step, and of operands in a step."""


class ElementBench:
    """Drives a processing element, and compares what leaves its chain in every cycle.

    By the header of ffp8_pe: "Everything moves only in cycles in which `step` is high, the shadow
    register apart"; "`capture` copies the accumulator into the shadow register, which is
    chain_out; `drain` shifts chain_in into it. Both at once: capture wins"; "PIPELINE + 1 steps
    from the operands to the accumulator". By docs/hardware.md: "While an operand of an element is
    zero, its product, addend and accumulator registers hold".
    """

    def __init__(self, dut: Any, accumulator: Accumulator) -> None:
        self.dut, self.accumulator = dut, accumulator
        self.random = bench_random()
        self.exp_max, self.pipeline = int(dut.EXP_MAX.value), int(dut.PIPELINE.value)
        assert accumulator.bits == len(dut.chain_in) == len(dut.chain_out)
        self.line: deque[Item | None] = deque([None] * self.pipeline)  # on their way
        self.sum = self.shadow = self.finished = None
        self.sent = self.checked = 0
        self.seen: Counter[Any] = Counter()
        self.recent: deque[Item] = deque(maxlen=4)
        self.has_start = hasattr(dut, "start")
        self.edge = start_clock(dut)

    def formats(self) -> list[Format]:
        """Return a random format of each operand."""
        splits = supported_splits(self.exp_max)
        return [Format(*splits[self.random.integers(len(splits))], 0) for _ in range(2)]

    def sum_of(self, shape: str) -> Sum:
        """Return a sum of this shape."""
        raise NotImplementedError

    def pairs(self, fmt_a: Format, fmt_w: Format, a: Any, w: Any) -> list[Pair]:
        """Return pairs of these codes."""
        return [Pair(self.exp_max, fmt_a, fmt_w, *codes) for codes in zip(a, w, strict=True)]

    async def cycle(
        self,
        item: Item | None,
        step: int,
        capture: int = 0,
        drain: int = 0,
        bubble: Pair | None = None,
    ) -> None:
        """Run one cycle: an item or a bubble enters if there is a step.

        The operands of a bubble, which nobody accumulates, are anything unless they are given.
        """
        dut, arriving, noise = self.dut, self.line[-1], integer(self.random, 8)
        mask = (1 << 1 + self.exp_max + 8) - 1
        pair = item.pair if item and step else bubble
        operands = pair.ports if pair else [integer(self.random, 32) & mask for _ in "aw"]
        dut.a_operand.value, dut.w_operand.value = operands
        dut.step.value = step
        dut.accumulate.value = int(arriving is not None) if step else noise >> 1 & 1
        dut.first.value = int(arriving.first) if arriving and step else noise >> 2 & 1
        if self.has_start:
            start = self.accumulator.start(arriving) if arriving and step else None
            dut.start.value = integer(self.random, floats.BITS) if start is None else start
        dut.capture.value, dut.drain.value = capture, drain
        chain = integer(self.random, self.accumulator.bits)
        dut.chain_in.value = chain
        await self.edge
        self._check()
        self._move(item, step, capture, drain, chain)

    def _check(self) -> None:
        """Compare what leaves through the chain with the shadow."""
        if self.shadow is None:
            return
        kind, expected = self.shadow
        actual = known(self.dut.chain_out)
        if kind == "drained":
            text = f"chain_out {actual:#x}, expected {expected:#x} from chain"
            check("element.drained", actual == expected, text)
        else:
            holds = self.accumulator.holds(actual, expected)
            check("element.sum", holds, lambda: self._text(actual, expected))

    def _text(self, actual: int, expected: Any) -> str:
        """Return what a captured sum is and what it should be."""
        operands = "; ".join(str(item.pair) for item in self.recent)
        start = f", start {describe.dyadic(self.recent[-1].start)}" if self.recent else ""
        text = self.accumulator.text(actual, expected)
        return f"chain_out {text}; last operands {operands}{start}"

    def _move(self, item: Item | None, step: int, capture: int, drain: int, chain: int) -> None:
        """Do what the design does at this edge."""
        if capture:
            self.shadow = "captured", self.sum
            self.checked += bool(self.finished)
            self.finished = False
        elif drain:
            self.shadow = "drained", chain
        self.seen["capture", step, drain] += capture
        self.seen["drain", step] += drain
        if not step:
            return
        arrived = self.line.pop()
        self.line.appendleft(item)
        if arrived:
            self.sum = self.accumulator.add(self.sum, arrived)
            self.finished = arrived.last
            self.recent.append(arrived)
            self.sent += arrived.last

    async def bubbles(self, count: int, **controls: int) -> None:
        """Run some steps in which nothing enters."""
        for _ in range(count):
            await self.cycle(None, 1, **controls)

    async def compare_sums(self, shapes: Sequence[str], repeats: int) -> None:
        """Sum up every shape in every rhythm, looked at in the middle and at the end."""
        await self.cycle(Item(self.sum_of(shapes[0]).pairs[0], True, False), 1)
        await self.bubbles(self.pipeline)
        count = 0
        for step, beat in RHYTHMS:
            for shape in (*shapes,) * repeats:
                items, looks = self.sum_of(shape).items(), self.random.random() * 0.4
                count += 1
                for item, steps in self._rhythm(step, beat, items):
                    capture = int(bool(self.finished) or self.random.random() < looks)
                    await self.cycle(item, steps, capture, int(self.random.random() < 0.4))
        for _ in range(self.pipeline + 2):
            await self.cycle(None, 1, int(bool(self.finished)))
        assert self.checked == self.sent == count > 0 and not any(self.line)
        corners = [("capture", step, drain) for step in (0, 1) for drain in (0, 1)]
        corners += [("drain", step) for step in (0, 1)]
        assert all(self.seen[corner] for corner in corners), self.seen
        self.dut._log.info("checked %d sums", self.checked)

    def _rhythm(
        self, step: float, beat: float, items: Sequence[Item]
    ) -> Iterator[tuple[Item | None, int]]:
        """Yield the items of a sum with stalls and bubbles between them, as (item, step)."""
        waiting = list(items[::-1])
        while waiting:
            steps = int(self.random.random() < step)
            enters = steps and self.random.random() < beat
            yield (waiting.pop() if enters else None), steps

    async def hold_registers(self, *registers: Any) -> None:
        """See registers keep every bit while nothing but zeros comes, twenty times.

        In bubbles the operands of the last beat stand still, as they do at the array's edge.
        """
        checked = 0
        for _ in range(20):
            fmt_a, fmt_w = self.formats()
            codes = self.random.integers(1, 128, size=(6, 2))
            live = self.pairs(fmt_a, fmt_w, *codes.T)
            for number, pair in enumerate(live):
                await self.cycle(Item(pair, number == 0, False), 1)
            for _ in range(self.pipeline + 2):
                await self.cycle(None, 1, bubble=live[-1])
            held = [known(register) for register in registers]
            assert held[0] != 0 and self.sum != 0, "nothing to hold"
            kept = []
            zeros = ((0, codes[0, 1]), (codes[0, 0], 0), (0, 0), (128 * fmt_a.sign, 1))
            for zero in self.pairs(fmt_a, fmt_w, *zip(*zeros * 2, strict=True)):
                assert zero.product == 0
                await self.cycle(Item(zero, False, False), 1)
                kept.append([known(register) for register in registers])
                checked += 1
            for _ in range(self.pipeline + 2):
                await self.cycle(None, 1, bubble=zero)
                kept.append([known(register) for register in registers])
            told = f"{held} became {kept} while {zero} and others like it came"
            check("element.held", kept == [held] * len(kept), told)
            await self.cycle(None, 1, capture=1)
            await self.cycle(None, 0)
        assert checked == 20 * 8
