"""How a sum is to be encoded: what ffp8_encode is told, and what the judge says of the result."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np

from model import ROUNDINGS, Format, accumulator_width, supported_splits
from model.format import rational
from tests.benches.control import known
from verif.engine import describe

OFFSETS = (-396, 385)
"""Least and largest offset that the formats of the registers lead to."""
RAW_BIAS = 127
K_MAX = 8192


def exhausted_splits(width: int) -> list[tuple[int, int, int]]:
    """Return the splits that the encoder of an accumulator this wide is exhausted for.

    They are those of the largest exponent width whose sums, of K_MAX products, fit; together
    with 2 and 3 exponent bits, and 0 and 1, since these are small.
    """
    exponents = [most for most in (1, 3, 4, 5, 6, 7, 8) if accumulator_width(most, K_MAX) <= width]
    least = exponents[-2] + 1 if len(exponents) > 1 else 0
    return [split for split in supported_splits(exponents[-1]) if split[1] >= least]


@dataclass(frozen=True)
class Encoding:
    """One configuration of the encoder.

    The value encoded is ``integer * 2**(offset - bias)`` in a format with that bias; as the bias
    only scales a format, FFP8 results are judged at bias 0.

    Attributes
    ----------
    sign, exponent
        Bits of the output format.
    offset
        Biased exponent that an accumulator of 1 has.
    rounding, clamp
        As in `model.format.rational.encode`.
    raw
        The result is binary32, and the rest but the offset is of no meaning.
    noise
        Bits for the ports that have no meaning.
    """

    sign: int
    exponent: int
    offset: int
    rounding: str = "rne"
    clamp: int | None = None
    raw: bool = False
    noise: int = 0

    @property
    def format(self) -> Format:
        """Output format at bias 0."""
        return Format(self.sign, self.exponent, 8 - self.sign - self.exponent, 0)

    def ports(self) -> dict[str, int]:
        """Values of the encoder's ports by name."""
        noise = self.noise
        ports = {
            "in_offset": self.offset,
            "in_raw": int(self.raw),
            "in_signed": noise & 1,
            "in_exponent_bits": noise >> 1 & 0xF,
            "in_rounding": noise >> 5 & 7,
            "in_clamp_enable": noise >> 8 & 1,
            "in_clamp": noise >> 9 & 0xFF,
        }
        if not self.raw:
            ports["in_signed"], ports["in_exponent_bits"] = self.sign, self.exponent
            ports["in_rounding"] = ROUNDINGS.index(self.rounding)
            ports["in_clamp_enable"] = int(self.clamp is not None)
            if self.clamp is not None:
                ports["in_clamp"] = self.clamp
        return ports

    def real(self, value: int) -> Fraction:
        """Value of an accumulator, at bias 0 or binary32's."""
        return value * Fraction(2) ** (self.offset - RAW_BIAS * self.raw)

    def judge(self, value: int) -> tuple[int, int]:
        """Return result and flags of an accumulator by the exact definition.

        Of the header of ffp8_encode: "an exact sum -> one FFP8 code or one binary32 word, rounded
        once"; "five rounding modes, saturation, clamp, flags"; "binary32 results are always rne".
        """
        if self.raw:
            return rational.encode_binary32(self.real(value))
        fields = (self.sign, self.exponent, self.format.fraction, 0)
        return rational.encode(fields, self.real(value), self.rounding, self.clamp)

    def result(self, word: int, flags: int) -> str:
        """Return a result as a person reads it."""
        known = describe.binary32(word) if self.raw else describe.code(self.format, word & 0xFF)
        return f"{known}, flags {describe.flags(flags)}"

    def text(self, value: int, expected: tuple[int, int], actual: tuple[int, int]) -> str:
        """Return what an accumulator was to become and what it became."""
        return (
            f"{self} of accumulator {value:#x} = {describe.dyadic(self.real(value))}: "
            f"expected {self.result(*expected)}; actual {self.result(*actual)} ({actual[0]:#x})"
        )


def outputs(dut: Any) -> tuple[int, int]:
    """Return result and flags at the outputs of an encoder."""
    return known(dut.out_result), known(dut.out_flags)


def random_encoding(random: np.random.Generator, exp_max: int, value: int) -> Encoding:
    """Return a configuration, most often one in whose range `value` is, or nearly."""
    splits = supported_splits(exp_max)
    sign, exponent, fraction = splits[random.integers(len(splits))]
    noise, raw = int(random.integers(2**17)), bool(random.random() < 0.2)
    if random.random() < 0.2:
        offset = (*OFFSETS, int(random.integers(OFFSETS[0], OFFSETS[1] + 1)))[random.integers(3)]
    else:
        lowest, highest = (-28, 258) if raw else (-2 - fraction, 2**exponent + 2)
        offset = int(random.integers(lowest, highest)) - abs(value).bit_length() + 1
    clamp = None
    if random.random() < 0.3:
        largest = 2 ** (8 - sign) - 1
        clamp = (0, largest, int(random.integers(largest + 1)))[random.integers(3)]
    offset = max(OFFSETS[0], min(OFFSETS[1], offset))
    found = Encoding(sign, exponent, offset, ROUNDINGS[random.integers(5)], clamp, raw, noise)
    if clamp is not None and not raw and random.random() < 0.5:  # off by one bit from the result
        code, _ = replace(found, clamp=None).judge(value)
        near = code % 2 ** (8 - sign) ^ 1 << int(random.integers(8 - sign))
        found = replace(found, clamp=near)
    return found
