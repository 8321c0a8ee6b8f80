"""Puts an ONNX graph together from nodes, and from what holds their results to fewer values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import onnx
from onnx import TensorProto, helper

from ..graph.network import Node
from .node_models import IR_VERSION, OPSET, node_model

Hold = Callable[[str, str, "Parts"], None]
"""``(source, target, parts)``: adds operators that make one tensor of another."""


def newest(models: Iterable[onnx.ModelProto]) -> tuple[int, int]:
    """Return opset and IR version of a model that holds nodes, and the operators of models."""
    models = list(models)
    opsets = (one.version for model in models for one in model.opset_import)
    return max([OPSET, *opsets]), max([IR_VERSION, *(model.ir_version for model in models)])


class Parts:
    """Operators and constants of many nodes, where no name stands for two things.

    Parameters
    ----------
    shapes
        Of one image of each tensor of the network, whose names stay.
    batch
        Images at a time, or a name for what is open.

    Attributes
    ----------
    operators, constants
        So far; the constants by name.
    """

    def __init__(self, shapes: Mapping[str, tuple[int, ...]], batch: int | str) -> None:
        self.operators: list[onnx.NodeProto] = []
        self.constants: dict[str, onnx.TensorProto] = {}
        self._shapes, self._batch = shapes, batch
        self._taken = set(shapes)
        self._read_as: dict[str, str] = {}

    def unused(self, name: str) -> str:
        """Return a name that nothing has."""
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name

    def hold_input(self, name: str, hold: Hold) -> None:
        """Add what holds the network's input to fewer values: nodes read these."""
        self._read_as[name] = self.unused(f"{name}/codes")
        hold(name, self._read_as[name], self)

    def add(self, node: Node, hold: Hold | None = None) -> dict[str, str]:
        """Add a node, and what holds its result; return how the node's own names are called."""
        names = {name: self._read_as.get(name, name) for name in node.inputs}
        names |= {"": "", node.output: node.output}
        if hold:
            names[node.output] = self.unused(f"{node.output}/exact")

        def renamed(name: str) -> str:
            if name not in names:
                names[name] = self.unused(f"{node.name}/{name}")
            return names[name]

        graph = node_model(node, self._shapes, self._batch).graph
        for operator in graph.node:
            part = onnx.NodeProto()
            part.CopyFrom(operator)
            part.name = self.unused(f"{node.name}/{operator.op_type}")
            part.input[:] = map(renamed, operator.input)
            part.output[:] = map(renamed, operator.output)
            self.operators.append(part)
        for constant in graph.initializer:
            part = onnx.TensorProto()
            part.CopyFrom(constant)
            part.name = renamed(constant.name)
            self.constants[part.name] = part
        if hold:
            hold(names[node.output], node.output, self)
        return names

    def graph(self, name: str, source: str, output: str) -> onnx.GraphProto:
        """Return all of it, from the network's input to its answer."""

        def info(tensor: str) -> onnx.ValueInfoProto:
            shape = [self._batch, *self._shapes[tensor]]
            return helper.make_tensor_value_info(tensor, TensorProto.FLOAT, shape)

        constants = list(self.constants.values())
        return helper.make_graph(self.operators, name, [info(source)], [info(output)], constants)
