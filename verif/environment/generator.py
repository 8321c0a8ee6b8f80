"""Constrained random jobs: what is not constrained is drawn, what is constrained is met."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from model import FLAG_OVERFLOW, ROUNDINGS, Format
from verif.environment import operands
from verif.environment.capabilities import Capabilities, Split
from verif.environment.draw import choose, nearest
from verif.environment.job import Job
from verif.environment.landings import Landings
from verif.environment.nudges import Nudges
from verif.environment.settings import CHANGES, Build, Settings, start_units, start_word
from verif.environment.spoiler import Spoiler

ATTEMPTS = 8
"""Draws of a job whose result is to show what one pair does."""


@dataclass(frozen=True)
class Constraints:
    """What a job, and what goes on around it, has to be like; None and empty are anything.

    Attributes
    ----------
    split_a, split_w, split_y
        Formats.
    output
        ``code``, ``binary32`` or ``sums``.
    bias_a, bias_w, bias_y
        Exponent biases.
    rounding, clamp
        Mode; a clamp code, -1 for no clamp.
    k
        Length of the sums.
    pair
        Classes (see `operands`) of an operand of a and one of w that meet.
    shift
        Sum of the shifts of a pair that meets.
    walk
        Way of the accumulator, a list of products: see `operands.walk_pairs`.
    carry
        Place from which a carry runs to the accumulator's top.
    accent
        Which pair is to count, see `operands.accent_pairs`.
    full
        Whether a sum is of the largest operands alone; True for a negative one.
    landing
        Where a total lies between two results: (position, region) of `operands`.
    nudge
        Landmark, side and distance of a total that lies just beside a landmark: see `nudges`.
    negative
        Sign of the total that lands.
    failure
        Why the job has to be refused.
    change
        The one thing of the configuration that differs from the job before.
    rates
        Share of cycles, by stream, in which a beat is offered or taken.
    alone
        Wait until nothing is inside before sending.
    reset
        (kind, state): reset the design as soon as it is in this state.
    """

    split_a: Split | None = None
    split_w: Split | None = None
    split_y: Split | None = None
    output: str | None = None
    bias_a: int | None = None
    bias_w: int | None = None
    bias_y: int | None = None
    rounding: str | None = None
    clamp: int | None = None
    k: int | None = None
    pair: tuple[str, str] | None = None
    shift: int | None = None
    walk: str | None = None
    carry: int | None = None
    accent: str | None = None
    full: bool | None = None
    landing: tuple[str, str] | None = None
    nudge: tuple[str, str, str] | None = None
    negative: bool | None = None
    failure: str | None = None
    change: str | None = None
    rates: Mapping[str, float] = field(default_factory=dict)
    alone: bool | None = None
    reset: tuple[str, str] | None = None


class Generator:
    """Draws jobs for a design.

    Parameters
    ----------
    can
        What the design takes.
    random
        Where everything comes from.
    """

    def __init__(self, can: Capabilities, random: np.random.Generator) -> None:
        self.can, self.random = can, random
        self.build = Build(can.exp_max, can.width, can.accumulator)
        self.landings, self.nudges = Landings(can, random), Nudges(can, random)
        self.spoiler = Spoiler(can, random, self.build)

    def job(self, wish: Constraints, before: Job | None = None) -> Job:
        """Return a job that meets constraints, if the design can."""
        if wish.landing and wish.k is None:
            wish = replace(wish, k=min(self.can.k_max, 4))
        job = self._good(wish)
        for _ in range(ATTEMPTS if wish.accent else 0):
            if self._shows(job):
                break
            job = self._good(wish)
        if wish.change and before is not None:
            job = self._changed(job, before, wish.change)
        return self.spoiler.spoilt(job, wish.failure) if wish.failure else job

    def _shows(self, job: Job) -> bool:
        """Whether the first result is neither zero nor beyond the range, where a pair can hide."""
        results, flags = job.expected(self.can)
        return bool(results[0, 0]) and not int(flags[0, 0]) & FLAG_OVERFLOW

    def alike(self, job: Job, model: Job) -> Job:
        """Return a job with the configuration of another, whatever start values that takes."""
        settings, biases = model.settings, model.biases_w
        starts = [self._start(settings, bias) for bias in biases]
        return replace(job, settings=settings, biases_w=biases, starts=tuple(starts))

    # Good jobs.

    def _good(self, wish: Constraints) -> Job:
        can, random = self.can, self.random
        split_a, split_w = self._operand_splits(wish)
        bias_a = self._bias(wish.bias_a, can.biases_a)
        bias_w = self._bias(wish.bias_w, can.biases_w)
        fmt_a, fmt_w = format_of(split_a, bias_a), format_of(split_w, bias_w)
        k = self._length(wish)
        a_codes = operands.random_codes(random, fmt_a, (can.rows, k))
        w_codes = operands.random_codes(random, fmt_w, (k, can.cols))
        self._place(wish, fmt_a, fmt_w, a_codes, w_codes)
        settings = self._settings(wish, split_a, split_w, bias_a)
        if wish.bias_w is None and len(can.biases_w) > 1:
            near = bias_w + random.integers(-3, 4, can.cols)
            biases = np.clip(near, can.biases_w[0], can.biases_w[-1]).tolist()
            biases[0] = bias_w
        else:
            biases = [bias_w] * can.cols
        straight = wish.walk or wish.accent or wish.carry is not None or wish.full is not None
        starts = [0 if straight else self._start(settings, bias) for bias in biases]
        job = Job(settings, a_codes, w_codes, tuple(starts), tuple(biases))
        if wish.landing:
            return self.landings.landed(job, wish.landing, wish.negative)
        if wish.nudge:
            return self.nudges.nudged(job, wish.nudge)
        return self._in_range(job) if wish.bias_y is None else job

    def _operand_splits(self, wish: Constraints) -> tuple[Split, Split]:
        """Return splits of a and w that hold the operands that are wished for."""
        can, random = self.can, self.random
        splits_a = [wish.split_a] if wish.split_a else list(can.splits_a)
        splits_w = [wish.split_w] if wish.split_w else list(can.splits_w)
        if wish.pair:
            splits_a = [one for one in splits_a if operands.holds(format_of(one), wish.pair[0])]
            splits_w = [one for one in splits_w if operands.holds(format_of(one), wish.pair[1])]
        if wish.walk:
            splits_a = [one for one in splits_a if one[0]] or splits_a
        pairs = [(a, w) for a in splits_a for w in splits_w]
        if wish.shift is not None:
            pairs = [
                (a, w)
                for a, w in pairs
                if operands.most_shift(a) + operands.most_shift(w) >= wish.shift
            ]
        return choose(random, pairs)

    def _bias(self, wish: int | None, allowed: Sequence[int]) -> int:
        if wish is not None:
            return wish
        shape = self.random.random()
        if shape < 0.1 or len(allowed) == 1:
            return choose(self.random, (allowed[0], allowed[-1]))
        if shape < 0.3:
            return choose(self.random, allowed)
        return choose(self.random, [bias for bias in allowed if abs(bias) <= 16] or allowed)

    def _length(self, wish: Constraints) -> int:
        if wish.k is not None:
            return wish.k
        least = 2 if wish.walk or wish.carry is not None or wish.accent else 1
        longest = min(self.can.k_max, choose(self.random, (1, 2, 4, 8, 20)))
        return int(self.random.integers(min(least, self.can.k_max), max(least, longest) + 1))

    def _place(
        self,
        wish: Constraints,
        fmt_a: Format,
        fmt_w: Format,
        a_codes: np.ndarray,
        w_codes: np.ndarray,
    ) -> None:
        """Write the operands that are wished for over random ones, in a random row and column."""
        random = self.random
        row, col = int(random.integers(len(a_codes))), int(random.integers(w_codes.shape[1]))
        k = w_codes.shape[0]
        place = int(random.integers(k))
        if wish.pair:
            a_codes[row, place] = operands.code_of_class(random, fmt_a, wish.pair[0])
            w_codes[place, col] = operands.code_of_class(random, fmt_w, wish.pair[1])
        if wish.shift is not None:
            most_a, most_w = operands.most_shift(fmt_a), operands.most_shift(fmt_w)
            least = max(0, wish.shift - most_w)
            shift_a = int(random.integers(least, min(most_a, wish.shift) + 1))
            a_codes[row, place] = operands.code_of_shift(random, fmt_a, shift_a)
            w_codes[place, col] = operands.code_of_shift(random, fmt_w, wish.shift - shift_a)
        if wish.accent:
            a_codes[0] = 0
            for number, (a, w) in operands.accent_pairs(random, fmt_a, fmt_w, wish.accent, k):
                a_codes[0, number], w_codes[number, 0] = a, w
        if wish.full is not None:
            minus_a, minus_w = operands.minus(fmt_a, fmt_w) if wish.full else (0, 0)
            a_codes[row], w_codes[:, col] = fmt_a.max_code | minus_a, fmt_w.max_code | minus_w
        if wish.walk or wish.carry is not None:
            if wish.walk:
                pairs = operands.walk_pairs(random, fmt_a, fmt_w, wish.walk)
            else:
                pairs = operands.carry_pairs(fmt_a, fmt_w, wish.carry)
            if pairs and len(pairs) <= w_codes.shape[0]:
                a_codes[row], w_codes[:, col] = 0, 0
                for number, (a, w) in enumerate(pairs):
                    a_codes[row, number], w_codes[number, col] = a, w

    def _settings(self, wish: Constraints, split_a: Split, split_w: Split, bias_a: int) -> Settings:
        can, random = self.can, self.random
        outputs = [wish.output] if wish.output else list(can.outputs)
        if wish.split_y or wish.clamp is not None or wish.rounding:
            outputs = [one for one in outputs if one == "code"] or outputs
        output = choose(random, outputs)
        if output == "binary32" and len(outputs) > 1 and random.random() < 0.5:
            output = "code"
        sign, exponent = wish.split_y or choose(random, can.splits_y)
        rounding = wish.rounding or choose(random, can.roundings)
        clamp = wish.clamp
        if clamp is None and can.clamps and output == "code" and random.random() < 0.3:
            clamp = int(random.integers(128 if sign else 256))
        enable = int(clamp is not None and clamp >= 0)
        return Settings(
            *(*split_a, bias_a, *split_w, sign, exponent, self._bias(wish.bias_y, can.biases_y)),
            rounding=ROUNDINGS.index(rounding),
            clamp_enable=enable,
            clamp=clamp if enable else int(random.integers(256)) * int(can.clamps),
            raw=int(output == "binary32"),
        )

    def _start(self, settings: Settings, bias_w: int) -> int:
        """Return a start word that the design takes."""
        if not self.can.starts or self.random.random() < 0.4:
            return 0
        grid = settings.grid_exponent(bias_w)
        word = start_word(self.random, grid, self.build)
        return 0 if start_units(word, grid, self.build) is None else word

    def _in_range(self, job: Job) -> Job:
        """Choose the bias of y so that the first total most often is in the format's range."""
        total = 0 if "sums" in self.can.outputs else job.total(0, 0, self.can.accumulator)
        if not total or len(self.can.biases_y) == 1 or self.random.random() < 0.2:
            return job
        leading = abs(total.numerator).bit_length() - total.denominator.bit_length()
        most = 2**job.settings.y_exponent_bits + 3
        bias = nearest(self.can.biases_y, int(self.random.integers(-4, most)) - leading)
        return replace(job, settings=replace(job.settings, y_bias=bias))

    # Jobs that differ from the one before in one thing.

    def _changed(self, job: Job, before: Job, change: str) -> Job:
        """Take everything but one thing of the configuration from the job before."""
        old = before.settings
        new = {name: getattr(job.settings, name) for name in CHANGES[change]}
        if change == "output":
            new["raw"] = 1 - old.raw
        elif change == "rounding":
            others = [ROUNDINGS.index(one) for one in self.can.roundings]
            new["rounding"] = choose(self.random, [one for one in others if one != old.rounding])
        elif change == "clamp":
            new = {"clamp_enable": 1 - old.clamp_enable, "clamp": int(self.random.integers(128))}
        settings = replace(old, **new)
        if settings.refused(self.can.exp_max):
            return job
        starts = tuple(0 for _ in job.starts)
        return replace(job, settings=settings, starts=starts)


def format_of(split: Split, bias: int = 0) -> Format:
    """Return the format of a split."""
    sign, exponent = split
    return Format(sign, exponent, 8 - sign - exponent, bias)
