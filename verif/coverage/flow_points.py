"""Cover points of how things flow: pace, changes between jobs, failures, resets."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import product

import numpy as np

from verif.coverage.point import Point, nothing
from verif.environment.capabilities import Capabilities
from verif.environment.environment import Environment
from verif.environment.generator import Constraints
from verif.environment.scoreboard import Record

CHANGES = {
    "a": ("a_signed", "a_exponent_bits", "a_bias"),
    "w": ("w_signed", "w_exponent_bits"),
    "y": ("y_signed", "y_exponent_bits", "y_bias"),
    "rounding": ("rounding",),
    "clamp": ("clamp_enable", "clamp"),
    "output": ("raw",),
}
COMPANY = {"alone": True, "behind another": False}
SLOW, CRAWL = 0.3, 0.03


def points(can: Capabilities) -> list[Point]:
    """Return the points of this module for a design."""
    return [
        _pace(can),
        *([_change(can)] if can.roundings[1:] or len(can.splits_a) > 1 else []),
        *([_failure(can)] if can.failures else []),
        _reset(can),
    ]


# Pace.


def _pace(can: Capabilities) -> Point:
    rates = {}
    stallable = [name for name in (*can.sources, *can.sinks) if name in can.stallable]
    for name in can.sources:
        if can.k_max > 1:
            rates[f"{name} starved in mid-packet"] = {name: SLOW}
        for other in stallable:
            if other != name:
                others = dict.fromkeys(can.sinks, CRAWL) if other in can.sinks else {}
                rates[f"{name} starved while {other} stalled"] = others | {name: CRAWL}
    for name in stallable:
        slow = can.sinks if name in can.sources else [name]
        rates[f"{name} stalled"] = dict.fromkeys(slow, CRAWL)

    def aim(name: str, random: np.random.Generator) -> Constraints:
        return Constraints(rates=rates[name], k=int(random.integers(1, min(12, can.k_max) + 1)))

    return Point("pace", tuple(rates), nothing, aim)


def paces_of(environment: Environment) -> Iterable[str]:
    """Return what the streams do in this cycle."""
    streams, can = environment.adapter.streams, environment.can
    waiting = [name for name, stream in streams.items() if stream.waiting]
    for name in waiting:
        yield f"{name} stalled"
    for name in can.sources:
        stream = streams[name]
        if stream.starved:
            if stream.open:
                yield f"{name} starved in mid-packet"
            for other in waiting:
                yield f"{name} starved while {other} stalled"


# Changes of configuration.


def _change(can: Capabilities) -> Point:
    what = dict(CHANGES)
    if "code" not in can.outputs:
        what = {name: what[name] for name in ("a", "w")}
    elif len(can.outputs) < 2:
        del what["output"]
    table = {f"{name}, {how}": (name, how) for name, how in product(what, COMPANY)}

    def aim(name: str, random: np.random.Generator) -> Constraints:
        change, how = table[name]
        alone = COMPANY[how]
        rates = {} if alone else dict.fromkeys(can.sinks, CRAWL)
        return Constraints(change=change, alone=alone, rates=rates)

    return Point("change", tuple(table), _changes_of, aim)


def _changes_of(record: Record) -> Iterable[str]:
    if record.before is None:
        return
    how = "behind another" if record.behind else "alone"
    old, new = record.before.settings, record.job.settings
    for name, fields in CHANGES.items():
        if any(getattr(old, field) != getattr(new, field) for field in fields):
            yield f"{name}, {how}"


# Failures, and that the design does its work again after them.


def _failure(can: Capabilities) -> Point:
    table = {f"{name}, {how}": (name, how) for name, how in product(can.failures, COMPANY)}

    def aim(name: str, random: np.random.Generator) -> Constraints:
        failure, how = table[name]
        alone = COMPANY[how]
        rates = {} if alone else dict.fromkeys(can.sinks, CRAWL)
        return Constraints(failure=failure, alone=alone, rates=rates)

    return Point("failure", tuple(table), nothing, aim)


def failure_of(record: Record) -> str:
    """Return the bin of a failing job, which counts once a good one has followed it."""
    return f"{record.failure}, {'behind another' if record.behind else 'alone'}"


# Resets.


def _reset(can: Capabilities) -> Point:
    states = ["idle", "computing", *(f"{name} open" for name in can.sources)]
    states += [f"{name} waiting" for name in can.sinks if name in can.stallable]
    if can.rows > 1:
        states += [f"{name} open" for name in can.sinks]
    if "soft reset" in can.resets:
        states.append("failed")
    table = {f"{kind}: {state}": (kind, state) for kind, state in product(can.resets, states)}

    def aim(name: str, random: np.random.Generator) -> Constraints:
        kind, state = table[name]
        stream = state.partition(" ")[0]
        rates = {}
        if stream in can.sources:
            rates = {stream: SLOW}
        elif stream in can.sinks:
            rates = dict.fromkeys(can.sinks, CRAWL if state.endswith("waiting") else SLOW)
        failure = (
            can.failures[int(random.integers(len(can.failures)))] if state == "failed" else None
        )
        k = min(can.k_max, 1 if state == "computing" else 12)
        return Constraints(reset=(kind, state), rates=rates, k=k, alone=True, failure=failure)

    return Point("reset", tuple(table), nothing, aim)
