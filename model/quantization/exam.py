"""Examines whole networks: which of several ways to quantize one answers best.

What is best for each tensor and layer by itself need not be so together. The judge is the float
network's answer to some of the calibration images; no label is needed. What counts is the mean of
the noise in dB: added up, that of a few images would decide.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import numpy as np

from ..graph.network import Network
from .calibration import Calibration, FloatNetwork
from .emulation import Emulation
from .noise import Quantize

SILENCE = 1e-15
"""Noise, relative to an answer, that counts as none."""

Way = TypeVar("Way")
Parts = tuple[Network, Mapping[str, np.ndarray], Mapping[str, Quantize]]
"""What an `Emulation` takes: a network, weights and quantizers."""


def best_of(
    network: Network,
    calibration: Calibration,
    ways: Sequence[Way],
    parts: Callable[[Way], Parts],
) -> Way:
    """Return the way whose answers to the sample have the least noise, the first of equals.

    Parameters
    ----------
    network, calibration
        The network in float, and the images that were kept of its calibration.
    ways
        To quantize it, at least one.
    parts
        What is emulated of a way; asked for only if there is a choice.
    """
    if len(ways) == 1:
        return ways[0]
    expected = FloatNetwork(network).run(calibration.sample).astype(np.float64)
    least = SILENCE * np.square(expected).sum(axis=1) + np.finfo(float).tiny
    noise = []
    for way in ways:
        answers = Emulation(*parts(way)).run(calibration.sample)
        with np.errstate(over="ignore", invalid="ignore"):
            own = np.square(answers - expected).sum(axis=1)
        noise.append(np.log(np.maximum(own, least)).mean())
    return ways[int(np.argmin(np.nan_to_num(noise, nan=np.inf)))]
