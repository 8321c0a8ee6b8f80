"""Guards of the environment's checks: a small design of Python, with one fault after the other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from cocotb.types import Logic

from tests.checks.fake import CAN, Fake, surrounded
from verif.environment import scenarios
from verif.environment.generator import Constraints, Generator
from verif.environment.job import Job, Outcome
from verif.environment.scoreboard import Scoreboard
from verif.environment.sequences import Runner
from verif.simulator.checks import CheckError

Sequence = Callable[[Runner], Awaitable[None]]
JOBS = 16


# What is done with a design.


async def some_jobs(runner: Runner) -> None:
    """Send jobs at two paces, and see that all is over."""
    for pace in ({}, {"in": 0.7, "out": 0.5}):
        runner.environment.adapter.pace(pace)
        for _ in range(JOBS // 2):
            await runner.send(Constraints())
    await runner.environment.finish()


async def a_failing_job(runner: Runner) -> None:
    """Send a job that has to be refused behind a good one, and go on."""
    await runner.send(Constraints())
    await runner.send(Constraints(failure="config a"))
    await runner.follow()
    await runner.environment.finish()


async def no_job(runner: Runner) -> None:
    """See that all is over, though nothing was begun."""
    await runner.environment.finish()


async def full_rate(runner: Runner) -> None:
    await scenarios.full_rate(runner)
    await runner.environment.finish()


async def mixed_rate(runner: Runner) -> None:
    await scenarios.mixed_rate(runner, 5)
    await runner.environment.finish()


# Faults, as methods in the place of the design's own.


def withdraw(design: Fake) -> None:
    """Let an offer fall that nobody has taken."""
    if design.streams["out"].waiting and design.now % 3 == 0:
        design.pins.out_valid.value = 0


def change(design: Fake) -> None:
    """Make another offer of one that waits."""
    if design.streams["out"].waiting:
        design.pins.last.value ^= 1


def forget(design: Fake) -> None:
    """Offer a row that nobody knows."""
    if design.good == 3:
        design.pins.last.value = Logic("X")


def pause(design: Fake) -> None:
    """Take nothing in every seventh cycle."""
    if design.now % 7 == 0:
        design.pins.in_ready.value = 0


def trail(design: Fake) -> None:
    """Offer a row that does not end anything after the last outcome."""
    if design.good == JOBS and not design.due and not design.pins.out_valid.value:
        design.pins.out_valid.value, design.pins.last.value = 1, 0


def lose(design: Fake, job: Job) -> list[Outcome]:
    """Give nothing for the last job."""
    return Fake.answers(design, job) * (design.good < JOBS)


def repeat(design: Fake, job: Job) -> list[Outcome]:
    """Give what comes of the last job twice."""
    return Fake.answers(design, job) * (1 + (design.good == JOBS))


def miscount(design: Fake, job: Job) -> list[Outcome]:
    """Give one result that is off by one."""
    results, flags = job.expected(design.can)
    return [(results ^ (design.good == 5), flags)]


def flag(design: Fake, job: Job) -> list[Outcome]:
    """Give one flag too many, or too few."""
    results, flags = job.expected(design.can)
    return [(results, flags ^ (design.good == 5))]


FAULTS: list[tuple[str, Sequence, dict[str, Callable[..., Any]]]] = [
    ("stream.offer_stays", some_jobs, {"spoil": withdraw}),
    ("stream.payload_holds", some_jobs, {"spoil": change}),
    ("stream.known", some_jobs, {"spoil": forget}),
    ("environment.standstill", some_jobs, {"answers": lose}),
    ("environment.drained", some_jobs, {"ends": lambda design, row: False}),
    ("environment.failing_job", a_failing_job, {"ends": lambda design, row: False}),
    ("environment.sticky_errors", a_failing_job, {"errors_of": lambda design, failure: set()}),
    (
        "environment.sticky_errors",
        a_failing_job,
        {"errors_of": lambda design, failure: {"config", "length"}},
    ),
    ("environment.compared", no_job, {}),
    ("environment.nothing_left", some_jobs, {"spoil": trail}),
    ("environment.asked_for", some_jobs, {"answers": repeat}),
    ("environment.outcome", some_jobs, {"answers": miscount}),
    ("environment.outcome", some_jobs, {"answers": flag}),
    ("environment.latency", some_jobs, {"delay": lambda design, job: 1}),
    ("environment.full_rate", full_rate, {"delay": lambda design, job: design.can.latency + 1}),
    ("environment.rate_of_rows", full_rate, {"offers": lambda design, row: design.now % 5 > 0}),
    ("environment.back_to_back", full_rate, {"spoil": pause}),
    ("environment.mixed_rate", mixed_rate, {"delay": lambda design, job: design.can.latency + 1}),
]


@pytest.mark.parametrize("sequence", [some_jobs, a_failing_job, full_rate, mixed_rate])
def test_a_design_without_a_fault_passes(
    sequence: Sequence, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    surrounded(Fake(), sequence, rng, monkeypatch)


@pytest.mark.parametrize(
    ("name", "sequence", "fault"),
    [pytest.param(*one, marks=pytest.mark.guards(one[0]), id=one[0]) for one in FAULTS],
)
def test_a_fault_is_found_by(
    name: str,
    sequence: Sequence,
    fault: dict[str, Callable[..., Any]],
    rng: np.random.Generator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(CheckError) as error:
        surrounded(Fake(**fault), sequence, rng, monkeypatch)
    assert error.value.name == name


@pytest.mark.guards("environment.latency")
def test_an_outcome_that_is_late_is_found_where_nothing_can_stall(rng: np.random.Generator) -> None:
    can = replace(CAN, exact_latency=True)
    job, board = Generator(can, rng).job(Constraints()), Scoreboard(can)
    board.take(job, 10)
    board.compare(job.expected(can), 10 + can.latency)
    board.take(job, 30)
    with pytest.raises(CheckError, match=r"^\[environment.latency\] an outcome 5 cycles after"):
        board.compare(job.expected(can), 30 + can.latency + 1)
