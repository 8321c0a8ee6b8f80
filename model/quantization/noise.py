"""What quantizing a tensor of activations costs, in noise at what is computed from it.

Noise is relative, and so adds up: that of a layer's outputs to the outputs, and that of a tensor to
itself, or to the sum that it is added into, where anything else reads it. Calibration images are
few. Values beyond their largest will come, and saturate; how much of that is to be expected is read
off the largest values of the single images.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..graph.network import Add, Linear, Node
from .calibration import Calibration, power_of_two_scale
from .histogram import Histogram
from .storage import Storage

Quantize = Callable[[np.ndarray], np.ndarray]
"""Real values of any shape to those that their codes stand for."""

NEAR_LEAST = 2.0
"""Candidates whose squared error is at most so many times the least are judged by outputs."""


@dataclass(frozen=True)
class Candidate:
    """A way to quantize a tensor.

    Attributes
    ----------
    choice
        What it is: a format, say.
    quantize
        What it does to values that are divided by the tensor's factor.
    error
        Squared error on what the tensor held on calibration images; this and the following
        without a factor.
    reach
        The largest magnitude that does not saturate, on the side where the tensor's largest is.
    """

    choice: object
    quantize: Quantize
    error: float
    reach: float


class OutputNoise:
    """Noise of a layer's outputs, relative to the outputs, if its input is quantized.

    Parameters
    ----------
    node
        The layer.
    patches
        (S, groups, K): some of what its sums are made of.
    """

    def __init__(self, node: Linear, patches: np.ndarray) -> None:
        self._patches, self._scale = patches, power_of_two_scale(patches)
        depth = len(node.weights)
        weights = node.weights.reshape(depth, node.groups, -1).transpose(1, 0, 2)
        self._factors = weights * power_of_two_scale(node.weights)
        if self._factors.shape[2] > self._factors.shape[1]:
            # a triangular factor has the same Gram matrix, and fewer columns
            self._factors = np.linalg.qr(self._factors.transpose(0, 2, 1), "r").transpose(0, 2, 1)
        self._factors = self._factors.astype(np.float32)
        self._power = self._energy(patches)

    def _energy(self, patches: np.ndarray) -> float:
        scaled = (patches * self._scale).astype(np.float32)
        products = np.matmul(scaled.transpose(1, 0, 2), self._factors)
        return float(np.square(products).sum(dtype=np.float64))

    def __call__(self, quantize: Quantize) -> float:
        """Return the noise."""
        errors = quantize(self._patches) - self._patches
        return self._energy(errors) / self._power if self._power else 0.0


class TensorNoise:
    """Noise of all that is computed from a tensor, if it is quantized.

    Parameters
    ----------
    name
        Of the tensor.
    storage, calibration
        Who reads it, and what was seen.
    of_sums
        Whether a summand's noise is relative to the sum, not to itself.
    """

    def __init__(
        self, name: str, storage: Storage, calibration: Calibration, of_sums: bool = False
    ) -> None:
        self.histogram = calibration.histograms[name]
        self._power = power(self.histogram)
        self._layers, self._shares = [], 0.0
        for reader in storage.readers[name]:
            if isinstance(reader, Linear):
                self._layers.append(OutputNoise(reader, calibration.patches[reader.name]))
            else:
                self._shares += self._share(reader, storage, calibration) if of_sums else 1.0
        if not self._layers and not self._shares:
            self._shares = 1.0
        self._tail = Tail(calibration.largest[name])

    def _share(self, reader: Node, storage: Storage, calibration: Calibration) -> float:
        """Return what part of a result's power the tensor's own is, 1 but for a sum."""
        total = calibration.histograms.get(storage.source(reader.output))
        if total is None or not isinstance(reader, Add) or not power(total):
            return 1.0
        return self._power / self.histogram.size / (power(total) / total.size)

    def best(self, candidates: Sequence[Candidate], scale: float = 1.0) -> tuple[float, Candidate]:
        """Return the least noise with a factor, and the first candidate that has it."""
        errors = [one.error + self._tail(one.reach) for one in candidates]
        least = min(errors)
        near = [
            (one, error)
            for one, error in zip(candidates, errors, strict=True)
            if error <= NEAR_LEAST * least
        ]
        if least == 0:
            return 0.0, near[0][0]
        noise = [self._noise(one, error, scale) for one, error in near]
        place = int(np.argmin(noise))
        return noise[place], near[place][0]

    def _noise(self, candidate: Candidate, error: float, scale: float) -> float:
        """Return the noise of a candidate whose error, values still to come included, is given."""
        quantize = times(candidate.quantize, scale)
        beyond = len(self._layers) * (error - candidate.error) / self._power
        layers = sum(measure(quantize) for measure in self._layers)
        return self._shares * error / self._power + beyond + layers


class Tail:
    """The squared error by saturation that is still to be expected of images like those seen.

    Above the median of the images' largest values, these are taken to fall off exponentially.

    Parameters
    ----------
    largest
        (images,): the largest magnitude on each image.
    """

    def __init__(self, largest: np.ndarray) -> None:
        self._largest = np.asarray(largest, np.float64)
        self._median = float(np.median(self._largest))
        above = self._largest[self._largest > self._median] - self._median
        self._decay = float(above.mean()) if len(above) else 0.0

    def __call__(self, reach: float) -> float:
        """Return it for a reach, for as many images as were seen, less what these have of it."""
        if reach < self._median or not self._decay:
            return 0.0
        excess = np.square(np.maximum(self._largest - reach, 0)).sum()
        share = np.exp((self._median - reach) / self._decay)
        return float(max(share * self._decay**2 * len(self._largest) - excess, 0.0))


def times(quantize: Quantize, scale: float) -> Quantize:
    """Return a quantizer of values that are divided by a factor before, and multiplied after."""
    if scale == 1.0:
        return quantize
    return lambda values: quantize(values / scale) * scale


def power(histogram: Histogram) -> float:
    """Return the sum of the squares of a tensor's values."""
    return float(histogram.counts @ np.square(histogram.values))
