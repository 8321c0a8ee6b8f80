"""What a cover point asks for is what the generator draws, and what the point then sees."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from model import Format
from tests.foreign import adapter as foreign
from verif.coverage import exclusions
from verif.coverage.closure import PATIENCE
from verif.coverage.model import points_of
from verif.coverage.point import Point, nothing
from verif.environment.capabilities import BIASES, Capabilities, splits_up_to
from verif.environment.generator import Constraints, Generator
from verif.environment.job import Job
from verif.environment.scoreboard import Record

MOST = 200
"""Bins of one point that are gone after."""

FIXED = Format(0, 4, 4, 9), Format(1, 3, 4, 2), Format(1, 4, 3, 7)


def build(**settings: object) -> Capabilities:
    return Capabilities.of_build(**{"accumulator": "exact"} | settings)


SUMS = {"outputs": ("sums",), "starts": False, "clamps": False, "flags": 0}
DESIGNS = {
    "unit": build(exp_max=5, k_max=8),
    "unit_widest": build(exp_max=8, k_max=16),
    "unit_binary32": build(exp_max=5, k_max=16, accumulator="binary32"),
    "engine": build(exp_max=4, k_max=20, rows=3, cols=2),
    "array": build(exp_max=4, k_max=64, rows=2, cols=4, biases_a=(0,), biases_w=(0,), **SUMS),
    "fp8_mac": foreign.CAN,
    "unsigned_a": Capabilities.fixed(*FIXED, k_max=16, width=40, roundings=("rtz", "rne")),
    "starts_and_flag_4": Capabilities.fixed(*FIXED, k_max=4, width=50, starts=True, flags=4),
    "few_biases": build(
        exp_max=3, k_max=4, biases_a=range(3, 9), biases_y=range(2), outputs=("code",)
    ),
}
OWN = {"fp8_mac": exclusions.load(Path(foreign.__file__).with_name("exclusions.yaml"))}


def test_the_designs_differ_where_it_matters() -> None:
    cans = DESIGNS.values()
    assert {can.is_exact for can in cans} == {can.starts for can in cans} == {True, False}
    assert any(can.biases_y == BIASES for can in cans)
    assert any(not any(sign for sign, _ in can.splits_a) for can in cans)
    assert DESIGNS["unit_widest"].splits_a == splits_up_to(8)


def hits(point: Point, can: Capabilities, wish: Constraints, job: Job, before: Job) -> set[str]:
    """Return the bins that a job shows which a design has computed rightly."""
    record = Record(job, None, 0, wish.alone is False, before, job.expected(can))
    return set(point.observe(record)) & set(point.bins)


def check_within(can: Capabilities, job: Job) -> None:
    """Assert that a design can do a job."""
    s = job.settings
    assert job.failure(can) is None
    assert (s.a_signed, s.a_exponent_bits) in can.splits_a and s.a_bias in can.biases_a
    assert (s.w_signed, s.w_exponent_bits) in can.splits_w
    assert set(job.biases_w) <= set(can.biases_w)
    assert s.y_bias in can.biases_y
    assert s.raw == 0 or "binary32" in can.outputs
    assert s.clamp_enable == 0 or can.clamps
    if not s.raw:
        assert (s.y_signed, s.y_exponent_bits) in can.splits_y
        assert s.rounding_and_clamp()[0] in can.roundings
    assert can.starts or not any(job.starts)


def bins_of(name: str, point: Point, random: np.random.Generator) -> list[str]:
    """Return bins of a point that a design can show: all, or a sample of many."""
    excluding = [*exclusions.load(), *OWN.get(name, [])]
    out = exclusions.excluded(excluding, name, {point.name: point.bins})[point.name]
    bins = [one for one in point.bins if one not in out]
    if len(bins) <= MOST:
        return bins
    return [bins[place] for place in random.choice(len(bins), MOST, replace=False)]


@pytest.mark.parametrize("name", DESIGNS)
def test_what_is_aimed_at_is_hit(name: str, rng: np.random.Generator) -> None:
    can = DESIGNS[name]
    generator, gone_after = Generator(can, rng), 0
    before = generator.job(Constraints())
    for point in points_of(can):
        if point.observe is nothing:
            continue
        for one in bins_of(name, point, rng):
            gone_after += 1
            for _ in range(PATIENCE):
                wish = point.aim(one, rng)
                job = generator.job(wish, before)
                check_within(can, job)
                found = hits(point, can, wish, job, before)
                before = job
                if one in found:
                    break
            else:
                raise AssertionError(f"{point.name}: {one} is not hit in {PATIENCE} tries")
    assert gone_after > 80


def test_an_overflow_that_shows_alone_is_a_bin_of_its_own() -> None:
    (flags,) = (p for p in points_of(DESIGNS["starts_and_flag_4"]) if p.name == "flags")
    assert list(flags.bins) == ["signed: no flag shown", "signed: overflow shown"]
    excluding = exclusions.load()
    assert not exclusions.excluded(excluding, "own", {"flags": flags.bins})["flags"]
    assert exclusions.excluded(excluding, "own", {"flags": ["signed: overflow"]})["flags"]


CHECKS: dict[str, tuple[Constraints, Callable[[Job], bool]]] = {
    "splits": (
        Constraints(split_a=(0, 2), split_w=(1, 3), split_y=(1, 0), output="code"),
        lambda job: (
            str(job.settings.format_a()).startswith("s0e2f6b")
            and str(job.settings.format_w(0)) == "s1e3f4b0"
            and str(job.settings.format_y()).startswith("s1e0f7b")
        ),
    ),
    "biases": (
        Constraints(bias_a=-128, bias_w=127, bias_y=5, output="code"),
        lambda job: (
            (job.settings.a_bias, *set(job.biases_w), job.settings.y_bias) == (-128, 127, 5)
        ),
    ),
    "mode and clamp": (
        Constraints(rounding="rup", clamp=0x31),
        lambda job: job.settings.rounding_and_clamp() == ("rup", 0x31),
    ),
    "no clamp": (
        Constraints(clamp=-1),
        lambda job: job.settings.rounding_and_clamp()[1] is None,
    ),
    "length": (Constraints(k=7), lambda job: job.k == len(job.w_codes) == 7),
    "words": (Constraints(output="binary32"), lambda job: job.settings.format_y() is None),
}


@pytest.mark.parametrize("what", CHECKS)
def test_constraints_are_met(what: str, rng: np.random.Generator) -> None:
    wish, met = CHECKS[what]
    for can in (DESIGNS["unit"], DESIGNS["engine"], DESIGNS["unit_binary32"]):
        generator = Generator(can, rng)
        jobs = [generator.job(wish) for _ in range(100)]
        assert all(met(job) and job.failure(can) is None for job in jobs)
        assert len({(job.a_codes.tobytes(), job.settings, job.starts) for job in jobs}) > 50


@pytest.mark.parametrize("name", DESIGNS)
def test_jobs_that_nothing_is_wished_for_are_within_the_capabilities(
    name: str, rng: np.random.Generator
) -> None:
    can, lengths, totals = DESIGNS[name], set(), 0
    generator = Generator(can, rng)
    for _ in range(300):
        job = generator.job(Constraints())
        check_within(can, job)
        lengths.add(job.k)
        totals += job.total(0, 0, can.accumulator) != 0
    assert {1, 2} < lengths <= set(range(1, can.k_max + 1)) and totals > 100


def test_a_change_is_the_only_one(rng: np.random.Generator) -> None:
    can, seen = DESIGNS["unit"], {}
    generator = Generator(can, rng)
    before = generator.job(Constraints())
    for what in ("a", "w", "y", "rounding", "clamp", "output") * 60:
        job = generator.job(Constraints(change=what), before)
        changes = job.settings.changes(before.settings)
        seen.setdefault(what, []).append(changes == [what])
        before = job
    assert all(sum(alone) > 40 for alone in seen.values()), seen
