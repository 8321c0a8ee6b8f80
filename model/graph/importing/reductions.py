"""Spell a ReduceMean over rows and columns as the pooling that it is."""

from __future__ import annotations

import onnx
from onnx import helper, numpy_helper

from .builder import attributes
from .resolution import tensor_dimensions


def pool_spatial_means(model: onnx.ModelProto) -> onnx.ModelProto:
    """Put GlobalAveragePool, with Flatten if need be, in the place of spatial means.

    Parameters
    ----------
    model
        A resolved model: see `model.graph.importing.resolution.resolve`.
    """
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    del changed.graph.node[:]
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    dimensions = tensor_dimensions(model.graph)
    for node in model.graph.node:
        if not _is_spatial_mean(node, constants, dimensions):
            changed.graph.node.append(node)
            continue
        kept = attributes(node).get("keepdims", 1)
        pooled = node.output[0] if kept else f"{node.output[0]}/pooled"
        changed.graph.node.append(
            helper.make_node("GlobalAveragePool", node.input[:1], [pooled], name=node.name)
        )
        if not kept:
            changed.graph.node.append(helper.make_node("Flatten", [pooled], node.output))
            size = (*dimensions[node.output[0]], 1, 1)
            changed.graph.value_info.append(
                helper.make_tensor_value_info(pooled, onnx.TensorProto.FLOAT, size)
            )
    return changed


def _is_spatial_mean(
    node: onnx.NodeProto,
    constants: dict[str, onnx.TensorProto],
    dimensions: dict[str, list[int | str]],
) -> bool:
    """Tell whether an operator takes the mean over the last two of four axes."""
    if node.op_type != "ReduceMean" or len(dimensions.get(node.input[0], ())) != 4:
        return False
    axes = attributes(node).get("axes", ())
    if len(node.input) > 1 and node.input[1] in constants:
        axes = numpy_helper.to_array(constants[node.input[1]]).tolist()
    return sorted(axis % 4 for axis in axes) == [2, 3]
