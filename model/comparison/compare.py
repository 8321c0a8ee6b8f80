"""Number systems side by side: what each makes of the same tensors of the same network."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np

from ..format.format import Format
from ..format.splits import Split
from ..graph.network import Linear, Network
from ..quantization.activations import Plan
from ..quantization.calibration import Calibration
from ..quantization.method import Method, Selection, emulated, select, weight_codes
from ..quantization.selection import ColumnFormats, candidate_formats, usable_splits
from ..quantization.storage import plan_storage
from .schemes import OTHER_SCHEMES, Quantizer, Scheme

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
    """

    name: str
    description: str
    network: Network
    weights: Mapping[str, np.ndarray]
    quantizers: Mapping[str, Quantizer]
    overhead: int
    selection: Selection | None = None
    codes: Mapping[str, np.ndarray] | None = None


def other_systems(network: Network, calibration: Calibration) -> Iterator[Quantized]:
    """Yield what each of the other number systems makes of a network."""
    for scheme in OTHER_SCHEMES:
        yield _quantized_by(scheme, network, calibration)


def _quantized_by(scheme: Scheme, network: Network, calibration: Calibration) -> Quantized:
    layers = network.linears
    overhead = sum(scheme.overhead_bytes(node.weights.shape[1]) for node in layers)
    overhead += scheme.overhead_bytes() * len(calibration.histograms)
    return Quantized(
        scheme.name,
        scheme.description,
        network,
        {node.name: scheme.weights(node.weights) for node in layers},
        {name: scheme.activations(found) for name, found in calibration.histograms.items()},
        overhead,
    )


def ffp8_variants(
    network: Network, calibration: Calibration, method: Method
) -> Iterator[Quantized]:
    """Yield what FFP8 makes of a network, degree of freedom by degree of freedom.

    The last one is the method as given.
    """
    splits = method.splits
    plain = Method(splits, "tensor", False, method.exp_max, method.k_max)
    signed = tuple(split for split in splits if split[0])
    quantize = partial(_quantized_to, network, calibration)
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
            select(network, calibration, Method(signed, "tensor", False, *_build(method))),
        )
    yield quantize(
        "FFP8 per tensor",
        "Sign, split and bias for each tensor, of least squared error.",
        select(network, calibration, plain),
    )
    yield quantize(
        "FFP8 per channel",
        "Likewise, and a bias for each output channel of the weights.",
        select(network, calibration, Method(splits, "tensor", True, *_build(method))),
    )
    yield quantize(
        "FFP8 without factors",
        "Likewise, of least squared error of the layers' outputs, weights rounded for these.",
        select(network, calibration, replace(method, plans=(Plan(),))),
    )
    yield quantize(
        "FFP8",
        "Likewise, and a factor from 1 to 2 for each tensor, in the weights around it, or none "
        "where the network answers better without.",
        select(network, calibration, method),
    )


def _build(method: Method) -> tuple[int, int]:
    return method.exp_max, method.k_max


def _quantized_to(
    network: Network,
    calibration: Calibration,
    name: str,
    description: str,
    selection: Selection,
) -> Quantized:
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
    return Selection(network.name, *_build(method), "tensor", tensors, weights)


def _select_uniform(
    network: Network, calibration: Calibration, splits: tuple[Split, ...], method: Method
) -> Selection:
    """Choose one format for all activations and one for all weights."""
    fmt = _best_for_all(_activations(calibration), splits)
    layers = network.linears
    chosen = _best_for_all([_weights(node) for node in layers], splits)
    weights = {node.name: _columns(chosen, node) for node in layers}
    tensors = dict.fromkeys(calibration.histograms, fmt)
    return Selection(network.name, *_build(method), "tensor", tensors, weights)


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
