"""Quantize an imported network to FFP8."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np

from model.accumulator import accumulator_width
from model.calibration import calibrate
from model.format import Format, supported_splits
from model.graph import Add, Linear, Network, Node, Pool, Reshape
from model.quantized import (
    AddLayer,
    AveragePoolLayer,
    GemmLayer,
    Layer,
    MaxPoolLayer,
    QuantizedNetwork,
    ReshapeLayer,
)
from model.selection import BIAS_MIN, select_column_formats, select_format, start_bias_limits


def quantize(
    network: Network,
    images: np.ndarray,
    exp_max: int = 4,
    k_max: int = 4096,
    rounding: str = "rne",
) -> QuantizedNetwork:
    """Quantize every tensor of a network, first and last layer included, to FFP8.

    Weights have a split per tensor and a bias per output channel, activations one format per
    tensor, chosen on calibration images. The answer of a last layer without activation stays
    raw binary32. Weights and images are rounded to nearest, ties to even, in any case.

    Parameters
    ----------
    network
        The imported network.
    images
        Calibration images, (N, C, H, W) float32.
    exp_max, k_max
        Exponent bits and longest sum of products of the engine's build; they determine the
        accumulator width that start values have to fit.
    rounding
        Of the results of layers.

    Raises
    ------
    ValueError
        If a layer's sums are longer than ``k_max``, or its bias fits no format.
    """
    if not len(images):
        raise ValueError("no calibration images: at least one is needed")
    raw = _raw_result(network)
    formats = {
        name: None if name == raw else select_format(values, exp_max)
        for name, values in calibrate(network, images).items()
    }
    quantizer = _Quantizer(network.shapes, formats, exp_max, k_max, rounding)
    nodes = tuple(quantizer.layer(node) for node in network.nodes)
    return QuantizedNetwork(
        network.name,
        nodes,
        network.input,
        network.output,
        network.input_shape,
        formats,
        exp_max,
        k_max,
    )


def _raw_result(network: Network) -> str | None:
    """Name the result without activation that is, but for its shape, the answer."""
    producers = {node.output: node for node in network.nodes}
    readers = Counter(name for node in network.nodes for name in node.inputs)
    node, read = producers[network.output], readers[network.output]
    while isinstance(node, Reshape) and node.inputs[0] in producers:
        read += readers[node.inputs[0]] - 1
        node = producers[node.inputs[0]]
    raw = isinstance(node, Linear) and node.activation is None and read == 0
    return node.output if raw else None


@dataclass(frozen=True)
class _Quantizer:
    """Makes the layer of each node, in order, and notes the formats of tensors passed on."""

    shapes: dict[str, tuple[int, ...]]
    formats: dict[str, Format | None]
    exp_max: int
    k_max: int
    rounding: str

    def layer(self, node: Node) -> Layer:
        """Return the quantized node."""
        if isinstance(node, Linear):
            return self._gemm(node)
        if isinstance(node, Add):
            formats = {"fmt_a": self.formats[node.inputs[0]], "fmt_b": self.formats[node.inputs[1]]}
            return AddLayer(**self._common(node), **self._result(node), **formats)
        fmt = self.formats[node.inputs[0]]
        if isinstance(node, Pool) and node.kind == "average":
            return AveragePoolLayer(
                **self._common(node), **self._result(node), window=node.window, fmt_a=fmt
            )
        self.formats[node.output] = fmt
        if isinstance(node, Pool):
            return MaxPoolLayer(**self._common(node), window=node.window, fmt=fmt)
        return ReshapeLayer(**self._common(node))

    def _common(self, node: Node) -> dict[str, object]:
        return {
            "name": node.name,
            "inputs": node.inputs,
            "output": node.output,
            "input_shape": self.shapes[node.inputs[0]],
            "output_shape": self.shapes[node.output],
        }

    def _result(self, node: Node) -> dict[str, object]:
        """Format of a node's result, and how results are rounded and clamped to it."""
        fmt = self.formats[node.output]
        bounded = node.activation and math.isfinite(node.activation.upper)
        return {
            "fmt_y": fmt,
            "rounding": self.rounding if fmt else "rne",
            "clamp": int(fmt.encode(node.activation.upper)) if bounded else None,
        }

    def _gemm(self, node: Linear) -> GemmLayer:
        terms = len(node.weights)
        if terms > self.k_max:
            raise ValueError(
                f"layer '{node.name}' sums {terms} products, this build at most {self.k_max}"
            )
        start = self._start(node)
        fmt_a = self.formats[node.inputs[0]]
        chosen = select_column_formats(
            node.weights, self.exp_max, self._bias_limits(node.name, start, fmt_a)
        )
        return GemmLayer(
            **self._common(node),
            **self._result(node),
            operator=node.operator,
            window=node.window,
            fmt_a=fmt_a,
            fmt_w=chosen.fmt,
            biases_w=chosen.biases,
            w_codes=chosen.encode(node.weights),
            start=start,
        )

    def _start(self, node: Linear) -> np.ndarray:
        with np.errstate(over="ignore"):
            start = node.bias.astype(np.float32)
        if not np.isfinite(start).all():
            channel = int(np.argmin(np.isfinite(start)))
            raise ValueError(
                f"layer '{node.name}': the bias {node.bias[channel]} of channel {channel}"
                " is beyond binary32"
            )
        return start

    def _bias_limits(self, name: str, start: np.ndarray, fmt_a: Format) -> dict[int, np.ndarray]:
        """Greatest weight biases that let the start values fit, for each fraction width."""
        width = accumulator_width(self.exp_max, self.k_max)
        limits = {
            fraction: start_bias_limits(start, fmt_a, fraction, width)
            for _, _, fraction in supported_splits(self.exp_max)
        }
        for fraction, biases in limits.items():
            if (biases < BIAS_MIN).any():
                channel = int(np.argmin(biases))
                raise ValueError(
                    f"layer '{name}': the bias {start[channel]} of channel {channel} fits no"
                    f" weight format with {fraction} fraction bits on activations of {fmt_a}"
                )
        return limits
