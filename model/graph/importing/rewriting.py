"""What rewrites of a resolved graph share: its constants, tensors and operators, as they change."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from .resolution import Dimensions, tensor_dimensions


class Graph:
    """A graph that is written anew, operator by operator.

    Parameters
    ----------
    model
        A resolved model, which stays as it is: see `model.graph.importing.resolution.resolve`.

    Attributes
    ----------
    dimensions
        Of every tensor that has some.
    nodes
        The operators so far.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        self._model = model
        self.dimensions: dict[str, Dimensions] = tensor_dimensions(model.graph)
        self.nodes: list[onnx.NodeProto] = []
        self._constants = {tensor.name: tensor for tensor in model.graph.initializer}
        self._made: list[onnx.ValueInfoProto] = []

    def constant(self, name: str) -> np.ndarray | None:
        """Return the value of a tensor; None if images decide it."""
        return numpy_helper.to_array(self._constants[name]) if name in self._constants else None

    def with_constant(self, name: str, value: np.ndarray) -> str:
        """Add a constant, and return its name."""
        self._constants[name] = numpy_helper.from_array(np.ascontiguousarray(value), name)
        return name

    def with_tensor(self, name: str, dimensions: Dimensions) -> str:
        """Say what shape a new tensor has, and return its name."""
        self.dimensions[name] = dimensions
        info = helper.make_tensor_value_info(name, TensorProto.FLOAT, dimensions)
        self._made.append(info)
        return name

    def add(self, kind: str, inputs: list[str], output: str, **attributes: object) -> None:
        """Append an operator that is named after its result."""
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))

    def finished(self) -> onnx.ModelProto:
        """Return the model with the new operators."""
        changed = onnx.ModelProto()
        changed.CopyFrom(self._model)
        graph = changed.graph
        del graph.node[:], graph.initializer[:]
        graph.node.extend(self.nodes)
        graph.initializer.extend(self._constants.values())
        graph.value_info.extend(self._made)
        return changed
