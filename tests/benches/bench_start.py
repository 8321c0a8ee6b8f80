"""ffp8_start: binary32 of every kind, every way to round, and the limits of the width.

Before a binary32 accumulator: numbers of every kind, none of them rounded or too large.
"""

from collections import Counter
from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from model.format.rational import decode_binary32
from tests.benches.common import Pipeline, Vector, integer
from tests.benches.control import known
from verif.engine import describe, floats
from verif.simulator.checks import check
from verif.simulator.simulation import bench_random, bench_test

LATENCY = 2
GRIDS = (-258, 268)
EXPONENTS = range(1, 255)
INFINITY, NAN = 0x7F800000, 0x7FC00000
SPECIALS = (0, 1, 2, 0x7FFFFF, 0x800000, 0x7F7FFFFF, INFINITY, INFINITY + 1, NAN, 0x7FFFFFFF)


def expected_integer(word: int, grid: int, width: int) -> int | None:
    """Return a start value on the grid of 2^-grid, None if it has to be refused.

    By docs/hardware.md: "rounded to nearest even onto the grid", refused if it "is not finite, or
    is n on its column's grid with n < -2^(W-2) or n >= 2^(W-2)".
    """
    if word >> 23 & 0xFF == 255:
        return None
    start = round(decode_binary32(word) * Fraction(2) ** grid)
    return start if -(1 << width - 2) <= start < 1 << width - 2 else None


def expected_number(word: int, grid: int) -> Fraction | None:
    """Return a start value in units of 2^-grid, None if it is not finite.

    By docs/hardware.md: "With ACCUMULATOR = 1 any finite start value fits", "as it is".
    """
    finite = word >> 23 & 0xFF != 255
    return decode_binary32(word) * Fraction(2) ** grid if finite else None


def word_of(significand: int, exponent: int) -> int | None:
    """Return the word of a positive number whose leading bit is 2**exponent, None if too far.

    `significand` has 24 bits, the first one set.
    """
    field = exponent + 127
    return field << 23 | significand & 0x7FFFFF if field in EXPONENTS else None


class StartBench:
    """The pipeline, what judges its results, and the vectors on their way to it."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.random = bench_random()
        self.width = int(dut.ACC_WIDTH.value)
        self.user_width = int(dut.USER_WIDTH.value)
        self.is_exact = int(dut.ACCUMULATOR.value) == 0
        self.pipeline = Pipeline(dut, LATENCY, self.judge, self.random)
        self.vectors: list[Vector] = []

    def add(self, word: int, grid: int) -> int | Fraction | None:
        """Queue a vector; return the integer or the number that it is to become."""
        assert GRIDS[0] <= grid <= GRIDS[1]
        if self.is_exact:
            expected = expected_integer(word, grid, self.width)
        else:
            expected = expected_number(word, grid)
        user = integer(self.random, self.user_width)
        inputs = {"in_start": word, "in_grid": grid & 0x3FF, "in_user": user}
        self.vectors.append((inputs, (word, grid, expected, user)))
        return expected

    def grid(self, least: int = GRIDS[0], most: int = GRIDS[1]) -> int:
        """Return a random grid within these limits and its own, which it meets often."""
        least, most = max(least, GRIDS[0]), min(most, GRIDS[1])
        assert least <= most
        return (least, most, int(self.random.integers(least, most + 1)))[self.random.integers(3)]

    def judge(self, due: tuple[int, int, int | Fraction | None, int]) -> None:
        """Compare the outputs with a vector's result; of one that is refused it has no meaning."""
        word, grid, expected, user = due
        dut = self.dut
        where = f"start {describe.binary32(word)} on the grid of 2^{-grid}"
        refused, passed = known(dut.out_refused), known(dut.out_user)
        holds = refused == (expected is None)
        check("start.refused", holds, lambda: f"{where}: expected {expected}, refused {refused}")
        check(
            "start.user", passed == user, lambda: f"{where}: user bits {passed:#x}, not {user:#x}"
        )
        if expected is None:
            return
        pins = (known(pin) for pin in (dut.out_negative, dut.out_magnitude, dut.out_shift))
        negative, magnitude, shift = pins
        if self.is_exact:
            actual, wanted = (-1) ** negative * magnitude << shift, expected
        else:
            actual = negative << 35 | shift << 24 | magnitude
            wanted = floats.pack(expected)
        check(
            "start.value",
            actual == wanted,
            lambda: (
                f"{where}: expected {wanted}, actual {actual} "
                f"(negative {negative}, magnitude {magnitude}, shift {shift})"
            ),
        )


def add_specials(bench: StartBench) -> None:
    """Queue numbers of every kind on grids near and far."""
    for word in SPECIALS:
        for sign in (0, 1 << 31):
            for grid in (*GRIDS, 0, *(bench.grid() for _ in range(5))):
                start = bench.add(sign | word, grid)
                assert start is None or word < INFINITY
                assert start == 0 or word != 0


def significands(bench: StartBench, shift: int) -> set[int]:
    """Return 24-bit significands that end, `shift` bits up, in a tie or next to one or nothing."""
    ones = (1 << 24) - 1
    kept = {1 << 23, ones, ones ^ 1 << shift, 1 << 23 | 1 << shift & ones}
    kept |= {1 << 23 | integer(bench.random, 23) for _ in range(4)}
    half = 1 << shift >> 1
    ends = {0, 1, half - 1, half, half + 1, (1 << shift) - 1}
    return {
        (head >> shift << shift | end & (1 << shift) - 1) & ones | 1 << 23
        for head in kept
        for end in ends
    }


def rounded_way(significand: int, shift: int, magnitude: int) -> str:
    """Return how `shift` bits of a significand were rounded away."""
    kept, dropped = significand >> shift, significand & (1 << shift) - 1
    if dropped == 0:
        assert magnitude == kept
        return "exact"
    tie = 2 * dropped == 1 << shift
    assert magnitude == kept + (kept % 2 if tie else 2 * dropped > 1 << shift)
    return ("tie " if tie else "") + ("up" if magnitude > kept else "down")


def add_roundings(bench: StartBench) -> None:
    """Queue numbers of which 0 to 26 bits fall below the grid, and count how each is rounded."""
    ways: Counter[tuple[str, int]] = Counter()
    for shift in range(27):
        for significand in significands(bench, shift):
            for sign in (0, 1 << 31):
                # The leading bit ends up at 2^(23 - shift) on the grid.
                grid = bench.grid(23 - shift - 127, 23 - shift + 126)
                start = bench.add(sign | word_of(significand, 23 - shift - grid), grid)
                if start is not None:
                    ways[rounded_way(significand, shift, abs(start)), shift] += 1
    assert_ways(ways, range(max(2, 26 - bench.width), 23))


def assert_ways(ways: Counter[tuple[str, int]], shifts: Iterable[int]) -> None:
    """Assert that each way to round occurred wherever it is possible."""
    for shift in shifts:
        for way in ("exact", "up", "down", "tie up", "tie down"):
            assert ways[way, shift], f"{way} by {shift} bits did not occur"
    assert ways["tie up", 23] and not ways["tie down", 23]
    assert ways["tie down", 24] and ways["up", 24] and not ways["tie up", 24]
    for shift in (25, 26):
        assert ways["down", shift] and not ways["up", shift]


def add_limits(bench: StartBench) -> None:
    """Queue both limits of the width, what is just inside and what is one past."""
    top = bench.width - 2  # -2^top is the least integer that fits, 2^top the first that does not
    if top > 127 + GRIDS[1]:
        assert bench.add(SPECIALS[5], GRIDS[1]) is not None  # the largest number fits
        return
    for bit in range(1, 23):  # subnormal numbers, 2^-149 being the last place
        if top + 149 - bit <= GRIDS[1]:
            grid = top + 149 - bit
            assert bench.add(1 << bit, grid) is None
            assert bench.add(1 << 31 | 1 << bit, grid) == -(1 << top)
            assert bench.add(1 << 31 | 1 << bit | 1, grid) is None
            assert bench.add((1 << bit) - 1, grid) is not None
    for _ in range(20):
        grid = bench.grid(top - 127, top + 125)
        exponent = top - grid
        limit, beyond = word_of(1 << 23, exponent), word_of((1 << 23) + 1, exponent)
        inside = word_of((1 << 24) - 1, exponent - 1)
        assert bench.add(limit, grid) is None
        assert bench.add(1 << 31 | limit, grid) == -(1 << top)
        assert bench.add(beyond, grid) is None
        assert bench.add(1 << 31 | beyond, grid) is None
        assert bench.add(inside, grid) == (1 << top) - (1 << top - 24)
        assert bench.add(1 << 31 | inside, grid) == (1 << top - 24) - (1 << top)
        for factor in (1, 2, 3, 60):
            if exponent + factor + 127 in EXPONENTS:
                assert bench.add(1 << 31 | word_of(1 << 23, exponent + factor), grid) is None


def add_subnormals(bench: StartBench) -> None:
    """Queue numbers with the leading bit in every place, both signs, on grids near and far."""
    for bits in range(1, 25):
        for trailing in (0, (1 << bits - 1) - 1, integer(bench.random, bits - 1)):
            significand = 1 << bits - 1 | trailing
            for sign in (0, 1 << 31):
                word = sign | significand  # with 24 bits, the first number that is normal
                grid = bench.grid()
                start = bench.add(word, grid)
                assert start == (-1) ** (sign >> 31) * Fraction(significand) * Fraction(2) ** (
                    grid - 149
                )


def add_random(bench: StartBench, count: int) -> None:
    """Queue random words, most of them where the grid makes a difference."""
    for _ in range(count):
        word, grid = integer(bench.random, 32), bench.grid()
        if bench.random.random() < 0.8:
            field = 150 - grid + int(bench.random.integers(-28, bench.width))
            word = word & ~(0xFF << 23) | max(0, min(254, field)) << 23
        bench.add(word, grid)


@bench_test()
async def start_values(dut):
    """At full rate, then with stalls, bubbles and resets."""
    bench = StartBench(dut)
    await bench.pipeline.reset()
    for advance, valid in ((1.0, 1.0), (0.6, 0.8), (0.8, 0.5)):
        add_specials(bench)
        if bench.is_exact:
            add_roundings(bench)
            add_limits(bench)
        else:
            add_subnormals(bench)
        add_random(bench, 1000)
        bench.random.shuffle(bench.vectors)
        await bench.pipeline.run(bench.vectors, advance, valid, drain=False)
        bench.vectors.clear()
        await bench.pipeline.reset()
    assert bench.pipeline.dropped > 0
    bench.pipeline.finish()
