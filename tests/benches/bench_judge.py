"""ffp8_judge: every format of each operand, supported or not, and biases to their extremes."""

from collections.abc import Sequence
from itertools import product
from typing import Any, NamedTuple

from cocotb.triggers import Timer

from model import ROUNDINGS, Format, supported_splits
from tests.benches.control import known
from tests.benches.encoding import RAW_BIAS
from verif.simulator.checks import check
from verif.simulator.simulation import bench_random, bench_test

OPERANDS = ("a", "w", "y")
EXTREMES = (-128, -127, -1, 0, 1, 126, 127)
Split = tuple[int, int]  # sign and exponent bits
FORMATS: list[Split] = [(sign, exponent) for sign in (0, 1) for exponent in range(16)]


class Configuration(NamedTuple):
    """Formats and biases of a, w and y, the rest as on the ports."""

    formats: Sequence[Split]
    biases: Sequence[int]
    rounding: int = 0
    clamp: tuple[int, int] = (0, 0)
    raw: int = 0

    def refused(self, supported: Sequence[Split]) -> bool:
        """Return whether a build is to refuse it, by docs/hardware.md and the module's header.

        "a format that the build does not hold, an unknown rounding mode, or a clamp code with
        the sign bit set. Formats, rounding and clamp of the output do not matter for binary32
        results."
        """
        if any(fmt not in supported for fmt in self.formats[: 2 if self.raw else 3]):
            return True
        clamps_sign = all(self.clamp) and self.formats[2][0] == 1
        return not self.raw and (self.rounding >= len(ROUNDINGS) or clamps_sign)

    def exponents(self) -> dict[str, int]:
        """Return `grid` and `offset` by the header.

        "unit_a * unit_w = 2^-grid"; "`offset`: bias of the output - grid"; "A format's unit is
        2^(1 - bias - fraction bits)", by the same rule where a format is refused, with fraction
        bits below zero.
        """
        operands = zip(self.formats[:2], self.biases[:2], strict=True)
        grid = sum(bias + 7 - sign - exponent for (sign, exponent), bias in operands)
        return {"grid": grid, "offset": (RAW_BIAS if self.raw else self.biases[2]) - grid}

    def ports(self) -> dict[str, int]:
        """Return the values of the inputs by name."""
        ports = {"rounding": self.rounding, "raw": self.raw}
        ports |= {"clamp_enable": self.clamp[0], "clamp_sign": self.clamp[1]}
        for name, (sign, exponent), bias in zip(OPERANDS, self.formats, self.biases, strict=True):
            ports[f"{name}_signed"] = sign
            ports[f"{name}_exponent_bits"] = exponent
            ports[f"{name}_bias"] = bias & 0xFF
        return ports


class JudgeBench:
    """Drives one configuration at a time and compares with the definition."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.random = bench_random()
        self.exp_max = int(dut.EXP_MAX.value)
        self.supported = [split[:2] for split in supported_splits(self.exp_max)]
        self.sent = self.checked = self.refused = 0
        self.extremes: dict[str, set[int]] = {"grid": set(), "offset": set()}
        self._driven: dict[str, int] = {}

    def choose(self, *choices: Any) -> Any:
        """Return one of the choices."""
        return choices[self.random.integers(len(choices))]

    def bias(self) -> int:
        """Return a bias, often an extreme one."""
        return self.choose(*EXTREMES, int(self.random.integers(-128, 128)))

    async def judge(self, configuration: Configuration) -> None:
        """Check one configuration."""
        ports = configuration.ports()
        for name, value in ports.items():
            if self._driven.get(name) != value:
                self._driven[name] = value
                getattr(self.dut, name).value = value
        await Timer(1, "ns")
        self.sent += 1
        refused, due = configuration.refused(self.supported), configuration.exponents()
        shown = known(self.dut.refused)
        check("judge.refused", shown == refused, lambda: f"{ports}: refused is to be {refused}")
        actual = {name: known(getattr(self.dut, name)) for name in due}
        holds = actual == {name: value & 0x3FF for name, value in due.items()}
        check("judge.exponents", holds, lambda: f"{ports}: {actual} modulo 1024, expected {due}")
        if not refused:
            self._note(configuration, due)
        self.refused += refused
        self.checked += 1

    def _note(self, configuration: Configuration, due: dict[str, int]) -> None:
        """Assert that the exponents follow from the model's units, and take note of extremes."""
        operands = zip(configuration.formats[:2], configuration.biases[:2], strict=True)
        units = [
            Format(sign, exponent, 8 - sign - exponent, bias).unit_exponent
            for (sign, exponent), bias in operands
        ]
        assert due["grid"] == -sum(units)
        for name, value in due.items():
            self.extremes[name].add(value)

    def finish(self) -> None:
        """Assert that all was checked, and that both verdicts occurred."""
        assert self.checked == self.sent > self.refused > 0
        self.dut._log.info("checked %d, of which %d refused", self.checked, self.refused)


@bench_test()
async def every_format_of_each_operand(dut):
    """Beside supported formats of the other two, with every rounding, clamp and kind of result."""
    bench = JudgeBench(dut)
    for place, fmt in product(range(3), FORMATS):
        for rounding, raw, *clamp in product(range(8), (0, 1), (0, 1), (0, 1)):
            formats = [bench.choose(*bench.supported) for _ in OPERANDS]
            formats[place] = fmt
            biases = [bench.bias() for _ in OPERANDS]
            await bench.judge(Configuration(formats, biases, rounding, tuple(clamp), raw))
    assert bench.checked == 3 * 32 * 64
    bench.finish()


@bench_test()
async def every_pair_of_supported_formats(dut):
    """With extreme biases: grid and offset reach the limits that the build has."""
    bench = JudgeBench(dut)
    pairs = list(product(bench.supported, repeat=2))
    await bench.judge(Configuration([(1, 9)] * 3, (0, 0, 0)))
    for a, w in pairs:
        for signs in product((-128, 127), repeat=3):
            await bench.judge(Configuration([a, w, bench.choose(*bench.supported)], signs))
        biases = [bench.bias() for _ in OPERANDS]
        await bench.judge(Configuration([a, w, bench.choose(*FORMATS)], biases, 7, (1, 1), raw=1))
    assert bench.checked == 1 + 9 * len(pairs)
    least_fraction = 8 - max(sign + exponent for sign, exponent in bench.supported)
    lowest, highest = 2 * (-129 + least_fraction), 2 * (126 + 8)
    assert {lowest, highest} == {min(bench.extremes["grid"]), max(bench.extremes["grid"])}
    assert min(bench.extremes["offset"]) == -128 - highest
    assert max(bench.extremes["offset"]) == 127 - lowest
    bench.finish()


@bench_test()
async def random_configurations(dut):
    """Everything at once, refused more often than not."""
    bench = JudgeBench(dut)
    for _ in range(2000):
        pool = bench.choose(FORMATS, bench.supported)
        formats = [bench.choose(*pool) for _ in OPERANDS]
        rounding = int(bench.random.integers(8))
        enable, sign, raw = (int(bit) for bit in bench.random.integers(2, size=3))
        biases = [bench.bias() for _ in OPERANDS]
        await bench.judge(Configuration(formats, biases, rounding, (enable, sign), raw))
    bench.finish()
