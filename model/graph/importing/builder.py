"""Bookkeeping while an ONNX graph is translated: tensors, constants, producers, names."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import TypeVar

import numpy as np
import onnx
from onnx import numpy_helper

from ..network import FloatOperation, Node

AnyNode = TypeVar("AnyNode", bound=Node)


PASSED_ON = ("Cast", "Dropout", "Identity")
"""Operators whose result is their input as it is; Cast, since all activations are float32."""


class UnsupportedError(ValueError):
    """An operator cannot be translated."""


def attributes(operator: onnx.NodeProto) -> dict[str, object]:
    """Return the attributes that an operator has in the file."""
    return {a.name: onnx.helper.get_attribute_value(a) for a in operator.attribute}


class Builder:
    """The nodes made so far, and what an operator's translation asks of its surroundings.

    Parameters
    ----------
    model
        A resolved ONNX model: see `model.graph.importing.resolution.resolve`.
    shapes
        The shape of one image of every tensor.
    batch
        The batch size, if it is fixed.

    Attributes
    ----------
    model, shapes, batch
        As given; folding may add tensors.
    nodes
        The nodes, in topological order.
    output
        The tensor that is the network's answer.
    """

    def __init__(
        self, model: onnx.ModelProto, shapes: dict[str, tuple[int, ...]], batch: int | None
    ) -> None:
        graph = model.graph
        self.model = model
        self.nodes: list[Node] = []
        self.batch = batch
        self.shapes = shapes
        self._constants = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
        self._aliases = {
            node.output[0]: node.input[0] for node in graph.node if node.op_type in PASSED_ON
        }
        self.output = self.source(graph.output[0].name)
        self._readers = Counter([self.output])
        for node in graph.node:
            if node.op_type not in PASSED_ON:
                # Each part of a Split becomes a node of its own, which reads the whole.
                count = len(node.output) if node.op_type == "Split" else 1
                for name in node.input:
                    self._readers[self.source(name)] += count

    def source(self, name: str) -> str:
        """Follow Identity, Dropout and Cast back to the tensor that they pass on."""
        while name in self._aliases:
            name = self._aliases[name]
        return name

    def is_constant(self, name: str) -> bool:
        """Tell whether a tensor's value is known."""
        return self.source(name) in self._constants

    def is_read(self, name: str) -> bool:
        """Tell whether any operator reads a tensor, or it is the network's answer."""
        return self._readers[name] > 0

    def operand(self, operator: onnx.NodeProto, index: int = 0) -> str:
        """Name an input that must be an activation."""
        name = self.source(operator.input[index])
        if name in self._constants:
            raise UnsupportedError(f"its input '{name}' is a constant")
        return name

    def constant(self, operator: onnx.NodeProto, index: int) -> np.ndarray | None:
        """Value of an input that must be constant; None if it is left out."""
        if index >= len(operator.input) or not operator.input[index]:
            return None
        if not self.is_constant(operator.input[index]):
            raise UnsupportedError(f"its input '{operator.input[index]}' is not a constant")
        return self._constants[self.source(operator.input[index])]

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of one image of a tensor."""
        if name not in self.shapes:
            raise UnsupportedError(f"the shape of '{name}' is not known")
        return self.shapes[name]

    def sole_producer(self, name: str) -> Node | None:
        """Return the node whose result ``name`` is, if nothing but one operator reads it."""
        node = next((node for node in self.nodes if node.output == name), None)
        return node if self._readers[name] == 1 else None

    def readers(self, name: str) -> list[Node]:
        """Return the nodes made so far that read a tensor."""
        return [node for node in self.nodes if name in node.inputs]

    def replace(self, node: AnyNode, **changes: object) -> AnyNode:
        """Put a copy with changed fields in a node's place."""
        if isinstance(node, FloatOperation) and "output" in changes:
            changes["model"] = _with_output(node.model, node.output, changes["output"])
        changed = dataclasses.replace(node, **changes)
        self.nodes[self.nodes.index(node)] = changed
        return changed

    def name(self, operator: onnx.NodeProto) -> str:
        """Make a short unique name: "/block1/conv1/Conv" becomes "block1/conv1", "/" stays."""
        full = operator.name or operator.output[0]
        parts = [part for part in full.split("/") if part] or [full]
        if len(parts) > 1 and parts[-1] == operator.op_type != "Add":
            parts.pop()
        short = "/".join(
            part
            for part, following in zip(parts, [*parts[1:], ""], strict=True)
            if not following.startswith(f"{part}.")
        )
        taken = sum(node.name.partition("#")[0] == short for node in self.nodes)
        return f"{short}#{taken + 1}" if taken else short


def _with_output(model: onnx.ModelProto, old: str, new: str) -> onnx.ModelProto:
    """Return a one-operator model whose output has another name."""
    renamed = onnx.ModelProto()
    renamed.CopyFrom(model)
    renamed.graph.output[0].name = new
    outputs = renamed.graph.node[0].output
    outputs[list(outputs).index(old)] = new
    return renamed
