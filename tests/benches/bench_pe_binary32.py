"""ffp8_pe_binary32: sums rounded at each addition, from every start; zero operands hold it."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from model import Format
from tests.benches.common import integer
from tests.benches.element_model import Binary32Accumulator, Item, Pair, Sum
from tests.benches.elements import ElementBench
from verif.engine.floats import LEAST, MOST, binade, scaled
from verif.simulator.simulation import bench_test

SHAPES = ("random", "no start", "above", "below", "ties", "cancel", "one unit")
SHAPES += ("largest", "sparse", "zero", "short")
CORNERS = ("rounded up", "rounded down", "tie up", "tie down", "exact", "sign changes")
CORNERS += ("zero reached", "one unit left", "start outlasts", "start is gone", "start stays")
CORNERS += ("zero follows a sum", "negative start", "no start and no product first")
START_EXPONENTS = (-430, 372)
"""Least and largest exponent of a start value on any grid: 2^-149 on 2^258, 2^104 on 2^-268."""


class Binary32Bench(ElementBench):
    """A classical processing element and a rational, rounded at each step, that does the same."""

    def __init__(self, dut: Any) -> None:
        super().__init__(dut, Binary32Accumulator())

    def start(self, least: int, most: int) -> Fraction:
        """Return a random start value whose last place is 2^least to 2^most."""
        significand = (LEAST, MOST, LEAST | integer(self.random, 23))[self.random.integers(3)]
        exponent = int(self.random.integers(least, most + 1))
        return scaled((-1) ** int(self.random.integers(2)) * significand, exponent)

    def sum_of(self, shape: str) -> Sum:
        """Return a sum of this shape."""
        fmt_a, fmt_w = self.formats()
        k = int(self.random.integers(1, 4 if shape == "short" else 24))
        a, w = self.random.integers(256, size=(2, k))
        if shape == "ties":
            fmt_a, fmt_w = Format(1, 1, 6, 0), Format(0, 1, 7, 0)
            a, w = self.random.choice((0x01, 0x81), k), np.full(k, 1)
        elif shape == "cancel":
            exponent = int(self.random.integers(min(self.exp_max, 7) + 1))
            fmt_a = Format(1, exponent, 7 - exponent, 0)
            a, w = np.ravel((a, a ^ 128), "F"), np.repeat(w, 2)
        elif shape == "largest":
            sign = int(self.random.integers(2))
            exponent = min(self.exp_max, 8 - sign)
            fmt_a = Format(sign, exponent, 8 - sign - exponent, 0)
            fmt_w = Format(0, self.exp_max, 8 - self.exp_max, 0)
            a, w = np.full(60, 0xFF), np.full(60, fmt_w.max_code)
        elif shape == "sparse":
            a, w = a * self.random.integers(2, size=k), w * self.random.integers(2, size=k)
            a[0] = 0
        elif shape == "no start":
            a[0] *= self.seen[shape] % 2
        elif shape == "zero":
            a, w = (a, 0 * w) if self.random.random() < 0.5 else (0 * a + 128 * fmt_a.sign, w)
        elif shape in ("below", "one unit"):
            a, w = a & 0x7F | 1, w & 0x7F | 1
        pairs = self.pairs(fmt_a, fmt_w, a, w)
        result = Sum(pairs, self._start_of(shape, pairs))
        self._note(shape, result)
        return result

    def _start_of(self, shape: str, pairs: list[Pair]) -> Fraction:
        """Return the start value of a sum of this shape."""
        product = Fraction(pairs[0].product)
        always_zero = shape == "no start" or (shape == "cancel" and self.seen[shape] % 2)
        if always_zero or (shape != "ties" and self.random.random() < 0.1):
            return Fraction(0)
        if shape == "above":
            size = sum(abs(pair.product) for pair in pairs)
            return self.start(size.bit_length() + 2, max(START_EXPONENTS[1], 600))
        if shape == "below":
            return self.start(START_EXPONENTS[0], -50)
        if shape == "ties":
            return self.start(1, 1)
        if shape == "one unit":
            return scaled(1, binade(product) - 23) - product
        if shape == "cancel" and self.random.random() < 0.5:
            return -product
        size = max(1, *(abs(pair.product) for pair in pairs), 1).bit_length()
        return self.start(-48, size + 2)

    def _note(self, shape: str, summed: Sum) -> None:
        """Assert that a sum is what its shape claims, and count its corners."""
        totals = [summed.start]
        for item in summed.items():
            exact = (item.start if item.first else totals[-1]) + item.pair.product
            totals.append(self.accumulator.add(totals[-1], item))
            self._note_addition(item, totals[-2], exact, totals[-1])
        start, first = summed.start, totals[1]
        assert shape != "above" or start == 0 or totals[-1] == start
        assert shape != "below" or first == summed.pairs[0].product
        assert shape != "zero" or set(totals) == {start}
        self.seen[shape] += 1
        self.seen["negative start"] += start < 0
        self.seen["start outlasts"] += shape == "above" and start != 0
        self.seen["start is gone"] += shape == "below" and start != 0
        if summed.pairs[0].product == 0:
            self.seen["start stays"] += start != 0 and any(pair.product for pair in summed.pairs)
            self.seen["no start and no product first"] += start == 0

    def _note_addition(
        self, item: Item, before: Fraction, exact: Fraction, total: Fraction
    ) -> None:
        """Count the corners of an addition."""
        error = abs(total) - abs(exact)
        tie = exact and abs(error) == scaled(1, binade(exact) - 24)
        way = "exact" if error == 0 else "up" if error > 0 else "down"
        self.seen[f"tie {way}" if tie else way if error == 0 else f"rounded {way}"] += 1
        self.seen["sign changes"] += before * total < 0
        self.seen["zero reached"] += before != 0 and total == 0
        self.seen["one unit left"] += abs(total) == scaled(1, binade(before) - 23) != abs(before)
        self.seen["zero follows a sum"] += item.first and total == 0


@bench_test()
async def rounded_sums(dut):
    """Of every shape, back to back, looked at in the middle and at the end."""
    bench = Binary32Bench(dut)
    await bench.compare_sums(SHAPES, 4)
    assert all(bench.seen[corner] for corner in (*SHAPES, *CORNERS)), bench.seen


@bench_test()
async def zero_operands_hold_the_registers(dut):
    """Product, addend and accumulator keep every bit while nothing but zeros comes."""
    bench = Binary32Bench(dut)
    addend = [dut.addend_q] if bench.pipeline == 2 else []
    await bench.hold_registers(dut.product_q, dut.acc_q, *addend)
