"""The selection method: the formats of all tensors of a network, from calibration data.

The sign bit of a tensor follows from its values. Split and bias are chosen by squared error, either
of the tensor itself, or of what is computed from it with the other operand: activations are chosen
for the outputs of the layers that read them, with a factor for each tensor or without, weights for
the outputs of their layer. In the second case weights are also rounded for these outputs, and of
several plans to choose activations that one is taken with which the whole network answers best.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal

import numpy as np

from ..arithmetic.accumulator import accumulator_width, held_start
from ..format.format import Format
from ..format.splits import Split, supported_splits
from ..graph.network import Linear, Network, Node
from .activations import PLANS, Plan, choose_activations
from .calibration import Calibration
from .compensation import Compensation
from .depths import K_MAX, check_depths
from .exam import Parts, best_of
from .histogram import Histogram
from .noise import NEAR_LEAST, Candidate
from .scaling import rescaled_network, shared_scales
from .selection import (
    BIAS_MIN,
    ColumnFormats,
    candidate_column_formats,
    candidate_formats,
    start_bias_limits,
)
from .storage import plan_storage

Objective = Literal["output", "tensor"]


@dataclass(frozen=True)
class Method:
    """How formats are chosen.

    Attributes
    ----------
    splits
        Sign, exponent and fraction bits that may be chosen.
    objective
        Whose squared error is to be least: "output", that of the layers which read a tensor, or
        "tensor", its own.
    per_channel
        Whether each output channel of the weights has a bias of its own.
    exp_max, k_max
        Exponent bits and longest sum of products of the engine's build; they determine the
        accumulator width that start values have to fit.
    plans
        How activations may be chosen where the objective is "output".
    """

    splits: tuple[Split, ...] = tuple(supported_splits(5))
    objective: Objective = "output"
    per_channel: bool = True
    exp_max: int = 5
    k_max: int = K_MAX
    plans: tuple[Plan, ...] = PLANS


@dataclass(frozen=True, eq=False)
class Selection:
    """The formats chosen for a network.

    Attributes
    ----------
    network
        Its name.
    exp_max, k_max
        The build that start values fit.
    objective
        That of the method: "output" has weights rounded for the outputs of their layer.
    tensors
        Format of each tensor of activations that is kept as codes of its own format.
    weights
        By the name of a `Linear` node, split and biases of its weights.
    scales
        Factors that tensors are divided by before they are codes, those that are not 1; the weights
        are of the network that `rescaled_network` makes with them.
    inputs
        Hashes of what it was chosen for, by the variables of `make`: MODEL, DATA, CALIBRATION; none
        where nobody knows.
    """

    network: str
    exp_max: int
    k_max: int
    objective: Objective
    tensors: dict[str, Format]
    weights: dict[str, ColumnFormats]
    scales: dict[str, float] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)


def select(network: Network, calibration: Calibration, method: Method | None = None) -> Selection:
    """Choose the formats of all tensors of a network.

    Raises
    ------
    ValueError
        If a tensor with negative values finds no format with a sign bit, a layer's bias no
        weight format on whose grid it fits the accumulator, or a layer's sums are longer than
        the build allows; naming the tensor or layer.
    """
    method = method or Method()
    check_depths(network, method.k_max)
    if method.objective == "tensor":
        return _selection(network, calibration, method, _least_errors(calibration, method), {})
    found = []
    for plan in method.plans:
        chosen = choose_activations(network, calibration, partial(_candidates, method), plan)
        tensors = {name: one.choice for name, one in chosen.candidates.items()}
        found.append(_selection(network, calibration, method, tensors, chosen.scales))
    return best_of(network, calibration, found, partial(_parts, network, calibration))


def _selection(
    network: Network,
    calibration: Calibration,
    method: Method,
    tensors: dict[str, Format],
    scales: dict[str, float],
) -> Selection:
    """Choose the weights to given activations."""
    storage, weights = plan_storage(network), {}
    for node in rescaled_network(network, scales).linears:
        fmt_a = tensors[storage.source(node.inputs[0])]
        try:
            weights[node.name] = _select_weights(node, fmt_a, calibration, method)
        except ValueError as error:
            raise ValueError(f"layer '{node.name}': {error}") from error
    about = network.name, method.exp_max, method.k_max, method.objective
    return Selection(*about, tensors, weights, scales)


def with_nearest_weights(
    network: Network, calibration: Calibration, method: Method, selection: Selection
) -> Selection:
    """Return a selection with weights of least squared error, rounded to nearest."""
    nearest = replace(method, objective="tensor")
    return _selection(network, calibration, nearest, selection.tensors, selection.scales)


def _least_errors(calibration: Calibration, method: Method) -> dict[str, Format]:
    """Return the format of each tensor's least squared error."""
    tensors = {}
    for name, histogram in calibration.histograms.items():
        try:
            found = candidate_formats(histogram.values, method.splits, histogram.counts)
        except ValueError as error:
            raise ValueError(f"tensor '{name}': {error}") from error
        tensors[name] = min(found, key=lambda pair: pair[1])[0]
    return tensors


def _candidates(method: Method, histogram: Histogram, scale: float) -> list[Candidate]:
    """Return the formats that were worth trying for a tensor with a factor."""
    found = candidate_formats(histogram.values / scale, method.splits, histogram.counts)
    return [Candidate(fmt, fmt.quantize, error * scale**2, fmt.max * scale) for fmt, error in found]


def _parts(network: Network, calibration: Calibration, selection: Selection) -> Parts:
    """Return what emulates a selection."""
    codes = weight_codes(network, selection, calibration)
    return emulated(network, selection, codes)


def emulated(network: Network, selection: Selection, codes: Mapping[str, np.ndarray]) -> Parts:
    """Return the network that an `Emulation` takes, the values of weights, and quantizers.

    The network's biases are as an accumulator holds them.
    """
    storage = plan_storage(network)

    def held(node: Node) -> Node:
        if not isinstance(node, Linear):
            return node
        fmt_a, chosen = (
            selection.tensors[storage.source(node.inputs[0])],
            selection.weights[node.name],
        )
        grid = fmt_a.unit_exponent + chosen.fmt.unit_exponent - chosen.biases
        return replace(node, bias=held_start(start_values(node), grid.tolist()))

    rescaled = rescaled_network(network, selection.scales)
    return (
        replace(rescaled, nodes=tuple(map(held, rescaled.nodes))),
        {name: selection.weights[name].decode(found) for name, found in codes.items()},
        {name: fmt.quantize for name, fmt in selection.tensors.items()},
    )


def check_selection(network: Network, selection: Selection) -> None:
    """Check that a selection, which may come from a file, fits a network.

    Raises
    ------
    ValueError
        If formats are missing, a layer has not a bias for each channel, or sums too many products.
    """
    layers = network.linears
    missing = [name for name in plan_storage(network).own if name not in selection.tensors]
    missing += [node.name for node in layers if node.name not in selection.weights]
    if missing:
        raise ValueError(
            f"the selection for network '{selection.network}' has no format for"
            f" {', '.join(missing)} of '{network.name}'"
        )
    for node in layers:
        biases = len(selection.weights[node.name].biases)
        if biases != len(node.bias):
            raise ValueError(
                f"layer '{node.name}': {biases} biases in the selection,"
                f" one for each of {len(node.bias)} channels is needed"
            )
    _check_scales(network, selection.scales)
    check_depths(network, selection.k_max)


def _check_scales(network: Network, scales: Mapping[str, float]) -> None:
    """Raise ValueError if factors would change the network's answers."""
    free = set()
    for group in shared_scales(network):
        free.update(group)
        if len({scales.get(name, 1.0) for name in group}) > 1:
            raise ValueError(
                f"the scales of {', '.join(group)} of '{network.name}' differ: tensors that are"
                " added, joined or passed on have one together"
            )
    if wrong := [name for name in scales if name not in free]:
        raise ValueError(
            f"a scale for {', '.join(wrong)} of '{network.name}': no such tensor, or one that can"
            " have none"
        )


def weight_codes(
    network: Network, selection: Selection, calibration: Calibration
) -> dict[str, np.ndarray]:
    """Round the weights of each `Linear` node to the formats chosen: by name, (K, N) uint8.

    Raises
    ------
    ValueError
        If the selection does not fit the network, see `check_selection`.
    """
    check_selection(network, selection)
    rounded = {}
    for node in rescaled_network(network, selection.scales).linears:
        chosen, moments = selection.weights[node.name], calibration.moments.get(node.name)
        values = node.weights
        if selection.objective == "output" and moments is not None:
            values = Compensation(moments).round(values, chosen.quantize)
        rounded[node.name] = chosen.encode(values)
    return rounded


def _select_weights(
    node: Linear, fmt_a: Format, calibration: Calibration, method: Method
) -> ColumnFormats:
    """Choose the split of a layer's weights and their biases."""
    limits = _bias_limits(start_values(node), fmt_a, method)
    if not method.per_channel:
        least = {fraction: biases.min(keepdims=True) for fraction, biases in limits.items()}
        (chosen, *_) = candidate_column_formats(node.weights.reshape(-1, 1), method.splits, least)
        biases = np.repeat(chosen.biases, node.weights.shape[1])
        return ColumnFormats(chosen.fmt, biases, chosen.error)
    found = candidate_column_formats(node.weights, method.splits, limits)
    moments = calibration.moments.get(node.name)
    if method.objective == "tensor" or moments is None:
        return found[0]
    near = [chosen for chosen in found if chosen.error <= NEAR_LEAST * found[0].error]
    if len(near) == 1:
        return near[0]
    compensation = Compensation(moments)

    def cost(chosen: ColumnFormats) -> float:
        rounded = compensation.round(node.weights, chosen.quantize)
        return compensation.output_error(rounded - node.weights)

    return min(near, key=cost)


def start_values(node: Linear) -> np.ndarray:
    """Return a layer's bias as the accumulator starts from it, (N,) float32.

    Raises
    ------
    ValueError
        If a value is beyond binary32.
    """
    with np.errstate(over="ignore"):
        start = node.bias.astype(np.float32)
    if not np.isfinite(start).all():
        channel = int(np.argmin(np.isfinite(start)))
        raise ValueError(f"the bias {node.bias[channel]} of channel {channel} is beyond binary32")
    return start


def _bias_limits(start: np.ndarray, fmt_a: Format, method: Method) -> dict[int, np.ndarray]:
    """Greatest weight biases that let the start values fit, for each fraction width."""
    width = accumulator_width(method.exp_max, method.k_max)
    limits = {split[2]: start_bias_limits(start, fmt_a, split[2], width) for split in method.splits}
    for fraction, biases in limits.items():
        if (biases < BIAS_MIN).any():
            channel = int(np.argmin(biases))
            raise ValueError(
                f"the bias {start[channel]} of channel {channel} fits no weight format with"
                f" {fraction} fraction bits on activations of {fmt_a}"
            )
    return limits
