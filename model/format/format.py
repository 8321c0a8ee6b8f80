"""The FFP8 number format: one sign, exponent, fraction and bias choice, and its codec.

Every code is a finite number, so a tensor of codes is a tensor of integers times one power of
two, the unit ``2**(1 - bias - fraction)``. Decoding, encoding and arithmetic all use that view.
"""

import operator
import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import float32_values, lookup
from .arrays import code_array, exact_float64
from .rounding import FLAG_INEXACT, check_rounding
from .splits import integer_table

_TEXT = re.compile(r"s([0-9]+)e([0-9]+)f([0-9]+)b(-?[0-9]+)")


@dataclass(frozen=True)
class Format:
    """An FFP8 format: sign, exponent and fraction widths that add up to 8, and a bias.

    Parameters
    ----------
    sign
        Sign bits, 0 or 1.
    exponent
        Exponent bits, 0 (fixed point) to 8.
    fraction
        Fraction bits, 0 to 8.
    bias
        Exponent bias, any integer; the hardware's registers hold -128 to 127.

    Raises
    ------
    ValueError
        If the widths are not those of an FFP8 format or a field is not an integer.
    """

    sign: int
    exponent: int
    fraction: int
    bias: int

    def __post_init__(self) -> None:
        """Check the fields and make them plain integers."""
        for name in ("sign", "exponent", "fraction", "bias"):
            value = getattr(self, name)
            try:
                object.__setattr__(self, name, operator.index(value))
            except TypeError:
                raise ValueError(f"format {name} {value!r}: an integer is needed") from None
        text = f"format s{self.sign}e{self.exponent}f{self.fraction}"
        if self.sign not in (0, 1):
            raise ValueError(f"{text}: {self.sign} sign bits, an FFP8 format has 0 or 1")
        if self.exponent < 0 or self.fraction < 0:
            raise ValueError(f"{text}: a negative width, an FFP8 format has 0 or more bits")
        bits = self.sign + self.exponent + self.fraction
        if bits != 8:
            raise ValueError(f"{text}: {bits} bits, an FFP8 format has 8")

    @classmethod
    def parse(cls, text: str) -> "Format":
        """Return the format written as in ``s1e4f3b7`` or ``s0e4f4b-2``; ValueError if none is."""
        match = _TEXT.fullmatch(text)
        if not match:
            raise ValueError(f"format {text!r}: write it like s1e4f3b7 or s0e4f4b-2")
        return cls(*map(int, match.groups()))

    def __str__(self) -> str:
        """Return the text that `parse` reads."""
        return f"s{self.sign}e{self.exponent}f{self.fraction}b{self.bias}"

    @property
    def magnitude_bits(self) -> int:
        """Bits of a code below its sign: 7 or 8."""
        return self.exponent + self.fraction

    @property
    def max_code(self) -> int:
        """Code of the largest value: 0x7f or 0xff."""
        return 2**self.magnitude_bits - 1

    @property
    def max_integer(self) -> int:
        """Largest value, in units."""
        return int(integer_table(self.sign, self.exponent, self.fraction)[self.max_code])

    @property
    def unit_exponent(self) -> int:
        """Exponent of the unit: ``1 - bias - fraction``."""
        return 1 - self.bias - self.fraction

    @property
    def unit(self) -> float:
        """The power of two that every value is a multiple of; ValueError beyond float64."""
        return self._float(1)

    @property
    def max(self) -> float:
        """Largest value; ValueError beyond float64."""
        return self._float(self.max_integer)

    @property
    def min_normal(self) -> float | None:
        """Smallest normal magnitude, None without exponent bits; ValueError beyond float64."""
        return self._float(2**self.fraction) if self.exponent else None

    @property
    def min_subnormal(self) -> float | None:
        """Smallest subnormal magnitude, None without fraction bits; ValueError beyond float64."""
        return self.unit if self.fraction else None

    def _float(self, integer: int) -> float:
        largest = self.max_integer.bit_length() + self.unit_exponent
        if self.unit_exponent < -1074 or largest > 1024:
            raise ValueError(
                f"format {self}: its values leave float64's range; use exact(code), a rational"
            )
        return float(np.ldexp(float(integer), self.unit_exponent))

    def integers(self, codes: ArrayLike) -> NDArray:
        """Return the value of each code in units, exactly.

        Parameters
        ----------
        codes
            Integers 0 to 255 of any shape.

        Returns
        -------
        Array of the same shape: int64 for up to 5 exponent bits (at most 34 bits and a sign),
        Python integers (dtype object) for more.
        """
        return integer_table(self.sign, self.exponent, self.fraction)[code_array(codes)]

    def exact(self, code: int) -> Fraction:
        """Return the value of one code as a rational, whatever the bias."""
        return int(self.integers(code)) * Fraction(2) ** self.unit_exponent

    def decode(self, codes: ArrayLike) -> NDArray[np.float64]:
        """Return the value of each code; minus zero (0x80 of a signed format) gives 0.0.

        Parameters
        ----------
        codes
            Integers 0 to 255 of any shape.

        Raises
        ------
        ValueError
            If a code is out of range, or the format has values that float64 does not hold.
        """
        return lookup.take(_value_table(self), code_array(codes))[()]

    def encode(
        self, values: ArrayLike, rounding: str = "rne", clamp: int | None = None
    ) -> NDArray[np.uint8]:
        """Return the codes of `encode_flags` without the flags."""
        return self._encode(exact_float64(values), 0, rounding, clamp, flags=False)[0][()]

    def quantize(self, values: ArrayLike) -> NDArray[np.floating]:
        """Return the values of the codes of `encode`, in one go.

        Parameters
        ----------
        values
            As in `encode_flags`.

        Returns
        -------
        Array of the same shape: float32 if `values` are and float32 holds every value of the
        format, else float64.

        Raises
        ------
        ValueError
            If a value is NaN, or float64 does not hold the format's values.
        """
        array = exact_float64(values)
        single = array.dtype == np.float32 and float32_values.exist(self.unit, self.max)
        if single and float32_values.holds(self.fraction, self.unit, self.max):
            held = float32_values.hold(array, bool(self.sign), self.fraction, self.unit, self.max)
            if not np.isnan(np.add.reduce(held, axis=None)):
                return held[()]
        decoded = _value_table(self).astype(np.float32 if single else np.float64)
        split = (self.sign, self.exponent, self.fraction)
        return lookup.quantize(array, self.unit_exponent, split, decoded)[()]

    def encode_flags(
        self, values: ArrayLike, rounding: str = "rne", clamp: int | None = None
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Round each value once to the format, saturating at the largest magnitude.

        Parameters
        ----------
        values
            float64, or what converts to it exactly, of any shape. Infinities saturate.
        rounding
            ``rne`` to nearest, ties to the even code; ``rmm`` to nearest, ties away from zero;
            ``rtz`` toward zero; ``rup`` and ``rdn`` toward plus and minus infinity.
        clamp
            A magnitude code; results of larger magnitude become it. None clamps nothing.

        Returns
        -------
        codes
            uint8, the shape of `values`. A negative value gives 0 in an unsigned format (which
            is ReLU); minus zero is never produced.
        flags
            uint8, the shape of `values`: the sum of `FLAG_INEXACT` (the code's value differs),
            `FLAG_UNDERFLOW` (not zero, but rounded to zero) and `FLAG_OVERFLOW` (rounded beyond
            the largest magnitude and saturated). A negative value in an unsigned format is
            inexact only.

        Raises
        ------
        ValueError
            If a value is NaN, naming the first, or for an unknown rounding or a wrong clamp.
        """
        codes, flags = self._encode(exact_float64(values), 0, rounding, clamp)
        return codes[()], flags[()]

    @property
    def ready_exponent(self) -> int:
        """Exponent of values that `encode_scaled` takes as they are, without scaling them."""
        split = (self.sign, self.exponent, self.fraction)
        return lookup.ready_exponent(self.unit_exponent, split)

    def encode_scaled(
        self,
        values: NDArray[np.float64],
        exponent: int | NDArray[np.int64],
        rounding: str = "rne",
        clamp: int | None = None,
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Encode ``values * 2**exponent``, whether or not float64 holds it.

        `values` are finite and may end in a sticky bit (see `round_to_code`); `exponent` is
        broadcastable to them. The rest is as in `encode_flags`.
        """
        codes, flags = self._encode(values, exponent, rounding, clamp, finite=True)
        return codes[()], flags[()]

    def _encode(
        self,
        values: NDArray,
        exponent: int | NDArray[np.int64],
        rounding: str,
        clamp: int | None,
        flags: bool = True,
        finite: bool = False,
    ) -> NDArray[np.uint8]:
        """Return codes (1, ...), and flags (2, ...) if asked for."""
        check_rounding(rounding)
        limit = self.max_code if clamp is None else self.check_clamp(clamp)
        split = (self.sign, self.exponent, self.fraction)
        results = lookup.encode(
            values, exponent, self.unit_exponent, split, rounding, 1 + flags, finite
        )
        if limit < self.max_code:
            self._clamp(results, limit)
        return results

    def _clamp(self, results: NDArray[np.uint8], limit: int) -> None:
        """Replace, in place, magnitudes above `limit` by it."""
        codes, flags = results[:1], results[1:]
        beyond = (codes & self.max_code) > limit
        signs = codes & (0xFF - self.max_code if limit else 0)
        np.copyto(codes, signs | np.uint8(limit), where=beyond)
        flags |= beyond * np.uint8(FLAG_INEXACT)

    def check_clamp(self, clamp: int) -> int:
        """Return a clamp code as a plain integer; ValueError if it is no magnitude code."""
        try:
            clamp = operator.index(clamp)
        except TypeError:
            raise ValueError(f"clamp {clamp!r}: a magnitude code, an integer, is needed") from None
        if not 0 <= clamp <= self.max_code:
            raise ValueError(
                f"clamp {clamp:#04x}: a magnitude code of {self} is 0x00 to {self.max_code:#04x}"
            )
        return clamp


def check_format(fmt: Format, name: str) -> None:
    """Raise ValueError if `fmt` is no format, a text that names one included."""
    if not isinstance(fmt, Format):
        raise ValueError(f"{name} {fmt!r}: a Format is needed, as in Format.parse('s1e4f3b7')")


@lru_cache(maxsize=1024)
def _value_table(fmt: Format) -> NDArray[np.float64]:
    unit = fmt.unit  # also checks that float64 holds every value
    table = np.array([0.0] * 256)
    for code, integer in enumerate(integer_table(fmt.sign, fmt.exponent, fmt.fraction)):
        table[code] = integer * unit
    table.flags.writeable = False
    return table
