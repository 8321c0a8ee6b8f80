"""ffp8_column: carries pending in any slot, start values to their limits, judged end to end.

After a binary32 accumulator: numbers of every exponent, without another start value.
"""

from collections import Counter
from dataclasses import replace
from typing import Any

from tests.benches.common import Pipeline, Vector, integer, signed_value
from tests.benches.encoding import OFFSETS, outputs, random_encoding
from verif.engine import floats
from verif.engine.stored import StoredForm
from verif.simulator.checks import check
from verif.simulator.simulation import bench_random, bench_test

LATENCY = 6
CLEARED = ("out_valid", "out_result", "out_flags")
EXP_MAX = 8  # ffp8_encode, and so a column, encodes to any format


class ColumnBench:
    """The pipeline, what judges its results, and the vectors on their way to it."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.random = bench_random()
        self.pipeline = Pipeline(dut, LATENCY, self.judge, self.random, CLEARED)
        self.vectors: list[Vector] = []
        self.seen: Counter[str] = Counter()

    def add(self) -> None:
        """Queue a vector."""
        raise NotImplementedError

    def judge(self, due: tuple[Any, ...]) -> None:
        """Compare the outputs with a vector's result."""
        encoding, total, text, expected = due
        actual = outputs(self.dut)
        check(
            "column.outputs",
            actual == expected,
            lambda: f"{text}: {encoding.text(total, expected, actual)}",
        )


class ExactColumn(ColumnBench):
    """Vectors in the stored form, with a start value to be added.

    By docs/hardware.md: "The stored carries are resolved once per result, at the foot of the
    column"; start values are "added at the foot, not in the elements"; "The one rounding of a
    result is the encoder's".
    """

    def __init__(self, dut: Any) -> None:
        super().__init__(dut)
        self.form = StoredForm(int(dut.ACC_WIDTH.value), int(dut.SEGMENT.value))
        assert self.form.bits == int(dut.STORED.value)
        self.limit = 1 << self.form.width - 2

    def carries(self) -> int:
        """Return what the slots hold: anything, all or nothing."""
        every = (1 << self.form.slots) - 1
        return (0, every, integer(self.random, self.form.slots))[self.random.integers(3)]

    def start(self) -> tuple[int, int, int]:
        """Return a start value within the limits: sign, 24-bit magnitude and shift."""
        choice = self.random.integers(8)
        magnitude = integer(self.random, int(self.random.integers(1, 25)))
        if choice == 0:
            magnitude = 0
        if choice == 1:  # the least start value, in one of its forms
            bits = int(self.random.integers(24))
            return 1, 1 << bits, self.form.width - 2 - bits
        most = self.form.width - 2 - magnitude.bit_length()
        shift = most if choice == 2 else int(self.random.integers(most + 1))
        return int(self.random.integers(2)), magnitude, shift

    def sum_near(self, start: int) -> int:
        """Return a sum of products: anything, or one that the start value all but cancels."""
        choice = self.random.integers(6)
        near = int(self.random.integers(-2, 3))
        if choice == 0:
            return max(-self.limit, min(self.limit - 1, near - start))
        if choice == 1:  # the total ends just above or below a power of two
            power = 1 << int(self.random.integers(self.form.width - 2))
            total = (-power, power)[self.random.integers(2)] + near
            return max(-self.limit, min(self.limit - 1, total - start))
        if choice == 2:
            return (self.limit - 1, -self.limit)[self.random.integers(2)]
        return signed_value(self.random, self.form.width - 1)

    def add(self) -> None:
        """Queue a vector."""
        negative, magnitude, shift = self.start()
        start = (-1) ** negative * magnitude << shift
        assert -self.limit <= start < self.limit
        value, carries = self.sum_near(start), self.carries()
        stored = self.form.pack(value, carries)
        assert self.form.value(stored) == value and -self.limit <= value < self.limit
        total = value + start
        encoding = random_encoding(self.random, EXP_MAX, total)
        inputs = encoding.ports() | {
            "in_sum": stored,
            "start_negative": negative,
            "start_magnitude": magnitude,
            "start_shift": shift,
        }
        text = f"sum {value} stored as {stored:#x}, start {start}"
        self.vectors.append((inputs, (encoding, total, text, encoding.judge(total))))
        self.seen["a carry is pending"] += carries != 0 or self.form.slots == 0
        self.seen["no carry is pending"] += carries == 0
        self.seen["cancels to zero"] += total == 0 and start != 0
        self.seen["sign changes"] += (total < 0) != (value < 0)
        self.seen["least start value"] += start == -self.limit
        self.seen["no start value"] += start == 0
        self.seen["most negative total"] += total == -2 * self.limit
        self.seen["total needs the top bit"] += not -self.limit <= total < self.limit


class Binary32Column(ColumnBench):
    """Vectors that are numbers of 24 bits; the inputs for a start value have no meaning.

    By the module: "A float is an integer times a power of two, which joins the offset."
    """

    def __init__(self, dut: Any) -> None:
        super().__init__(dut)
        assert len(dut.in_sum) == floats.BITS

    def add(self) -> None:
        """Queue a vector."""
        few = integer(self.random, int(self.random.integers(24)))
        magnitude = (floats.LEAST | few, floats.MOST ^ few & floats.LEAST - 1)[few & 1]
        significand = (-1) ** int(self.random.integers(2)) * magnitude
        if self.random.random() < 0.05:
            significand = 0
        encoding = random_encoding(self.random, EXP_MAX, significand)
        offset = int(self.random.integers(OFFSETS[0], OFFSETS[1] + 1))
        if self.random.random() < 0.2:
            offset = OFFSETS[self.random.integers(2)]
        exponent = encoding.offset - offset
        if self.random.random() < 0.1:
            exponent = int(self.random.choice((-1024, 1023, self.random.integers(-1024, 1024))))
        encoding = replace(encoding, offset=offset + exponent)
        word = floats.pack(floats.scaled(significand, exponent))
        inputs = encoding.ports() | {
            "in_sum": word,
            "in_offset": offset & 0x3FF,
            "start_negative": int(self.random.integers(2)),
            "start_magnitude": integer(self.random, 24),
            "start_shift": integer(self.random, 11),
        }
        text = f"sum {floats.text(word)}, offset {offset}"
        due = encoding, significand, text, encoding.judge(significand)
        self.vectors.append((inputs, due))
        flags = due[-1][1]
        self.seen["zero"] += significand == 0
        self.seen["negative"] += significand < 0 and flags == 0
        self.seen["overflow"] += flags >> 2 & 1
        self.seen["underflow"] += flags >> 1 & 1
        self.seen["inexact only"] += flags == 1
        self.seen["exponent below zero"] += exponent < 0
        self.seen["exponent above zero"] += exponent > 0
        self.seen["least sum of exponents"] += encoding.offset < OFFSETS[0] - 1000
        self.seen["largest sum of exponents"] += encoding.offset > OFFSETS[1] + 1000


@bench_test()
async def sums_of_every_kind(dut):
    """At full rate, then with stalls, bubbles and resets."""
    bench = (ExactColumn, Binary32Column)[int(dut.ACCUMULATOR.value)](dut)
    await bench.pipeline.reset()
    for advance, valid in ((1.0, 1.0), (0.6, 0.8), (0.9, 0.4), (0.7, 0.7)):
        for _ in range(800):
            bench.add()
        await bench.pipeline.run(bench.vectors, advance, valid, drain=False)
        bench.vectors.clear()
        await bench.pipeline.reset()
    assert all(bench.seen.values()), f"a corner that did not occur: {bench.seen}"
    assert bench.pipeline.dropped > 0
    bench.pipeline.finish()
