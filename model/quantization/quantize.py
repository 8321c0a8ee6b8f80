"""Quantize an imported network to FFP8 with the formats that were chosen for it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..format.format import Format
from ..graph.network import Add, FloatOperation, Linear, Network, Node, Pool, Product
from .gemm_layer import GemmLayer, Layer
from .method import Selection, check_selection, start_values
from .product_layer import ProductLayer
from .quantized import (
    AddLayer,
    AveragePoolLayer,
    FloatLayer,
    MaxPoolLayer,
    QuantizedNetwork,
    ReshapeLayer,
)
from .scaling import rescaled_network
from .storage import Storage, plan_storage


def apply_selection(
    network: Network,
    selection: Selection,
    codes: Mapping[str, np.ndarray],
    rounding: str = "rne",
) -> QuantizedNetwork:
    """Quantize every tensor of a network, first and last layer included, to FFP8.

    Weights have a split per tensor and a bias per output channel, activations one format per
    tensor. The answer of a last layer without activation stays raw binary32. Images are rounded to
    nearest, ties to even, in any case.

    Parameters
    ----------
    network
        The imported network.
    selection
        The formats.
    codes
        Of the weights, see `weight_codes`.
    rounding
        Of the results of layers.

    Raises
    ------
    ValueError
        If formats are missing or do not fit, or codes, naming the layer; see `check_selection`.
    """
    check_selection(network, selection)
    network = rescaled_network(network, selection.scales)
    quantizer = _Quantizer(network.shapes, plan_storage(network), selection, codes, rounding)
    nodes = tuple(quantizer.layer(node) for node in network.nodes)
    tensors = dict.fromkeys((network.input, *(node.output for node in network.nodes)))
    return QuantizedNetwork(
        network.name,
        nodes,
        network.input,
        network.output,
        network.input_shape,
        {name: quantizer.format(name) for name in tensors},
        selection.exp_max,
        selection.k_max,
        {name: factor for name, factor in selection.scales.items() if name in tensors},
    )


@dataclass(frozen=True)
class _Quantizer:
    """Makes the layer of each node."""

    shapes: dict[str, tuple[int, ...]]
    storage: Storage
    selection: Selection
    codes: Mapping[str, np.ndarray]
    rounding: str

    def format(self, tensor: str) -> Format | None:
        """Return the format of a tensor, None if it is kept as numbers."""
        return self.selection.tensors.get(self.storage.source(tensor))

    def layer(self, node: Node) -> Layer:
        """Return the quantized node."""
        formats = tuple(self.format(name) for name in node.inputs)
        if isinstance(node, Linear):
            return self._gemm(node)
        if isinstance(node, FloatOperation):
            return FloatLayer(
                **self._common(node),
                model=node.model,
                formats=formats,
                fmt_y=self.format(node.output),
                activation=node.activation,
                rounding=self.rounding,
            )
        if isinstance(node, Product):
            return ProductLayer(
                **self._common(node),
                **self._result(node),
                second_shape=self.shapes[node.inputs[1]],
                fmt_a=formats[0],
                fmt_b=formats[1],
            )
        if isinstance(node, Add):
            return AddLayer(
                **self._common(node), **self._result(node), fmt_a=formats[0], fmt_b=formats[1]
            )
        if isinstance(node, Pool) and node.kind == "average":
            return AveragePoolLayer(
                **self._common(node), **self._result(node), window=node.window, fmt_a=formats[0]
            )
        if isinstance(node, Pool):
            return MaxPoolLayer(**self._common(node), window=node.window, fmt=formats[0])
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
        fmt = self.format(node.output)
        bounded = fmt and node.activation and math.isfinite(node.activation.upper)
        return {
            "fmt_y": fmt,
            "activation": node.activation,
            "rounding": self.rounding if fmt else "rne",
            "clamp": int(fmt.encode(node.activation.upper)) if bounded else None,
        }

    def _gemm(self, node: Linear) -> GemmLayer:
        codes = np.asarray(self.codes.get(node.name))
        if codes.shape != node.weights.shape or codes.dtype != np.uint8:
            raise ValueError(
                f"layer '{node.name}': codes of type {codes.dtype} and shape {codes.shape},"
                f" uint8 of shape {node.weights.shape} is needed"
            )
        chosen = self.selection.weights[node.name]
        return GemmLayer(
            **self._common(node),
            **self._result(node),
            operator=node.operator,
            window=node.window,
            groups=node.groups,
            fmt_a=self.format(node.inputs[0]),
            fmt_w=chosen.fmt,
            biases_w=chosen.biases,
            w_codes=codes,
            start=start_values(node),
        )
