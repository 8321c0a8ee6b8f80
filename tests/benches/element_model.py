"""Operands of a processing element, and how each kind of accumulator sums them up."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, NamedTuple, Protocol

from model import Format
from verif.engine import describe, floats
from verif.engine.stored import StoredForm


class Pair:
    """An operand of each kind: codes, integers, and their place on the input."""

    def __init__(
        self, exp_max: int, fmt_a: Format, fmt_w: Format, a_code: int, w_code: int
    ) -> None:
        self.codes = (fmt_a, int(a_code)), (fmt_w, int(w_code))
        integers = [int(fmt.integers(code)) for fmt, code in self.codes]
        self.product = integers[0] * integers[1]
        self.ports = [self._operand(exp_max, *code) for code in self.codes]

    @staticmethod
    def _operand(exp_max: int, fmt: Format, code: int) -> int:
        """Return {sign, shift, significand} by the definition of the format."""
        sign, magnitude = divmod(code, fmt.max_code + 1)
        field, trailing = divmod(magnitude, 2**fmt.fraction)
        significand = trailing + (2**fmt.fraction if field else 0)
        return (sign << exp_max | max(field, 1) - 1) << 8 | significand

    def __str__(self) -> str:
        """Return both operands as a person reads them."""
        return " times ".join(describe.code(*code) for code in self.codes)


class Item(NamedTuple):
    """A pair, whether it is the first or last of its sum, and the start value of that."""

    pair: Pair
    first: bool
    last: bool
    start: Fraction = Fraction(0)


class Sum(NamedTuple):
    """What is to be summed up."""

    pairs: Sequence[Pair]
    start: Fraction = Fraction(0)

    def items(self) -> list[Item]:
        """Return it as it enters."""
        last = len(self.pairs) - 1
        return [
            Item(pair, number == 0, number == last, self.start)
            for number, pair in enumerate(self.pairs)
        ]


class Accumulator(Protocol):
    """How an element holds its sum."""

    bits: int

    def add(self, total: Any, item: Item) -> Any:
        """Return the sum after an item."""

    def start(self, item: Item) -> int | None:
        """Return what the start port has to carry with an item, None for anything."""

    def holds(self, bits: int, total: Any) -> bool:
        """Whether these bits stand for a sum."""

    def text(self, bits: int, total: Any) -> str:
        """Return what the bits are and what they should be."""


class ExactAccumulator:
    """Integers in the stored form, without a start value.

    By docs/hardware.md: "It cannot overflow for K up to K_MAX", and of the header of
    ffp8_pe_exact: "acc <- (first ? 0 : acc) + a * w, an integer on the grid unit_a * unit_w, with
    no rounding".
    """

    def __init__(self, form: StoredForm) -> None:
        self.form, self.bits = form, form.bits

    def add(self, total: int, item: Item) -> int:
        """Return the sum after an item."""
        return item.pair.product + (0 if item.first else total)

    def start(self, item: Item) -> None:
        """Return None: the start port may carry anything."""

    def holds(self, bits: int, total: int) -> bool:
        """Whether these bits are a stored form of a sum."""
        return self.form.value(bits) == total

    def text(self, bits: int, total: int) -> str:
        """Return what the bits are and what they should be."""
        return f"{bits:#x} is {self.form.value(bits)}, expected {total}"


class Binary32Accumulator:
    """Numbers of 24 bits, by docs/hardware.md.

    "an element adds each product to a float of 24 significand bits and an exponent that cannot
    leave its 11 bits, rounded to nearest even, beginning with the start value as it is."
    """

    bits = floats.BITS

    def add(self, total: Fraction, item: Item) -> Fraction:
        """Return the sum after an item."""
        return floats.rounded((item.start if item.first else total) + item.pair.product)

    def start(self, item: Item) -> int | None:
        """Return the start value's bits with a first item, None for anything."""
        return floats.pack(item.start) if item.first else None

    def holds(self, bits: int, total: Fraction) -> bool:
        """Whether these are the bits of a sum."""
        return bits == floats.pack(total)

    def text(self, bits: int, total: Fraction) -> str:
        """Return what the bits are and what they should be."""
        return f"{floats.text(bits)}, expected {floats.text(floats.pack(total))}"
