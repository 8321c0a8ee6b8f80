"""ffp8_unit: K_MAX products with the longest carries and the worst start values come out whole."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from cocotb.triggers import ClockCycles

from model import Format, accumulator_width
from model.rational import decode_binary32
from tests.benches.common import start_clock
from tests.benches.control import known
from tests.benches.dots import Dot, largest_dot
from verif.environment.settings import Build, Settings, binary32_word
from verif.simulation import bench_test

LATENCY = 10  # cycles from the last pair to the result, and PIPELINE more
BIAS = 40  # of both operands, so that binary32 holds every sum


Codes = tuple[list[int], list[int]]


def long_dot(
    build: Build, fmt_a: Format, fmt_w: Format, codes: Codes, start: int, total: int | None = None
) -> Dot:
    """Return a dot product whose start value and total are integers in the products' units."""
    settings = Settings.of(fmt_a, fmt_w, None)
    unit = Fraction(2) ** settings.grid_exponent(fmt_w.bias)
    word = binary32_word(np.float32(float(start * unit)))
    assert decode_binary32(word) == start * unit, f"{start} units are not binary32"
    dot = Dot(settings, fmt_w.bias, word, *codes, accumulator=build.accumulator)
    assert total is None or dot.total == total * unit, f"{dot.total / unit} units, not {total}"
    return dot


def long_dots(build: Build, k_max: int) -> dict[str, Dot]:
    """Return dot products of the largest products and of carries from end to end."""
    signed = Format(1, build.exp_max, 7 - build.exp_max, BIAS)
    unsigned = Format(0, build.exp_max, 8 - build.exp_max, BIAS)
    limit = 1 << build.width - 2
    dots = {}
    for sign in (0, 1):
        dots[f"largest, sign {sign}"] = dot = largest_dot(build, k_max, sign)
        unit = Fraction(2) ** dot.settings.grid_exponent(dot.w_bias)
        assert abs(dot.total) > limit * unit, "within reach of the start value alone"
    for fmt, code in ((unsigned, 0xFF), (signed, 0x7F), (signed, 0xFF)):
        # From as far as it goes to zero, then one unit in the last place.
        start = (1 - k_max) * int(fmt.integers(code)) * unsigned.max_integer
        codes = [code] * (k_max - 1) + [1], [0xFF] * (k_max - 1) + [1]
        dots[f"{code:#x} of {fmt} to one"] = long_dot(build, fmt, unsigned, codes, start, 1)
    assert k_max % 2 == 0
    for code, start in ((0x7F, limit - (limit >> 24)), (0xFF, -limit)):
        codes = [code, code ^ 0x80] * (k_max // 2), [0xFF] * k_max
        operands = build, signed, unsigned, codes
        dots[f"{code:#x} alternating"] = long_dot(*operands, 0, 0)
        total = start if build.is_exact else None
        dots[f"{code:#x} alternating from {start:#x}"] = long_dot(*operands, start, total)
    signed, unsigned = Format(1, 1, 6, BIAS), Format(0, 1, 7, BIAS)
    for code in (0x01, 0x81):  # every carry runs from end to end
        codes = [code, code ^ 0x80] * (k_max // 2), [1] * k_max
        dots[f"{code:#x} around zero"] = long_dot(build, signed, unsigned, codes, 0, 0)
    codes = [0x81, 0x01] * (k_max // 2 - 1) + [0x81, 0x81], [1] * k_max
    dots["below zero"] = long_dot(build, signed, unsigned, codes, 0, -2)
    for start, rounded in ((1 << 24, 1 << 24), ((1 << 24) + 2, (1 << 24) + 4)):  # only ties
        total = start + k_max if build.is_exact else rounded
        codes = [0x01] * k_max, [1] * k_max
        dots[f"ones from {start:#x}"] = long_dot(build, signed, unsigned, codes, start, total)
    return dots


async def result_of(dut: Any, edge: Any, dot: Dot) -> None:
    """Send a dot product at full rate, wait for its result, and compare it."""
    for name, value in (dot.pins() | dot.pair(0) | {"in_valid": 1}).items():
        getattr(dut, name).value = value
    await edge
    dut.in_first.value = 0
    driven = dot.a_codes[0], dot.w_codes[0]
    pairs = list(zip(dot.a_codes, dot.w_codes, strict=True))
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
    for _ in range(LATENCY + int(dut.PIPELINE.value) - 1):
        await edge
        assert known(dut.out_valid) == 0, "a result too early"
    await edge
    assert known(dut.out_valid) == 1, "no result"
    dot.check(known(dut.out_result), known(dut.out_flags))


@bench_test()
async def longest_carries(dut):
    """Largest products of one sign and of both, from the worst start values, and around zero."""
    k_max, edge = int(dut.K_MAX.value), start_clock(dut)
    build = Build.of(dut, accumulator_width(int(dut.EXP_MAX.value), k_max))
    for name, value in {"rst": 1, "in_valid": 0, "out_ready": 1}.items():
        getattr(dut, name).value = value
    await ClockCycles(dut.clk, 2)
    dut.rst.value = 0
    checked = 0
    dots = long_dots(build, k_max)
    for name, dot in dots.items():
        assert len(dot.a_codes) == k_max, name
        await result_of(dut, edge, dot)
        checked += 1
    assert checked == len(dots) == 14
    errors = ("config_error", "start_error", "length_error", "packet_error")
    assert not any(known(getattr(dut, error)) for error in errors)
    dut._log.info("checked %d sums of %d products: %s", checked, k_max, ", ".join(dots))
