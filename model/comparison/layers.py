"""Where in a network its noise comes from: how near each tensor is to float, layer after layer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import numpy as np

from ..graph.network import Network
from ..quantization.calibration import batch_size
from ..quantization.emulation import Emulation
from ..quantization.exam import Parts
from .measures import bounded, decibels


def noise_by_tensor(
    network: Network, parts: Parts, scales: Mapping[str, float], images: np.ndarray
) -> dict[str, float]:
    """Return the signal to noise of every tensor of a quantized network, in dB, in their order.

    All noise made before a tensor is in it.

    Parameters
    ----------
    network
        In float.
    parts
        The same network quantized, as an `Emulation` takes it.
    scales
        What a tensor of the quantized network is to be multiplied with, where that is not 1.
    images
        (N, C, H, W) float32.
    """
    signal: dict[str, float] = defaultdict(float)
    noise: dict[str, float] = defaultdict(float)
    plain, quantized = Emulation(network, {}, {}), Emulation(*parts)
    size = batch_size(network)
    for first in range(0, len(images), size):
        batch = images[first : first + size]
        pairs = zip(plain.tensors(batch), quantized.tensors(batch), strict=True)
        for (name, expected), (_, found) in pairs:
            difference = found * np.float32(scales.get(name, 1.0)) - expected
            signal[name] += float(np.square(expected, dtype=np.float64).sum())
            noise[name] += float(np.square(difference, dtype=np.float64).sum())
    return {name: bounded(decibels(signal[name], noise[name])) for name in signal}
