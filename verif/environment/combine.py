"""Constraints of two kinds in one job, where they do not stand in each other's way."""

from __future__ import annotations

from dataclasses import fields

from verif.environment import operands
from verif.environment.generator import Constraints, format_of

ALONE = ("failure", "change", "reset")
"""Wishes about a whole job, which has nothing else to show."""

SHAPES = ("pair", "shift", "walk", "carry", "accent", "full", "landing", "nudge")
"""Wishes about operands: one of them in a job."""

LONGER = ("walk", "carry", "accent", "landing", "nudge")
"""Those that need a length of their own."""

PLACED = ("landing", "nudge")
"""Those that choose biases so that a total comes to lie somewhere."""

BIASES = ("bias_a", "bias_w", "bias_y")
OF_CODES = ("split_y", "bias_y", "rounding", "clamp")


def exclude(one: Constraints, other: Constraints) -> bool:
    """Whether two wishes are of kinds of which a job can meet one."""
    alone = _asks(one, ALONE) or _asks(other, ALONE)
    return alone or (_asks(one, SHAPES) and _asks(other, SHAPES))


def combined(one: Constraints, other: Constraints) -> Constraints | None:
    """Return constraints that ask for both, None where no job could show both."""
    if exclude(one, other):
        return None
    values = {}
    for name in (field.name for field in fields(Constraints)):
        first, second = getattr(one, name), getattr(other, name)
        first, second = (None if value == {} else value for value in (first, second))
        if first is not None and second is not None and first != second:
            return None
        if first is not None or second is not None:
            values[name] = second if first is None else first
    both = Constraints(**values)
    for first, second in ((one, other), (other, one)):
        if _asks(first, LONGER) and second.k is not None:
            return None
        if _asks(first, PLACED) and _asks(second, BIASES):
            return None
    return both if _fits(both) else None


def _asks(wish: Constraints, names: tuple[str, ...]) -> bool:
    return any(getattr(wish, name) is not None for name in names)


def _fits(wish: Constraints) -> bool:
    """Whether formats hold the operands, and the output is one that the rest is about."""
    a, w = wish.split_a, wish.split_w
    if wish.output not in (None, "code") and _asks(wish, OF_CODES):
        return False
    if wish.pair:
        held = zip((a, w), wish.pair, strict=True)
        if not all(one is None or operands.holds(format_of(one), name) for one, name in held):
            return False
    if wish.shift is not None and a and w:
        return operands.most_shift(a) + operands.most_shift(w) >= wish.shift
    return wish.walk is None or a is None or bool(a[0])
