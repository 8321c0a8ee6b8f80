"""Named 8-bit formats of other systems: FP8 formats proper, and those next to them.

The latter spend codes on NaN or infinity. Their finite values are those of an FFP8 format, which
makes each a format, a largest finite code, and a few codes that mean something else.

Sources: N. Wang et al., Training Deep Neural Networks with 8-bit Floating Point Numbers (2018);
X. Sun et al., Hybrid 8-bit Floating Point Training and Inference (2019), whose forward format's
"bias 4" is an offset from the usual 7; OCP 8-bit Floating Point Specification (2023); the type
descriptions of LLVM's APFloat; H. Shen et al., Efficient Post-training Quantization with FP8
Formats (2024), for Intel's E3M4; the interim report of IEEE P3109.
"""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .arrays import code_array
from .format import Format

_SIGN = 0x80


@dataclass(frozen=True, eq=False)
class TableFormat:
    """An 8-bit format given by the values of its codes.

    Parameters
    ----------
    name
        Its key in `PRESETS`.
    format
        The FFP8 format whose values its finite codes have.
    largest
        The largest finite magnitude code.
    special
        Codes that are not finite numbers, or minus zero, with their values.
    """

    name: str
    format: Format
    largest: int
    special: dict[int, float]
    values: NDArray[np.float64] = field(init=False)

    def __post_init__(self) -> None:
        """Tabulate the value of every code: ``values``, (256,), read-only."""
        values = self.format.decode(range(256))
        values[list(self.special)] = list(self.special.values())
        values.flags.writeable = False
        object.__setattr__(self, "values", values)

    @property
    def is_ffp8(self) -> bool:
        """Whether it is an FFP8 format and nothing else: every code is a finite number."""
        return not self.special

    @property
    def max(self) -> float:
        """Largest finite value."""
        return float(self.values[self.largest])

    def decode(self, codes: ArrayLike) -> NDArray[np.float64]:
        """Return the value of each code, NaN and infinities included."""
        return self.values[code_array(codes)]

    def encode(self, values: ArrayLike) -> NDArray[np.uint8]:
        """Return the code of the nearest finite value, ties to even, saturating.

        Zero is code 0 in either sign. Raises ValueError if a value is NaN, naming the first.
        """
        return self.format.encode(values, clamp=self.largest)


class _Presets(dict[str, TableFormat]):
    """The formats by name."""

    def __missing__(self, name: str) -> TableFormat:
        raise ValueError(f"preset {name!r}: choose one of {', '.join(self)}")


def _ffp8(name: str, text: str) -> TableFormat:
    fmt = Format.parse(text)
    return TableFormat(name, fmt, fmt.max_code, {})


def _ieee(name: str, text: str) -> TableFormat:
    """Return a format with IEEE 754's infinities and NaNs in the top exponent."""
    fmt = Format.parse(text)
    infinity = fmt.max_code + 1 - 2**fmt.fraction
    special = {code: math.nan for code in range(infinity + 1, fmt.max_code + 1)}
    return TableFormat(name, fmt, infinity - 1, _both_signs({infinity: math.inf, **special}))


def _one_nan(name: str, text: str) -> TableFormat:
    """Return a format without infinities, and a NaN of either sign with every other bit set."""
    fmt = Format.parse(text)
    return TableFormat(name, fmt, fmt.max_code - 1, _both_signs({fmt.max_code: math.nan}))


def _finite_unsigned_zero(name: str, text: str) -> TableFormat:
    """Return a format whose only special code is NaN, where minus zero would be (LLVM: FNUZ)."""
    fmt = Format.parse(text)
    return TableFormat(name, fmt, fmt.max_code, {_SIGN: math.nan})


def _both_signs(special: dict[int, float]) -> dict[int, float]:
    negative = {_SIGN | code: -value for code, value in special.items()}
    return {**special, **negative, _SIGN: -0.0}


def _p3109(precision: int, signed: bool, extended: bool) -> TableFormat:
    """Return IEEE P3109's binary8 of a precision: signed or unsigned, finite or extended."""
    name = f"binary8p{precision}{'s' if signed else 'u'}{'e' if extended else 'f'}"
    bias = 2 ** (8 - precision - signed)
    fmt = Format(int(signed), 9 - signed - precision, precision - 1, bias)
    special = {_SIGN if signed else 0xFF: math.nan}
    infinity = 0x7F if signed else 0xFE
    if extended:
        special[infinity] = math.inf
        if signed:
            special[infinity | _SIGN] = -math.inf
    return TableFormat(name, fmt, infinity - extended, special)


PRESETS: dict[str, TableFormat] = _Presets(
    (preset.name, preset)
    for preset in (
        _ffp8("wang_fp8", "s1e5f2b15"),
        _ffp8("hfp8_forward", "s1e4f3b11"),
        _one_nan("ocp_e4m3", "s1e4f3b7"),
        _ieee("ocp_e5m2", "s1e5f2b15"),
        _ieee("llvm_e3m4", "s1e3f4b3"),
        _one_nan("intel_e3m4", "s1e3f4b3"),
        _finite_unsigned_zero("llvm_e4m3b11fnuz", "s1e4f3b11"),
        *(
            _p3109(precision, signed, extended)
            for signed in (True, False)
            for precision in range(1, 9 - signed)
            for extended in (False, True)
        ),
    )
)
