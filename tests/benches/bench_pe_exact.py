"""ffp8_pe_exact: exact sums in any rhythm, captured and drained; zero operands hold it."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from model import Format, accumulator_width
from tests.benches.element_model import ExactAccumulator, Sum
from tests.benches.elements import ElementBench
from verif.engine.stored import StoredForm
from verif.simulator.simulation import bench_test

K_MAX = 512
SHAPES = ("random", "largest", "ones", "cancel", "sparse", "far apart", "zero", "short")


class ExactBench(ElementBench):
    """An exact processing element and an integer that does the same."""

    def __init__(self, dut: Any) -> None:
        self.form = StoredForm(int(dut.ACC_WIDTH.value), int(dut.SEGMENT.value))
        super().__init__(dut, ExactAccumulator(self.form))
        assert self.form.width == accumulator_width(self.exp_max, K_MAX)
        assert self.form.bits == int(dut.STORED.value)
        self.largest = Format(0, self.exp_max, 8 - self.exp_max, 0)

    def sum_of(self, shape: str) -> Sum:
        """Return the operands of a sum of this shape."""
        fmt_a, fmt_w = self.formats()
        k = int(self.random.integers(1, 4 if shape == "short" else 60))
        a, w = self.random.integers(256, size=(2, k))
        if shape == "largest":
            turn = self.seen["largest"]  # the first and each fourth: as far up as it goes
            k = K_MAX if turn % 4 == 0 else int(self.random.integers(1, K_MAX + 1))
            sign = turn % 2
            exponent = min(self.exp_max, 8 - sign)
            fmt_a, fmt_w = Format(sign, exponent, 8 - sign - exponent, 0), self.largest
            a = np.full(k, fmt_a.max_code | 128 * int(self.random.integers(2)))
            w = np.full(k, fmt_w.max_code)
        elif shape == "ones":  # around zero: every carry runs from end to end
            fmt_a, fmt_w = Format(1, 1, 6, 0), Format(0, 1, 7, 0)
            a, w = np.resize((0x81, 0x01), k), np.full(k, 1)
        elif shape == "cancel":
            exponent = int(self.random.integers(min(self.exp_max, 7) + 1))
            fmt_a = Format(1, exponent, 7 - exponent, 0)
            a, w = np.concatenate((a, a ^ 128)), np.concatenate((w, w))
            order = self.random.permutation(2 * k)
            a, w = a[order], w[order]
        elif shape == "sparse":
            a = a * self.random.integers(2, size=k)
            w = w * self.random.integers(2, size=k)
        elif shape == "far apart":
            a[::2], w[::2] = a[::2] | 0x70, w[::2] | 0x70
            a[1::2], w[1::2] = a[1::2] & 0x8F, w[1::2] & 0x8F
        elif shape == "zero":
            a, w = (a, 0 * w) if self.random.random() < 0.5 else (0 * a + 128 * fmt_a.sign, w)
        pairs = self.pairs(fmt_a, fmt_w, a, w)
        self._note(shape, [pair.product for pair in pairs])
        return Sum(pairs)

    def _note(self, shape: str, products: Sequence[int]) -> None:
        """Assert that a sum is what its shape claims, and count its corners."""
        totals = np.cumsum(np.array(products, dtype=object))
        assert shape != "cancel" or totals[-1] == 0
        assert shape != "zero" or not any(products)
        assert shape != "ones" or set(totals) <= {-1, 0}
        assert all(abs(total) < 1 << self.form.width - 2 for total in totals)
        self.seen[shape] += 1
        self.seen["sign changes"] += bool(np.any((totals[1:] < 0) != (totals[:-1] < 0)))
        self.seen["half of the limit"] += abs(totals[-1]) >= 1 << self.form.width - 3
        self.seen["begins with zero"] += products[0] == 0 and any(products)


@bench_test()
async def exact_sums(dut):
    """Of every shape, back to back, looked at in the middle and at the end."""
    bench = ExactBench(dut)
    await bench.compare_sums(SHAPES, 3)
    corners = [*SHAPES, "sign changes", "half of the limit", "begins with zero"]
    assert all(bench.seen[corner] for corner in corners), bench.seen


@bench_test()
async def zero_operands_hold_the_registers(dut):
    """Product, addend and accumulator keep every bit while nothing but zeros comes."""
    bench = ExactBench(dut)
    addend = [dut.addend_q] if bench.pipeline == 2 else []
    await bench.hold_registers(dut.product_q, dut.acc_q, *addend)
