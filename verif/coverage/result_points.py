"""Cover points of what comes out: rounding, flags, clamp."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from fractions import Fraction
from functools import lru_cache, partial
from itertools import product

import numpy as np

from model import FLAG_INEXACT, FLAG_OVERFLOW, FLAG_UNDERFLOW, Format
from verif.coverage.point import Point
from verif.environment.capabilities import Capabilities
from verif.environment.draw import choose
from verif.environment.generator import Constraints
from verif.environment.operands import POSITIONS, REGIONS, TO_ZERO
from verif.environment.scoreboard import Record

FLAG_SETS = {
    "no flag": 0,
    "inexact": FLAG_INEXACT,
    "underflow": FLAG_UNDERFLOW,
    "overflow": FLAG_OVERFLOW,
    "underflow inexact": FLAG_UNDERFLOW | FLAG_INEXACT,
    "overflow inexact": FLAG_OVERFLOW | FLAG_INEXACT,
    "overflow underflow": FLAG_OVERFLOW | FLAG_UNDERFLOW,
    "all": 7,
}


def points(can: Capabilities) -> list[Point]:
    """Return the points of this module for a design that rounds."""
    if "sums" in can.outputs:
        return []
    return [_rounding(can), _flags(can), *([_clamp(can)] if can.clamps else [])]


def modes(can: Capabilities) -> list[str]:
    """Return the ways in which a design rounds: its modes of codes, and binary32."""
    modes = list(can.roundings) if "code" in can.outputs else []
    return modes + ["binary32"] * ("binary32" in can.outputs)


# Where a total lies between two results.


def _rounding(can: Capabilities) -> Point:
    table = {
        f"{mode}: {position}, {region}": (mode, position, region)
        for mode, position, region in product(modes(can), POSITIONS, REGIONS)
    }

    def aim(name: str, random: np.random.Generator) -> Constraints:
        mode, position, region = table[name]
        wish = Constraints(landing=(position, region), output="binary32")
        if mode == "binary32":
            return wish
        negative = {"rup": False, "rdn": True}.get(mode) if position == "next binade" else None
        signed = [split for split in can.splits_y if split[0] or negative is not True]
        signed = [split for split in signed if 1 <= split[1] <= 5] or signed
        split = signed[int(random.integers(len(signed)))]
        return Constraints(
            landing=(position, region),
            output="code",
            rounding=mode,
            clamp=-1 if can.clamps else None,
            split_y=split,
            negative=negative,
        )

    return Point("rounding", tuple(table), partial(_roundings_of, can), aim)


def _roundings_of(can: Capabilities, record: Record) -> Iterator[str]:
    settings = record.job.settings
    mode, clamp = settings.rounding_and_clamp()
    if clamp is not None:
        return
    fmt_y = settings.format_y()
    results, flags = record.expected
    for place in np.ndindex(results.shape):
        total = record.job.total(*place, can.accumulator)
        if fmt_y is not None and total < 0 and not fmt_y.sign:
            continue
        found = positions(fmt_y, total, int(results[place]), int(flags[place]))
        name = "binary32" if fmt_y is None else mode
        yield from (f"{name}: {position}, {region}" for position, region in found)


def positions(
    fmt: Format | None, total: Fraction, result: int, flags: int
) -> list[tuple[str, str]]:
    """Return where a total lies above its lower neighbour, and whether it rounds a binade up.

    Parameters
    ----------
    fmt
        Format of the result, None for binary32.
    total
        What is rounded.
    result, flags
        What it was rounded to.
    """
    lower, part, region, least = neighbour(fmt, abs(total))
    if lower is None:
        return []
    tie = "tie to even up" if lower & 1 else "tie to even down"
    position = "exact" if not part else tie if part == Fraction(1, 2) else ""
    position = position or ("below tie" if part < Fraction(1, 2) else "above tie")
    found = [(position, region)]
    magnitude = result & (0x7FFFFFFF if fmt is None else fmt.max_code)
    carried = magnitude == lower + 1 and magnitude % least == 0
    if carried or (region == "largest" and flags & FLAG_OVERFLOW):
        found.append(("next binade", region))
    return found


def neighbour(fmt: Format | None, magnitude: Fraction) -> tuple[int | None, Fraction, str, int]:
    """Return the code at or next below a magnitude, the part of a step above, region, binade."""
    if fmt is None:
        return _binary32_neighbour(magnitude)
    integers = _magnitudes(fmt.exponent, fmt.fraction)
    scaled = magnitude / Fraction(2) ** fmt.unit_exponent
    lower = bisect_right(integers, int(scaled)) - 1
    least = 1 << fmt.fraction
    step = 1 << max((lower >> fmt.fraction) - 1, 0)
    part = (scaled - integers[lower]) / step
    if part >= 1:
        return None, part, "", least
    region = "largest" if lower == fmt.max_code else "normal" if lower >= least else "subnormal"
    return lower, part, region, least


def _binary32_neighbour(magnitude: Fraction) -> tuple[int | None, Fraction, str, int]:
    least = 1 << 23
    if magnitude >= Fraction(2) ** 128:
        return None, Fraction(0), "", least
    exponent = -149
    if magnitude >= Fraction(2) ** -126:
        leading = magnitude.numerator.bit_length() - magnitude.denominator.bit_length()
        leading -= magnitude < Fraction(2) ** leading
        exponent = leading - 23
    scaled = magnitude / Fraction(2) ** exponent
    significand = int(scaled)
    code = significand + (exponent + 149) * least
    region = "largest" if code == 0x7F7FFFFF else "normal" if code >= least else "subnormal"
    return code, scaled - significand, region, least


@lru_cache(maxsize=64)
def _magnitudes(exponent: int, fraction: int) -> list[int]:
    fmt = Format(8 - exponent - fraction, exponent, fraction, 0)
    return [int(x) for x in fmt.integers(np.arange(fmt.max_code + 1, dtype=np.uint8))]


# Flags.


def kinds_of(can: Capabilities) -> list[str]:
    """Return the kinds of results: signed and unsigned codes, words."""
    signs = {sign for sign, _ in can.splits_y} if "code" in can.outputs else set()
    kinds = [name for sign, name in ((0, "unsigned"), (1, "signed")) if sign in signs]
    return kinds + ["binary32"] * ("binary32" in can.outputs)


def _flags(can: Capabilities) -> Point:
    names = _flag_names(can)
    table = {
        f"{kind}: {name}": (kind, bits) for kind in kinds_of(can) for bits, name in names.items()
    }

    def aim(name: str, random: np.random.Generator) -> Constraints:
        kind, bits = table[name]
        landing = ("exact", "normal")
        if bits & FLAG_OVERFLOW:
            landing = ("above tie", "largest")
        elif bits & FLAG_UNDERFLOW:
            landing = (choose(random, TO_ZERO), "zero")
        elif bits:
            landing = ("below tie", "subnormal" if kind == "binary32" else "normal")
        if kind == "binary32":
            return Constraints(landing=landing, output="binary32")
        splits = [split for split in can.splits_y if split[0] == (kind == "signed")]
        splits = [split for split in splits if 1 <= split[1] <= 5] or splits
        return Constraints(
            landing=landing,
            output="code",
            rounding="rne",
            clamp=-1 if can.clamps else None,
            split_y=splits[int(random.integers(len(splits)))],
        )

    return Point("flags", tuple(table), partial(_flags_of, names), aim)


def _flag_names(can: Capabilities) -> dict[int, str]:
    """Return the sets of flags that a design can show, with their names.

    Without inexact an overflow comes alone, which is not the bin that no design can show.
    """
    inexact = can.flags & FLAG_INEXACT
    names = {bits: name for name, bits in FLAG_SETS.items() if not bits & ~can.flags}
    return names if inexact else {bits: f"{name} shown" for bits, name in names.items()}


def _flags_of(names: Mapping[int, str], record: Record) -> set[str]:
    settings = record.job.settings
    kind = "binary32" if settings.raw else "signed" if settings.y_signed else "unsigned"
    return {f"{kind}: {names[bits]}" for bits in record.expected[1].ravel().tolist()}


# Clamp.

CLAMPS = ("off", "zero", "below it", "at it", "above it", "above it, negative", "overflow")


def _clamp(can: Capabilities) -> Point:
    def aim(name: str, random: np.random.Generator) -> Constraints:
        code = int(random.integers(2, 100))
        signed = [split for split in can.splits_y if split[0] and 1 <= split[1] <= 5]
        split = signed[int(random.integers(len(signed)))]
        wish = {"output": "code", "rounding": "rne", "split_y": split}
        if name == "off":
            return Constraints(clamp=-1, **wish)
        if name == "zero":
            return Constraints(clamp=0, landing=("exact", "normal"), **wish)
        if name == "at it":
            return Constraints(clamp=0x7F, landing=("exact", "largest"), **wish)
        if name == "below it":
            return Constraints(clamp=0x7F, landing=("exact", "normal"), **wish)
        if name == "overflow":
            return Constraints(clamp=code, landing=("above tie", "largest"), **wish)
        negative = name.endswith("negative")
        return Constraints(clamp=code, landing=("exact", "largest"), negative=negative, **wish)

    return Point("clamp", CLAMPS, partial(_clamps_of, can), aim)


def _clamps_of(can: Capabilities, record: Record) -> Iterator[str]:
    settings = record.job.settings
    fmt, clamp = settings.format_y(), settings.rounding_and_clamp()[1]
    if fmt is None:
        return
    if clamp is None:
        yield "off"
        return
    if clamp == 0:
        yield "zero"
    for place in np.ndindex(record.expected[0].shape):
        if int(record.expected[1][place]) & FLAG_OVERFLOW:
            yield "overflow"
        total = record.job.total(*place, can.accumulator)
        if total < 0 and not fmt.sign:
            continue
        lower, part, *_ = neighbour(fmt, abs(total))
        if lower is None or lower > clamp:
            yield "above it, negative" if total < 0 else "above it"
        elif lower == clamp and not part:
            yield "at it"
        elif lower < clamp:
            yield "below it"
