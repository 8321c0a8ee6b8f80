"""Configurations and start values as the pins carry them, good ones and ones to be refused."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from model import ACCUMULATORS, ROUNDINGS, Format, start_integer, supported_splits
from model.format.rational import decode_binary32
from verif.environment.draw import choose

RAW_BIAS = 127
INFINITY = 0x7F800000
REFUSALS = ("a", "w", "y", "rounding", "clamp")
CHANGES = {
    "a": ("a_signed", "a_exponent_bits", "a_bias"),
    "w": ("w_signed", "w_exponent_bits"),
    "y": ("y_signed", "y_exponent_bits", "y_bias"),
    "rounding": ("rounding",),
    "clamp": ("clamp_enable", "clamp"),
    "output": ("raw",),
}
"""What can change from one configuration to the next, with its fields."""


@dataclass(frozen=True)
class Build:
    """What a build can hold.

    Attributes
    ----------
    exp_max
        Largest exponent width.
    width
        Bits of the accumulator, if it is exact.
    accumulator
        One of `ACCUMULATORS`.
    """

    exp_max: int
    width: int
    accumulator: str

    @classmethod
    def of(cls, dut: Any, width: int) -> Build:
        """Return the build of a design, whose exact accumulator would have this width."""
        return cls(int(dut.EXP_MAX.value), width, ACCUMULATORS[int(dut.ACCUMULATOR.value)])

    @property
    def is_exact(self) -> bool:
        """Whether the accumulator is the exact one, which refuses what does not fit."""
        return self.accumulator == "exact"


@dataclass(frozen=True)
class Settings:
    """Values of the configuration's inputs, by their names; biases are signed."""

    a_signed: int
    a_exponent_bits: int
    a_bias: int
    w_signed: int
    w_exponent_bits: int
    y_signed: int
    y_exponent_bits: int
    y_bias: int
    rounding: int
    clamp_enable: int
    clamp: int
    raw: int

    @classmethod
    def of(cls, fmt_a: Format, fmt_w: Format, fmt_y: Format | None) -> Settings:
        """Return settings with these formats, nearest even and no clamp; None is binary32."""
        y = (fmt_y.sign, fmt_y.exponent, fmt_y.bias) if fmt_y else (0, 0, 0)
        a_and_w = fmt_a.sign, fmt_a.exponent, fmt_a.bias, fmt_w.sign, fmt_w.exponent
        return cls(*a_and_w, *y, rounding=0, clamp_enable=0, clamp=0, raw=int(fmt_y is None))

    def pins(self) -> dict[str, int]:
        """Return what the inputs are driven with."""
        values = asdict(self)
        return values | {name: values[name] & 0xFF for name in ("a_bias", "y_bias")}

    def format_a(self) -> Format:
        """Return the format of a."""
        return _format(self.a_signed, self.a_exponent_bits, self.a_bias)

    def format_w(self, bias: int) -> Format:
        """Return the format of w with the bias of a column."""
        return _format(self.w_signed, self.w_exponent_bits, bias)

    def format_y(self) -> Format | None:
        """Return the format of the results, None for binary32."""
        return None if self.raw else _format(self.y_signed, self.y_exponent_bits, self.y_bias)

    def rounding_and_clamp(self) -> tuple[str, int | None]:
        """Return the two as the model takes them; the ports mean nothing for binary32."""
        if self.raw:
            return "rne", None
        return ROUNDINGS[self.rounding], self.clamp if self.clamp_enable else None

    def refusal(self, exp_max: int) -> str | None:
        """Return what a build with this largest exponent width has to refuse, of `REFUSALS`."""
        held = {(sign, exponent) for sign, exponent, _ in supported_splits(exp_max)}
        if (self.a_signed, self.a_exponent_bits) not in held:
            return "a"
        if (self.w_signed, self.w_exponent_bits) not in held:
            return "w"
        if self.raw:
            return None
        if (self.y_signed, self.y_exponent_bits) not in held:
            return "y"
        if self.rounding >= len(ROUNDINGS):
            return "rounding"
        return "clamp" if self.clamp_enable and self.y_signed and self.clamp >> 7 else None

    def refused(self, exp_max: int) -> bool:
        """Return whether a build with this largest exponent width has to refuse it."""
        return self.refusal(exp_max) is not None

    def changes(self, before: Settings) -> list[str]:
        """Return what differs from the configuration before, of `CHANGES`."""
        return [
            name
            for name, fields in CHANGES.items()
            if any(getattr(self, field) != getattr(before, field) for field in fields)
        ]

    def grid_exponent(self, w_bias: int) -> int:
        """Return the exponent of the accumulator's unit."""
        return self.format_a().unit_exponent + self.format_w(w_bias).unit_exponent

    def offset(self, w_bias: int) -> int:
        """Return the output's biased exponent of the accumulator's unit."""
        return self.grid_exponent(w_bias) + (RAW_BIAS if self.raw else self.y_bias)


def _format(signed: int, exponent: int, bias: int) -> Format:
    return Format(signed, exponent, 8 - signed - exponent, bias)


def random_bias(random: np.random.Generator) -> int:
    """Return a bias: an extreme, near zero, or any that a register holds."""
    return int(
        choose(random, (-128, 127, *random.integers(-16, 17, 3), random.integers(-128, 128)))
    )


def random_settings(random: np.random.Generator, exp_max: int) -> Settings:
    """Return settings that the build holds, with what has no meaning at random."""
    splits = [split[:2] for split in supported_splits(exp_max)]
    a, w, y = (choose(random, splits) for _ in range(3))
    raw = int(random.random() < 0.2)
    clamp_enable = int(random.random() < 0.3)
    signed_clamp = clamp_enable and y[0] and not raw
    settings = Settings(
        *(*a, random_bias(random), *w, *y, random_bias(random)),
        rounding=int(random.integers(len(ROUNDINGS))),
        clamp_enable=clamp_enable,
        clamp=int(random.integers(128 if signed_clamp else 256)),
        raw=raw,
    )
    if raw and random.random() < 0.5:
        unused = [*map(int, random.integers((2, 16, 8)))]
        settings = replace(
            settings, y_signed=unused[0], y_exponent_bits=unused[1], rounding=unused[2]
        )
    assert not settings.refused(exp_max)
    return settings


def refused_settings(random: np.random.Generator, exp_max: int, refusal: str) -> Settings:
    """Return settings with one thing, of `REFUSALS`, that the build does not hold."""
    settings = random_settings(random, exp_max)
    if refusal in ("y", "rounding", "clamp") and settings.raw:
        settings = replace(settings, raw=0, y_signed=1, y_exponent_bits=exp_max, rounding=0)
        settings = replace(settings, clamp_enable=0, y_exponent_bits=min(exp_max, 7))
    if refusal == "rounding":
        settings = replace(settings, rounding=int(random.integers(len(ROUNDINGS), 8)))
    elif refusal == "clamp":
        y_exponent_bits = min(settings.y_exponent_bits, 7)
        settings = replace(settings, y_signed=1, clamp_enable=1, y_exponent_bits=y_exponent_bits)
        settings = replace(
            settings, clamp=int(choose(random, (128, 255, random.integers(128, 256))))
        )
    else:
        sign = int(random.integers(2))
        widest = min(exp_max, 8 - sign)
        exponent = int(choose(random, (widest + 1, 15, random.integers(widest + 1, 16))))
        names = {f"{refusal}_signed": sign, f"{refusal}_exponent_bits": exponent}
        settings = replace(settings, **names)
    assert settings.refused(exp_max)
    return settings


def start_word(random: np.random.Generator, grid_exponent: int, build: Build) -> int:
    """Return a finite binary32 word, mostly one that the accumulator takes.

    Its leading bit is anywhere from below the grid to the exact accumulator's limit, and often
    right at the limit. A binary32 accumulator takes any, and gets some.
    """
    shape, width = random.random(), build.width
    if not build.is_exact and random.random() < 0.2:
        return int(random.integers(INFINITY)) | int(random.integers(2)) << 31
    if shape < 0.1:
        return int(choose(random, (0, 0x80000000, 1, 0x80000001, 0x7FFFFF)))
    if shape < 0.15:
        least = -math.ldexp(1, min(grid_exponent + width - 2, 127))
        return binary32_word(np.float32(least))
    significand = int(choose(random, (2**23, 2**24 - 1, 3 * 2**22, random.integers(2**23, 2**24))))
    leading = width - 3 if shape < 0.25 else int(random.integers(-3, width - 2))
    value = math.ldexp(significand, min(grid_exponent + leading, 127) - 23)
    return binary32_word(np.float32(-value if random.random() < 0.5 else value))


def refused_word(random: np.random.Generator, grid_exponent: int, build: Build) -> int:
    """Return a binary32 word that the accumulator does not take: too large, infinite or NaN."""
    shape, width = random.random(), build.width
    if shape < 0.3 or grid_exponent + width - 2 > 127 or not build.is_exact:
        infinite = INFINITY | int(random.integers(2)) << 31
        return infinite | int(choose(random, (0, 0, 1, 2**22, 2**23 - 1)))
    smallest = grid_exponent + width - 2
    exponent = int(choose(random, (smallest, smallest, random.integers(smallest, 128))))
    exponent = max(exponent, -126)
    negative = random.random() < 0.5
    value = math.ldexp(1 + (2.0**-23 if negative else 0.0), exponent)
    return binary32_word(np.float32(-value if negative else value))


def binary32_word(value: np.float32) -> int:
    """Return the word of a binary32 value."""
    return int(value.view(np.uint32))


def binary32_value(word: int) -> np.float32:
    """Return the value of a binary32 word."""
    return np.uint32(word).view(np.float32)


def start_units(word: int, grid_exponent: int, build: Build) -> int | Fraction | None:
    """Return a start value in units of the accumulator, None if it is to be refused."""
    if not build.is_exact:
        finite = word & INFINITY != INFINITY
        return decode_binary32(word) / Fraction(2) ** grid_exponent if finite else None
    try:
        return start_integer(binary32_value(word), grid_exponent, build.width)
    except ValueError:
        return None
