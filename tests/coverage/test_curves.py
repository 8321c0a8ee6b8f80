"""The loop's curves beside plain random's: where one is below the other, and by how much."""

from __future__ import annotations

import pytest

from verif.coverage.curves import Curve, bins_at, deepest, markdown, steering


def curve(*entries: tuple[int, int], **ends: int) -> Curve:
    """Return a curve of (jobs, bins), and after how many jobs each point was closed."""
    jobs, bins = zip(*entries, strict=True)
    return {"jobs": jobs, "bins": bins, "ends": ends, "hit": dict.fromkeys(ends, 20)}


@pytest.mark.parametrize(("jobs", "bins"), [(0, 0), (1, 4), (2, 4), (3, 9), (100, 9)])
def test_bins_at(jobs: int, bins: int) -> None:
    assert bins_at(curve((1, 4), (3, 9)), jobs) == bins


def test_the_deepest_place_is_that_of_the_medians() -> None:
    steered = [curve((1, 5), (10, n), (20, 100)) for n in (10, 30, 90)]
    plain = [curve((1, 5), (9, n), (30, 80)) for n in (0, 36, 99)]
    assert deepest(steered, plain) == (31, 9)  # 36 in the median, when the loop has 5
    assert deepest(steered, [curve((1, 5), (30, 80))]) == (0.0, 0)
    assert deepest(steered, [curve((1, 5), (10, 33), (30, 120))]) == (20, 30)


def test_steering_counts_jobs() -> None:
    steered = [curve((1, 5), (n, 100), splits=n, length=7, rounding=5) for n in (20, 24, 30)]
    row = steering("unit", steered, [curve((1, 9), (90, 80))], reachable=200)
    assert (row.below, row.at) == (2.0, 1)
    assert (row.jobs, row.a_bin, row.others) == (24, 1.2, 7)
    assert markdown([row])[-1] == "| unit | 2.00 % | 1 | 24 | 1.20 | 7 |"


def test_a_design_without_splits_has_no_jobs_a_bin() -> None:
    (one,) = [curve((1, 5), length=1)]
    assert steering("array", [one], [one], 5).a_bin == 0
