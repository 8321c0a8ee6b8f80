"""The largest sums that a design can be given, of either sign."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np

from verif.environment import operands
from verif.environment.capabilities import Capabilities, Split
from verif.environment.generator import Constraints, Generator, format_of
from verif.environment.job import Job
from verif.environment.settings import binary32_word, start_units

HEADROOM = 127
"""Exponent up to which a start value goes, so that a sum does not overflow for that alone."""


def largest_splits(can: Capabilities, negative: bool) -> tuple[Split, Split]:
    """Return the splits of a and w whose products are the largest; one is signed if negative."""
    pairs = [
        pair for pair in product(can.splits_a, can.splits_w) if not negative or any(_signs(pair))
    ]
    return max(
        pairs, key=lambda pair: format_of(pair[0]).max_integer * format_of(pair[1]).max_integer
    )


def _signs(pair: tuple[Split, Split]) -> tuple[int, int]:
    return pair[0][0], pair[1][0]


def largest_job(generator: Generator, negative: bool, k: int) -> Job:
    """Return a job whose every sum is K of the largest products, from the largest start value."""
    can = generator.can
    split_a, split_w = largest_splits(can, negative)
    bias = min(HEADROOM, can.width // 2)  # so that binary32 holds the start value
    wish = Constraints(split_a=split_a, split_w=split_w, k=k, full=negative)
    wish = replace(
        wish,
        bias_a=min(bias, can.biases_a[-1]),
        bias_w=min(bias, can.biases_w[-1]),
        output="binary32" if "binary32" in can.outputs and can.exp_max < 8 else None,
    )
    job = generator.job(wish)
    fmt_a, fmt_w = format_of(split_a), format_of(split_w)
    minus_a, minus_w = operands.minus(fmt_a, fmt_w) if negative else (0, 0)
    return replace(
        job,
        a_codes=np.full_like(job.a_codes, fmt_a.max_code | minus_a),
        w_codes=np.full_like(job.w_codes, fmt_w.max_code | minus_w),
        starts=tuple(_start(generator, job, bias, negative) for bias in job.biases_w),
    )


def _start(generator: Generator, job: Job, bias: int, negative: bool) -> int:
    """Return the largest start word of a sign that the design takes, 0 if it takes none."""
    if not generator.can.starts:
        return 0
    grid = job.settings.grid_exponent(bias)
    limit = 2.0 ** min(grid + generator.can.width - 2, HEADROOM)
    word = binary32_word(np.float32(-limit if negative else limit * (1 - 2.0**-24)))
    assert start_units(word, grid, generator.build) is not None, f"{word:#x} does not fit"
    return word
