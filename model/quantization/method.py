"""The selection method: the formats of all tensors of a network, from calibration data.

The sign bit of a tensor follows from its values. Split and bias are chosen by squared error, either
of the tensor itself, or of what is computed from it with the other operand: activations are chosen
for the outputs of the layers that read them, weights for the outputs of their layer with the
activations quantized already. In the second case weights are also rounded for these outputs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from ..arithmetic.accumulator import accumulator_width
from ..format.format import Format
from ..format.splits import Split, supported_splits
from ..graph.network import Linear, Network, Node
from .calibration import Calibration, power_of_two_scale
from .compensation import Compensation
from .depths import K_MAX, check_depths
from .histogram import Histogram
from .selection import (
    BIAS_MIN,
    ColumnFormats,
    candidate_column_formats,
    candidate_formats,
    start_bias_limits,
)
from .storage import plan_storage

Objective = Literal["output", "tensor"]

NEAR_LEAST = 2.0
"""Formats whose squared error is at most so many times the least are judged by outputs."""


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
    """

    splits: tuple[Split, ...] = tuple(supported_splits(5))
    objective: Objective = "output"
    per_channel: bool = True
    exp_max: int = 5
    k_max: int = K_MAX


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
    storage = plan_storage(network)
    tensors = {}
    for name, histogram in calibration.histograms.items():
        try:
            tensors[name] = _select_tensor(histogram, storage.readers[name], calibration, method)
        except ValueError as error:
            raise ValueError(f"tensor '{name}': {error}") from error
    weights = {}
    for node in network.nodes:
        if isinstance(node, Linear):
            fmt_a = tensors[storage.source(node.inputs[0])]
            try:
                weights[node.name] = _select_weights(node, fmt_a, calibration, method)
            except ValueError as error:
                raise ValueError(f"layer '{node.name}': {error}") from error
    return Selection(network.name, method.exp_max, method.k_max, method.objective, tensors, weights)


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
    check_depths(network, selection.k_max)


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
    for node in network.nodes:
        if isinstance(node, Linear):
            chosen, moments = selection.weights[node.name], calibration.moments.get(node.name)
            values = node.weights
            if selection.objective == "output" and moments is not None:
                values = Compensation(moments).round(values, chosen.quantize)
            rounded[node.name] = chosen.encode(values)
    return rounded


def _select_tensor(
    histogram: Histogram, readers: tuple[Node, ...], calibration: Calibration, method: Method
) -> Format:
    """Choose the format of a tensor of activations."""
    found = candidate_formats(histogram.values, method.splits, histogram.counts)
    least = min(error for _, error in found)
    if method.objective == "tensor" or least == 0:
        return next(fmt for fmt, error in found if error == least)
    near = [(fmt, error) for fmt, error in found if error <= NEAR_LEAST * least]
    layers = [reader for reader in readers if isinstance(reader, Linear)]
    noise = [_OutputNoise(node, calibration.patches[node.name]) for node in layers]
    others = len(readers) - len(layers) or not layers
    power = histogram.counts @ np.square(histogram.values)

    def cost(candidate: tuple[Format, float]) -> float:
        fmt, error = candidate
        return others * error / power + sum(measure(fmt) for measure in noise)

    return min(near, key=cost)[0]


class _OutputNoise:
    """Noise of a layer's output, relative to the output, if its input has a given format."""

    def __init__(self, node: Linear, patches: np.ndarray) -> None:
        self._patches, self._scale = patches, power_of_two_scale(patches)
        self._factors = _group_weights(node) * power_of_two_scale(node.weights)
        if self._factors.shape[2] > self._factors.shape[1]:
            # a triangular factor has the same Gram matrix, and fewer columns
            self._factors = np.linalg.qr(self._factors.transpose(0, 2, 1), "r").transpose(0, 2, 1)
        self._factors = self._factors.astype(np.float32)
        self._power = self._energy(patches)

    def _energy(self, patches: np.ndarray) -> float:
        scaled = (patches * self._scale).astype(np.float32)
        products = np.matmul(scaled.transpose(1, 0, 2), self._factors)
        return float(np.square(products).sum(dtype=np.float64))

    def __call__(self, fmt: Format) -> float:
        """Return the noise of a format."""
        errors = fmt.quantize(self._patches) - self._patches
        return self._energy(errors) / self._power if self._power else 0.0


def _group_weights(node: Linear) -> np.ndarray:
    """Weights of each group, (groups, K, N / groups)."""
    depth = len(node.weights)
    return node.weights.reshape(depth, node.groups, -1).transpose(1, 0, 2)


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
