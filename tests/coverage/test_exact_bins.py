"""Each cover point hits the bins that a sample shows, worked out by hand, and no other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from model import Format
from verif.coverage.model import Coverage, points_of
from verif.coverage.point import nothing
from verif.environment.capabilities import Capabilities
from verif.environment.job import Job
from verif.environment.scoreboard import Record
from verif.environment.settings import Settings

CAN = Capabilities.of_build(
    exp_max=4,
    k_max=4,
    accumulator="exact",
    rows=2,
    cols=2,
    failures=("config a", "start NaN"),
    resets=("reset", "soft reset"),
    sinks=("out",),
)
FORMAT = Format(1, 4, 3, 7)
ONE, TWO, MINUS = 0x38, 0x40, 0x80
Hits = Mapping[str, set[str]]

# Of a job whose codes are normal numbers, by the points that any job hits; the samples name what is
# different. An accumulator of CAN has 42 bits, of which bit 18 is 1.0, and y a step of 1/8 at 1.0.
USUAL: Hits = {
    "splits": {"s1e4 * s1e4 = s1e4"},
    "biases": {"between, between, between"},
    "operands": {"normal * normal"},
    "alignment": {"12"},
    "length": {"1", "ROWS - 1"},
    "flags": {"signed: no flag"},
    "clamp": {"off"},
    "rounding": {"rne: exact, normal"},
}
TWO_LONG: Hits = {"length": {"2", "ROWS"}}
INEXACT: Hits = {"flags": {"signed: inexact"}}
LARGEST: Hits = {
    "operands": {"largest * largest", "largest * normal", "normal * largest", "normal * normal"},
    "alignment": {"28"},
    "flags": {"signed: overflow inexact"},
    "rounding": set(),
}
SMALL = "smallest", "subnormal"
SMALLEST: Hits = {
    "operands": {f"{a} * {w}" for a in SMALL for w in SMALL},
    "alignment": {"0"},
}


def job(*pairs: tuple[int, int], y: Format | None = FORMAT, **settings: int) -> Job:
    """Return a job all of whose sums are of these pairs, with both operands of one format."""
    a_codes, w_codes = np.array(pairs, np.uint8).T
    configuration = replace(Settings.of(FORMAT, FORMAT, y), **settings)
    operands = np.array([a_codes] * 2), np.array([w_codes] * 2).T
    return Job(configuration, *operands, (0, 0), (FORMAT.bias,) * 2)


def clamped(code: int, *pairs: tuple[int, int]) -> Job:
    return job(*pairs, clamp_enable=1, clamp=code)


SAMPLES: dict[str, tuple[Job, Hits]] = {
    "1": (job((ONE, ONE)), {}),
    "other formats": (
        replace(
            job((0x20, ONE), a_signed=0, a_exponent_bits=3, y=Format(0, 2, 6, 1)),
            biases_w=(7, 127),
        ),
        {
            "splits": {"s0e3 * s1e4 = s0e2"},
            "biases": {"between, between, between", "between, most, between"},
            "alignment": {"6"},
            "operands": {"normal * normal"},
            "flags": {"unsigned: no flag", "unsigned: underflow inexact"},
            "rounding": {"rne: exact, subnormal", "rne: below tie, subnormal"},
            "zero": {"unsigned: positive to zero"},
        },
    ),
    "1.9375, a tie": (
        job((0x3F, ONE), (0x18, ONE)),
        TWO_LONG
        | INEXACT
        | {
            "alignment": {"8", "12"},
            "rounding": {"rne: tie to even up, normal", "rne: next binade, normal"},
        },
    ),
    "1 - 1": (
        job((ONE, ONE), (ONE | MINUS, ONE)),
        TWO_LONG
        | {
            "accumulator": {
                "cancels to zero",
                "a carry runs through a quarter",
                "a carry runs through half",
            },
            "rounding": {"rne: exact, subnormal"},
            "zero": {"signed: zero to zero"},
        },
    ),
    "-1 + 2 + 0 * 0 - 0 * 0": (
        job((ONE | MINUS, ONE), (ONE, TWO), (0, 0), (MINUS, 0)),
        {
            "length": {"K_MAX"},
            "operands": {"normal * normal", "zero * zero", "minus zero * zero"},
            "alignment": {"12", "13"},
            "accumulator": {
                "rises through zero",
                "a carry runs through a quarter",
                "a carry runs through half",
            },
        },
    ),
    "1 behind three products of zero": (
        job((0, ONE), (ONE, MINUS), (0, ONE), (ONE, ONE)),
        {
            "length": {"K_MAX"},
            "operands": {"normal * normal", "zero * normal", "normal * minus zero"},
            "accent": {"the last pair alone"},
        },
    ),
    "1 + 1": (job((ONE, ONE), (ONE, ONE)), TWO_LONG | {"accent": {"a pair twice"}}),
    "1 + 2": (job((ONE, ONE), (ONE, TWO)), TWO_LONG | {"alignment": {"12", "13"}}),
    "the largest squared": (job((0x7F, 0x7F)), LARGEST | {"overflow": {"signed: farther"}}),
    "512, the code after the largest": (
        job((TWO, 0x78)),
        LARGEST
        | {
            "operands": {"normal * normal"},
            "alignment": {"21"},
            "overflow": {"signed: the next code"},
        },
    ),
    "the smallest squared, negative": (
        job((1, 1 | MINUS)),
        SMALLEST
        | {
            "flags": {"signed: underflow inexact"},
            "rounding": {"rne: below tie, subnormal"},
            "sticky": {"rne: one unit above step", "rne: 8 to 15 places above step"},
            "zero": {"signed: negative to zero"},
        },
    ),
    "the same as a word": (
        job((1, 1 | MINUS), y=None),
        SMALLEST
        | {
            "splits": {"s1e4 * s1e4 = binary32"},
            "biases": set(),
            "flags": {"binary32: no flag"},
            "clamp": set(),
            "rounding": {"binary32: exact, normal"},
        },
    ),
    "1 and 1/64 of a step": (
        job((ONE, ONE), (0x08, 0x20)),
        TWO_LONG
        | INEXACT
        | {
            "alignment": {"3", "12"},
            "rounding": {"rne: below tie, normal"},
            "sticky": {"rne: 3 to 7 places above step"},
        },
    ),
    "1, clamped there": (clamped(ONE, (ONE, ONE)), {"clamp": {"at it"}, "rounding": set()}),
    "1, clamped above": (clamped(TWO, (ONE, ONE)), {"clamp": {"below it"}, "rounding": set()}),
    "-2, clamped to 1": (
        clamped(ONE, (ONE | MINUS, TWO)),
        INEXACT | {"clamp": {"above it, negative"}, "rounding": set(), "alignment": {"13"}},
    ),
    "1, clamped to 0": (
        clamped(0, (ONE, ONE)),
        INEXACT | {"clamp": {"above it", "zero"}, "rounding": set()},
    ),
    "the largest squared, clamped to 1": (
        clamped(ONE, (0x7F, 0x7F)),
        LARGEST | {"clamp": {"above it", "overflow"}},
    ),
}


def record(one: Job, before: Job | None = None, behind: bool = False) -> Record:
    """Return the record of a job whose outcome was right, or that was refused."""
    failure = one.failure(CAN)
    return Record(one, failure, 0, behind, before, None if failure else one.expected(CAN))


@pytest.mark.parametrize("name", SAMPLES)
def test_a_job_hits_what_it_shows_and_nothing_else(name: str) -> None:
    sample, different = SAMPLES[name]
    wanted = {point: bins for point, bins in (USUAL | different).items() if bins}
    found = {point.name: set(point.observe(record(sample))) for point in points_of(CAN)}
    assert {point: bins for point, bins in found.items() if bins} == wanted


def test_every_point_that_looks_at_jobs_has_a_sample() -> None:
    sampled = {point for _, different in SAMPLES.values() for point in USUAL | different}
    looking = {point.name for point in points_of(CAN) if point.observe is not nothing}
    assert sampled == looking - {"change"}


@pytest.fixture
def coverage(request: pytest.FixtureRequest) -> Coverage:
    """Return a coverage of its own, of which nothing has been hit."""
    return Coverage(request.node.name, CAN)


def hits(coverage: Coverage) -> Hits:
    """Return what has been hit, by point, those without a hit left out."""
    found = {
        point: {name for name, count in bins.items() if count}
        for point, bins in coverage.hits().items()
    }
    return {point: bins for point, bins in found.items() if bins}


def test_a_change_hits_what_has_changed_alone_or_behind_the_other(coverage: Coverage) -> None:
    plain, other = job((ONE, ONE)), clamped(ONE, (ONE, ONE))
    coverage.on_record(record(plain))
    assert "change" not in hits(coverage)
    coverage.on_record(record(other, plain, behind=True))
    assert hits(coverage)["change"] == {"clamp, behind another"}
    coverage.on_record(record(job((ONE, ONE), a_bias=8, rounding=1), other))
    assert hits(coverage)["change"] == {
        "clamp, behind another",
        "a, alone",
        "rounding, alone",
        "clamp, alone",
    }


def test_a_failure_hits_its_own_bin_once_a_good_job_has_followed(coverage: Coverage) -> None:
    coverage.on_record(record(job((ONE, ONE), a_exponent_bits=7), behind=True))
    assert hits(coverage) == {}
    coverage.on_record(record(job((ONE, ONE))))
    assert hits(coverage)["failure"] == {"config a, behind another"}
    coverage.on_record(record(job((ONE, ONE), a_exponent_bits=7)))
    coverage.on_reset("reset", {"idle"})  # nothing has shown that the design goes on
    coverage.on_record(record(job((ONE, ONE))))
    assert hits(coverage)["failure"] == {"config a, behind another"}


def test_a_reset_hits_the_states_that_it_met(coverage: Coverage) -> None:
    coverage.on_reset("soft reset", {"in open", "failed"})
    assert hits(coverage) == {"reset": {"soft reset: in open", "soft reset: failed"}}


@pytest.mark.parametrize(
    ("states", "wanted"),
    [
        ({}, set()),
        ({"in_waiting": True}, {"in stalled"}),
        ({"out_waiting": True}, {"out stalled"}),
        ({"in_starved": True}, set()),
        ({"in_starved": True, "in_open": True}, {"in starved in mid-packet"}),
        ({"in_open": True, "out_starved": True}, set()),
        (
            {"in_starved": True, "out_waiting": True},
            {"out stalled", "in starved while out stalled"},
        ),
    ],
)
def test_a_cycle_hits_how_streams_wait(
    coverage: Coverage, states: dict[str, bool], wanted: set[str]
) -> None:
    streams = {
        name: SimpleNamespace(
            **{what: states.get(f"{name}_{what}", False) for what in ("waiting", "starved", "open")}
        )
        for name in ("in", "out")
    }
    environment = SimpleNamespace(adapter=SimpleNamespace(streams=streams), can=CAN)
    coverage.on_cycle(environment)
    assert hits(coverage).get("pace", set()) == wanted
    assert coverage.covered() == len(wanted)
