"""A network in float32 whose weights and tensors are held to the values of 8-bit codes.

This is how different number systems are compared on equal terms: everything but what they do to a
value is the same, and runs in onnxruntime. An FFP8 network on codes (`QuantizedNetwork`) adds
up exactly where this one rounds to float32, and so may differ from it in the last place of a code.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ..graph.network import Add, FloatOperation, Linear, Network, Node, Pool, Product
from .calibration import batch_size, session
from .noise import Quantize

OPSET, IR_VERSION = 17, 8
THREADS = 2


class Emulation:
    """Runs a network node by node.

    Parameters
    ----------
    network
        The imported network.
    weights
        By the name of a `Linear` node, (K, N) values in place of its weights.
    quantizers
        By the name of a tensor, what holds its values to those of codes.
    """

    def __init__(
        self,
        network: Network,
        weights: Mapping[str, np.ndarray],
        quantizers: Mapping[str, Quantize],
    ) -> None:
        self._network, self._quantizers = network, quantizers
        self._sessions = [
            session(_node_model(node, network, weights.get(node.name))) for node in network.nodes
        ]
        self._last_use = {
            name: index for index, node in enumerate(network.nodes) for name in node.inputs
        }

    def run(self, images: np.ndarray) -> np.ndarray:
        """Return the answers, (N, classes) float32, to images (N, C, H, W) float32.

        Raises
        ------
        ValueError
            If images have another shape than the network's, or a tensor to quantize holds NaN.
        """
        if not len(images) or images.shape[1:] != self._network.input_shape:
            raise ValueError(
                f"images of shape {images.shape}:"
                f" at least one of {self._network.input_shape} is expected"
            )
        size = batch_size(self._network)
        batches = [images[first : first + size] for first in range(0, len(images), size)]
        with ThreadPoolExecutor(THREADS) as pool:
            return np.concatenate(list(pool.map(self._run_batch, batches)))

    def _run_batch(self, images: np.ndarray) -> np.ndarray:
        network = self._network
        missing = network.batch - len(images) if network.batch else 0
        padded = np.concatenate([images, np.repeat(images[-1:], missing, axis=0)])
        tensors = {network.input: self._quantized(network.input, padded)}
        for index, (node, runner) in enumerate(zip(network.nodes, self._sessions, strict=True)):
            (result,) = runner.run(None, {name: tensors[name] for name in node.inputs})
            if isinstance(node, FloatOperation) and node.activation:
                result = node.activation(result)
            tensors[node.output] = self._quantized(node.output, result)
            for name in set(node.inputs):
                if self._last_use[name] == index and name != network.output:
                    del tensors[name]
        return tensors[network.output][: len(images)].reshape(len(images), -1)

    def _quantized(self, name: str, values: np.ndarray) -> np.ndarray:
        if name not in self._quantizers:
            return values
        try:
            return self._quantizers[name](values)
        except ValueError as error:
            raise ValueError(f"tensor '{name}': {error}") from error


def _node_model(node: Node, network: Network, weights: np.ndarray | None) -> onnx.ModelProto:
    """Return a model of one node, its activation included but for that of a `FloatOperation`."""
    if isinstance(node, FloatOperation):
        return node.model
    make = partial(_graph, node, network)
    if isinstance(node, Linear):
        return _linear_model(node, node.weights if weights is None else weights, make)
    if isinstance(node, Product):
        return make([("MatMul", list(node.inputs), {})], {})
    if isinstance(node, Add):
        return make([("Add", list(node.inputs), {})], {})
    if isinstance(node, Pool):
        operator = {"average": "AveragePool", "max": "MaxPool"}[node.kind]
        return make([(operator, list(node.inputs), _window_attributes(node))], {})
    return make([("Flatten", list(node.inputs), {})], {})


def _linear_model(node: Linear, weights: np.ndarray, make: partial) -> onnx.ModelProto:
    (source,) = node.inputs
    constants = {"weights": weights, "bias": node.bias}
    if node.window is None:
        steps = [("MatMul", [source, "weights"], {}), ("Add", ["", "bias"], {})]
        return make(steps, constants)
    columns = weights.shape[1]
    constants["weights"] = weights.T.reshape(columns, -1, *node.window.kernel)
    attributes = _window_attributes(node) | {"group": node.groups}
    return make([("Conv", [source, "weights", "bias"], attributes)], constants)


def _window_attributes(node: Linear | Pool) -> dict[str, object]:
    window = node.window
    attributes = {"kernel_shape": window.kernel, "strides": window.strides, "pads": window.pads}
    dilated = window.dilations != (1, 1)
    return attributes | ({"dilations": window.dilations} if dilated else {})


def _graph(
    node: Node,
    network: Network,
    steps: list[tuple[str, list[str], dict]],
    constants: dict[str, np.ndarray],
) -> onnx.ModelProto:
    """Chain operators; an input named "" is the result of the one before."""
    if node.activation and math.isfinite(node.activation.upper):
        steps = [*steps, ("Clip", ["", "lower", "upper"], {})]
        constants = constants | {"lower": np.zeros(()), "upper": np.array(node.activation.upper)}
    elif node.activation:
        steps = [*steps, ("Relu", [""], {})]
    operators, previous = [], ""
    for index, (kind, inputs, attributes) in enumerate(steps):
        result = node.output if index == len(steps) - 1 else f"{node.output}/{index}"
        named = [name or previous for name in inputs]
        operators.append(helper.make_node(kind, named, [result], **attributes))
        previous = result
    graph = helper.make_graph(
        operators,
        "node",
        [_information(name, network) for name in dict.fromkeys(node.inputs)],
        [_information(node.output, network)],
        [numpy_helper.from_array(v.astype(np.float32), name) for name, v in constants.items()],
    )
    opset = helper.make_opsetid("", OPSET)
    return helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION)


def _information(name: str, network: Network) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(
        name, TensorProto.FLOAT, [network.batch or "N", *network.shapes[name]]
    )
