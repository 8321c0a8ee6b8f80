"""Cover points of results at the ends of the range: zero, and beyond the largest code."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from functools import partial
from itertools import product

import numpy as np

from verif.coverage.point import Point
from verif.coverage.result_points import kinds_of
from verif.environment import operands
from verif.environment.capabilities import Capabilities
from verif.environment.draw import choose
from verif.environment.generator import Constraints
from verif.environment.scoreboard import Record


def points(can: Capabilities) -> list[Point]:
    """Return the points of this module for a design that rounds."""
    if "sums" in can.outputs:
        return []
    return [_zero(can), *([_overflow(can)] if "code" in can.outputs else [])]


# Results of zero, where a sign can get lost or stay.

ZEROS = {"zero": None, "positive": False, "negative": True}


def _zero(can: Capabilities) -> Point:
    negative = can.starts or any(sign for sign, _ in (*can.splits_a, *can.splits_w))
    totals = [total for total in ZEROS if negative or total != "negative"]
    table = {
        f"{kind}: {total} to zero": (kind, total) for kind, total in product(kinds_of(can), totals)
    }

    def aim(name: str, random: np.random.Generator) -> Constraints:
        kind, total = table[name]
        near = choose(random, operands.TO_ZERO)
        landing = ("exact" if total == "zero" else near, "zero")
        wish = Constraints(landing=landing, negative=ZEROS[total], output="binary32")
        if kind == "binary32":
            return wish
        if kind == "unsigned" and total == "negative":
            wish = Constraints(walk="falls through zero")
        splits = [split for split in can.splits_y if split[0] == (kind == "signed")]
        clamp, split = -1 if can.clamps else None, choose(random, splits)
        return replace(wish, output="code", rounding="rne", clamp=clamp, split_y=split)

    return Point("zero", tuple(table), partial(_zeros_of, can), aim)


def _zeros_of(can: Capabilities, record: Record) -> Iterator[str]:
    settings = record.job.settings
    kind = "binary32" if settings.raw else "signed" if settings.y_signed else "unsigned"
    if settings.rounding_and_clamp()[1] == 0:
        return
    results = record.expected[0] & (0x7FFFFFFF if settings.raw else 0xFF)
    for place in zip(*np.nonzero(results == 0), strict=True):
        total = record.job.total(*place, can.accumulator)
        yield f"{kind}: {'negative' if total < 0 else 'positive' if total else 'zero'} to zero"


# Codes that overflow, though nothing is rounded.


def _overflow(can: Capabilities) -> Point:
    kinds = [kind for kind in kinds_of(can) if kind != "binary32"]
    table = {f"{kind}: {where}": (kind, where) for kind, where in product(kinds, operands.BEYOND)}

    def aim(name: str, random: np.random.Generator) -> Constraints:
        kind, where = table[name]
        splits = [split for split in can.splits_y if split[0] == (kind == "signed")]
        splits = [split for split in splits if 1 <= split[1] <= 5] or splits
        return Constraints(
            landing=("exact", where),
            output="code",
            clamp=-1 if can.clamps else None,
            split_y=choose(random, splits),
        )

    return Point("overflow", tuple(table), partial(_overflows_of, can), aim)


def _overflows_of(can: Capabilities, record: Record) -> Iterator[str]:
    settings, results = record.job.settings, record.expected[0]
    fmt_y = settings.format_y()
    if fmt_y is None or settings.rounding_and_clamp()[1] is not None:
        return
    step = 1 << max((fmt_y.max_code >> fmt_y.fraction) - 1, 0)
    following = (fmt_y.max_integer + step) * Fraction(2) ** fmt_y.unit_exponent
    for place in zip(*np.nonzero(results & fmt_y.max_code == fmt_y.max_code), strict=True):
        total = record.job.total(*place, can.accumulator)
        if abs(total) >= following:
            where = "farther" if abs(total) > following else "the next code"
            yield f"{'signed' if settings.y_signed else 'unsigned'}: {where}"
