"""Dot products for ffp8_unit, good ones and ones with an error, and what comes of them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property

import numpy as np

from model import dot, rational
from verif import describe
from verif.environment.draw import choose
from verif.environment.settings import (
    REFUSALS,
    Build,
    Settings,
    binary32_value,
    binary32_word,
    random_bias,
    random_settings,
    refused_settings,
    refused_word,
    start_units,
    start_word,
)

ERRORS = ("config", "start", "length", "outside", "inside")
SPECIAL_CODES = (0x00, 0x80, 0x01, 0x7F, 0xFF, 0x81, 0x08, 0x88)


@dataclass(frozen=True)
class Dot:
    """Some pairs of codes with a configuration.

    Attributes
    ----------
    settings, w_bias, start
        Configuration and binary32 word that go with the first pair.
    a_codes, w_codes
        The pairs.
    error
        One of `ERRORS`, None for a dot product that gives a result. A dot product with error
        "outside" lacks in_first, one with error "inside" lacks in_last.
    accumulator
        How the unit adds: ``exact`` or ``binary32``.
    """

    settings: Settings
    w_bias: int
    start: int
    a_codes: list[int] = field(repr=False)
    w_codes: list[int] = field(repr=False)
    error: str | None = None
    accumulator: str = "exact"

    @cached_property
    def total(self) -> Fraction:
        """The accumulator's final value by the model."""
        fmt_a, fmt_w = self.settings.format_a(), self.settings.format_w(self.w_bias)
        start = binary32_value(self.start)
        return dot(self.a_codes, self.w_codes, fmt_a, fmt_w, start, self.accumulator)

    @cached_property
    def expected(self) -> tuple[int, int]:
        """Result and flags by the exact definition; FFP8 at bias 0, which only scales a format."""
        fmt = self.settings.format_y()
        if fmt is None:
            return rational.encode_binary32(self.total)
        scaled = self.total * Fraction(2) ** fmt.bias
        fields = (fmt.sign, fmt.exponent, fmt.fraction, 0)
        return rational.encode(fields, scaled, *self.settings.rounding_and_clamp())

    def pins(self) -> dict[str, int]:
        """Return what the inputs are driven with at the first pair."""
        return self.settings.pins() | {"w_bias": self.w_bias & 0xFF, "start": self.start}

    def pair(self, index: int) -> dict[str, int]:
        """Return what the inputs of a pair are driven with."""
        last = index == len(self.a_codes) - 1 and self.error != "inside"
        return {
            "in_first": int(index == 0 and self.error != "outside"),
            "in_last": int(last),
            "in_a": self.a_codes[index],
            "in_w": self.w_codes[index],
        }

    def check(self, result: int, flags: int) -> None:
        """Assert that the result is the expected one."""
        assert (result, flags) == self.expected, (
            f"{self.text()}: expected {self._decoded(*self.expected)}; "
            f"actual {self._decoded(result, flags)} ({result:#x})"
        )

    def text(self) -> str:
        """Return all operands, decoded; the first pairs of a long one."""
        if self.error:
            return f"{self}, {len(self.a_codes)} pairs"
        fmt_a, fmt_w = self.settings.format_a(), self.settings.format_w(self.w_bias)
        pairs = zip(self.a_codes[:20], self.w_codes[:20], strict=True)
        products = [f"{describe.code(fmt_a, a)} * {describe.code(fmt_w, w)}" for a, w in pairs]
        return (
            f"{self.settings}, start {describe.binary32(self.start)} + {len(self.a_codes)} pairs "
            f"[{'; '.join(products)}] = {describe.dyadic(self.total)}"
        )

    def _decoded(self, result: int, flags: int) -> str:
        fmt = self.settings.format_y()
        known = describe.code(fmt, result & 0xFF) if fmt else describe.binary32(result)
        return f"{known}, flags {describe.flags(flags)}"


def random_codes(random: np.random.Generator, count: int) -> list[int]:
    """Return codes: any, special ones, or a mixture with many zeros."""
    share = float(choose(random, (0.0, 0.1, 0.5, 1.0)))
    special = random.choice(SPECIAL_CODES[: int(choose(random, (2, len(SPECIAL_CODES))))], count)
    any_code = random.integers(0, 256, count)
    return np.where(random.random(count) < share, special, any_code).tolist()


def random_dot(random: np.random.Generator, build: Build, count: int) -> Dot:
    """Return a good dot product of `count` pairs whose result most often is in range."""
    settings, w_bias = random_settings(random, build.exp_max), random_bias(random)
    start = start_word(random, settings.grid_exponent(w_bias), build)
    while _refused(settings, w_bias, start, build):
        start = start_word(random, settings.grid_exponent(w_bias), build)
    if random.random() < 0.4:
        start = 0
    a_codes, w_codes = random_codes(random, count), random_codes(random, count)
    result = Dot(settings, w_bias, start, a_codes, w_codes, accumulator=build.accumulator)
    if result.total and random.random() < 0.8:
        leading = _leading_exponent(result.total)
        y_bias = int(random.integers(-4, 2**settings.y_exponent_bits + 3)) - leading
        settings = replace(settings, y_bias=max(-128, min(127, y_bias)))
    return replace(result, settings=settings)


def failing_dot(random: np.random.Generator, build: Build, k_max: int, error: str) -> Dot:
    """Return a dot product that has one error, of `ERRORS`."""
    count = int(choose(random, (1, min(2, k_max), k_max, random.integers(1, k_max + 1))))
    if error == "length":
        count = k_max + int(choose(random, (1, 1, 2, k_max, random.integers(1, 3 * k_max + 1))))
    result = replace(random_dot(random, build, min(count, 20)), error=error)
    if error == "config":
        settings = refused_settings(random, build.exp_max, choose(random, REFUSALS))
        result = replace(result, settings=settings)
    elif error == "start":
        grid = result.settings.grid_exponent(result.w_bias)
        result = replace(result, start=refused_word(random, grid, build))
        assert _refused(result.settings, result.w_bias, result.start, build)
    a_codes, w_codes = random_codes(random, count), random_codes(random, count)
    return replace(result, a_codes=a_codes, w_codes=w_codes)


def largest_dot(build: Build, count: int, sign: int, error: str | None = None) -> Dot:
    """Return `count` products as large as they can be, and a start value to match.

    With `sign` 1 all of them are negative.
    """
    exp_max, width = build.exp_max, build.width
    exponent = min(exp_max, 8 - sign)
    bias = min(127, width // 2)
    settings = Settings(sign, exponent, bias, 0, exp_max, 0, 8, 0, 0, 0, 0, raw=int(exp_max < 8))
    limit = Fraction(2) ** min(width - 2 + settings.grid_exponent(bias), 127)
    start = -limit if sign else limit * (1 - Fraction(1, 2**24))
    word = binary32_word(np.float32(float(start)))
    assert not _refused(settings, bias, word, build)
    return Dot(settings, bias, word, [0xFF] * count, [0xFF] * count, error, build.accumulator)


def _refused(settings: Settings, w_bias: int, word: int, build: Build) -> bool:
    return start_units(word, settings.grid_exponent(w_bias), build) is None


def _leading_exponent(value: Fraction) -> int:
    """Return the exponent of the power of two at or next below a magnitude, not zero."""
    exponent = abs(value.numerator).bit_length() - value.denominator.bit_length()
    return exponent if abs(value) >= Fraction(2) ** exponent else exponent - 1
