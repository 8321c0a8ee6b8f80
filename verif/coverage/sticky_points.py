"""Cover point of totals one bit beside a landmark of rounding: what a sticky bit has to see."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import partial
from itertools import product

import numpy as np

from verif.coverage.point import Point
from verif.coverage.result_points import modes, neighbour
from verif.environment.capabilities import Capabilities, Split
from verif.environment.generator import Constraints
from verif.environment.nudges import DISTANCES, LANDMARKS, SIDES, bits_of
from verif.environment.scoreboard import Record

HALF = Fraction(1, 2)


def points(can: Capabilities) -> list[Point]:
    """Return the points of this module for a design that rounds."""
    if "sums" in can.outputs:
        return []
    table = {
        f"{mode}: {distance} {side} {landmark}": (mode, (landmark, side, distance))
        for mode in modes(can)
        for landmark, side, distance in product(LANDMARKS, SIDES, DISTANCES)
        if DISTANCES[distance][0] <= _deepest(can, mode, landmark)
    }

    def aim(name: str, random: np.random.Generator) -> Constraints:
        mode, nudge = table[name]
        signed = [split for split in can.splits_a if split[0]] or list(can.splits_a)
        split_a = signed[int(random.integers(len(signed)))]
        if mode == "binary32":  # half a step above 24 bits is one product
            split_a, split_w = (
                max(splits, key=lambda split: split[1]) for splits in (signed, can.splits_w)
            )
            return Constraints(nudge=nudge, output="binary32", split_a=split_a, split_w=split_w)
        coarse = _coarse(can)
        return Constraints(
            nudge=nudge,
            output="code",
            rounding=mode,
            clamp=-1 if can.clamps else None,
            split_a=split_a,
            split_y=coarse[int(random.integers(len(coarse)))],
        )

    return [Point("sticky", tuple(table), partial(_sticky, can), aim)]


def _coarse(can: Capabilities) -> list[Split]:
    """Return the splits of y that leave the most room for bits below a step."""
    splits = [split for split in can.splits_y if 1 <= split[1] <= 5] or list(can.splits_y)
    least = min(8 - sum(split) for split in splits)
    return [split for split in splits if 8 - sum(split) == least]


def _deepest(can: Capabilities, mode: str, landmark: str) -> int:
    """Return how many places the sum's unit can lie below a step, at most."""
    grid = _lowest(can.splits_a, can.biases_a[-1]) + _lowest(can.splits_w, can.biases_w[-1])
    if mode == "binary32":
        bits, step = (25, 104) if landmark == "threshold" else (2, -149)
    else:
        sign, exponent = _coarse(can)[0]
        fraction = 8 - sign - exponent
        bits, step = fraction + 1, 2**exponent - 1 - can.biases_y[0] - fraction
    return min(bits_of(can) - bits, step - grid)


def _lowest(splits: Sequence[Split], bias: int) -> int:
    """Return the exponent of the least unit of some splits with a bias."""
    return 1 - bias - (8 - min(map(sum, splits)))


def _sticky(can: Capabilities, record: Record) -> Iterator[str]:
    """Yield what a job shows: every total that is a power of two beside a landmark."""
    job, settings = record.job, record.job.settings
    mode, clamp = settings.rounding_and_clamp()
    fmt_y = settings.format_y()
    if clamp is not None:
        return
    name = "binary32" if fmt_y is None else mode
    for place in np.ndindex(record.expected[0].shape):
        total = job.total(*place, can.accumulator)
        if not total or (fmt_y is not None and total < 0 and not fmt_y.sign):
            continue
        lower, part, region, _ = neighbour(fmt_y, abs(total))
        if lower is None or not part or part == HALF:
            continue
        landmark = "threshold" if region == "largest" else "tie"
        ways = [(part, "step", "above"), (1 - part, "step", "below")]
        ways += [(abs(part - HALF), landmark, "above" if part > HALF else "below")]
        for off, mark, side in ways:
            if off.numerator != 1:
                continue
            depth = off.denominator.bit_length() - 1
            rest = abs(total) / Fraction(2) ** settings.grid_exponent(job.biases_w[place[1]])
            is_unit = rest.denominator == 1 and rest.numerator & 1
            for distance, (least, most) in DISTANCES.items():
                if least <= depth <= most and (is_unit or distance != "one unit"):
                    yield f"{name}: {distance} {side} {mark}"
