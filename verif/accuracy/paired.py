"""How much better one number system answers than another, image by image, and how sure that is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from model.comparison.measures import kind_of_answer

RESAMPLES, SEED = 1000, 1
Interval = tuple[float, float, float]
"""A difference, and the ends of its 95 % interval."""


@dataclass(frozen=True, eq=False)
class PerImage:
    """What a system's answers to each image came to, (images,) each.

    Attributes
    ----------
    right
        Whether the top class is the label; None without labels.
    agrees
        Whether it is that of the float network, or at how many pixels; None where no class is
        meant.
    noise
        Squares of the differences from the float network's answer, summed.
    """

    right: np.ndarray | None
    agrees: np.ndarray | None
    noise: np.ndarray


def per_image(
    shape: tuple[int, ...],
    expected: np.ndarray,
    answers: np.ndarray,
    labels: np.ndarray | None,
) -> PerImage:
    """Judge answers (images, values), each of a shape, beside the float network's."""
    noise = np.square(answers.astype(np.float64) - expected).sum(axis=1)
    agrees = None
    if kind_of_answer(shape) != "values":
        ours, theirs = (one.reshape(len(one), *shape).argmax(axis=1) for one in (answers, expected))
        agrees = (ours == theirs).reshape(len(ours), -1).mean(axis=1)
    right = None if labels is None else (answers.argmax(axis=1) == labels).astype(float)
    return PerImage(right, agrees, noise)


def better_by(ours: PerImage, others: Mapping[str, PerImage]) -> dict[str, dict[str, Interval]]:
    """Return by how much one system is better than each of some others.

    The intervals are those of a bootstrap over the images, the same draws for both.

    Returns
    -------
    dict
        By the other's name: ``top1`` and ``agreement`` in points, if there are any, and ``snr`` in
        dB; above zero where the first is better.
    """
    images = len(ours.noise)
    random = np.random.default_rng(SEED)
    draws = np.ones((1 + RESAMPLES, images), np.float32)
    draws[1:] = random.multinomial(images, np.full(images, 1 / images), RESAMPLES)

    def mean(values: np.ndarray | None) -> np.ndarray | None:
        return None if values is None else 100 * (draws @ values.astype(np.float32)) / images

    def decibels(noise: np.ndarray) -> np.ndarray:
        scale = max(float(noise.max(initial=0)), np.finfo(float).tiny)
        total = draws @ (noise / scale).astype(np.float32)
        return 10 * (np.log10(np.maximum(total, np.finfo(np.float32).tiny)) + np.log10(scale))

    right, agrees, quiet = mean(ours.right), mean(ours.agrees), decibels(ours.noise)
    found = {}
    for name, other in others.items():
        differences = {"snr": decibels(other.noise) - quiet}
        if right is not None:
            differences["top1"] = right - mean(other.right)
        if agrees is not None:
            differences["agreement"] = agrees - mean(other.agrees)
        found[name] = {what: _interval(values) for what, values in differences.items()}
    return found


def _interval(differences: np.ndarray) -> Interval:
    """Return the difference of all images, which comes first, and the middle 95 % of the draws."""
    low, high = np.percentile(differences[1:], [2.5, 97.5])
    return float(differences[0]), float(low), float(high)
