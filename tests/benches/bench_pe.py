"""ffp8_pe: exact sums whatever the rhythm, captured and drained; zero operands hold it still."""

from collections import Counter, deque

import cocotb
import numpy as np

from model import Format, accumulator_width, supported_splits
from tests.benches.common import integer, start_clock
from verif import describe
from verif.simulation import bench_random
from verif.stored import StoredForm

K_MAX = 512
SHAPES = ("random", "largest", "ones", "cancel", "sparse", "far apart", "zero", "short")


class Pair:
    """An operand of each kind: codes, integers, and their place on the input."""

    def __init__(self, exp_max, fmt_a, fmt_w, a_code, w_code):
        self.codes = (fmt_a, int(a_code)), (fmt_w, int(w_code))
        integers = [int(fmt.integers(code)) for fmt, code in self.codes]
        self.product = integers[0] * integers[1]
        self.ports = [self._operand(exp_max, *code) for code in self.codes]

    @staticmethod
    def _operand(exp_max, fmt, code):
        """Return {sign, shift, significand} by the definition of the format."""
        sign, magnitude = divmod(code, fmt.max_code + 1)
        field, trailing = divmod(magnitude, 2**fmt.fraction)
        significand = trailing + (2**fmt.fraction if field else 0)
        return (sign << exp_max | max(field, 1) - 1) << 8 | significand

    def __str__(self):
        return " times ".join(describe.code(*code) for code in self.codes)


class PeBench:
    """One processing element and, beside it, an integer that does the same."""

    def __init__(self, dut):
        self.dut = dut
        self.random = bench_random()
        self.exp_max, self.pipeline = int(dut.EXP_MAX.value), int(dut.PIPELINE.value)
        self.form = StoredForm(int(dut.ACC_WIDTH.value), int(dut.SEGMENT.value))
        assert self.form.width == accumulator_width(self.exp_max, K_MAX)
        assert self.form.bits == int(dut.STORED.value)
        self.largest = Format(0, self.exp_max, 8 - self.exp_max, 0)
        self.line = deque([None] * self.pipeline)  # (pair, first, last) on their way
        self.sum = self.shadow = self.finished = None
        self.sent = self.checked = 0
        self.seen = Counter()
        self.recent = deque(maxlen=4)
        self.edge = start_clock(dut)

    def formats(self):
        """Return a random format of each operand."""
        splits = supported_splits(self.exp_max)
        return [Format(*splits[self.random.integers(len(splits))], 0) for _ in range(2)]

    def sum_of(self, shape):
        """Return the operands of a sum of this shape."""
        fmt_a, fmt_w = self.formats()
        k = int(self.random.integers(1, 4 if shape == "short" else 60))
        a, w = self.random.integers(256, size=(2, k))
        if shape == "largest":
            k = int(self.random.integers(1, K_MAX + 1))
            sign = int(self.random.integers(2))
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
        pairs = [Pair(self.exp_max, fmt_a, fmt_w, *codes) for codes in zip(a, w, strict=True)]
        self._note(shape, [pair.product for pair in pairs])
        return pairs

    def _note(self, shape, products):
        """Assert that a sum is what its shape claims, and count its corners."""
        totals = np.cumsum(np.array(products, dtype=object))
        assert shape != "cancel" or totals[-1] == 0
        assert shape != "zero" or not any(products)
        assert shape != "ones" or set(totals) <= {-1, 0}
        assert all(abs(total) < 1 << self.form.width - 2 for total in totals)
        self.seen[shape] += 1
        self.seen["sign changes"] += bool(np.any((totals[1:] < 0) != (totals[:-1] < 0)))
        self.seen["over half of the range"] += abs(totals[-1]) >= 1 << self.form.width - 4
        self.seen["begins with zero"] += products[0] == 0 and any(products)

    async def cycle(self, item, step, capture=0, drain=0):
        """Run one cycle: an item (pair, first, last) or a bubble enters if there is a step."""
        dut, line, noise = self.dut, self.line, integer(self.random, 8)
        arriving = line[-1]
        pair = item[0] if item else None
        mask = (1 << 1 + self.exp_max + 8) - 1
        operands = pair.ports if pair and step else [integer(self.random, 32) & mask for _ in "aw"]
        dut.a_operand.value, dut.w_operand.value = operands
        dut.step.value = step
        dut.beat.value = int(item is not None) if step else noise & 1
        dut.accumulate.value = int(arriving is not None) if step else noise >> 1 & 1
        dut.first.value = int(arriving[1]) if arriving and step else noise >> 2 & 1
        dut.capture.value, dut.drain.value = capture, drain
        chain = integer(self.random, self.form.bits)
        dut.chain_in.value = chain
        await self.edge
        self._check()
        self._move(item, step, capture, drain, chain)

    def _check(self):
        """Compare what leaves through the chain with the shadow."""
        if self.shadow is None:
            return
        kind, expected = self.shadow
        actual = int(self.dut.chain_out.value)
        if kind == "drained":
            assert actual == expected, f"chain_out {actual:#x}, expected {expected:#x} from the chain"
        else:
            assert self.form.value(actual) == expected, (
                f"chain_out {actual:#x} is {self.form.value(actual)}, expected {expected}, "
                f"last operands {'; '.join(str(pair) for pair in self.recent)}"
            )

    def _move(self, item, step, capture, drain, chain):
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
            pair, first, last = arrived
            self.sum = pair.product + (0 if first else self.sum)
            self.finished = last
            self.recent.append(pair)
            self.sent += last


def rhythm_of(bench, step, beat, pairs):
    """Yield the items of a sum with stalls and bubbles between them, as (item, step)."""
    position = 0
    while position < len(pairs):
        steps = int(bench.random.random() < step)
        enters = steps and bench.random.random() < beat
        last = position == len(pairs) - 1
        yield ((pairs[position], position == 0, last) if enters else None), steps
        position += bool(enters)


@cocotb.test()
async def exact_sums(dut):
    """Of every shape, back to back, looked at in the middle and at the end."""
    bench = PeBench(dut)
    await bench.cycle((bench.sum_of("short")[0], True, False), 1)
    for _ in range(bench.pipeline):
        await bench.cycle(None, 1)
    count = 0
    for step, beat in ((1.0, 1.0), (1.0, 0.6), (0.6, 1.0), (0.7, 0.7)):
        for shape in SHAPES * 4:
            pairs = bench.sum_of(shape)
            count += 1
            looks = bench.random.random() * 0.4
            for item, steps in rhythm_of(bench, step, beat, pairs):
                capture = int(bool(bench.finished) or bench.random.random() < looks)
                await bench.cycle(item, steps, capture, int(bench.random.random() < 0.4))
    for _ in range(bench.pipeline + 2):
        await bench.cycle(None, 1, int(bool(bench.finished)))
    assert bench.checked == bench.sent == count > 0 and not any(bench.line)
    corners = [*SHAPES, "sign changes", "over half of the range", "begins with zero"]
    corners += [("capture", step, drain) for step in (0, 1) for drain in (0, 1)]
    corners += [("drain", step) for step in (0, 1)]
    assert all(bench.seen[corner] for corner in corners), bench.seen
    dut._log.info("checked %d sums", bench.checked)


@cocotb.test()
async def zero_operands_hold_the_registers(dut):
    """Product, addend and accumulator keep every bit while nothing but zeros comes."""
    bench = PeBench(dut)
    registers = [dut.product_q, dut.acc_q]
    if bench.pipeline == 2:
        registers.append(dut.g_addend_register.addend_q)
    checked = 0
    for _ in range(20):
        fmt_a, fmt_w = bench.formats()
        codes = bench.random.integers(1, 128, size=(6, 2))
        for number, (a, w) in enumerate(codes):
            pair = Pair(bench.exp_max, fmt_a, fmt_w, a, w)
            await bench.cycle((pair, number == 0, False), 1)
        for _ in range(bench.pipeline + 2):
            await bench.cycle(None, 1)
        held = [int(register.value) for register in registers]
        assert held[0] != 0 and bench.sum != 0
        for position in range(8):
            a, w = ((0, codes[0, 1]), (codes[0, 0], 0), (0, 0), (128 * fmt_a.sign, 1))[position % 4]
            await bench.cycle((Pair(bench.exp_max, fmt_a, fmt_w, a, w), False, False), 1)
            assert [int(register.value) for register in registers] == held
            checked += 1
        for _ in range(bench.pipeline + 2):
            await bench.cycle(None, 1)
            assert [int(register.value) for register in registers] == held
        await bench.cycle(None, 1, capture=1)
        await bench.cycle(None, 0)
    assert checked == 20 * 8
