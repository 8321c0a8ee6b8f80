"""Refuses numbers in a file that no network has: sizes, groups and kernels out of range."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import onnx
from onnx import TensorProto

from .builder import attributes

LARGEST = 2**31
"""Values of a tensor, for one image or a fixed batch of them."""

NEWEST_OPSET = onnx.defs.onnx_opset_version()
FLOATS = (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16, TensorProto.BFLOAT16)
PRODUCTS = ("Conv", "Gemm", "MatMul")


def unsound_operators(model: onnx.ModelProto) -> list[str]:
    """Describe what is wrong with the constants and numbers of a model's operators.

    Parameters
    ----------
    model
        A checked model, before anything is computed with it.
    """
    newest = max((one.version for one in model.opset_import if not one.domain), default=0)
    if newest > NEWEST_OPSET:
        return [f"opset {newest}: {NEWEST_OPSET} is the newest that is known"]
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    problems = []
    for node in model.graph.node:
        for name in node.input if node.op_type in PRODUCTS else ():
            if name in constants and constants[name].data_type not in FLOATS:
                kind = TensorProto.DataType.Name(constants[name].data_type)
                problems.append(f"{node.op_type} with '{name}' of type {kind}, FLOAT is needed")
        if node.op_type == "Conv":
            settings, weights = attributes(node), constants.get(node.input[1])
            if settings.get("group", 1) < 1:
                problems.append(f"Conv with group {settings['group']} (node '{node.name}')")
            kernel = settings.get("kernel_shape")
            if kernel and weights is not None and list(weights.dims[2:]) != list(kernel):
                problems.append(
                    f"Conv with kernel_shape {tuple(kernel)} and weights '{node.input[1]}' of shape"
                    f" {tuple(weights.dims)} (node '{node.name}')"
                )
    return problems


def check_sizes(shapes: Mapping[str, Sequence[int]], batch: int | None) -> None:
    """Check that every tensor has values, and not more than can be computed.

    Parameters
    ----------
    shapes
        The shape of one image of every tensor.
    batch
        The batch size, if it is fixed.

    Raises
    ------
    ValueError
        If a dimension is below one, or a tensor is too large.
    """
    for name, shape in shapes.items():
        if min(shape, default=1) < 1:
            raise ValueError(
                f"tensor '{name}' has shape {tuple(shape)} per image: no value is left"
            )
        if math.prod(shape) * (batch or 1) > LARGEST:
            raise ValueError(
                f"tensor '{name}' is {tuple(shape)} per image and a batch of {batch or 1}:"
                f" at most {LARGEST:,} values are supported"
            )
