"""ffp8_unit: dot products of every format, with every error, at every pace."""

from __future__ import annotations

from collections import Counter, deque
from types import SimpleNamespace

import numpy as np

from model import FLAG_INEXACT, accumulator_width
from tests.benches.control import Handshake, Pins
from tests.benches.dots import ERRORS, Dot, failing_dot, largest_dot, random_dot
from verif.environment.draw import Pace, choose
from verif.environment.settings import Build, Settings, random_settings
from verif.simulation import bench_random, bench_test

INPUTS = ("in_valid", "in_first", "in_last", "in_a", "in_w", "w_bias", "start", "out_ready")
INPUTS += tuple(Settings.__dataclass_fields__)
STICKY = ("config_error", "start_error", "length_error", "packet_error")
OUTPUTS = ("in_ready", "out_valid", "out_result", "out_flags", *STICKY)
STICKY_OF = dict(zip(ERRORS, (*STICKY, "packet_error"), strict=True))
PATIENCE = 200  # cycles in which nothing moves before a run counts as stuck


class Surroundings:
    """The giver of pairs and the taker of results around the unit, and the judgement."""

    def __init__(
        self, pins: Pins, dots: list[Dot], random: np.random.Generator, calm: bool = False
    ) -> None:
        rates = (1.0,) if calm else (0.05, 0.5, 0.9, 1.0)
        self.pins, self.dots, self.random = pins, dots, random
        self.in_pace, self.out_pace = Pace(random, rates), Pace(random, rates)
        exp_max = int(pins.dut.EXP_MAX.value)
        self.others = [random_settings(random, exp_max).pins() for _ in range(20)]
        self.output = Handshake("out_valid", ("out_result", "out_flags"))
        self.latency = int(pins.dut.PIPELINE.value) + 10
        self.position = self.pair = self.checked = self.stalls = self.waiting = 0
        self.valid, self.calm = False, calm
        self.due: deque[tuple[Dot, int]] = deque()
        self.errors: set[str] = set()
        self.moments: list[int] = []

    def drive(self) -> None:
        """Set the inputs of the next cycle."""
        offered = self.valid
        self.valid = self.valid or (self.position < len(self.dots) and self.in_pace())
        values = {"in_valid": self.valid, "out_ready": self.out_pace()}
        if self.valid and not offered:
            dot = self.dots[self.position]
            values |= self._noise() | dot.pair(self.pair)
            values |= dot.pins() if self.pair == 0 and dot.error != "outside" else {}
        elif not self.valid:
            values |= self._noise()
        self.pins.drive(**values)

    def judge(self, sample: SimpleNamespace) -> None:
        """Compare a cycle with what went in."""
        ready = self.pins.driven("out_ready")
        fresh = self.output.fresh
        moved = self.output(sample, ready)
        if sample.out_valid:
            assert self.due, f"a result too many: {sample.out_result:#x}"
            dot, cycle = self.due[0]
            if fresh:
                dot.check(sample.out_result, sample.out_flags)
            latency = self.pins.cycles - cycle
            assert latency >= self.latency, f"a result {latency} cycles after {dot.text()}"
            assert not self.calm or latency == self.latency, f"{latency} cycles: {dot.text()}"
        if moved:
            self.due.popleft()
            self.checked += 1
            self.moments.append(self.pins.cycles)
        for name in STICKY:
            assert not getattr(sample, name) or name in self.errors, f"{name} without cause"
        taken = self.valid and sample.in_ready
        self.stalls += self.valid and not sample.in_ready
        assert sample.in_ready or self.due, "not ready, with no result inside"
        assert sample.in_ready or not self.calm, "not ready, though every result was taken"
        if taken:
            self._take()
        self.waiting = 0 if taken or moved else self.waiting + 1
        assert self.waiting < PATIENCE, f"stuck at dot product {self.position}"

    def _take(self) -> None:
        dot = self.dots[self.position]
        if dot.error:
            self.errors.add(STICKY_OF[dot.error])
        self.valid, self.pair = False, self.pair + 1
        if self.pair == len(dot.a_codes):
            if not dot.error:
                self.due.append((dot, self.pins.cycles))
            self.position, self.pair = self.position + 1, 0

    def _noise(self) -> dict[str, int]:
        """Return values for the inputs that carry nothing."""
        integers = self.random.integers
        noise = {name: int(integers(2)) for name in ("in_first", "in_last")}
        noise |= {name: int(integers(256)) for name in ("in_a", "in_w", "w_bias")}
        return noise | {"start": int(integers(2**32))} | choose(self.random, self.others)


async def run(
    pins: Pins, dots: list[Dot], random: np.random.Generator, calm: bool, cycles: int = 10**9
) -> Surroundings:
    """Reset, send dot products, and wait for the results, or for a number of cycles."""
    surroundings = Surroundings(pins, dots, random, calm)
    await pins.reset(in_valid=0)
    first = await pins.cycle()
    assert not any(vars(first)[name] for name in OUTPUTS[1:]), f"after reset: {first}"
    while (surroundings.position < len(dots) or surroundings.due) and pins.cycles < cycles:
        surroundings.drive()
        surroundings.judge(await pins.cycle())
    if pins.cycles < cycles:
        await settle(pins, surroundings)
    return surroundings


async def settle(pins: Pins, surroundings: Surroundings) -> None:
    """See that no result is left over, and that the errors are those that were sent."""
    pins.drive(in_valid=0)
    for _ in range(2 * surroundings.latency):
        pins.drive(out_ready=surroundings.out_pace())
        sample = await pins.cycle()
        assert not sample.out_valid, f"a result too many: {sample.out_result:#x}"
    raised = {name for name in STICKY if getattr(sample, name)}
    assert raised == surroundings.errors, f"errors {raised}, sent {surroundings.errors}"
    good = sum(dot.error is None for dot in surroundings.dots)
    assert surroundings.checked == good > 0 and not surroundings.due


def sizes(dut: object) -> tuple[Build, int]:
    """Return the build and K_MAX."""
    exp_max, k_max = int(dut.EXP_MAX.value), int(dut.K_MAX.value)
    return Build.of(dut, accumulator_width(exp_max, k_max)), k_max


def failing_dots(dut: object, random: np.random.Generator, kind: str, count: int) -> list[Dot]:
    """Return dot products that have an error."""
    build, k_max = sizes(dut)
    assert kind != "length" or k_max < 100, "longest_sums has it"
    return [failing_dot(random, build, min(k_max, 40), kind) for _ in range(count)]


def error_kinds(dut: object) -> list[str]:
    """Return the kinds of errors that take few pairs."""
    return [kind for kind in ERRORS if kind != "length" or int(dut.K_MAX.value) < 100]


def random_dots(dut: object, random: np.random.Generator, count: int) -> list[Dot]:
    """Return good dot products, half of them of one or two pairs."""
    build, k_max = sizes(dut)
    most = min(k_max, 40)
    lengths = (choose(random, (1, 1, most, random.integers(1, most + 1))) for _ in range(count))
    return [random_dot(random, build, int(length)) for length in lengths]


@bench_test()
async def results_of_every_format(dut):
    """Results and flags equal the exact definition, in order, whatever stalls."""
    random, pins = bench_random(), Pins(dut, INPUTS, OUTPUTS)
    dots = random_dots(dut, random, 500)
    surroundings = await run(pins, dots, random, calm=False)
    assert surroundings.stalls > 0 and surroundings.output.stalled > 0
    flags = Counter(dot.expected[1] for dot in dots)
    assert flags[0] + flags[FLAG_INEXACT] > len(dots) // 2 and len(flags) >= 4
    dut._log.info("checked %d results, flags %s", surroundings.checked, dict(flags))


@bench_test()
async def a_result_every_cycle(dut):
    """Single pairs come and go at one a cycle, and each takes as long as promised."""
    random, pins = bench_random(), Pins(dut, INPUTS, OUTPUTS)
    build, k_max = sizes(dut)
    singles = [random_dot(random, build, 1) for _ in range(100)]
    surroundings = await run(pins, singles, random, calm=True)
    moments = surroundings.moments
    assert moments[-1] - moments[0] == len(moments) - 1 == len(singles) - 1
    longer = random_dots(dut, random, 30)
    assert (await run(pins, longer, random, calm=True)).checked == len(longer) > 0


@bench_test()
async def errors_of_every_kind(dut):
    """Errors cost the result of their own dot product, set their own bit, and nothing else."""
    random, pins = bench_random(), Pins(dut, INPUTS, OUTPUTS)
    for kind in error_kinds(dut) * 4:
        dots = random_dots(dut, random, 12)
        for failing in failing_dots(dut, random, kind, 6):
            dots.insert(int(random.integers(len(dots) + 1)), failing)
        surroundings = await run(pins, dots, random, calm=False)
        assert surroundings.errors == {STICKY_OF[kind]} and surroundings.checked == 12


@bench_test()
async def reset_empties_the_unit(dut):
    """After rst nothing is left of what was inside, errors included."""
    random, pins = bench_random(), Pins(dut, INPUTS, OUTPUTS)
    left = 0
    for _ in range(25):
        dots = random_dots(dut, random, 10)
        dots[1:1] = failing_dots(dut, random, choose(random, error_kinds(dut)), 1)
        cycles = int(random.integers(2, 150))
        surroundings = await run(pins, dots, random, calm=False, cycles=cycles)
        left += len(surroundings.due) + (surroundings.pair > 0)
    assert left > 0


@bench_test()
async def longest_sums(dut):
    """K_MAX of the largest products and start values come out whole; one more is an error."""
    random, pins = bench_random(), Pins(dut, INPUTS, OUTPUTS)
    build, k_max = sizes(dut)
    short = random_dots(dut, random, 2)
    longest = [largest_dot(build, k_max, sign) for sign in (0, 1)]
    too_long = largest_dot(build, k_max + 1, 0, "length")
    dots = [*longest, short[0], too_long, short[1]]
    surroundings = await run(pins, dots, random, calm=True)
    assert surroundings.errors == {"length_error"} and surroundings.checked == 4
