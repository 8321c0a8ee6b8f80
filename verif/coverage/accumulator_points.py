"""Cover points of the accumulator: how sums change sign, carry, and how large they get."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import product

import numpy as np

from model import FLAG_OVERFLOW, dot
from verif.coverage.point import Point
from verif.environment import operands
from verif.environment.capabilities import Capabilities, Split
from verif.environment.generator import Constraints, format_of
from verif.environment.job import Job
from verif.environment.scoreboard import Record
from verif.environment.settings import binary32_value

CARRIES = {"a quarter": 4, "half": 2, "three quarters": 4 / 3, "all but two bits": 1}
"""Longest carry, as the part of the accumulator that it runs through at least."""


FULL = {"the largest sum": False, "the most negative sum": True}
"""Sums that need every bit that the accumulator has for K_MAX products; True for negative ones."""


def points(can: Capabilities) -> list[Point]:
    """Return the points of this module for a design."""
    return [_accumulator(can), *([_accent(can)] if can.k_max > 1 else [])]


def _accumulator(can: Capabilities) -> Point:
    signed = any(sign for sign, _ in [*can.splits_a, *can.splits_w])
    walks = list(operands.WALKS) if signed and can.k_max > 1 else []
    table = {walk: walk for walk in walks}
    if can.is_exact and walks:
        table |= {f"a carry runs through {part}": f"carry {part}" for part in CARRIES}
    full = _full_sums(can)
    table |= dict.fromkeys(full, "full")

    def aim(name: str, random: np.random.Generator) -> Constraints:
        walk = table[name]
        if walk == "full":
            _, a, w = full[name]
            return Constraints(split_a=a, split_w=w, k=can.k_max, full=FULL[name])
        if not walk.startswith("carry "):
            return Constraints(walk=walk)
        signed_a = [split for split in can.splits_a if split[0]]
        signed_w = can.splits_w if signed_a else [split for split in can.splits_w if split[0]]
        widest_a = max(signed_a or can.splits_a, key=lambda split: split[1])
        widest_w = max(signed_w, key=lambda split: split[1])
        through = can.width / CARRIES[walk.removeprefix("carry ")]
        place = can.width - int(np.ceil(through)) - 1
        return Constraints(split_a=widest_a, split_w=widest_w, carry=max(place, 0))

    return Point("accumulator", tuple(table), partial(_walks_of, can, full), aim)


# Pairs that count, one by one: without the pair the result would be another.


def _accent(can: Capabilities) -> Point:
    def aim(name: str, random: np.random.Generator) -> Constraints:
        clamp = -1 if can.clamps else None
        return Constraints(accent=name, k=can.k_max if "alone" in name else None, clamp=clamp)

    return Point("accent", operands.ACCENTS, partial(_accents_of, can), aim)


def _accents_of(can: Capabilities, record: Record) -> Iterator[str]:
    job = record.job
    for row, col in np.ndindex(len(job.a_codes), len(job.starts)):
        a_codes, w_codes = job.a_codes[row].tolist(), job.w_codes[:, col].tolist()
        live = np.flatnonzero(job.integers_a[row] * job.integers_w[:, col]).tolist()
        for name, place in _accented(job, a_codes, w_codes, live, can.k_max):
            without = job.a_codes.copy()
            without[row, place] = 0
            results, _ = replace(job, a_codes=without).expected(can)
            beyond = int(record.expected[1][row, col]) & FLAG_OVERFLOW
            if not beyond and results[row, col] != record.expected[0][row, col]:
                yield name


def _accented(
    job: Job, a_codes: list[int], w_codes: list[int], live: list[int], k_max: int
) -> Iterator[tuple[str, int]]:
    """Yield which pairs of a sum have an accent: its name, and the place of the pair."""
    if len(live) == 1 and job.k == k_max and live[0] in (0, k_max - 1):
        yield f"the {'last' if live[0] else 'first'} pair alone", live[0]
    pairs = list(zip(a_codes, w_codes, strict=True))
    if len(live) == 2 and live[1] == live[0] + 1 and pairs[live[0]] == pairs[live[1]]:
        yield "a pair twice", live[1]
    fmt_a, fmt_w = job.settings.format_a(), job.settings.format_w(0)
    largest = [
        place
        for place in live
        if a_codes[place] & fmt_a.max_code == fmt_a.max_code
        and w_codes[place] & fmt_w.max_code == fmt_w.max_code
    ]
    if len(largest) == 1 and len(live) <= 2:  # two could be wrong together
        yield "the largest pair", largest[0]


def _full_sums(can: Capabilities) -> dict[str, tuple[int, Split, Split]]:
    """Return the magnitude of each of the `FULL` that a design can show, and its splits."""
    found = {}
    for name, negative in FULL.items():
        pairs = [(a, w) for a, w in product(can.splits_a, can.splits_w) if a[0] or w[0]]
        pairs = pairs if negative else list(product(can.splits_a, can.splits_w))
        if can.is_exact and pairs:
            integers = [format_of(a).max_integer * format_of(w).max_integer for a, w in pairs]
            most = max(integers)
            found[name] = can.k_max * most, *pairs[integers.index(most)]
    return found


def _full_of(full: dict[str, tuple[int, Split, Split]], sums: list[int]) -> Iterator[str]:
    """Yield which of the `FULL` show: sums with as many bits as the largest."""
    for name, (most, *_) in full.items():
        extreme = -min(sums) if FULL[name] else max(sums)
        if extreme.bit_length() == most.bit_length():
            yield name


def _walks_of(
    can: Capabilities, full: dict[str, tuple[int, Split, Split]], record: Record
) -> set[str]:
    found: set[str] = set()
    rows, cols = len(record.job.a_codes), len(record.job.starts)
    for row, col in np.ndindex(rows, cols):
        sums = _running_sums(can, record.job, row, col)
        for old, new in zip(sums, sums[1:], strict=False):
            if old < 0 < new:
                found.add("rises through zero")
            if new < 0 < old:
                found.add("falls through zero")
            if old and not new:
                found.add("cancels to zero")
            if can.is_exact:
                found.update(_carries(old, new, can.width))
        if can.is_exact:
            found.update(_full_of(full, sums))
    return found


def _running_sums(can: Capabilities, job: Job, row: int, col: int) -> list:
    if can.is_exact:
        products = job.integers_a[row] * job.integers_w[:, col]
        return [0, *np.cumsum(products).tolist()]
    settings, start = job.settings, binary32_value(job.starts[col])
    formats = settings.format_a(), settings.format_w(job.biases_w[col])
    a_codes, w_codes = job.a_codes[row].tolist(), job.w_codes[:, col].tolist()
    return [
        dot(a_codes[:k], w_codes[:k], *formats, start, can.accumulator)
        for k in range(1, len(a_codes) + 1)
    ]


def _carries(old: int, new: int, width: int) -> Iterator[str]:
    """Yield how far the longest carry runs from one sum to the next."""
    mask = (1 << width) - 1
    carries = (old ^ new ^ (new - old)) & mask
    longest = 0
    while carries:  # each step shortens every run of ones by one
        carries &= carries << 1
        longest += 1
    for part, share in CARRIES.items():
        if longest >= width / share - 2:
            yield f"a carry runs through {part}"
