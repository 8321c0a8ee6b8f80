"""Cover points of how things flow: pace, changes between jobs, failures, resets."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

import numpy as np

from verif.coverage.point import Point, nothing
from verif.environment import wishes
from verif.environment.capabilities import Capabilities
from verif.environment.generator import Constraints
from verif.environment.scoreboard import Record

COMPANY = {"alone": True, "behind another": False}


def points(can: Capabilities) -> list[Point]:
    """Return the points of this module for a design."""
    return [
        _pace(can),
        *([_change(can)] if wishes.changing(can) else []),
        *([_failure(can)] if can.failures else []),
        _reset(can),
    ]


# Pace.


def _pace(can: Capabilities) -> Point:
    rates = wishes.paces(can)

    def aim(name: str, random: np.random.Generator) -> Constraints:
        return Constraints(rates=rates[name], k=int(random.integers(1, min(12, can.k_max) + 1)))

    return Point("pace", tuple(rates), nothing, aim)


# Changes of configuration.


def _change(can: Capabilities) -> Point:
    table = {f"{name}, {how}": (name, how) for name, how in product(wishes.changing(can), COMPANY)}

    def aim(name: str, random: np.random.Generator) -> Constraints:
        change, how = table[name]
        return wishes.change(can, change, COMPANY[how])

    return Point("change", tuple(table), _changes_of, aim)


def _changes_of(record: Record) -> Iterable[str]:
    if record.before is None:
        return
    how = "behind another" if record.behind else "alone"
    for name in record.job.settings.changes(record.before.settings):
        yield f"{name}, {how}"


# Failures, and that the design does its work again after them.


def _failure(can: Capabilities) -> Point:
    table = {f"{name}, {how}": (name, how) for name, how in product(can.failures, COMPANY)}

    def aim(name: str, random: np.random.Generator) -> Constraints:
        failure, how = table[name]
        return wishes.failing(can, failure, COMPANY[how])

    return Point("failure", tuple(table), nothing, aim)


def failure_of(record: Record) -> str:
    """Return the bin of a failing job, which counts once a good one has followed it."""
    return f"{record.failure}, {'behind another' if record.behind else 'alone'}"


# Resets.


def _reset(can: Capabilities) -> Point:
    table = {
        f"{kind}: {state}": (kind, state) for kind, state in product(can.resets, wishes.states(can))
    }

    def aim(name: str, random: np.random.Generator) -> Constraints:
        return wishes.reset(can, random, *table[name])

    return Point("reset", tuple(table), nothing, aim)
