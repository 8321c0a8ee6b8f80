"""How far quantized answers are from float ones: accuracy, agreement, noise."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

NORMAL_95 = 1.959964


def top1(answers: NDArray, labels: NDArray) -> float:
    """Return the share of images, in percent, whose greatest answer (N, classes) is the label."""
    return 100 * float(np.mean(answers.argmax(axis=1) == labels))


def agreement(expected: NDArray, answers: NDArray) -> float:
    """Return the share of images, in percent, that both answers (N, classes) call the same."""
    _check_alike(expected, answers)
    return 100 * float(np.mean(expected.argmax(axis=1) == answers.argmax(axis=1)))


def noise_ratio(expected: NDArray, answers: NDArray) -> float:
    """Return the squares of the expected answers over those of the differences, in dB.

    Both are summed over all images and classes; infinity if there is no difference, and minus
    infinity if there is nothing else.
    """
    _check_alike(expected, answers)
    signal = np.square(expected, dtype=np.float64).sum()
    noise = np.square(expected.astype(np.float64) - answers).sum()
    if noise == 0:
        return math.inf
    return 10 * math.log10(signal / noise) if signal else -math.inf


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
