"""Cover points of what goes in: formats, biases, operands, alignment, lengths."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import product

import numpy as np

from verif.coverage.point import Point
from verif.environment import operands
from verif.environment.capabilities import Capabilities, Split
from verif.environment.draw import choose
from verif.environment.generator import Constraints, format_of
from verif.environment.job import Job
from verif.environment.scoreboard import Record


def points(can: Capabilities) -> list[Point]:
    """Return the points of this module for a design."""
    return [
        _splits(can),
        _biases(can),
        _operands(can),
        _alignment(can),
        _length(can),
    ]


def split_name(split: Split) -> str:
    """Return a split as ``s1e4``; the fraction has the rest of eight bits."""
    return f"s{split[0]}e{split[1]}"


# Formats.


def _splits(can: Capabilities) -> Point:
    table = {}
    for a, w in product(can.splits_a, can.splits_w):
        for y in [*(can.splits_y if "code" in can.outputs else ()), *_other_outputs(can)]:
            y_name = y if isinstance(y, str) else split_name(y)
            table[f"{split_name(a)} * {split_name(w)} = {y_name}"] = a, w, y

    def aim(name: str, random: np.random.Generator) -> Constraints:
        a, w, y = table[name]
        if isinstance(y, str):
            return Constraints(split_a=a, split_w=w, output=y)
        return Constraints(split_a=a, split_w=w, split_y=y, output="code")

    return Point("splits", tuple(table), partial(_splits_of, can), aim)


def _other_outputs(can: Capabilities) -> list[str]:
    return [output for output in can.outputs if output != "code"]


def _splits_of(can: Capabilities, record: Record) -> Iterator[str]:
    s = record.job.settings
    y = split_name((s.y_signed, s.y_exponent_bits))
    y = "sums" if "sums" in can.outputs else "binary32" if s.raw else y
    a, w = (s.a_signed, s.a_exponent_bits), (s.w_signed, s.w_exponent_bits)
    yield f"{split_name(a)} * {split_name(w)} = {y}"


# Biases.

LEVELS = ("least", "between", "most")
LEVELS_OF = {1: ("least",), 2: ("least", "most")}
"""Levels that so few biases have."""


def _biases(can: Capabilities) -> Point:
    table = {}
    ranges = [can.biases_a, can.biases_w, can.biases_y]
    has_y = "code" in can.outputs
    for levels in product(LEVELS, repeat=3):
        fits = all(
            level in LEVELS_OF.get(len(one), LEVELS)
            for one, level in zip(ranges, levels, strict=True)
        )
        if fits and (has_y or levels[2] == "least"):
            table[", ".join(levels)] = levels

    def value(level: str, allowed: object, random: np.random.Generator) -> int:
        if level != "between":
            return allowed[0 if level == "least" else -1]
        return choose(random, [bias for bias in allowed[1:-1] if abs(bias) <= 40] or allowed[1:-1])

    def aim(name: str, random: np.random.Generator) -> Constraints:
        a, w, y = (
            value(level, allowed, random)
            for level, allowed in zip(table[name], ranges, strict=True)
        )
        output = {"output": "code", "bias_y": y} if has_y else {}
        return Constraints(bias_a=a, bias_w=w, **output)

    return Point("biases", tuple(table), partial(_biases_of, can), aim)


def _biases_of(can: Capabilities, record: Record) -> Iterator[str]:
    s = record.job.settings
    if s.raw:
        return
    y = s.y_bias if "code" in can.outputs else can.biases_y[0]
    for bias_w in set(record.job.biases_w):
        values = zip((s.a_bias, bias_w, y), (can.biases_a, can.biases_w, can.biases_y), strict=True)
        yield ", ".join(_level(value, allowed) for value, allowed in values)


def _level(value: int, allowed: object) -> str:
    return "least" if value == allowed[0] else "most" if value == allowed[-1] else "between"


# Operands that meet.


def _operands(can: Capabilities) -> Point:
    def held(splits: object) -> list[str]:
        formats = [format_of(split) for split in splits]
        return [name for name in operands.CLASSES if any(operands.holds(f, name) for f in formats)]

    table = {f"{a} * {w}": (a, w) for a, w in product(held(can.splits_a), held(can.splits_w))}

    def aim(name: str, random: np.random.Generator) -> Constraints:
        return Constraints(pair=table[name])

    return Point("operands", tuple(table), _pairs_of, aim)


def _pairs(job: Job) -> Iterator[tuple[int, int]]:
    """Yield every pair of codes that meet, each once."""
    seen = set()
    for k in range(job.k):
        a_codes, w_codes = set(job.a_codes[:, k].tolist()), set(job.w_codes[k].tolist())
        seen.update(product(a_codes, w_codes))
    yield from seen


def _pairs_of(record: Record) -> set[str]:
    fmt_a, fmt_w = record.job.settings.format_a(), record.job.settings.format_w(0)
    found = set()
    for a, w in _pairs(record.job):
        classes = operands.classes_of(fmt_a, a), operands.classes_of(fmt_w, w)
        found.update(f"{one} * {other}" for one, other in product(*classes))
    return found


# Alignment.


def _alignment(can: Capabilities) -> Point:
    most = sum(max(map(operands.most_shift, splits)) for splits in (can.splits_a, can.splits_w))

    def aim(name: str, random: np.random.Generator) -> Constraints:
        return Constraints(shift=int(name))

    return Point("alignment", tuple(map(str, range(most + 1))), _shifts_of, aim)


def _shifts_of(record: Record) -> set[str]:
    fmt_a, fmt_w = record.job.settings.format_a(), record.job.settings.format_w(0)
    found = set()
    for a, w in _pairs(record.job):
        if a & fmt_a.max_code and w & fmt_w.max_code:
            found.add(str(operands.shift_of(fmt_a, a) + operands.shift_of(fmt_w, w)))
    return found


# Lengths.


def _length(can: Capabilities) -> Point:
    table = {"1": 1, "2": 2, "ROWS - 1": can.rows - 1, "ROWS": can.rows, "K_MAX": can.k_max}
    table = {name: k for name, k in table.items() if 0 < k <= can.k_max}

    def observe(record: Record) -> list[str]:
        return [name for name, k in table.items() if k == record.job.k]

    def aim(name: str, random: np.random.Generator) -> Constraints:
        return Constraints(k=table[name])

    return Point("length", tuple(table), observe, aim)
