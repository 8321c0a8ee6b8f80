"""Paired intervals: they hold the truth, and see what single ones cannot."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from verif.accuracy.paired import PerImage, better_by, per_image


def system(noise: np.ndarray, right: float = 0.9) -> PerImage:
    """Make a system with given noise, right and in agreement on the first images."""
    told = (np.arange(len(noise)) < right * len(noise)).astype(float)
    return PerImage(told, told, noise)


def test_twice_the_noise_on_every_image_is_three_decibels_and_sure(rng):
    noise = rng.exponential(1, 300) ** 3  # a few images have most of it
    (found,) = better_by(system(noise), {"other": system(2 * noise)}).values()
    assert found["snr"] == pytest.approx((3.0103, 3.0103, 3.0103), abs=1e-3)
    assert found["top1"] == found["agreement"] == (0, 0, 0)


def test_the_interval_holds_the_truth_of_more_images(rng):
    """In most of 40 draws of 400 images of each two systems, one 1 dB better, 95 % would be 38."""
    held = 0
    for _ in range(40):
        base = rng.exponential(1, (2, 400))
        ours, other = system(base[0]), system(10**0.1 * base[1])
        difference, low, high = better_by(ours, {"other": other})["other"]["snr"]
        assert low < difference < high
        held += low <= 1 <= high
    assert held >= 32


def test_worse_is_negative_and_counts_are_points(rng):
    noise = rng.exponential(1, 200)
    found = better_by(system(noise, 0.85), {"other": system(noise / 10, 0.9)})["other"]
    assert found["snr"][0] == pytest.approx(-10, abs=1e-3)
    assert found["top1"][0] == found["agreement"][0] == pytest.approx(-5, abs=1e-3)
    assert found["top1"][1] < -5 < found["top1"][2] < 0


@pytest.mark.filterwarnings("error")
def test_no_noise_is_no_infinity():
    silent = system(np.zeros(5))
    for ours, other in (
        (silent, silent),
        (silent, system(np.ones(5))),
        (system(np.ones(5)), silent),
    ):
        assert np.isfinite(better_by(ours, {"other": other})["other"]["snr"]).all()


def test_what_is_not_known_is_left_out(rng):
    ours = replace(system(rng.exponential(1, 9)), right=None, agrees=None)
    assert better_by(ours, {"other": ours}) == {"other": {"snr": (0, 0, 0)}}


def test_answers_are_judged_image_by_image(rng):
    expected = rng.standard_normal((6, 3 * 2 * 2)).astype(np.float32)
    answers = expected.copy()
    answers[1] = -expected[1]
    maps = per_image((3, 2, 2), expected, answers, None)
    assert maps.right is None and (maps.agrees[[0, 2, 3, 4, 5]] == 1).all() and maps.agrees[1] < 1
    assert maps.noise[1] == pytest.approx(4 * np.square(expected[1]).sum()) and not maps.noise[0]
    labels = expected.argmax(axis=1)
    classes = per_image((12,), expected, answers, labels)
    assert classes.right.tolist() == classes.agrees.tolist() == [1, 0, 1, 1, 1, 1]
    assert per_image((2, 6), expected, answers, None).agrees is None
