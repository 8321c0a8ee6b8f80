"""Constrained random jobs: what is not constrained is drawn, what is constrained is met."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from model import ROUNDINGS, Format
from verif.environment import operands
from verif.environment.capabilities import Capabilities, Split
from verif.environment.draw import choose
from verif.environment.job import Job
from verif.environment.settings import (
    CHANGES,
    Build,
    Settings,
    binary32_word,
    refused_settings,
    refused_word,
    start_units,
    start_word,
)

MODERATE = 100
"""Pairs of the longest packets that are drawn where a short one would do."""


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
    full
        Whether a sum is of the largest operands alone; True for a negative one.
    landing
        Where a total lies between two results: (position, region) of `operands`.
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
    full: bool | None = None
    landing: tuple[str, str] | None = None
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

    def job(self, wish: Constraints, before: Job | None = None) -> Job:
        """Return a job that meets constraints, if the design can."""
        if wish.landing and wish.k is None:
            wish = replace(wish, k=min(self.can.k_max, 4))
        job = self._good(wish)
        if wish.change and before is not None:
            job = self._changed(job, before, wish.change)
        return self.spoilt(job, wish.failure) if wish.failure else job

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
        straight = wish.walk or wish.carry is not None or wish.full is not None
        starts = [0 if straight else self._start(settings, bias) for bias in biases]
        job = Job(settings, a_codes, w_codes, tuple(starts), tuple(biases))
        if wish.landing:
            return self._landed(job, wish)
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
        least = 2 if wish.walk or wish.carry is not None else 1
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
        place = int(random.integers(w_codes.shape[0]))
        if wish.pair:
            a_codes[row, place] = operands.code_of_class(random, fmt_a, wish.pair[0])
            w_codes[place, col] = operands.code_of_class(random, fmt_w, wish.pair[1])
        if wish.shift is not None:
            most_a, most_w = operands.most_shift(fmt_a), operands.most_shift(fmt_w)
            least = max(0, wish.shift - most_w)
            shift_a = int(random.integers(least, min(most_a, wish.shift) + 1))
            a_codes[row, place] = operands.code_of_shift(random, fmt_a, shift_a)
            w_codes[place, col] = operands.code_of_shift(random, fmt_w, wish.shift - shift_a)
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
        bias = _within(self.can.biases_y, int(self.random.integers(-4, most)) - leading)
        return replace(job, settings=replace(job.settings, y_bias=bias))

    # A total between two results.

    def _landed(self, job: Job, wish: Constraints) -> Job:
        """Set biases, start values and operands so that every total lands where it is to.

        The lower result and the quarters of a step above it come in as start value and as
        products of one unit; where the design has no start values, all of it as products.
        """
        position, region = wish.landing
        settings, fmt_y = job.settings, job.settings.format_y()
        if fmt_y is None:
            significand, step = operands.binary32_landing(self.random, position, region)
        else:
            significand, step = operands.code_landing(self.random, fmt_y, position, region)
        quarters = choose(self.random, operands.quarters_of(position, fmt_y is None))
        negative = self._negative(settings, wish.negative)
        can = self.can
        if not can.starts or len(can.biases_a) == len(can.biases_w) == 1:
            return self._as_products(job, 4 * significand + quarters, step - 2, negative)
        if fmt_y is not None and len(can.biases_y) > 1:
            target = int(self.random.integers(-30, 30))
            bias = _within(can.biases_y, settings.y_bias + step - target)
            step += settings.y_bias - bias
            settings = replace(settings, y_bias=bias)
        settings, bias_w = self._on_grid(settings, step - 2)
        a_codes, w_codes = np.zeros_like(job.a_codes), np.zeros_like(job.w_codes)
        whole = significand * 4
        if negative and not (settings.a_signed or settings.w_signed):
            whole += quarters
        else:
            parts = operands.small_codes(settings.format_w(0), quarters)
            a_codes[:, : len(parts)] = 0x81 if negative and settings.a_signed else 1
            for number, code in enumerate(parts):
                w_codes[number] = code | (0x80 if negative and not settings.a_signed else 0)
        value = math.ldexp(-whole if negative else whole, step - 2)
        starts = (binary32_word(np.float32(value)),) * can.cols
        return Job(settings, a_codes, w_codes, starts, (bias_w,) * can.cols)

    def _negative(self, settings: Settings, wish: bool | None) -> bool:
        """Return the sign of a total that lands: as wished, as the formats allow."""
        if not (settings.raw or settings.y_signed):
            return False
        if not (self.can.starts and not settings.raw or settings.a_signed or settings.w_signed):
            return False
        return bool(self.random.integers(2)) if wish is None else wish

    def _as_products(self, job: Job, units: int, exponent: int, negative: bool) -> Job:
        """Return a job whose every total is units * 2^exponent, as products alone."""
        settings = job.settings
        exponent -= settings.grid_exponent(job.biases_w[0])
        formats = settings.format_a(), settings.format_w(0)
        total = units << exponent if exponent >= 0 else units >> -exponent
        pairs = operands.products(*formats, total, self.can.k_max)
        a_codes = np.zeros((self.can.rows, max(len(pairs), 1)), np.uint8)
        w_codes = np.zeros((a_codes.shape[1], self.can.cols), np.uint8)
        for number, (a, w) in enumerate(pairs):
            minus_a, minus_w = operands.minus(*formats) if negative else (0, 0)
            a_codes[:, number], w_codes[number] = a | minus_a, w | minus_w
        starts = (0,) * self.can.cols
        return replace(job, a_codes=a_codes, w_codes=w_codes, starts=starts)

    def _on_grid(self, settings: Settings, unit: int) -> tuple[Settings, int]:
        """Choose the biases of a and w so that the accumulator's unit is 2^unit."""
        both = replace(settings, a_bias=0).grid_exponent(0) - unit
        bias_a = _within(self.can.biases_a, both // 2)
        return replace(settings, a_bias=bias_a), _within(self.can.biases_w, both - bias_a)

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

    # Jobs that fail.

    def spoilt(self, job: Job, failure: str) -> Job:
        """Return a job that has to be refused for this reason, and no other."""
        can, random = self.can, self.random
        kind, _, what = failure.partition(" ")
        if kind == "config":
            return replace(job, settings=refused_settings(random, can.exp_max, what))
        if kind == "start":
            return self._bad_start(job, what)
        if failure == "too long":
            if job.k > can.k_max:
                return job
            more = choose(random, (1, 1, 2, 5, min(can.k_max, MODERATE) + 1))
            return self._of_lengths(job, can.k_max + more, can.k_max + more)
        if kind == "no":
            return replace(job, framing=failure.removesuffix(" pair"))
        if kind == "c":
            return self._other_packet(job, what.endswith("short"))
        lengths = np.arange(1, min(can.k_max, MODERATE) + 1)
        less, more = sorted(random.choice(lengths, 2, replace=False).tolist())
        more = min(more, less + 6)
        return self._of_lengths(job, *((less, more) if kind == "a" else (more, less)))

    def _bad_start(self, job: Job, what: str) -> Job:
        column = int(self.random.integers(self.can.cols))
        starts, biases = list(job.starts), list(job.biases_w)
        if what == "too large":
            job = replace(job, settings=replace(job.settings, a_bias=self.can.biases_a[-1]))
            biases, starts = [self.can.biases_w[-1]] * len(biases), [0] * len(starts)
        for _ in range(1000):
            word = refused_word(self.random, job.settings.grid_exponent(biases[column]), self.build)
            starts[column] = word
            spoilt = replace(job, starts=tuple(starts), biases_w=tuple(biases))
            if spoilt.failure(self.can) == f"start {what}":
                return spoilt
        raise AssertionError(f"no start value is {what} for {job.settings}")

    def _other_packet(self, job: Job, short: bool) -> Job:
        cols = self.can.cols
        count = int(
            self.random.integers(1, cols) if short else self.random.integers(cols + 1, 2 * cols + 3)
        )
        starts, biases = (job.starts * 4)[:count], (job.biases_w * 4)[:count]
        return replace(job, starts=starts, biases_w=biases)

    def _of_lengths(self, job: Job, a_beats: int, w_beats: int) -> Job:
        can, integers = self.can, self.random.integers
        a_codes = integers(0, 256, (can.rows, a_beats)).astype(np.uint8)
        return replace(
            job, a_codes=a_codes, w_codes=integers(0, 256, (w_beats, can.cols)).astype(np.uint8)
        )


def _within(biases: Sequence[int], bias: int) -> int:
    """Return the bias nearest to one that is wished for."""
    return min(max(bias, biases[0]), biases[-1])


def format_of(split: Split, bias: int = 0) -> Format:
    """Return the format of a split."""
    sign, exponent = split
    return Format(sign, exponent, 8 - sign - exponent, bias)
