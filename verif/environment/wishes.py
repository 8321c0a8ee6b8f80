"""Constraints that lead into a situation: a pace, a change, a failure, a reset in a state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from verif.environment.capabilities import Capabilities
from verif.environment.draw import MODERATE, choose
from verif.environment.environment import Environment
from verif.environment.generator import Constraints
from verif.environment.settings import CHANGES

SLOW, CRAWL = 0.3, 0.03
"""Shares of cycles in which a stream moves that is to be slow."""


def paces(can: Capabilities) -> Mapping[str, Mapping[str, float]]:
    """Return how streams can wait for each other, each with rates under which they do."""
    rates = {}
    stallable = [name for name in (*can.sources, *can.sinks) if name in can.stallable]
    for name in can.sources:
        if can.k_max > 1 and name not in can.single:
            rates[f"{name} starved in mid-packet"] = {name: SLOW}
        for other in stallable:
            if other != name:
                others = dict.fromkeys(can.sinks, CRAWL) if other in can.sinks else {}
                rates[f"{name} starved while {other} stalled"] = others | {name: CRAWL}
    for name in stallable:
        slow = can.sinks if name in can.sources else [name]
        rates[f"{name} stalled"] = dict.fromkeys(slow, CRAWL)
    return rates


def paces_of(environment: Environment) -> Iterable[str]:
    """Return which of the `paces` show in this cycle."""
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


def changing(can: Capabilities) -> list[str]:
    """Return what of a configuration can be another one in the next job, of `CHANGES`."""
    codes = "code" in can.outputs
    options = {
        "a": max(len(can.splits_a), len(can.biases_a)),
        "w": len(can.splits_w),
        "y": max(len(can.splits_y), len(can.biases_y)) if codes else 1,
        "rounding": len(can.roundings) if codes else 1,
        "clamp": 1 + (can.clamps and codes),
        "output": len(can.outputs),
    }
    return [name for name in CHANGES if options[name] > 1]


def change(can: Capabilities, what: str, alone: bool) -> Constraints:
    """Return constraints of a job that differs in one thing from the one before."""
    rates = {} if alone else dict.fromkeys(can.sinks, CRAWL)
    return Constraints(change=what, alone=alone, rates=rates)


def failing(can: Capabilities, failure: str, alone: bool) -> Constraints:
    """Return constraints of a job that has to be refused."""
    rates = {} if alone else dict.fromkeys(can.sinks, CRAWL)
    return Constraints(failure=failure, alone=alone, rates=rates)


def brief_failures(can: Capabilities) -> list[str]:
    """Return the failures that do not take very long jobs."""
    return [name for name in can.failures if name != "too long" or can.k_max <= MODERATE]


def states(can: Capabilities) -> list[str]:
    """Return what a design can be doing as far as its boundary tells, see `Environment.states`."""
    names = [
        "idle",
        "computing",
        *(f"{name} open" for name in can.sources if name not in can.single),
    ]
    names += [f"{name} waiting" for name in can.sinks if name in can.stallable]
    if can.rows > 1:
        names += [f"{name} open" for name in can.sinks]
    return [*names, "failed"] if "soft reset" in can.resets else names


def reset(can: Capabilities, random: np.random.Generator, kind: str, state: str) -> Constraints:
    """Return constraints of a reset of a kind in a state."""
    stream = state.partition(" ")[0]
    rates = {}
    if stream in can.sources:
        rates = {stream: SLOW}
    elif stream in can.sinks:
        rates = dict.fromkeys(can.sinks, CRAWL if state.endswith("waiting") else SLOW)
    failure = choose(random, brief_failures(can)) if state == "failed" else None
    k = min(can.k_max, 1 if state == "computing" else 12)
    return Constraints(reset=(kind, state), rates=rates, k=k, alone=True, failure=failure)
