"""Why a calibration may say little of the data: each reason is a sentence for the user."""

from __future__ import annotations

import numpy as np

from ..graph.images import blocks
from .calibration import Calibration

FEWEST_IMAGES = 8
"""Calibration images below which a warning is given."""

FAR = 2.0
"""How many times the largest magnitude of the calibration images those of the data may have."""

NAMED = 5


def calibration_doubts(images: np.ndarray, calibration: Calibration) -> list[str]:
    """Say what is suspicious of calibration images and of what tensors held on them.

    Parameters
    ----------
    images
        (N, C, H, W) float32, at least one.
    calibration
        What `calibrate` made of them.
    """
    doubts = []
    if len(images) < FEWEST_IMAGES:
        doubts.append(
            f"{len(images)} calibration image(s): formats fit these alone, {FEWEST_IMAGES} or more"
            " are wanted"
        )
    if len(images) > 1 and all((one == images[0]).all() for one in images[1:]):
        doubts.append(f"all {len(images)} calibration images are equal: they count as one")
    flat = sum(bool((one == one.flat[0]).all()) for one in images)
    if flat:
        doubts.append(
            f"{flat} of {len(images)} calibration image(s) hold a single value each, as black ones"
            " do: they say nothing of real images"
        )
    zero = [
        name
        for name, histogram in calibration.histograms.items()
        if histogram.least == histogram.greatest == 0
    ]
    if zero:
        more = f" and {len(zero) - NAMED} more" if len(zero) > NAMED else ""
        names = ", ".join(f"'{name}'" for name in zero[:NAMED])
        doubts.append(
            f"tensor {names}{more} held nothing but zeros on the calibration images: any other"
            " value saturates in the format chosen"
        )
    return doubts


def range_doubts(images: np.ndarray, calibration: np.ndarray) -> list[str]:
    """Say if images, (N, C, H, W), hold values far outside of what calibration images hold."""
    (least, greatest), (low, high) = _range(images), _range(calibration)
    largest = max(abs(low), abs(high))
    lost = low >= 0 and least < -largest / FAR  # a format without a sign makes zeros of these
    if max(abs(least), abs(greatest)) <= FAR * largest and not lost:
        return []
    return [
        f"the images hold values from {least:g} to {greatest:g}, those of the calibration from"
        f" {low:g} to {high:g}: what is outside saturates"
    ]


def _range(images: np.ndarray) -> tuple[float, float]:
    ends = [(float(block.min()), float(block.max())) for _, block in blocks(images)]
    return min(least for least, _ in ends), max(greatest for _, greatest in ends)
