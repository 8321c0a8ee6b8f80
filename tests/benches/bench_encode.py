"""ffp8_encode: everything near a representable value or a midpoint, binary32, and at random."""

from collections import Counter
from collections.abc import Iterator
from itertools import product
from typing import Any

from model import FLAG_INEXACT, FLAG_OVERFLOW, FLAG_UNDERFLOW, ROUNDINGS, Format
from tests.benches.common import Pipeline, Vector, integer, signed_value
from tests.benches.encoding import (
    OFFSETS,
    Encoding,
    exhausted_splits,
    outputs,
    random_encoding,
)
from verif.simulator.checks import check
from verif.simulator.simulation import bench_random, bench_test

LATENCY = 4
CLEARED = ("out_valid", "out_result", "out_flags")
LARGEST, INFINITY = 0x7F7FFFFF, 0x7F800000
BINARY32_CORNERS = (0, 1, 2, 3, 0x7FFFFE, 0x7FFFFF, 0x800000, 0x800001, 0xFFFFFF, 0x1000000)


class EncodeBench:
    """The pipeline with the judge at its end, and the vectors on their way to it."""

    def __init__(self, dut: Any) -> None:
        self.dut, self.random = dut, bench_random()
        self.width = int(dut.ACC_WIDTH.value)
        self.pipeline = Pipeline(dut, LATENCY, self.judge, self.random, CLEARED)
        self.vectors: list[Vector] = []

    def add(self, encoding: Encoding, value: int) -> tuple[int, int]:
        """Queue a vector; return what the judge says of it."""
        assert -(1 << self.width - 1) <= value < 1 << self.width - 1
        assert OFFSETS[0] <= encoding.offset <= OFFSETS[1]
        expected = encoding.judge(value)
        inputs = encoding.ports() | {"in_value": value & (1 << self.width) - 1}
        self.vectors.append((inputs, (encoding, value, expected)))
        return expected

    def judge(self, due: tuple[Encoding, int, tuple[int, int]]) -> None:
        """Compare the outputs with a vector's result."""
        encoding, value, expected = due
        actual = outputs(self.dut)
        holds = actual == expected
        check("encode.outputs", holds, lambda: encoding.text(value, expected, actual))

    def scaling(self, integer: int, unit_offset: int) -> tuple[int, int]:
        """Random (integer, offset) of the same value: anything that accumulator and offset hold."""
        most = min(self.width - 1 - integer.bit_length(), unit_offset - OFFSETS[0])
        assert most >= 0
        shift = (0, most, int(self.random.integers(most + 1)))[self.random.integers(3)]
        return integer << shift, unit_offset - shift

    async def run(self, advance: float = 0.98, valid: float = 0.98, drain: bool = True) -> None:
        """Send what is queued."""
        await self.pipeline.run(self.vectors, advance, valid, drain)
        self.vectors.clear()


def quarter_points(fmt: Format) -> Iterator[tuple[int, int, bool]]:
    """Yield (quarters of the unit, magnitude code below or at, is a midpoint) up to past the end.

    The magnitude after the largest code's is what it would be, had the exponent no end.
    """
    magnitudes = fmt.integers(range(fmt.max_code + 1)).tolist()
    step = 2 ** max(2**fmt.exponent - 2, 0)  # between the magnitudes of the last binade
    magnitudes.append(magnitudes[-1] + step)
    for code, magnitude in enumerate(magnitudes):
        yield 4 * magnitude, code, False
    for code in range(fmt.max_code + 1):
        yield 2 * (magnitudes[code] + magnitudes[code + 1]), code, True


def near_points(bench: EncodeBench, fmt: Format, rounding: str) -> int:
    """Queue each point and both its neighbours; return how many.

    Signed formats get both signs, unsigned ones only now and then the negative.
    """
    count = 0
    for quarters, code, middle in quarter_points(fmt):
        for negative in (False, True) if fmt.sign or code % 16 == 0 else (False,):
            scaled, offset = bench.scaling(quarters, -1 - fmt.fraction)
            encoding = Encoding(fmt.sign, fmt.exponent, offset, rounding)
            for value in (scaled - 1, scaled, scaled + 1):
                result, flags = bench.add(encoding, -value if negative else value)
                count += 1
                if negative and fmt.sign == 0 and value > 0:
                    assert (result, flags) == (0, FLAG_INEXACT)
                elif value != scaled or middle:
                    assert flags & FLAG_INEXACT
                elif code > fmt.max_code:
                    assert flags == FLAG_OVERFLOW | FLAG_INEXACT
                else:
                    assert (result & fmt.max_code, flags) == (code, 0)
            if middle and rounding == "rne":
                ways = [Encoding(fmt.sign, fmt.exponent, offset, way) for way in ("rtz", "rmm")]
                down, up = (way.judge(scaled) for way in ways)
                assert down == (code, FLAG_INEXACT | FLAG_UNDERFLOW * (code == 0))
                past = code == fmt.max_code
                assert up == (code + (not past), FLAG_INEXACT | FLAG_OVERFLOW * past)
    return count


def binary32_words(bench: EncodeBench) -> list[int]:
    """Return magnitudes of binary32: its corners, and one for every fourth exponent."""
    some = [field << 23 | integer(bench.random, 23) for field in range(0, 255, 4)]
    return [*BINARY32_CORNERS, LARGEST - 1, LARGEST, *some]


def near_binary32(bench: EncodeBench, word: int) -> int:
    """Queue a binary32 number, the midpoint above and the neighbours of both; return how many."""
    field = max(word >> 23, 1)
    significand = word - (field - 1 << 23)
    noise = int(bench.random.integers(2**17))
    for quarters in (4 * significand, 4 * significand + 2):
        scaled, offset = bench.scaling(quarters, field - 25)
        encoding = Encoding(0, 0, offset, raw=True, noise=noise)
        for value in (scaled - 1, scaled, scaled + 1):
            result, flags = bench.add(encoding, value)
            negated = bench.add(encoding, -value)
            assert negated == (result | (result != 0) << 31, flags)
            if value == scaled and quarters % 4 == 0:
                assert (result, flags) == (word, 0)
            elif value == scaled:
                assert flags & FLAG_INEXACT and result == word + word % 2
                assert (result == INFINITY) == bool(flags & FLAG_OVERFLOW) == (word == LARGEST)
                assert bool(flags & FLAG_UNDERFLOW) == (word == 0)
    return 12


@bench_test()
async def every_value_and_midpoint(dut):
    """Of the splits that fall to this width, in every rounding mode."""
    bench = EncodeBench(dut)
    await bench.pipeline.reset()
    count = least = 0
    for split, rounding in product(exhausted_splits(bench.width), ROUNDINGS):
        fmt = Format(*split, 0)
        count += near_points(bench, fmt, rounding)
        least += (1 + fmt.sign) * 3 * (2 * fmt.max_code + 3)
        await bench.run()
    assert bench.pipeline.checked == count >= least > 0
    bench.pipeline.finish()


@bench_test()
async def binary32_values_and_midpoints(dut):
    """Subnormal to overflow, whatever the ports without a meaning carry."""
    bench = EncodeBench(dut)
    await bench.pipeline.reset()
    count = sum(near_binary32(bench, word) for word in binary32_words(bench))
    await bench.run()
    assert bench.pipeline.checked == count
    bench.pipeline.finish()


@bench_test()
async def random_configurations(dut):
    """Change the configuration with every value; offsets to their limits, stalls, resets."""
    bench = EncodeBench(dut)
    limit = 1 << bench.width - 1
    await bench.pipeline.reset()
    seen = Counter()
    for advance, valid in ((1.0, 1.0), (0.5, 0.9), (0.9, 0.4), (0.7, 0.7)):
        for _ in range(750):
            value = signed_value(bench.random, bench.width)
            if bench.random.random() < 0.1:
                value = (0, 1, -1, limit - 1, -limit)[bench.random.integers(5)]
            encoding = random_encoding(bench.random, 8, value)
            result, flags = bench.add(encoding, value)
            kind = "raw" if encoding.raw else "clamp" if encoding.clamp is not None else "code"
            seen[kind, flags] += 1
            seen["negative to unsigned"] += value < 0 and not (encoding.raw or encoding.sign)
            seen["largest negative", kind] += value == -limit
            seen["clamped to zero"] += encoding.clamp == 0 and flags & FLAG_UNDERFLOW == 0
            seen["lowest offset"] += encoding.offset == OFFSETS[0]
            seen["highest offset"] += encoding.offset == OFFSETS[1]
        await bench.run(advance, valid, drain=False)
        await bench.pipeline.reset()
    for kind in ("raw", "clamp", "code"):
        for flags in (0, FLAG_INEXACT, FLAG_INEXACT | FLAG_UNDERFLOW, FLAG_INEXACT | FLAG_OVERFLOW):
            assert seen[kind, flags] > 0, f"{kind} with flags {flags} did not occur"
    assert all(seen.values()), seen
    assert bench.pipeline.dropped > 0
    bench.pipeline.finish()
