"""Chooses how every tensor of activations is quantized, by the noise that it makes.

Any number system is chosen for in this way, that knows its candidates for a tensor.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..graph.network import Network
from .calibration import Calibration
from .histogram import Histogram
from .noise import Candidate, TensorNoise
from .scaling import shared_scales
from .storage import plan_storage

STEPS, FIRST_STEP = 16, 4
"""Factors from 1 to 2 that there are, evenly spaced in their logarithm; the first ones tried are so
many apart, and then, around the best, half as many, until all neighbours are."""

Candidates = Callable[[Histogram, float], list[Candidate]]
"""The ways to quantize what a tensor held, divided by a factor before and multiplied after."""


@dataclass(frozen=True)
class Plan:
    """How to choose.

    Attributes
    ----------
    scaled
        Whether tensors get factors, see `scaling`.
    of_sums
        Whether a summand's noise is relative to the sum, not to itself.
    """

    scaled: bool = False
    of_sums: bool = False


PLANS = Plan(), Plan(scaled=True), Plan(scaled=True, of_sums=True)
"""Of which the one is taken that answers best."""


@dataclass(frozen=True)
class Chosen:
    """What was chosen: by tensor a candidate, and the factors that are not 1."""

    candidates: dict[str, Candidate]
    scales: dict[str, float]


def choose_activations(
    network: Network, calibration: Calibration, candidates: Candidates, plan: Plan
) -> Chosen:
    """Choose for all tensors that are kept as codes of a format of their own.

    Raises
    ------
    ValueError
        If a tensor has no candidate, naming it.
    """
    storage = plan_storage(network)
    shared = shared_scales(network) if plan.scaled else []
    free = {name for group in shared for name in group}
    alone = [(name,) for name in storage.own if name not in free]
    chosen: dict[str, Candidate] = {}
    scales: dict[str, float] = {}
    for group in (*alone, *shared):
        own = [name for name in group if name in calibration.histograms]
        noise = {name: TensorNoise(name, storage, calibration, plan.of_sums) for name in own}
        search = _Search(noise, candidates)
        search.attempt(0)
        if group[0] in free and own:
            search.refine()
        chosen |= search.tried[search.best][1]
        if search.best:
            scales |= dict.fromkeys(group, 2.0 ** (search.best / STEPS))
    return Chosen({name: chosen[name] for name in storage.own}, scales)


class _Search:
    """Looks for the factor with which tensors that have it together make the least noise.

    Parameters
    ----------
    noise
        By tensor.
    candidates
        The ways to quantize them.
    """

    def __init__(self, noise: dict[str, TensorNoise], candidates: Candidates) -> None:
        self._noise, self._candidates = noise, candidates
        self.tried: dict[int, tuple[float, dict[str, Candidate]]] = {}

    @property
    def best(self) -> int:
        """Return the step of the best factor so far."""
        return min(self.tried, key=lambda step: self.tried[step][0])

    def refine(self) -> None:
        """Try factors in steps that become finer around the best."""
        for step in range(0, STEPS, FIRST_STEP):
            self.attempt(step)
        width = FIRST_STEP // 2
        while width:
            best = self.best
            self.attempt((best - width) % STEPS)
            self.attempt((best + width) % STEPS)
            width //= 2

    def attempt(self, step: int) -> None:
        """Find the best candidates with a factor, and their noise."""
        if step in self.tried:
            return
        total, best, scale = 0.0, {}, 2.0 ** (step / STEPS)
        for name, measure in self._noise.items():
            try:
                least, best[name] = measure.best(self._candidates(measure.histogram, scale), scale)
            except ValueError as error:
                raise ValueError(f"tensor '{name}': {error}") from error
            total += least
        self.tried[step] = total, best
