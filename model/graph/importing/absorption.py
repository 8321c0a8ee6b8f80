"""Let layers take over the scaling, shifting and padding of what they read."""

from __future__ import annotations

import dataclasses

import numpy as np
import onnx
from onnx import TensorProto, helper

from ..network import FloatOperation, Linear, Node, Reshape
from .affine import AFFINE_OPERATORS, Affine, affine_map
from .builder import Builder, attributes
from .linear import fold_forward

UNMAPPED_SUFFIX = "/unmapped"

Pads = tuple[int, int, int, int]
Replacements = dict[Node, Node]


def absorb(builder: Builder) -> None:
    """Drop float operations that all their readers can take over exactly.

    A map by channels folds into the weights and biases of the layers that read it, also where
    it is flattened in between; zero padding becomes that of the convolutions that read it.
    The last operations go first, so that chains of them vanish. A flattened tensor is then
    another than the file's: the model gets an operator that makes it.
    """
    for node in reversed(builder.nodes.copy()):
        if not isinstance(node, FloatOperation) or node.activation or node.output == builder.output:
            continue
        operator = node.model.graph.node[0]
        replacements = None
        if node.operator in AFFINE_OPERATORS:
            affine = affine_map(builder, operator)
            replacements = affine and _map_readers(builder, node, affine)
        elif node.operator == "Pad":
            pads = _zero_padding(builder, operator)
            replacements = pads and _pad_readers(builder, node, pads)
        if replacements:
            builder.nodes = [replacements.get(n, n) for n in builder.nodes if n is not node]
    _add_flattened_tensors(builder)


def _map_readers(builder: Builder, node: Node, affine: Affine) -> Replacements | None:
    """Replace all readers of a map by ones that do without; None if one cannot."""
    replacements: Replacements = {}
    for reader in builder.readers(node.output):
        if isinstance(reader, Linear):
            factors = affine.along(-1 if reader.window is None else 0)
            replacements[reader] = _fold(reader, factors, affine.source)
        elif isinstance(reader, Reshape) and reader.output != builder.output:
            name = f"{reader.output.removesuffix(UNMAPPED_SUFFIX)}{UNMAPPED_SUFFIX}"
            builder.shapes[name] = builder.shapes[reader.output]
            replacements[reader] = dataclasses.replace(reader, inputs=(affine.source,), output=name)
            for layer in builder.readers(reader.output):
                replacements[layer] = _fold(layer, affine.flat(), name)
        else:
            return None
    return None if None in replacements.values() else replacements


def _fold(
    reader: Node, factors: tuple[np.ndarray, np.ndarray] | None, source: str
) -> Linear | None:
    """Let a layer read what was mapped; None if it is no layer, or the map does not fit."""
    folded = fold_forward(reader, *factors) if factors and isinstance(reader, Linear) else None
    return folded and dataclasses.replace(folded, inputs=(source,))


def _zero_padding(builder: Builder, operator: onnx.NodeProto) -> Pads | None:
    """Return the zeros that a Pad puts around images, if it does no more than that."""
    fill, axes = builder.constant(operator, 2), builder.constant(operator, 3)
    mode = attributes(operator).get("mode", b"constant")
    if mode != b"constant" or (fill is not None and fill.any()):
        return None
    given = builder.constant(operator, 1).reshape(2, -1)
    rank = len(builder.shape(operator.output[0])) + 1
    pads = np.zeros((2, rank), int)
    pads[:, slice(None) if axes is None else axes] = given
    if rank != 4 or pads[:, :2].any() or (pads < 0).any():
        return None
    return tuple(int(size) for size in pads[:, 2:].ravel())


def _pad_readers(builder: Builder, node: Node, pads: Pads) -> Replacements | None:
    """Replace all readers of padding by ones that pad for themselves; None if one cannot."""
    replacements: Replacements = {}
    for reader in builder.readers(node.output):
        if not isinstance(reader, Linear) or reader.window is None:
            return None
        top, left, bottom, right = map(sum, zip(reader.window.pads, pads, strict=True))
        window = dataclasses.replace(reader.window, pads=(top, left, bottom, right))
        replacements[reader] = dataclasses.replace(reader, window=window, inputs=node.inputs)
    return replacements


def _add_flattened_tensors(builder: Builder) -> None:
    """Add to the model the tensors that a `Reshape` makes but no operator of the file does."""
    graph = builder.model.graph
    for node in builder.nodes:
        if isinstance(node, Reshape) and node.output.endswith(UNMAPPED_SUFFIX):
            graph.node.append(helper.make_node("Flatten", node.inputs, [node.output]))
            shape = (builder.batch or "batch", *builder.shapes[node.output])
            graph.value_info.append(
                helper.make_tensor_value_info(node.output, TensorProto.FLOAT, shape)
            )
