"""Accuracy, agreement, noise and the interval of a loss, by hand and by simulation."""

import math

import numpy as np
import pytest

from model.comparison.measures import (
    agreement,
    agreement_by_kind,
    kind_of_answer,
    loss_interval,
    noise_ratio,
    top1,
)

ANSWERS = np.array([[1, 3, 2], [5, 4, 0], [0, 0, 1], [2, 1, 0]], np.float32)


def test_top1():
    assert top1(ANSWERS, np.array([1, 0, 2, 0])) == 100
    assert top1(ANSWERS, np.array([1, 1, 2, 2])) == 50
    assert top1(ANSWERS, np.array([0, 1, 0, 2])) == 0


def test_agreement():
    other = np.array([[0, 1, 0], [9, 0, 0], [0, 7, 0], [-1, -2, -3]], np.float32)
    assert agreement(ANSWERS, other) == agreement(other, ANSWERS) == 75
    assert agreement(ANSWERS, ANSWERS) == 100


@pytest.mark.parametrize(
    ("shape", "kind"),
    [
        *(((10,), "class"), ((1000, 1, 1), "class"), ((2,), "class")),
        *(((21, 5, 4), "map"), ((2, 1, 3), "map")),
        *(((1,), "values"), ((1, 8, 8), "values"), ((40, 97), "values"), ((3, 2, 4, 5), "values")),
    ],
)
def test_kind_of_answer(shape, kind):
    assert kind_of_answer(shape) == kind


def test_agreement_of_pixels():
    """Four classes at six pixels: two of twelve are called otherwise."""
    expected = np.random.default_rng(1).normal(0, 1, (2, 4, 2, 3))
    answers = expected.copy()
    answers[0, :, 0, 0] = np.roll(answers[0, :, 0, 0], 1)
    answers[1, :, 1, 2] = np.roll(answers[1, :, 1, 2], 2)
    flat = expected.reshape(2, -1), answers.reshape(2, -1)
    assert agreement(expected, answers) == pytest.approx(100 * 10 / 12)
    assert agreement_by_kind((4, 2, 3), *flat) == agreement(expected, answers)
    assert agreement_by_kind((24,), *flat) in (0, 50, 100)
    assert agreement_by_kind((1, 4, 6), *flat) is None


def test_noise_ratio():
    expected = np.array([[3, 4], [0, 0]], np.float32)
    assert noise_ratio(expected, expected + np.float32(0.25)) == pytest.approx(20)
    assert noise_ratio(expected, expected * 2) == pytest.approx(0)
    assert noise_ratio(expected, expected * 11) == pytest.approx(-20)
    assert noise_ratio(expected, expected) == math.inf
    assert noise_ratio(expected * 0, expected) == -math.inf
    assert noise_ratio(expected * 0, expected * 0) == math.inf


def test_noise_ratio_of_large_and_small_answers():
    """Squares are taken in float64: those of 1e30 leave float32's range."""
    for scale in (1e-30, 1e30):
        expected = np.float32([[3 * scale, 4 * scale]])
        assert noise_ratio(expected, expected * np.float32(1.1)) == pytest.approx(20, abs=1e-4)


def answers_of(classes: np.ndarray) -> np.ndarray:
    """Return answers (N, 2) that call the classes given."""
    return np.eye(2)[classes]


def interval(lost: int, won: int, both: int, neither: int) -> tuple[float, float, float]:
    """Return the loss and its interval, from counts of images."""
    right = np.repeat([1, 0, 1, 0], [lost, won, both, neither])
    still = np.repeat([0, 1, 1, 0], [lost, won, both, neither])
    return loss_interval(answers_of(right), answers_of(still), np.ones(len(right), int))


def test_interval_by_hand():
    """Ten lost and four won of 98: with half an image each, 10.5 and 4.5 of 100.

    Their difference is 0.06; the variance is (0.105 + 0.045 - 0.06**2) / 100 = 0.001464.
    """
    loss, low, high = interval(10, 4, 80, 4)
    assert loss == pytest.approx(600 / 98)
    assert low == pytest.approx(6 - 1.959964 * 3.826225, abs=1e-4)
    assert high == pytest.approx(6 + 1.959964 * 3.826225, abs=1e-4)


def test_interval_is_symmetric():
    loss, low, high = interval(13, 2, 70, 15)
    assert loss == 11 and low < 11 < high
    assert interval(2, 13, 70, 15) == pytest.approx((-loss, -high, -low))
    _, low, high = interval(5, 5, 40, 50)
    assert high == pytest.approx(-low)


def test_images_that_both_get_right_or_wrong_are_alike():
    assert interval(3, 1, 96, 0) == interval(3, 1, 0, 96)


def test_no_difference_is_not_certainty():
    loss, low, high = interval(0, 0, 50, 50)
    assert loss == 0 and low == -high < -1


@pytest.mark.parametrize("count", [200, 2000])
@pytest.mark.parametrize(
    ("lost", "won"), [(0.05, 0.05), (0.03, 0.01), (0.01, 0.003), (0.2, 0.05), (0.02, 0.005)]
)
def test_interval_covers_the_true_loss(rng, count, lost, won):
    """In 92 % of draws or more; 93.7 % to 98.6 % in 12 seeds."""
    draws = rng.multinomial(count, [lost, won, 1 - lost - won], 2000)
    distinct, times = np.unique(draws, axis=0, return_counts=True)
    covered = 0
    for (gone, come, same), repeated in zip(distinct.tolist(), times.tolist(), strict=True):
        _, low, high = interval(gone, come, same, 0)
        covered += repeated * (low <= 100 * (lost - won) <= high)
    assert 0.92 <= covered / 2000 < 1
