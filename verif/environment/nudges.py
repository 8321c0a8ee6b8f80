"""Jobs whose totals lie a single bit beside a landmark of rounding, where one bit decides.

A rounding that looks at too few of the bits below a result's step gives the result of the
landmark itself: only the one bit that it does not see tells the two apart.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from verif.environment import operands
from verif.environment.capabilities import Capabilities
from verif.environment.draw import choose
from verif.environment.job import Job
from verif.environment.placing import Placing
from verif.environment.settings import Settings, binary32_word

LANDMARKS = ("tie", "step", "threshold")
"""The middle between two results; a result; the middle above the largest one."""

SIDES = {"below": -1, "above": 1}
"""Where a total lies, as its magnitude compares with the landmark's."""

DISTANCES = {
    "one unit": (8, 99),
    "3 to 7 places": (3, 7),
    "8 to 15 places": (8, 15),
    "16 places or more": (16, 99),
}
"""Places from the result's step down to the bit that is off; ``one unit``: the sum's lowest bit."""


@dataclass(frozen=True)
class Landmark:
    """A landmark: `halves` half steps, of which one is 2^(step - 1), the sum's unit 2^grid.

    Attributes
    ----------
    depth
        Places from the step down to the sum's unit.
    """

    halves: int
    step: int
    grid: int

    @property
    def depth(self) -> int:
        """Places from the step down to the sum's unit."""
        return self.step - self.grid

    @property
    def units(self) -> int:
        """The landmark as an integer."""
        return self.halves << self.depth - 1 if self.depth > 0 else 0


def bits_of(can: Capabilities) -> int:
    """Return how many bits of a total a design's accumulator holds, whatever they are."""
    return can.width - 2 if can.is_exact else 24


class Nudges(Placing):
    """Makes totals lie beside a landmark."""

    def nudged(self, job: Job, nudge: tuple[str, str, str]) -> Job:
        """Set biases, start values and operands so that every total is one bit off a landmark.

        The landmark comes in as start value where the design has them, the half of a step and
        the bit as products; everything as products where it has not.
        """
        landmark, side, distance = nudge
        least, most = DISTANCES[distance]
        settings, bias_w, mark = self._landmark(job, landmark, least, most)
        lowest = max(mark.depth - most, 0)
        places = range(lowest, max(mark.depth - least, lowest) + 1)
        bit = 0 if distance == "one unit" else choose(self.random, places)
        formats = settings.format_a(), settings.format_w(bias_w)
        negative = self.negative(settings)
        flip_a, flip_w = operands.minus(*formats)
        start, pairs = 0, []
        if self.can.starts:
            start = mark.halves
            if settings.raw and start & 1:  # 25 bits are no binary32 word
                start -= 1
                pairs.append(operands.power_pair(*formats, mark.depth - 1))
        elif flip_a or flip_w:
            pairs += operands.products(*formats, mark.units, self.can.k_max - 1)
        else:
            total = mark.units + SIDES[side] * (1 << bit)
            pairs = operands.products(*formats, total, self.can.k_max)
            return self._job(settings, bias_w, pairs, 0.0)
        pairs = [_signed(pair, flip_a, flip_w, negative) for pair in pairs]
        off = operands.power_pair(*formats, bit)
        pairs.append(_signed(off, flip_a, flip_w, negative ^ (side == "below")))
        value = math.ldexp(-start if negative else start, mark.step - 1)
        return self._job(settings, bias_w, pairs, value)

    def _landmark(
        self, job: Job, landmark: str, least: int, most: int
    ) -> tuple[Settings, int, Landmark]:
        """Choose a landmark, and biases that put the sum's unit so many places below it."""
        can, random = self.can, self.random
        for _ in range(64):
            settings = job.settings
            halves, step = self._halves(settings, landmark)
            room = bits_of(can) - (halves.bit_length() - 1)
            deepest = max(least, min(room, most + 12, 60))
            depth = int(random.integers(least, deepest + 1))
            settings, step = self.centred(settings, step)
            settings, bias_w = self.on_grid(settings, step - depth)
            mark = Landmark(halves, step, settings.grid_exponent(bias_w))
            if least <= mark.depth <= room:
                break
        return settings, bias_w, mark

    def _halves(self, settings: Settings, landmark: str) -> tuple[int, int]:
        """Return a landmark in halves of a step, and the exponent of the step."""
        position = "exact" if landmark == "step" else "tie to even up"
        if settings.format_y() is None:
            region = "largest" if landmark == "threshold" else "subnormal"
            significand, step = operands.binary32_landing(self.random, position, region)
            if region == "subnormal":
                significand = max(significand >> int(self.random.integers(12, 21)), 1)
        else:
            if landmark == "tie" and self.random.random() < 0.5:
                position = "tie to even down"
            region = "largest" if landmark == "threshold" else "normal"
            fmt = settings.format_y()
            significand, step = operands.code_landing(self.random, fmt, position, region)
        return 2 * significand + (landmark != "step"), step

    def _job(
        self, settings: Settings, bias_w: int, pairs: list[tuple[int, int]], start: float
    ) -> Job:
        """Return a job whose every total is a start value and the products of these pairs."""
        can = self.can
        starts = (binary32_word(np.float32(start)),) * can.cols
        return Job(settings, *self.codes(pairs), starts, (bias_w,) * can.cols)


def _signed(pair: tuple[int, int], flip_a: int, flip_w: int, negative: bool) -> tuple[int, int]:
    return (pair[0] | flip_a, pair[1] | flip_w) if negative else pair
