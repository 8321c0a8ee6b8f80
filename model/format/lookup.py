"""Decoding and encoding of whole arrays by table.

Decoding looks a code up among 256 values. Encoding looks up a float's leading bits, which works
for any bias once a multiplication has put the format's unit in a fixed place. That place is so
high that the multiplication scales up, hence never rounds; what overflows is beyond the format.

The leading bits cut the floats into cells whose borders are the format's values and the midpoints
between them (or finer). On a border and between two of them is all that rounding can tell apart,
and ``floor(bits / cell) + ceil(bits / cell)`` numbers these places: even on a border, odd between.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from .rounding import flag_bits, near_exponent, round_to_code
from .splits import Split

_BLOCK = 2**16  # elements at a time, so that intermediate arrays stay in the cache
_CODE_BITS = 8
_SHIFT_END = 3000  # a power of two that takes every float64 to zero or to infinity


@dataclass(frozen=True)
class FloatLayout:
    """A binary float type, and where a format's unit is put in it.

    Parameters
    ----------
    float_type, bits_type
        The type, and the unsigned integer of its size.
    fraction, bias
        Fraction bits and exponent bias.
    highest_place
        Exponent of the unit after scaling, if the format's largest values leave room.
    """

    float_type: type[np.floating]
    bits_type: type[np.unsignedinteger]
    fraction: int
    bias: int
    highest_place: int

    def unit_place(self, split: Split) -> int:
        """Return the exponent of the unit after scaling."""
        return min(self.highest_place, self.bias - 1 - _beyond_exponent(split))

    def reaches(self, split: Split, exponent: int) -> bool:
        """Tell whether one multiplication puts units of ``2**-exponent`` in their place, exactly.

        It must scale up, by a power of two of this type, and half a unit must not be subnormal.
        """
        place = self.unit_place(split)
        return place >= 2 - self.bias and 0 <= place + exponent <= self.bias


# Each place serves units of a power of two's range; together, all that the type reaches.
BINARY32 = tuple(FloatLayout(np.float32, np.uint32, 23, 127, place) for place in (50, -60, 126))
BINARY64 = tuple(
    FloatLayout(np.float64, np.uint64, 52, 1023, place) for place in (700, -300, -900, 1022)
)


def take(table: NDArray, codes: NDArray[np.uint8], out: NDArray | None = None) -> NDArray:
    """Return ``table[codes]`` for a table of 256 entries, in `out` (contiguous) if given."""
    result = np.empty(codes.shape, table.dtype) if out is None else out
    flat_codes, flat_result = codes.reshape(-1), result.reshape(-1)
    scratch = np.empty(min(_BLOCK, codes.size), np.intp)
    for block in _blocks(codes.size):
        part = flat_codes[block]
        np.copyto(scratch[: part.size], part)
        # Every index is in range: "clip" is the mode in which `out` needs no buffer.
        table.take(scratch[: part.size], mode="clip", out=flat_result[block])
    return result


def ready_exponent(unit_exponent: int, split: Split) -> int:
    """Return the exponent at which `encode` takes float64 values as they are, without scaling."""
    return near_exponent(unit_exponent) - BINARY64[0].unit_place(split)


def encode(
    values: NDArray,
    exponent: int | NDArray[np.int64],
    unit_exponent: int,
    split: Split,
    rounding: str,
    results: int = 2,
    finite: bool = False,
) -> NDArray[np.uint8]:
    """Return codes and flags, (2, ...), of ``values * 2**exponent`` in the format given.

    Parameters
    ----------
    values
        Of any type that converts to float64 exactly.
    exponent
        Broadcastable to `values`, or they to it.
    unit_exponent, split
        The format: exponent of its unit, and bits of sign, exponent and fraction.
    rounding
        One of `ROUNDINGS`.
    results
        1 for the codes alone, (1, ...).
    finite
        The values are known to be finite, so that none needs to be looked at.

    Raises
    ------
    ValueError
        If a value is NaN, naming the first.
    """
    values, shift, layout = _placed(values, exponent, unit_exponent, split)
    code_table, pair_table = encode_tables(split, rounding, layout)
    found = np.empty((results, *values.shape), np.uint8)
    rows = found.reshape(results, -1)
    scratch = np.empty(min(_BLOCK, values.size), pair_table.dtype)
    with np.errstate(all="ignore"):
        for block, indices in _index_blocks(values, shift, split, layout, finite):
            if results == 1:
                code_table.take(indices, mode="clip", out=rows[0, block])
            else:
                pairs = pair_table.take(indices, mode="clip", out=scratch[: indices.size])
                np.copyto(rows[0, block], pairs, casting="unsafe")
                np.right_shift(pairs, _CODE_BITS, out=rows[1, block], casting="unsafe")
    return found


def quantize(
    values: NDArray, unit_exponent: int, split: Split, decoded: NDArray[np.floating]
) -> NDArray[np.floating]:
    """Return ``decoded[code]`` for the code that each value is rounded to, ties to even.

    Parameters
    ----------
    values, unit_exponent, split
        As in `encode`.
    decoded
        (256,), what codes stand for.

    Raises
    ------
    ValueError
        If a value is NaN, naming the first.
    """
    values, shift, layout = _placed(values, 0, unit_exponent, split)
    table = _quantize_table(split, layout, decoded.tobytes(), decoded.dtype)
    found = np.empty(values.shape, table.dtype)
    flat = found.reshape(-1)
    with np.errstate(all="ignore"):
        for block, indices in _index_blocks(values, shift, split, layout, finite=False):
            table.take(indices, mode="clip", out=flat[block])
    return found


@lru_cache(maxsize=256)
def _quantize_table(
    split: Split, layout: FloatLayout, decoded: bytes, dtype: np.dtype
) -> NDArray[np.floating]:
    code_table, _ = encode_tables(split, "rne", layout)
    return np.frombuffer(decoded, dtype)[code_table]


@lru_cache(maxsize=32)
def encode_tables(
    split: Split, rounding: str, layout: FloatLayout
) -> tuple[NDArray[np.uint8], NDArray[np.uint16]]:
    """Return codes by index, positive floats first, then negative; and codes with flags above."""
    resolution = _cell_shift(split, layout) - 1
    place = layout.unit_place(split)
    first, last = (  # indices of half a unit, and of the first number too large
        int(layout.float_type(2.0**power).view(layout.bits_type)) >> resolution
        for power in (place - 1, place + _beyond_exponent(split))
    )
    bits = np.arange(first - 1, last + 1, dtype=layout.bits_type) << resolution
    magnitudes = bits.view(layout.float_type) / np.float64(2.0**place)
    size = 1 << (8 * bits.itemsize - 1 - resolution)
    tables = np.empty((2, 2, size), np.uint8)
    for side, values in enumerate((magnitudes, -magnitudes)):
        near = np.array(_encode_units(values, split, rounding))
        tables[:, side, 0] = 0
        tables[:, side, 1:first] = near[:, :1]
        tables[:, side, first - 1 : last + 1] = near
        tables[:, side, last + 1 :] = near[:, -1:]
    codes, flags = tables.reshape(2, -1)
    pairs = codes | flags.astype(np.uint16) << _CODE_BITS
    codes.flags.writeable = pairs.flags.writeable = False
    return codes, pairs


def _placed(
    values: NDArray, exponent: int | NDArray[np.int64], unit_exponent: int, split: Split
) -> tuple[NDArray, int, FloatLayout]:
    """Return values, and the power of two that takes their unit to its place in a layout."""
    relative = exponent - near_exponent(unit_exponent)
    layout = _reaching_layout(values.dtype, split, relative)
    if layout is not None:
        return values, relative + layout.unit_place(split), layout
    return _scale(values, relative + BINARY64[0].unit_place(split)), 0, BINARY64[0]


def _reaching_layout(
    dtype: np.dtype, split: Split, exponent: int | NDArray[np.int64]
) -> FloatLayout | None:
    """Return the shortest layout that holds the values and reaches the unit, if there is one."""
    if np.ndim(exponent):
        return None
    layouts = BINARY32 + BINARY64 if np.can_cast(dtype, np.float32) else BINARY64
    return next((layout for layout in layouts if layout.reaches(split, exponent)), None)


def _beyond_exponent(split: Split) -> int:
    """Return the exponent, in units, of the first number too large for a split."""
    _, exponent, fraction = split
    return fraction + 2**exponent - 1


def _encode_units(
    values: NDArray[np.float64], split: Split, rounding: str
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Return codes and flags of numbers in units, none of them zero."""
    sign, exponent, fraction = split
    code, inexact = round_to_code(values, 0, fraction, rounding)
    largest = 2 ** (exponent + fraction) - 1
    overflow = code > largest
    underflow = code == 0
    inexact |= overflow
    code = np.minimum(code, largest)
    negative = values < 0
    if sign:
        code |= (negative & (code != 0)) * np.int64(128)
    else:
        code *= ~negative
        overflow &= ~negative
        underflow &= ~negative
        inexact |= negative
    return code.astype(np.uint8), flag_bits(inexact, underflow, overflow)


def _cell_shift(split: Split, layout: FloatLayout) -> int:
    """Return the bits of a float inside a cell: below a midpoint of the longest significands."""
    _, exponent, fraction = split
    longest = fraction if exponent else fraction - 1  # bits after the leading one
    return layout.fraction - longest - 1


def _blocks(size: int) -> Iterator[slice]:
    return (slice(first, first + _BLOCK) for first in range(0, size, _BLOCK))


def _index_blocks(
    values: NDArray, shift: int, split: Split, layout: FloatLayout, finite: bool
) -> Iterator[tuple[slice, NDArray[np.intp]]]:
    """Yield, block by block, the indices into `encode_tables` of ``values * 2**shift``."""
    flat = values.reshape(-1)
    factor = layout.float_type(2.0**shift)
    cell_shift = layout.bits_type(_cell_shift(split, layout))
    round_up = layout.bits_type((1 << int(cell_shift)) - 1)
    scaled = np.empty(min(_BLOCK, flat.size), layout.float_type)
    floors, ceilings = scaled.view(layout.bits_type), np.empty(scaled.size, layout.bits_type)
    indices = ceilings if ceilings.itemsize == 8 else np.empty(scaled.size, np.uint64)
    arrays = scaled, floors, ceilings, indices
    for block in _blocks(flat.size):
        part = flat[block]
        scaled, floors, ceilings, indices = (array[: part.size] for array in arrays)
        if not finite and np.isnan(np.maximum.reduce(part)):
            raise ValueError(_nan_message(values))
        if shift or part.dtype != scaled.dtype:
            part = np.multiply(part, factor, out=scaled)
        bits = part.view(layout.bits_type)
        np.add(bits, round_up, out=ceilings)
        np.right_shift(ceilings, cell_shift, out=ceilings)
        np.right_shift(bits, cell_shift, out=floors)
        np.add(floors, ceilings, out=indices)
        yield block, indices.view(np.intp)


def _scale(values: NDArray, shift: int | NDArray[np.int64]) -> NDArray[np.float64]:
    """Return ``values * 2**shift`` for any shift; what would vanish is 1, less than any unit."""
    with np.errstate(all="ignore"):
        if np.ndim(shift) and ((shift >= 0) & (shift <= BINARY64[0].bias)).all():
            return values * np.ldexp(1.0, shift)
        scaled = np.ldexp(values.astype(np.float64), np.clip(shift, -_SHIFT_END, _SHIFT_END))
        return np.where((scaled == 0) & (values != 0), np.copysign(1.0, values), scaled)


def _nan_message(values: NDArray) -> str:
    index = np.unravel_index(np.argmax(np.isnan(values)), values.shape)
    place = f"values[{', '.join(map(str, index))}]" if index else "value"
    return f"{place} is NaN: FFP8 has no code for it, every code is a number"
