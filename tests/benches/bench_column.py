"""ffp8_column: carries pending in any slot, start values to their limits, judged end to end."""

from collections import Counter
from typing import Any

from tests.benches.common import Pipeline, Vector, integer, signed_value
from tests.benches.encoding import random_encoding
from verif.simulation import bench_random, bench_test
from verif.stored import StoredForm

LATENCY = 6
CLEARED = ("out_valid", "out_result", "out_flags")
EXP_MAX = 8  # ffp8_encode, and so a column, encodes to any format


class ColumnBench:
    """The pipeline, its check, and the vectors on their way to it."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.random = bench_random()
        self.form = StoredForm(int(dut.ACC_WIDTH.value), int(dut.SEGMENT.value))
        assert self.form.bits == int(dut.STORED.value)
        self.limit = 1 << self.form.width - 2
        self.pipeline = Pipeline(dut, LATENCY, self.check, self.random, CLEARED)
        self.vectors: list[Vector] = []
        self.seen: Counter[str] = Counter()

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
        self.vectors.append((inputs, (encoding, value, start, stored, encoding.judge(total))))
        self.seen["a carry is pending"] += carries != 0 or self.form.slots == 0
        self.seen["no carry is pending"] += carries == 0
        self.seen["cancels to zero"] += total == 0 and start != 0
        self.seen["sign changes"] += (total < 0) != (value < 0)
        self.seen["least start value"] += start == -self.limit
        self.seen["no start value"] += start == 0
        self.seen["most negative total"] += total == -2 * self.limit
        self.seen["total needs the top bit"] += not -self.limit <= total < self.limit

    def check(self, due: tuple[Any, ...]) -> None:
        """Compare the outputs with a vector's result."""
        encoding, value, start, stored, expected = due
        try:
            encoding.check(self.dut, value + start, expected)
        except AssertionError as error:
            raise AssertionError(
                f"sum {value} stored as {stored:#x}, start {start}: {error}"
            ) from None


@bench_test()
async def sums_with_pending_carries(dut):
    """At full rate, then with stalls, bubbles and resets."""
    bench = ColumnBench(dut)
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
