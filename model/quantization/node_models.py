"""Models of single nodes, which onnxruntime runs: what a network is put together from again."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import partial

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ..graph.network import Add, FloatOperation, Linear, Node, Pool, Product, Relu

OPSET, IR_VERSION = 17, 8
Steps = list[tuple[str, list[str], dict[str, object]]]
"""Operators, what each reads, and its attributes; an input "" is the result of the one before."""


def node_model(
    node: Node, shapes: Mapping[str, tuple[int, ...]], batch: int | str
) -> onnx.ModelProto:
    """Return a model of one node, its activation included.

    Parameters
    ----------
    node
        Graph inputs and output have the names of its tensors.
    shapes
        Of one image of each tensor.
    batch
        Images at a time, or a name for what is open.
    """
    if isinstance(node, FloatOperation):
        return _with_activation(node) if node.activation else node.model
    make = partial(_graph, node, shapes, batch)
    if isinstance(node, Linear):
        return _linear_model(node, make)
    if isinstance(node, Product):
        return make([("MatMul", list(node.inputs), {})], {})
    if isinstance(node, Add):
        return make([("Add", list(node.inputs), {})], {})
    if isinstance(node, Pool):
        operator = {"average": "AveragePool", "max": "MaxPool"}[node.kind]
        return make([(operator, list(node.inputs), _window_attributes(node))], {})
    return make([("Flatten", list(node.inputs), {})], {})


def _with_activation(node: FloatOperation) -> onnx.ModelProto:
    steps, limits = _activation(node.activation)
    inactive = f"{node.output}/inactive"
    model = onnx.ModelProto()
    model.CopyFrom(node.model)
    for operator in model.graph.node:
        operator.output[:] = [inactive if name == node.output else name for name in operator.output]
    model.graph.node.extend(_chain(steps, node.output, inactive))
    model.graph.initializer.extend(_constants(limits))
    return model


def _activation(activation: Relu | None) -> tuple[Steps, dict[str, np.ndarray]]:
    """Return the operators of an activation, none or one, and the constants that it reads."""
    if activation is None:
        return [], {}
    if math.isinf(activation.upper):
        return [("Relu", [""], {})], {}
    limits = {"lower": np.zeros(()), "upper": np.array(activation.upper)}
    return [("Clip", ["", *limits], {})], limits


def _linear_model(node: Linear, make: partial) -> onnx.ModelProto:
    (source,) = node.inputs
    constants = {"weights": node.weights, "bias": node.bias}
    if node.window is None:
        steps = [("MatMul", [source, "weights"], {}), ("Add", ["", "bias"], {})]
        return make(steps, constants)
    columns = node.weights.shape[1]
    constants["weights"] = node.weights.T.reshape(columns, -1, *node.window.kernel)
    attributes = _window_attributes(node) | {"group": node.groups}
    return make([("Conv", [source, "weights", "bias"], attributes)], constants)


def _window_attributes(node: Linear | Pool) -> dict[str, object]:
    window = node.window
    attributes = {"kernel_shape": window.kernel, "strides": window.strides, "pads": window.pads}
    dilated = window.dilations != (1, 1)
    return attributes | ({"dilations": window.dilations} if dilated else {})


def _graph(
    node: Node,
    shapes: Mapping[str, tuple[int, ...]],
    batch: int | str,
    steps: Steps,
    constants: dict[str, np.ndarray],
) -> onnx.ModelProto:
    """Chain operators, and the activation after them."""
    last, limits = _activation(node.activation)
    constants = constants | limits

    def info(name: str) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, [batch, *shapes[name]])

    graph = helper.make_graph(
        _chain([*steps, *last], node.output),
        "node",
        [info(name) for name in dict.fromkeys(node.inputs)],
        [info(node.output)],
        _constants(constants),
    )
    opset = helper.make_opsetid("", OPSET)
    return helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION)


def _constants(values: Mapping[str, np.ndarray]) -> list[onnx.TensorProto]:
    return [numpy_helper.from_array(v.astype(np.float32), name) for name, v in values.items()]


def _chain(steps: Steps, output: str, first: str = "") -> list[onnx.NodeProto]:
    """Return operators each of which reads the one before, the first what is named."""
    operators, previous = [], first
    for index, (kind, inputs, attributes) in enumerate(steps):
        result = output if index == len(steps) - 1 else f"{output}/{index}"
        named = [name or previous for name in inputs]
        operators.append(helper.make_node(kind, named, [result], **attributes))
        previous = result
    return operators
