"""ffp8_add32: every way to round, to carry and to cancel, at every alignment, against rationals."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
from cocotb.triggers import Timer

from tests.benches.common import integer
from tests.benches.control import known
from verif.engine import floats
from verif.engine.floats import EXPONENTS, LEAST, MOST, binade, scaled
from verif.simulator.checks import check
from verif.simulator.simulation import bench_random, bench_test

DISTANCES = range(31)
FAR = (31, 32, 33, 47, 63, 64, 127, 128, 255, 256, 511, 512, 1023, 1024, 1025, 2000)
BASES = range(EXPONENTS[0] + 30, EXPONENTS[-1])
"""Exponents of a larger operand from which no cancellation and no carry leaves the range."""
TRIES = 40
Pair = tuple[Fraction, Fraction]


def sum_of(augend: Fraction, addend: Fraction) -> Fraction:
    """Return the sum, by the header of the module.

    "sum = RNE24(augend + addend) over an exponent range that no sum leaves: there is no overflow
    and nothing is subnormal."
    """
    return floats.rounded(augend + addend)


class AdderBench:
    """Drives the adder, and compares every sum."""

    def __init__(self, dut: Any) -> None:
        self.dut, self.random = dut, bench_random()
        self.sent = self.checked = 0
        self.seen: Counter[Any] = Counter()

    async def add(self, augend: Fraction, addend: Fraction) -> None:
        """Add two numbers and compare the sum."""
        operands = floats.pack(augend), floats.pack(addend)
        self.dut.augend.value, self.dut.addend.value = operands
        self.sent += 1
        await Timer(1, "ns")
        actual, expected = known(self.dut.sum), floats.pack(sum_of(augend, addend))
        check(
            "add32.sum",
            actual == expected,
            lambda: (
                f"{' plus '.join(map(floats.text, operands))}: "
                f"expected {floats.text(expected)}, actual {floats.text(actual)}"
            ),
        )
        self.checked += 1

    async def add_both(self, larger: Fraction, smaller: Fraction) -> None:
        """Add two numbers in both orders, as they are or negated."""
        sign = (-1) ** int(self.random.integers(2))
        await self.add(sign * larger, sign * smaller)
        await self.add(sign * smaller, sign * larger)

    def base(self, distance: int = 0) -> int:
        """Return a random exponent of the larger operand; the smaller one's stays in range."""
        least = max(BASES[0], EXPONENTS[0] + distance)
        shape = self.random.integers(4)
        if shape < 2:
            return (least, BASES[-1])[shape]
        return int(self.random.integers(least, BASES[-1] + 1))

    def significand(self) -> int:
        """Return a random significand, often next to a power of two."""
        few = integer(self.random, int(self.random.integers(24)))
        return (LEAST | few & LEAST - 1, MOST ^ few & LEAST - 1, LEAST, MOST)[
            self.random.choice(4, p=(0.4, 0.4, 0.1, 0.1))
        ]

    def finish(self) -> None:
        """Assert that all was compared."""
        assert self.checked == self.sent > 0
        self.dut._log.info("checked %d sums", self.checked)


def way_of(pair: Pair) -> tuple[int, bool, int, int, int]:
    """Return how a sum that is not zero is rounded.

    Returns
    -------
    Places that the leading one moved from the larger operand's, whether the last bit kept is
    odd, and the guard, round and sticky bits of the magnitude.
    """
    exact = abs(sum(pair))
    moved = binade(exact) - max(map(binade, pair))
    units = exact / Fraction(2) ** (binade(exact) - 23)
    kept = int(units)
    guard, rest = divmod((units - kept) * 4, 2)
    return moved, bool(kept & 1), int(guard), int(rest), int(rest % 1 != 0)


def with_ending(
    random: np.random.Generator, distance: int, sign: int, moved: int, ending: int
) -> Pair | None:
    """Return operands whose sum ends in a guard, round and sticky bit.

    Parameters
    ----------
    random
        Source of the rest.
    distance
        Between the exponents.
    sign
        Of the smaller operand, 1 or -1.
    moved
        How far the leading one is to be from the larger operand's: 1, 0 or -1.
    ending
        Guard, round and sticky bit.

    Returns
    -------
    Larger and smaller operand at the smaller one's exponent, None if the try failed.
    """
    near = int(random.integers(max(LEAST >> distance, 1) + 1))  # to the next binade
    major = {1: MOST - near, 0: LEAST | integer(random, 23), -1: LEAST + near}[moved]
    dropped = distance + moved
    if dropped < 1:
        return None
    rest = (1 << max(dropped - 2, 0)) - 1
    low = ending << dropped >> 3 & ~rest | (ending & 1) * (integer(random, 32) & rest)
    if ending & 1 and rest and not low & rest:
        low |= 1 << int(random.integers(dropped - 2))
    mask = (1 << min(dropped, 23)) - 1
    minor = LEAST | integer(random, 23) & ~mask | sign * low & mask
    pair = scaled(major, distance), Fraction(sign * minor)
    found = way_of(pair)
    bits = 4 * found[2] + 2 * found[3] + found[4]
    return pair if (found[0], bits) == (moved, ending) and minor <= MOST else None


def endings(bench: AdderBench) -> Iterator[tuple[Pair, int]]:
    """Yield operands of every ending at every distance, with the distance, and count them."""
    ways = [(ending, odd) for ending in range(8) for odd in (False, True)]
    for distance, sign in itertools.product(DISTANCES, (1, -1)):
        for moved, (ending, odd) in itertools.product((0, sign), ways):
            for _ in range(TRIES):
                pair = with_ending(bench.random, distance, sign, moved, ending)
                if pair and way_of(pair)[1] == odd:
                    bench.seen[distance, sign, moved, ending, odd] += 1
                    yield pair, distance
                    break
            else:
                anything = distance + moved >= 3 and distance <= 20
                assert not anything, f"{distance} {sign:+} {moved:+}: no {ending:03b}, odd {odd}"


@bench_test()
async def every_ending_at_every_distance(dut):
    """Guard, round and sticky bits, ties to even both ways, with and without a carry."""
    bench = AdderBench(dut)
    for pair, distance in endings(bench):
        scale = Fraction(2) ** (bench.base(distance) - distance)
        await bench.add_both(pair[0] * scale, pair[1] * scale)
    every = {(distance, *way[2:]) for distance, *way in bench.seen if 4 <= distance <= 20}
    assert len(bench.seen) > 17 * 2 * 2 * 16 and len(every) == 17 * 16
    bench.finish()


@bench_test()
async def ties_and_roundings_next_to_a_power_of_two(dut):
    """Where the smaller operand hardly reaches the larger one, and rounding changes the binade."""
    bench = AdderBench(dut)
    ways: Counter[str] = Counter()
    for distance in (*range(1, 31), *FAR):
        for major in (LEAST, LEAST + 1, LEAST + 2, MOST, MOST - 1):
            for minor in (LEAST, LEAST + 1, LEAST + 2, 3 << 22, MOST - 1, MOST):
                for sign in (1, -1):
                    pair = scaled(major, distance), Fraction(sign * minor)
                    moved, odd, guard, *rest = way_of(pair)
                    total = floats.rounded(sum(pair))
                    tie = guard and not any(rest)
                    ways[f"tie, odd {odd}, moved {moved}"] += bool(tie)
                    ways["carry by rounding up"] += (
                        binade(total) > binade(sum(pair)) == (binade(pair[0]))
                    )
                    ways["back to the power of two"] += moved == -1 and total == pair[0]
                    ways["just below the power of two"] += moved == -1 and total != pair[0]
                    ways["larger one outlasts"] += total == pair[0] and distance >= 26
                    scale = Fraction(2) ** (bench.base(distance) - distance)
                    await bench.add_both(pair[0] * scale, pair[1] * scale)
    corners = [f"tie, odd {odd}, moved {moved}" for odd in (0 > 1, 1 > 0) for moved in (0, 1)]
    corners += ["tie, odd True, moved -1", "carry by rounding up", "back to the power of two"]
    corners += ["just below the power of two", "larger one outlasts"]
    assert all(ways[corner] for corner in corners), ways
    bench.finish()


@bench_test()
async def cancellation(dut):
    """To zero, to one unit, and by 1 to 24 places."""
    bench = AdderBench(dut)
    places: Counter[tuple[int, int]] = Counter()
    for distance in (0, 1):
        for count in range(1, 24 + distance):
            for shape in range(12):
                bits = 24 + distance - count  # of the difference, in the smaller one's units
                left = (1 << bits - 1, (1 << bits) - 1)[shape % 2]
                if shape > 3:
                    left = 1 << bits - 1 | integer(bench.random, bits - 1)
                # The smaller one, larger * 2^distance - left, has 24 bits.
                least = max(LEAST, LEAST + left + distance >> distance)
                most = min(MOST, MOST + left >> distance)
                major = int(bench.random.integers(least, most + 1))
                pair = scaled(major, distance), Fraction(left - (major << distance))
                assert LEAST <= abs(pair[1]) <= MOST and sum(pair) == left
                assert binade(pair[0]) - binade(sum(pair)) == count
                places[distance, count] += 1
                scale = Fraction(2) ** bench.base(distance) / 2**distance
                await bench.add_both(pair[0] * scale, pair[1] * scale)
    assert set(places) == {(d, count) for d in (0, 1) for count in range(1, 24 + d)}
    for _ in range(200):
        value = scaled(bench.significand(), bench.base())
        assert floats.pack(value - value) == 0
        await bench.add_both(value, -value)
        neighbour = value + Fraction(2) ** (binade(value) - 23)
        assert neighbour - value == Fraction(2) ** (binade(value) - 23)
        if binade(neighbour) - 23 in EXPONENTS:
            await bench.add_both(neighbour, -value)
    bench.finish()


@bench_test()
async def zero_operands_and_equal_magnitudes(dut):
    """Zero is no number's neighbour: the other operand comes out as it is, whatever its size."""
    bench = AdderBench(dut)
    await bench.add(Fraction(0), Fraction(0))
    for exponent in (*EXPONENTS[::7], EXPONENTS[-2], EXPONENTS[-1]):
        value = scaled(bench.significand(), exponent)
        assert floats.rounded(value + 0) == value
        await bench.add_both(value, Fraction(0))
        if exponent + 1 in EXPONENTS:
            assert binade(value + value) == binade(value) + 1
            await bench.add_both(value, value)
    bench.finish()


@bench_test()
async def random_sums(dut):
    """Near and far in both directions, of all signs."""
    bench = AdderBench(dut)
    seen: Counter[int] = Counter()
    for _ in range(3000):
        distance = int(bench.random.integers(31))
        if bench.random.random() < 0.15:
            distance = int(bench.random.choice(FAR))
        base = bench.base(distance)
        signs = bench.random.choice((-1, 1), size=2).tolist()
        pair = [
            scaled(sign * bench.significand(), base - far)
            for sign, far in zip(signs, (0, distance), strict=True)
        ]
        side = int(bench.random.integers(2))
        seen[(-1) ** side * distance] += 1
        await bench.add(pair[side], pair[1 - side])
    assert all(seen[way * far] for far in (*DISTANCES, *FAR) for way in (1, -1)), seen
    bench.finish()
