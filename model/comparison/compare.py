"""Number systems side by side: what each makes of the same tensors of the same network."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple

import numpy as np

from ..format.format import Format
from ..format.splits import Split
from ..graph.network import Linear, Network
from ..quantization.activations import Plan, choose_activations
from ..quantization.calibration import Calibration
from ..quantization.compensation import Compensation
from ..quantization.exam import Parts, best_of
from ..quantization.method import (
    Method,
    Selection,
    emulated,
    select,
    weight_codes,
    with_nearest_weights,
)
from ..quantization.scaling import rescaled_network
from ..quantization.selection import ColumnFormats, candidate_formats, usable_splits
from ..quantization.storage import plan_storage
from .schemes import OTHER_SCHEMES, Quantizer, Scheme
from .schemes.scheme import as_float32, single

FORMAT_BYTES = 2
"""Of a split and a bias, as a register holds them; of a further bias, one."""


@dataclass(frozen=True, eq=False)
class Quantized:
    """What a number system makes of a network.

    Attributes
    ----------
    name, description
        As in a table.
    network
        What is emulated: the network, or an equal one with factors in its weights.
    weights
        By the name of a `Linear` node, the values of its weights' codes, (K, N).
    quantizers
        By the name of a tensor, what holds it to the values of codes.
    overhead
        Bytes of scales, zero points and formats.
    selection, codes
        Of FFP8: the formats, and the weights' codes.
    scales
        What a tensor is to be multiplied with, where that is not 1: factors in the weights.
    choices, weight_quantizers
        Of another system: what was chosen for each tensor, and what rounds each layer's weights.
    """

    name: str
    description: str
    network: Network
    weights: Mapping[str, np.ndarray]
    quantizers: Mapping[str, Quantizer]
    overhead: int
    selection: Selection | None = None
    codes: Mapping[str, np.ndarray] | None = None
    scales: Mapping[str, float] = field(default_factory=dict)
    choices: Mapping[str, object] = field(default_factory=dict)
    weight_quantizers: Mapping[str, Quantizer] = field(default_factory=dict)

    def emulated(self) -> Parts:
        """Return what an `Emulation` takes."""
        return self.network, self.weights, self.quantizers


def other_systems(network: Network, calibration: Calibration) -> Iterator[Quantized]:
    """Yield what each of the other number systems makes of a network, with FFP8's means.

    Activations are chosen for the outputs of the layers that read them, weights are rounded for
    those of their layer, and of several plans the one is taken that answers best.
    """
    rounding = Rounding(calibration)
    for scheme in OTHER_SCHEMES:
        yield best_of(
            network,
            calibration,
            list(_quantized_by(scheme, network, calibration, rounding)),
            Quantized.emulated,
        )


class Rounding:
    """Rounds weights for the outputs of their layer, whatever the number system.

    Parameters
    ----------
    calibration
        Of the network.
    """

    def __init__(self, calibration: Calibration) -> None:
        self._moments = calibration.moments
        self._known: dict[str, Compensation] = {}

    def __call__(self, node: Linear, quantize: Quantizer) -> np.ndarray:
        """Return the values of the codes of a layer's weights, (K, N) float64."""
        round_row = single(quantize)
        if node.name not in self._moments:
            return round_row(node.weights).astype(np.float64)
        if node.name not in self._known:
            self._known[node.name] = Compensation(self._moments[node.name])
        return self._known[node.name].round(node.weights, round_row)


def _quantized_by(
    scheme: Scheme, network: Network, calibration: Calibration, rounding: Rounding
) -> Iterator[Quantized]:
    """Yield what each plan of a scheme makes of a network."""
    overhead = sum(scheme.overhead_bytes(node.weights.shape[1]) for node in network.linears)
    overhead += scheme.overhead_bytes() * len(calibration.histograms)
    known: dict[frozenset[tuple[str, float]], tuple[dict, dict]] = {}
    for plan in scheme.plans:
        chosen = choose_activations(network, calibration, scheme.candidates, plan)
        rescaled = rescaled_network(network, chosen.scales)
        factors = frozenset(chosen.scales.items())  # of a plan, all that weights depend on
        if factors not in known:
            own = {n.name: scheme.weight_quantizer(as_float32(n.weights)) for n in rescaled.linears}
            known[factors] = {n.name: rounding(n, own[n.name]) for n in rescaled.linears}, own
        weights, weight_quantizers = known[factors]
        quantizers = {name: one.quantize for name, one in chosen.candidates.items()}
        about = scheme.name, scheme.description
        yield Quantized(
            *about,
            rescaled,
            weights,
            quantizers,
            overhead,
            scales=chosen.scales,
            choices={name: one.choice for name, one in chosen.candidates.items()},
            weight_quantizers=weight_quantizers,
        )


def in_parts(quantized: Quantized) -> Iterator[Quantized]:
    """Yield a quantized network with float32 activations, and with float32 weights."""
    name = quantized.name
    alone = replace(quantized, selection=None, codes=None)
    about = "Everything else in float32."
    yield replace(alone, name=f"{name}, weights alone", description=about, quantizers={})
    yield replace(alone, name=f"{name}, activations alone", description=about, weights={})


def ffp8_variants(
    network: Network, calibration: Calibration, method: Method
) -> Iterator[Quantized]:
    """Yield what FFP8 makes of a network, degree of freedom by degree of freedom.

    The last one is the method as given.
    """
    splits = method.splits
    plain = replace(method, per_channel=False, plans=(Plan(),))
    signed = tuple(split for split in splits if split[0])
    quantize = partial(quantized_to, network, calibration)
    yield quantize(
        "FFP8 one format for all layers",
        "One format for all activations and one for all weights, of least relative squared error.",
        _select_uniform(network, calibration, splits, method),
    )
    yield quantize(
        "FFP8 default bias",
        "Sign and split for each tensor, the bias 2^(e-1) - 1 of IEEE 754.",
        _select_default_bias(network, calibration, splits, method),
    )
    if signed:
        yield quantize(
            "FFP8 signed only",
            "Split and bias for each tensor, always with a sign bit.",
            select(network, calibration, replace(plain, splits=signed)),
        )
    yield quantize(
        "FFP8 per tensor",
        "Sign, split and bias for each tensor.",
        select(network, calibration, plain),
    )
    yield quantize(
        "FFP8 per channel",
        "Likewise, and a bias for each output channel of the weights.",
        select(network, calibration, replace(plain, per_channel=True)),
    )
    yield quantize(
        "FFP8",
        "Likewise, and a factor from 1 to 2 for each tensor, in the weights around it, or none "
        "where the network answers better without.",
        select(network, calibration, method),
    )


def with_nearest(
    network: Network, calibration: Calibration, method: Method, quantized: Quantized
) -> Quantized:
    """Return what a system makes of a network if weights are rounded to nearest.

    FFP8's are then of least squared error, as those of the others are in any case.
    """
    name = f"{quantized.name}, nearest"
    about = "Likewise, weights of least squared error, rounded to nearest."
    if quantized.selection:
        chosen = with_nearest_weights(network, calibration, method, quantized.selection)
        return quantized_to(network, calibration, name, about, chosen)
    (scheme,) = [one for one in OTHER_SCHEMES if one.name == quantized.name]
    weights = {node.name: scheme.weights(node.weights) for node in quantized.network.linears}
    return replace(quantized, name=name, description=about, weights=weights)


def _build(method: Method) -> tuple[int, int]:
    return method.exp_max, method.k_max


def quantized_to(
    network: Network,
    calibration: Calibration,
    name: str,
    description: str,
    selection: Selection,
) -> Quantized:
    """Return what FFP8 makes of a network with formats chosen for it."""
    codes = weight_codes(network, selection, calibration)
    several = any(len(set(chosen.biases.tolist())) > 1 for chosen in selection.weights.values())
    further = sum(node.weights.shape[1] - 1 for node in network.linears) if several else 0
    return Quantized(
        name,
        description,
        *emulated(network, selection, codes),
        FORMAT_BYTES * (len(selection.tensors) + len(selection.weights)) + further,
        selection,
        codes,
        selection.scales,
    )


def _select_default_bias(
    network: Network, calibration: Calibration, splits: tuple[Split, ...], method: Method
) -> Selection:
    """Choose sign and split alone."""

    def best(found: _Values) -> Format:
        usable = _usable_splits([found], splits)
        formats = [Format(*split, 2 ** max(split[1] - 1, 0) - 1) for split in usable]
        return min(formats, key=lambda fmt: _error(found, fmt))

    tensors = {found.name: best(found) for found in _activations(calibration)}
    weights = {node.name: _columns(best(_weights(node)), node) for node in network.linears}
    return Selection(network.name, *_build(method), method.objective, tensors, weights)


def _select_uniform(
    network: Network, calibration: Calibration, splits: tuple[Split, ...], method: Method
) -> Selection:
    """Choose one format for all activations and one for all weights."""
    fmt = _best_for_all(_activations(calibration), splits)
    layers = network.linears
    chosen = _best_for_all([_weights(node) for node in layers], splits)
    weights = {node.name: _columns(chosen, node) for node in layers}
    tensors = dict.fromkeys(calibration.histograms, fmt)
    return Selection(network.name, *_build(method), method.objective, tensors, weights)


def _best_for_all(tensors: list[_Values], splits: tuple[Split, ...]) -> Format:
    """Return the format of least squared error relative to each tensor's squares, summed."""
    usable = _usable_splits(tensors, splits)
    used = [(found, power) for found in tensors if (power := _power(found))]
    biases = {
        fmt.bias
        for found in tensors
        for fmt, _ in candidate_formats(found.values, splits, found.counts)
    }
    candidates = sorted((Format(*split, bias) for split in usable for bias in biases), key=str)
    return min(candidates, key=lambda fmt: sum(_error(found, fmt) / power for found, power in used))


class _Values(NamedTuple):
    """What a tensor holds, and how often; its name, for messages."""

    name: str
    values: np.ndarray
    counts: np.ndarray


def _activations(calibration: Calibration) -> list[_Values]:
    return [_Values(name, h.values, h.counts) for name, h in calibration.histograms.items()]


def _weights(node: Linear) -> _Values:
    return _Values(node.name, node.weights.ravel(), np.ones(node.weights.size))


def _usable_splits(tensors: list[_Values], splits: tuple[Split, ...]) -> list[Split]:
    """Return the splits that are for all tensors; ValueError if there are none, naming one."""
    negative = [found for found in tensors if (found.values < 0).any()]
    try:
        return usable_splits(splits, bool(negative))
    except ValueError as error:
        raise ValueError(f"'{negative[0].name}': {error}") from error


def _power(found: _Values) -> float:
    return float(found.counts @ np.square(found.values))


def _columns(fmt: Format, node: Linear) -> ColumnFormats:
    biases = np.full(node.weights.shape[1], fmt.bias, np.int64)
    return ColumnFormats(Format(fmt.sign, fmt.exponent, fmt.fraction, 0), biases, math.nan)


def _error(found: _Values, fmt: Format) -> float:
    return float(found.counts @ np.square(fmt.quantize(found.values) - found.values))


def stored_bytes(network: Network, quantized: Quantized | None) -> tuple[int, int]:
    """Return the bytes of weights and of one image's activations; in float32 without a system.

    Weights are those of `Linear` nodes with their biases, which stay binary32, and with all
    scales and formats; activations are all tensors, each counted once.
    """
    width = 4 if quantized is None else 1
    layers = network.linears
    weights = sum(width * node.weights.size + 4 * node.bias.size for node in layers)
    storage = plan_storage(network)
    tensors = {network.input, *(node.output for node in network.nodes)}
    sizes = {name: math.prod(network.shapes[name]) for name in tensors}
    activations = sum(
        4 * size if name in storage.raw else width * size for name, size in sizes.items()
    )
    return weights + (quantized.overhead if quantized else 0), activations
