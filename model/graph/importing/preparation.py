"""Undo what exporters add around a network, before anything is translated.

Half precision is run as float32, a network that was quantized by others computes in float again,
and of a condition that the file decides only the branch taken is left.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from .builder import attributes
from .constants import known_tensors, measure

HALF = (TensorProto.FLOAT16, TensorProto.BFLOAT16)
BRANCHES = {True: "then_branch", False: "else_branch"}


def without_unread_branches(model: onnx.ModelProto) -> None:
    """Drop, in place, operators that the answer does not depend on, as of auxiliary classifiers."""
    graph = model.graph
    read = {output.name for output in graph.output}
    kept = []
    for node in reversed(graph.node):
        if read.intersection(filter(None, node.output)):
            kept.append(_copy(node))
            read.update(_names_read(node))
    del graph.node[:]
    graph.node.extend(reversed(kept))


def _names_read(node: onnx.NodeProto) -> Iterator[str]:
    """Yield the tensors that an operator reads, or one inside it."""
    yield from node.input
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs):
            yield from (output.name for output in graph.output)
            for inside in graph.node:
                yield from _names_read(inside)


def without_declared_shapes(model: onnx.ModelProto) -> None:
    """Forget, in place, what the file says of results' shapes: runtimes do not rely on it either.

    Some exporters declare answers of a rank that they do not have.
    """
    del model.graph.value_info[:]
    for output in model.graph.output:
        output.type.tensor_type.ClearField("shape")


def in_float32(model: onnx.ModelProto) -> bool:
    """Make float32, in place, of all that a model has in half precision; tell if there was any."""
    changed = False
    for graph in _graphs(model.graph):
        settings = [attribute for node in graph.node for attribute in node.attribute]
        tensors = [*graph.initializer, *(one.t for one in settings if one.HasField("t"))]
        for tensor in tensors:
            if tensor.data_type in HALF:
                values = numpy_helper.to_array(tensor).astype(np.float32)
                tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
                changed = True
        for info in (*graph.input, *graph.output, *graph.value_info):
            if info.type.tensor_type.elem_type in HALF:
                info.type.tensor_type.elem_type = TensorProto.FLOAT
                changed = True
        for attribute in settings:
            if attribute.name in ("to", "dtype") and attribute.i in HALF:
                attribute.i = TensorProto.FLOAT
                changed = True
    return changed


def _graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """Yield a graph and those inside its operators."""
    yield graph
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _graphs(attribute.g)


def without_quantization(model: onnx.ModelProto) -> int:
    """Let activations through, in place, that the file quantizes and dequantizes again.

    A range that begins at zero stands for a Relu, which such files leave out. Quantized constants
    stay: the network's weights are what comes of them.

    Returns
    -------
    int
        How many activations the file quantizes.
    """
    graph, known = model.graph, known_tensors(model.graph)
    constants = {tensor.name: tensor for tensor in graph.initializer}
    quantized = {
        node.output[0]: node
        for node in graph.node
        if node.op_type == "QuantizeLinear" and node.output[0] not in known
    }
    for node in graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in quantized:
            kind = "Relu" if _begins_at_zero(quantized[node.input[0]], constants) else "Identity"
            passed = helper.make_node(
                kind, quantized[node.input[0]].input[:1], node.output, name=node.name
            )
            node.CopyFrom(passed)
    read = {name for node in graph.node for name in node.input}
    read |= {output.name for output in graph.output}
    kept = [node for node in graph.node if node.output[0] not in quantized.keys() - read]
    del graph.node[:]
    graph.node.extend(kept)
    return len(quantized)


def _begins_at_zero(node: onnx.NodeProto, constants: dict[str, TensorProto]) -> bool:
    """Tell whether the least code stands for 0: without a zero point uint8 is meant."""
    if len(node.input) < 3 or not node.input[2]:
        return attributes(node).get("output_dtype", 0) in (0, TensorProto.UINT8)
    if node.input[2] not in constants:
        return False
    point = numpy_helper.to_array(constants[node.input[2]])
    return point.dtype.kind in "iu" and bool((point == np.iinfo(point.dtype).min).all())


def with_plain_products(model: onnx.ModelProto) -> None:
    """Leave, in place, a Gemm what a layer does: no transposed images, no other tensor to add.

    A Transpose in front of one that transposes again goes with it; what it adds that is no constant
    is added by an Add of its own, if it is not scaled.
    """
    graph, known = model.graph, known_tensors(model.graph)
    transposed = {
        node.output[0]: node.input[0]
        for node in graph.node
        if node.op_type == "Transpose" and list(attributes(node).get("perm", (1, 0))) == [1, 0]
    }
    nodes = []
    for node in map(_copy, graph.node):
        nodes.append(node)
        if node.op_type != "Gemm":
            continue
        settings = attributes(node)
        if settings.get("transA") and node.input[0] in transposed:
            node.input[0] = transposed[node.input[0]]
            kept = [one for one in node.attribute if one.name != "transA"]
            del node.attribute[:]
            node.attribute.extend(kept)
        if len(node.input) > 2 and node.input[2] not in known and settings.get("beta", 1) == 1:
            product, added, output = f"{node.output[0]}/product", node.input.pop(), node.output[0]
            node.output[0] = product
            nodes.append(helper.make_node("Add", [product, added], [output], name=output))
    read = {name for node in nodes for name in node.input}
    read |= {output.name for output in graph.output}
    del graph.node[:]
    graph.node.extend(node for node in nodes if node.output[0] not in transposed.keys() - read)


def with_branches_taken(model: onnx.ModelProto, source: str, batch: int | None) -> None:
    """Put in place of each If, whose condition no image decides, the branch that it takes.

    Parameters
    ----------
    model
        The model, which is changed; all but the batch of its input ``source`` is fixed.
    source, batch
        Its input; its batch size, if it is fixed.

    Raises
    ------
    ValueError
        If onnxruntime cannot compute a condition.
    """
    graph = model.graph
    while True:
        known = known_tensors(graph)
        asked = [n.input[0] for n in graph.node if n.op_type == "If" and n.input[0] in known]
        if not asked:
            return
        found = [
            measure(model, source, images, asked, []).values
            for images in ([batch] if batch else [1, 2])
        ]
        settled = {
            name: bool(found[0][name].all())
            for name in asked
            if np.array_equal(found[0][name], found[-1][name])
        }
        if not settled:
            return
        nodes = []
        for node in graph.node:
            taken = node.op_type == "If" and node.input[0] in settled
            nodes += _branch(graph, node, settled[node.input[0]]) if taken else [node]
        kept = [_copy(node) for node in nodes]
        del graph.node[:]
        graph.node.extend(kept)


def _copy(node: onnx.NodeProto) -> onnx.NodeProto:
    copy = onnx.NodeProto()
    copy.CopyFrom(node)
    return copy


def _branch(graph: onnx.GraphProto, node: onnx.NodeProto, condition: bool) -> list[onnx.NodeProto]:
    """Return the operators of a branch under names of their own; add its constants to a graph."""
    inside: onnx.GraphProto = attributes(node)[BRANCHES[condition]]
    own = [tensor.name for tensor in inside.initializer]
    own += [name for one in inside.node for name in one.output]
    names = {name: f"{node.output[0]}/{name}" for name in own if name}
    for tensor in inside.initializer:
        renamed = graph.initializer.add()
        renamed.CopyFrom(tensor)
        renamed.name = names[tensor.name]
    operators = [_copy(one) for one in inside.node]
    for one in operators:
        _rename(one, names)
    return operators + [
        helper.make_node("Identity", [names.get(result.name, result.name)], [output])
        for result, output in zip(inside.output, node.output, strict=True)
    ]


def _rename(node: onnx.NodeProto, names: dict[str, str]) -> None:
    """Rename tensors that an operator, or one inside it, reads and makes."""
    node.input[:] = [names.get(name, name) for name in node.input]
    node.output[:] = [names.get(name, name) for name in node.output]
    for attribute in node.attribute:
        if attribute.HasField("g"):
            _rename_free(attribute.g, names)


def _rename_free(graph: onnx.GraphProto, names: dict[str, str]) -> None:
    own = {tensor.name for tensor in graph.initializer}
    own |= {name for one in graph.node for name in one.output}
    free = {old: new for old, new in names.items() if old not in own}
    for one in graph.node:
        _rename(one, free)
    for output in graph.output:
        output.name = free.get(output.name, output.name)
