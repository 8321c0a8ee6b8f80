"""ffp8_unit: K_MAX products with the longest carries and the worst start values come out whole."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from cocotb.triggers import ClockCycles

from model import ACCUMULATORS, Format
from model.format.rational import decode_binary32
from tests.benches.common import start_clock
from tests.benches.control import known
from verif.adapters.unit import first_pins
from verif.engine import describe
from verif.environment.capabilities import Capabilities
from verif.environment.extremes import largest_job
from verif.environment.generator import Generator
from verif.environment.job import Job
from verif.environment.settings import Settings, binary32_word
from verif.simulator.checks import check
from verif.simulator.simulation import bench_random, bench_test

LATENCY = 10  # cycles from the last pair to the result, and PIPELINE more
BIAS = 40  # of both operands, so that binary32 holds every sum


Codes = tuple[list[int], list[int]]


def long_job(
    can: Capabilities,
    fmt_a: Format,
    fmt_w: Format,
    codes: Codes,
    start: int,
    total: int | None = None,
) -> Job:
    """Return a dot product whose start value and total are integers in the products' units."""
    settings = Settings.of(fmt_a, fmt_w, None)
    unit = Fraction(2) ** settings.grid_exponent(fmt_w.bias)
    word = binary32_word(np.float32(float(start * unit)))
    assert decode_binary32(word) == start * unit, f"{start} units are not binary32"
    a, w = (np.array(one, np.uint8) for one in codes)
    job = Job(settings, a[None], w[:, None], (word,), (fmt_w.bias,))
    if total is not None:
        actual = job.total(0, 0, can.accumulator) / unit
        assert actual == total, f"{actual} units, not {total}"
    return job


def long_jobs(can: Capabilities, generator: Generator) -> dict[str, Job]:
    """Return dot products of the largest products and of carries from end to end."""
    k_max = can.k_max
    signed = Format(1, can.exp_max, 7 - can.exp_max, BIAS)
    unsigned = Format(0, can.exp_max, 8 - can.exp_max, BIAS)
    limit = 1 << can.width - 2
    jobs = {}
    for negative in (False, True):
        jobs[f"largest, negative {negative}"] = job = largest_job(generator, negative, k_max)
        unit = Fraction(2) ** job.settings.grid_exponent(job.biases_w[0])
        assert abs(job.total(0, 0, can.accumulator)) > limit * unit, (
            "within reach of the start alone"
        )
    for fmt, code in ((unsigned, 0xFF), (signed, 0x7F), (signed, 0xFF)):
        # From as far as it goes to zero, then one unit in the last place.
        start = (1 - k_max) * int(fmt.integers(code)) * unsigned.max_integer
        codes = [code] * (k_max - 1) + [1], [0xFF] * (k_max - 1) + [1]
        jobs[f"{code:#x} of {fmt} to one"] = long_job(can, fmt, unsigned, codes, start, 1)
    assert k_max % 2 == 0
    for code, start in ((0x7F, limit - (limit >> 24)), (0xFF, -limit)):
        codes = [code, code ^ 0x80] * (k_max // 2), [0xFF] * k_max
        operands = can, signed, unsigned, codes
        jobs[f"{code:#x} alternating"] = long_job(*operands, 0, 0)
        total = start if can.is_exact else None
        jobs[f"{code:#x} alternating from {start:#x}"] = long_job(*operands, start, total)
    signed, unsigned = Format(1, 1, 6, BIAS), Format(0, 1, 7, BIAS)
    for code in (0x01, 0x81):  # every carry runs from end to end
        codes = [code, code ^ 0x80] * (k_max // 2), [1] * k_max
        jobs[f"{code:#x} around zero"] = long_job(can, signed, unsigned, codes, 0, 0)
    codes = [0x81, 0x01] * (k_max // 2 - 1) + [0x81, 0x81], [1] * k_max
    jobs["below zero"] = long_job(can, signed, unsigned, codes, 0, -2)
    for start, rounded in ((1 << 24, 1 << 24), ((1 << 24) + 2, (1 << 24) + 4)):  # only ties
        total = start + k_max if can.is_exact else rounded
        codes = [0x01] * k_max, [1] * k_max
        jobs[f"ones from {start:#x}"] = long_job(can, signed, unsigned, codes, start, total)
    return jobs


async def result_of(dut: Any, edge: Any, can: Capabilities, job: Job) -> None:
    """Send a dot product at full rate, wait for its result, and compare it."""
    pairs = list(zip(job.a_codes[0].tolist(), job.w_codes[:, 0].tolist(), strict=True))
    a, w = driven = pairs[0]
    first = {"in_valid": 1, "in_first": 1, "in_last": 0, "in_a": a, "in_w": w}
    for name, value in (first_pins(job) | first).items():
        getattr(dut, name).value = value
    await edge
    dut.in_first.value = 0
    position = 1
    while position < len(pairs):
        if pairs[position] != driven:
            dut.in_a.value, dut.in_w.value = driven = pairs[position]
        dut.in_last.value = int(position == len(pairs) - 1)
        # As long as nothing changes, nothing needs to be driven.
        same = position + 1
        while same < len(pairs) - 1 and pairs[same] == driven:
            same += 1
        count = same - position if position < len(pairs) - 1 else 1
        await (edge if count == 1 else ClockCycles(dut.clk, count))
        position += count
    dut.in_valid.value = 0
    valids = []
    for _ in range(LATENCY + int(dut.PIPELINE.value)):
        await edge
        valids.append(known(dut.out_valid))
    check("unit_longest.valid", valids == sorted(valids) and sum(valids) == 1, f"{valids}")
    actual = known(dut.out_result), known(dut.out_flags)
    expected = tuple(int(one[0, 0]) for one in job.by_definition(can))
    check(
        "unit_longest.outputs",
        actual == expected,
        lambda: (
            f"expected {describe.binary32(expected[0])}, {describe.flags(expected[1])}; "
            f"actual {describe.binary32(actual[0])}, {describe.flags(actual[1])}; "
            f"{job.describe(can, 0, 0)}"
        ),
    )


@bench_test()
async def longest_carries(dut):
    """Largest products of one sign and of both, from the worst start values, and around zero."""
    edge = start_clock(dut)
    can = Capabilities.of_build(
        exp_max=int(dut.EXP_MAX.value),
        k_max=int(dut.K_MAX.value),
        accumulator=ACCUMULATORS[int(dut.ACCUMULATOR.value)],
    )
    for name, value in {"rst": 1, "in_valid": 0, "out_ready": 1}.items():
        getattr(dut, name).value = value
    await ClockCycles(dut.clk, 2)
    dut.rst.value = 0
    checked = 0
    jobs = long_jobs(can, Generator(can, bench_random()))
    for name, job in jobs.items():
        assert job.k == can.k_max, name
        await result_of(dut, edge, can, job)
        checked += 1
    assert checked == len(jobs) == 14
    errors = ("config_error", "start_error", "length_error", "packet_error")
    shown = [error for error in errors if known(getattr(dut, error))]
    check("unit_longest.errors", not shown, f"{shown}")
    dut._log.info("checked %d sums of %d products: %s", checked, can.k_max, ", ".join(jobs))
