"""Move channels back in front of rows and columns, where a file has them last.

Exporters from frameworks that keep channels last put a Transpose on each side of every
convolution, so that what belongs to the convolution (a bias, a normalization, an
activation) works on transposed tensors. Such operators are made to work on what was there
before the Transpose; opposite ones then meet and cancel.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper

from .builder import attributes
from .float_operations import ELEMENTWISE
from .resolution import tensor_dimensions

TO_LAST = (0, 2, 3, 1)
TO_FIRST = (0, 3, 1, 2)
FIRST_SUFFIX = "/channels_first"


def channels_first(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the same function with channels in the second axis where that is exact.

    Parameters
    ----------
    model
        A resolved model: see `model.graph.importing.resolution.resolve`.
    """
    if not any(_permutation(node) == TO_LAST for node in model.graph.node):
        return model
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    _Layout(changed.graph).rewrite()
    return changed


def _permutation(node: onnx.NodeProto) -> tuple[int, ...] | None:
    return tuple(attributes(node).get("perm", ())) if node.op_type == "Transpose" else None


class _Layout:
    """Rewrites a graph in place.

    ``_first`` names, for each tensor with channels last, the one with channels first that it
    is a Transpose of. The Transpose is only made if something needs it.
    """

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._graph = graph
        self._constants = {tensor.name: tensor for tensor in graph.initializer}
        self._dimensions = tensor_dimensions(graph)
        self._first: dict[str, str] = {}
        self._made: set[str] = set()
        self._nodes: list[onnx.NodeProto] = []

    def rewrite(self) -> None:
        """Rewrite the graph."""
        for node in self._graph.node:
            if _permutation(node) == TO_LAST and node.input[0] not in self._first:
                self._first[node.output[0]] = node.input[0]
            elif _permutation(node) == TO_FIRST and node.input[0] in self._first:
                name = self._first[node.input[0]]
                self._nodes.append(helper.make_node("Identity", [name], [node.output[0]]))
            elif self._is_movable(node):
                self._move(node)
            else:
                for name in node.input:
                    self._materialize(name)
                self._nodes.append(node)
        for output in self._graph.output:
            self._materialize(output.name)
        del self._graph.node[:], self._graph.initializer[:]
        self._graph.node.extend(self._nodes)
        self._graph.initializer.extend(self._constants.values())

    def _is_movable(self, node: onnx.NodeProto) -> bool:
        """Tell whether an operator can work on channels first as well."""
        activations = [name for name in node.input if name and name not in self._constants]
        if not activations or not self._first.keys() >= set(activations):
            return False
        if node.op_type == "ReduceMean":
            return sorted(axis % 4 for axis in self._axes(node)) == [1, 2]
        position_by_position = ELEMENTWISE - {"BatchNormalization"} | {"Concat", "Identity"}
        return node.op_type in position_by_position and all(
            len(self._constants[name].dims) <= 4 for name in node.input if name in self._constants
        )

    def _axes(self, node: onnx.NodeProto) -> list[int]:
        """Return the axes of a reduction, none if they are not given."""
        if len(node.input) > 1:
            return numpy_helper.to_array(self._constants[node.input[1]]).tolist()
        return attributes(node).get("axes", [])

    def _move(self, node: onnx.NodeProto) -> None:
        """Let an operator work on the tensors with channels first."""
        moved = onnx.NodeProto()
        moved.CopyFrom(node)
        for index, name in enumerate(node.input):
            if name in self._first:
                moved.input[index] = self._first[name]
            elif name and node.op_type != "ReduceMean":
                moved.input[index] = self._transposed(name)
        for attribute in moved.attribute:
            if node.op_type == "Concat" and attribute.name == "axis":
                attribute.i = TO_LAST[attribute.i]
        if node.op_type == "ReduceMean":
            self._replace_axes(moved, [2, 3])
        self._nodes.append(moved)
        if len(self._dimensions[node.output[0]]) == 4:
            self._put_first(moved)

    def _put_first(self, moved: onnx.NodeProto) -> None:
        """Name the result of an operator as one with channels first."""
        name = moved.output[0]
        moved.output[0] = self._first[name] = f"{name}{FIRST_SUFFIX}"
        batch, height, width, channels = self._dimensions[name]
        self._graph.value_info.append(
            helper.make_tensor_value_info(
                moved.output[0], onnx.TensorProto.FLOAT, (batch, channels, height, width)
            )
        )

    def _replace_axes(self, node: onnx.NodeProto, axes: list[int]) -> None:
        if len(node.input) > 1:
            node.input[1] = f"{node.output[0]}/axes"
            self._constants[node.input[1]] = numpy_helper.from_array(np.array(axes), node.input[1])
        else:
            next(a for a in node.attribute if a.name == "axes").ints[:] = axes

    def _transposed(self, name: str) -> str:
        """Name a constant as it is broadcast over channels first."""
        value = numpy_helper.to_array(self._constants[name])
        if value.ndim == 0:
            return name
        moved = f"{name}{FIRST_SUFFIX}"
        value = value.reshape((1,) * (4 - value.ndim) + value.shape).transpose(TO_FIRST)
        self._constants[moved] = numpy_helper.from_array(value, moved)
        return moved

    def _materialize(self, name: str) -> None:
        """Make a tensor with channels last, for an operator that needs it."""
        if name in self._first and name not in self._made:
            self._made.add(name)
            transpose = helper.make_node(
                "Transpose", [self._first[name]], [name], name=name, perm=TO_LAST
            )
            self._nodes.append(transpose)
