"""ffp8_unit: all 65,536 pairs of codes of the formats named, one pair a cycle.

The variable PAIR_FORMATS names them: ``a*w=y`` with y ``binary32`` or a format.
"""

from __future__ import annotations

import os
from collections import Counter
from functools import partial
from typing import Any

import numpy as np

from model import FLAG_UNDERFLOW, Format, gemm
from tests.benches.common import start_clock
from tests.benches.control import known
from verif.engine import describe
from verif.environment.settings import Settings
from verif.simulator.checks import check
from verif.simulator.simulation import bench_test

LATENCY = 10  # cycles from a pair to its result, and PIPELINE more
CODES = np.arange(256, dtype=np.uint8)
PAIRS = 256 * 256
ERRORS = ("config_error", "start_error", "length_error", "packet_error")
Formats = tuple[Format, Format, Format | None]


def formats_of(text: str) -> Formats:
    """Return the formats of a, w and y that ``a*w=y`` names; None is binary32."""
    operands, _, y = text.partition("=")
    a, _, w = operands.partition("*")
    return Format.parse(a), Format.parse(w), None if y == "binary32" else Format.parse(y)


class PairBench:
    """Drives every pair of codes and compares every result."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.accumulator = ("exact", "binary32")[int(dut.ACCUMULATOR.value)]
        self.latency = LATENCY + int(dut.PIPELINE.value)
        self.checked = 0
        self.kinds: Counter[str] = Counter()
        self.edge = start_clock(dut)

    async def reset(self, fmt_a: Format, fmt_w: Format, fmt_y: Format | None) -> None:
        """Reset, and configure for all that follows."""
        values = {"rst": 1, "in_valid": 0, "in_first": 1, "in_last": 1, "out_ready": 1, "start": 0}
        values |= {"in_a": 0, "in_w": 0, "w_bias": fmt_w.bias & 0xFF}
        for name, value in (values | Settings.of(fmt_a, fmt_w, fmt_y).pins()).items():
            getattr(self.dut, name).value = value
        await self.edge
        await self.edge
        self.dut.rst.value, self.dut.in_valid.value = 0, 1

    async def all_pairs(self, formats: Formats) -> None:
        """Send every pair, a by a, and compare result and flags with a table of the model."""
        fmt_a, fmt_w, fmt_y = formats
        operands = CODES[:, np.newaxis], CODES[np.newaxis], fmt_a, fmt_w, 0.0, fmt_y
        results, flags = gemm(*operands, accumulator=self.accumulator)
        self._note(results, flags, fmt_y)
        expected = np.stack((results.ravel(), flags.ravel()), 1).tolist()
        await self.reset(fmt_a, fmt_w, fmt_y)
        dut, edge, latency = self.dut, self.edge, self.latency
        in_a, in_w, outputs = dut.in_a, dut.in_w, (dut.out_result, dut.out_flags)
        for number in range(-latency, PAIRS + 1):
            sent = number + latency
            if sent == PAIRS:
                dut.in_valid.value = 0
            elif sent % 256 == 0:
                in_a.value = sent // 256 & 0xFF
            in_w.value = sent % 256
            await edge
            valid, due = known(dut.out_valid), 0 <= number < PAIRS
            check("unit_pairs.valid", valid == due, lambda due=due: f"out_valid is to be {due}")
            if due:
                actual = [known(output) for output in outputs]
                text = partial(self._text, formats, number, expected[number], actual)
                check("unit_pairs.outputs", actual == expected[number], text)
                self.checked += 1
            if number % 256 == 0:
                shown = [error for error in ERRORS if known(getattr(dut, error))]
                check("unit_pairs.errors", not shown, f"{shown}")

    def _text(self, formats: Formats, number: int, expected: list[int], actual: list[int]) -> str:
        """Return what a pair's result and flags are and what they should be."""
        (fmt_a, fmt_w, fmt_y), (a, w) = formats, divmod(number, 256)
        return (
            f"{describe.code(fmt_a, a)} * {describe.code(fmt_w, w)} to {fmt_y}: expected result "
            f"and flags {expected}, actual {actual}"
        )

    def _note(self, results: np.ndarray, flags: np.ndarray, fmt_y: Format | None) -> None:
        """Count the kinds of results that the model expects."""
        if fmt_y:
            field = (results & fmt_y.max_code) >> fmt_y.fraction
            subnormal = (field == 0) & (results & fmt_y.max_code != 0)
            negative = (results >> 7 == 1) if fmt_y.sign else results < 0
        else:
            magnitude = results & 0x7FFFFFFF
            subnormal = (magnitude != 0) & (magnitude < 0x800000)
            negative = results >> 31 == 1
        positive = (results != 0) & ~negative
        kinds = {"subnormal": subnormal, "negative": negative, "positive": positive}
        kinds |= {"negative subnormal": subnormal & negative, "zero": results == 0}
        kinds |= {"exact": flags == 0, "inexact": flags != 0}
        kinds |= {"underflow": flags & FLAG_UNDERFLOW != 0}
        self.kinds.update({name: int(kind.sum()) for name, kind in kinds.items()})
        assert fmt_y is None or fmt_y.sign or not self.kinds["negative"]


@bench_test(timeout_time=100)
async def every_pair_of_codes(dut):
    """All pairs, with results of every kind among them, subnormal ones and both signs."""
    bench = PairBench(dut)
    text = os.environ["PAIR_FORMATS"]
    fmt_a, fmt_w, fmt_y = formats_of(text)
    await bench.all_pairs((fmt_a, fmt_w, fmt_y))
    assert bench.checked == PAIRS == 65_536
    kinds = ["positive", "zero", "exact", "subnormal"]
    if (fmt_a.sign or fmt_w.sign) and (fmt_y is None or fmt_y.sign):
        kinds += ["negative", "negative subnormal"]
    assert all(bench.kinds[kind] for kind in kinds), bench.kinds
    dut._log.info("checked %d pairs of %s: %s", bench.checked, text, dict(bench.kinds))
