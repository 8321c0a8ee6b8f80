"""How far quantized answers are from float ones: accuracy, agreement, noise."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from numpy.typing import NDArray

NORMAL_95 = 1.959964
SNR_MAX = 999.0
"""In dB, for what has no noise: JSON knows no infinity."""

AnswerKind = Literal["class", "map", "values"]
COMPARED_BY: dict[AnswerKind, str] = {
    "class": "the top class of each image, and SNR",
    "map": "the top class of each pixel, and SNR",
    "values": "SNR alone: neither one class an image nor one a pixel",
}
"""How answers of each kind are compared, for people."""


def kind_of_answer(shape: tuple[int, ...]) -> AnswerKind:
    """Tell what one image's answer of a shape is.

    "class" if it is a number for each of several classes, (C,) or (C, 1, 1); "map" if it is one for
    each class at each pixel, (C, H, W); "values" if it is anything else.
    """
    if len(shape) not in (1, 3) or shape[0] < 2:
        return "values"
    return "class" if math.prod(shape) == shape[0] else "map"


def top1(answers: NDArray, labels: NDArray) -> float:
    """Return the share of images, in percent, whose greatest answer (N, classes) is the label."""
    return 100 * float(np.mean(answers.argmax(axis=1) == labels))


def agreement(expected: NDArray, answers: NDArray) -> float:
    """Return the share, in percent, that both answers call the same: of images or of pixels.

    Answers are (N, classes), or (N, classes, H, W) with a class at each pixel.
    """
    _check_alike(expected, answers)
    return 100 * float(np.mean(expected.argmax(axis=1) == answers.argmax(axis=1)))


def agreement_by_kind(shape: tuple[int, ...], expected: NDArray, answers: NDArray) -> float | None:
    """Return the agreement of answers (N, values) to images whose answers have a shape.

    None where no class is meant, see `kind_of_answer`.
    """
    if kind_of_answer(shape) == "values":
        return None
    expected, answers = (one.reshape(len(one), *shape) for one in (expected, answers))
    return agreement(expected, answers)


def noise_ratio(expected: NDArray, answers: NDArray) -> float:
    """Return the squares of the expected answers over those of the differences, in dB.

    Both are summed over all images and classes; infinity if there is no difference, and minus
    infinity if there is nothing else.
    """
    _check_alike(expected, answers)
    signal = np.square(expected, dtype=np.float64).sum()
    return decibels(signal, np.square(expected.astype(np.float64) - answers).sum())


def decibels(signal: float, noise: float) -> float:
    """Return the ratio of two sums of squares; infinity without noise, minus without signal."""
    if noise == 0:
        return math.inf
    return 10 * math.log10(signal / noise) if signal else -math.inf


def bounded(ratio: float) -> float:
    """Return a ratio in dB within what JSON can hold."""
    return min(max(ratio, -SNR_MAX), SNR_MAX)


def bounded_noise_ratio(expected: NDArray, answers: NDArray) -> float:
    """Return `noise_ratio`, within what JSON can hold."""
    return bounded(noise_ratio(expected, answers))


def _check_alike(expected: NDArray, answers: NDArray) -> None:
    if np.shape(expected) != np.shape(answers):
        raise ValueError(
            f"answers of shape {np.shape(answers)}: {np.shape(expected)}, that of the expected "
            "ones, is needed"
        )


def loss_interval(
    expected: NDArray, answers: NDArray, labels: NDArray
) -> tuple[float, float, float]:
    """Return the loss of top-1 in points, and the ends of its 95 % interval.

    The images are the same for both, so only those count that one of them gets right and the other
    wrong; half an image is added to either kind and to either kind of agreement (Agresti and Min,
    2005), which keeps the interval honest for few images.
    """
    right, still = expected.argmax(axis=1) == labels, answers.argmax(axis=1) == labels
    lost, won = int((right & ~still).sum()), int((~right & still).sum())
    count = len(labels)
    difference = (lost - won) / (count + 2)
    variance = (lost + won + 1) / (count + 2) - difference**2
    margin = NORMAL_95 * math.sqrt(variance / (count + 2))
    return (
        100 * (lost - won) / count,
        100 * (difference - margin),
        100 * (difference + margin),
    )
