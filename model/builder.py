"""Bookkeeping while an ONNX graph is translated: tensors, constants, producers, names."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import TypeVar

import numpy as np
import onnx

from model.graph import Node

ALIASES = ("Identity", "Dropout")
AnyNode = TypeVar("AnyNode", bound=Node)


class UnsupportedError(ValueError):
    """An operator cannot be translated; without a message, only because another could not."""


class Builder:
    """The nodes made so far, and what an operator's translation asks of its surroundings.

    Parameters
    ----------
    graph
        A checked ONNX graph.
    shapes
        The shape of one image of every tensor that has one.
    constants
        The value of every initializer and Constant operator.
    batch
        The batch size, if it is fixed.

    Attributes
    ----------
    nodes
        The nodes, in topological order.
    failed
        Outputs of the operators that could not be translated.
    output
        The tensor that is the network's answer.
    """

    def __init__(
        self,
        graph: onnx.GraphProto,
        shapes: dict[str, tuple[int, ...]],
        constants: dict[str, np.ndarray],
        batch: int | None,
    ) -> None:
        self.nodes: list[Node] = []
        self.failed: set[str] = set()
        self._shapes = shapes
        self._constants = constants
        self.batch = batch
        self._aliases = {
            node.output[0]: node.input[0] for node in graph.node if node.op_type in ALIASES
        }
        self.output = self.source(graph.output[0].name)
        self._readers = Counter([self.output])
        for node in graph.node:
            if node.op_type not in ALIASES:
                self._readers.update(self.source(name) for name in node.input)

    def source(self, name: str) -> str:
        """Follow Identity and Dropout back to the tensor that they pass on."""
        while name in self._aliases:
            name = self._aliases[name]
        return name

    def is_constant(self, name: str) -> bool:
        """Tell whether a tensor's value is known."""
        return self.source(name) in self._constants

    def is_read(self, name: str) -> bool:
        """Tell whether any operator reads a tensor."""
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

    def shape(self, name: str, rank: int | None = None) -> tuple[int, ...]:
        """Shape of one image of a tensor, of a given rank if one is needed."""
        if name not in self._shapes:
            raise UnsupportedError(f"the shape of '{name}' is not known")
        shape = self._shapes[name]
        if rank not in (None, len(shape)):
            raise UnsupportedError(f"'{name}' has shape {shape} per image, {rank} axes expected")
        return shape

    def sole_producer(self, name: str, kind: type[AnyNode] = Node) -> AnyNode:
        """Return the node of a ``kind`` whose result ``name`` nothing else reads."""
        if name in self.failed:
            raise UnsupportedError()
        node = next((node for node in self.nodes if node.output == name), None)
        if not isinstance(node, kind) or self._readers[name] != 1:
            wanted = "an operator" if kind is Node else "a Conv, Gemm or MatMul"
            raise UnsupportedError(
                f"its input '{name}' must be the result of {wanted} that nothing else reads"
            )
        return node

    def replace(self, node: Node, **changes: object) -> None:
        """Put a copy with changed fields in a node's place."""
        self.nodes[self.nodes.index(node)] = dataclasses.replace(node, **changes)

    def name(self, operator: onnx.NodeProto) -> str:
        """Make a short unique name: "/block1/conv1/Conv" becomes "block1/conv1"."""
        parts = [part for part in (operator.name or operator.output[0]).split("/") if part]
        if len(parts) > 1 and parts[-1] == operator.op_type != "Add":
            parts.pop()
        short = "/".join(
            part
            for part, following in zip(parts, [*parts[1:], ""], strict=True)
            if not following.startswith(f"{part}.")
        )
        taken = sum(node.name.partition("#")[0] == short for node in self.nodes)
        return f"{short}#{taken + 1}" if taken else short
