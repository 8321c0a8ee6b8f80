"""Leave only operators that compute on images; everything else becomes a constant."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from .constants import Measurement, known_tensors, measure, needed_nodes

Dimensions = list[int | str]


def image_shapes(graph: onnx.GraphProto) -> dict[str, tuple[int, ...]]:
    """Shape of one image of every tensor whose leading axis is certainly that of the input."""
    shapes = tensor_dimensions(graph)
    batch = shapes[graph.input[0].name][0]
    return {
        name: tuple(shape[1:])
        for name, shape in shapes.items()
        if shape[:1] == [batch] and all(isinstance(size, int) for size in shape[1:])
    }


def tensor_dimensions(graph: onnx.GraphProto) -> dict[str, Dimensions]:
    """Dimensions of every tensor that has some: sizes, names, or "?" where nothing is known."""
    return {
        info.name: [
            dimension.dim_value if dimension.HasField("dim_value") else dimension.dim_param or "?"
            for dimension in info.type.tensor_type.shape.dim
        ]
        for info in (*graph.input, *graph.value_info, *graph.output)
        if info.type.tensor_type.HasField("shape")
    }


def resolve(model: onnx.ModelProto, batch: int | None) -> tuple[onnx.ModelProto, list[str]]:
    """Make a constant of all that no image changes, and find the shape of every tensor.

    Parameters
    ----------
    model
        A checked model with inferred shapes. Its first input is its only one that is not an
        initializer; all but the leading dimension of that is fixed.
    batch
        The batch size, if it is fixed.

    Returns
    -------
    model
        The same function without the operators that only computed constants.
    problems
        One description of each operator that does not work image by image.

    Raises
    ------
    ValueError
        If onnxruntime cannot run the network.
    """
    graph = model.graph
    source, output = graph.input[0].name, graph.output[0].name
    known = known_tensors(graph)
    active = [node for node in graph.node if node.output[0] not in known]
    used = {name for node in graph.node for name in node.input}
    ends = {node.output[0] for node in active if not used.intersection(node.output)} | {output}
    nodes = needed_nodes(active, ends)
    read = {name for node in nodes for name in node.input if name}
    tensors = [name for node in nodes for name in node.output if name in read | ends]
    shapes = image_shapes(graph)
    unknown = [name for name in tensors if name not in shapes]
    stored = {tensor.name: tensor for tensor in graph.initializer}
    computed = sorted((read & known) - stored.keys())
    measurements = [
        measure(model, source, images, computed, unknown)
        for images in ([batch] if batch else [1, 2])
        if computed or unknown
    ]
    shapes |= {
        name: measurements[0].shapes[name][1:]
        for name in unknown
        if _is_image_by_image(name, measurements)
    }
    constants = {
        name: numpy_helper.from_array(value, name)
        for name, value in _steady_values(measurements, computed)
    }
    constants |= {name: stored[name] for name in read & stored.keys()}
    problems = list(_mixing(nodes, shapes, measurements))
    changing = known - constants.keys()
    nodes, targets = _without_batch(nodes, shapes, changing)
    problems += [
        f"{node.op_type} (node '{node.name}'): its input '{name}' depends on the number of images"
        for node in nodes
        for name in node.input
        if name in changing
    ]
    tensors = [name for name in tensors if name in shapes]
    return _model(model, nodes, [*constants.values(), *targets], tensors, shapes), problems


def _is_image_by_image(name: str, measurements: list[Measurement]) -> bool:
    """Tell whether a tensor's leading axis, and no other, counts the images."""
    shapes = {measurement.images: measurement.shapes[name] for measurement in measurements}
    counted = all(shape[:1] == (images,) for images, shape in shapes.items())
    return counted and len({shape[1:] for shape in shapes.values()}) == 1


def _steady_values(
    measurements: list[Measurement], computed: list[str]
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the computed tensors that are the same for each number of images."""
    for name in computed:
        values = [measurement.values[name] for measurement in measurements]
        if np.array_equal(values[0], values[-1], equal_nan=values[0].dtype.kind == "f"):
            yield name, values[0]


def _mixing(
    nodes: list[onnx.NodeProto],
    shapes: dict[str, tuple[int, ...]],
    measurements: list[Measurement],
) -> Iterator[str]:
    """Describe each first operator whose result is not one part for each image."""
    mixed = set()
    for node in nodes:
        for name in node.output:
            measured = [m for m in measurements if name in m.shapes]
            if not measured or name in shapes:
                continue
            if not mixed.intersection(node.input):
                found = ", ".join(f"{m.shapes[name]} for {m.images}" for m in measured)
                yield (
                    f"{node.op_type} (node '{node.name}'): its output '{name}' has shape {found}"
                    " image(s): the first axis must count the images, and no other"
                )
            mixed.add(name)


def _without_batch(
    nodes: list[onnx.NodeProto], shapes: dict[str, tuple[int, ...]], changing: set[str]
) -> tuple[list[onnx.NodeProto], list[TensorProto]]:
    """Say in a way that fits every number of images what was computed from that number."""
    changed, targets = [], []
    for node in nodes:
        index = {"Reshape": 1, "Expand": 1, "Resize": 3}.get(node.op_type, len(node.input))
        if (
            index < len(node.input)
            and node.input[index] in changing
            and shapes.keys() >= {node.input[0], node.output[0]}
        ):
            before, after = shapes[node.input[0]], shapes[node.output[0]]
            copy = onnx.NodeProto()
            copy.CopyFrom(node)
            if node.op_type == "Resize":
                index, copy.input[3] = 2, ""
                target = np.array([1, *map(_scale, before, after)], np.float32)
            else:
                target = np.array([-1 if node.op_type == "Reshape" else 1, *after])
            copy.input[index] = f"{node.output[0]}/target"
            targets.append(numpy_helper.from_array(target, copy.input[index]))
            node = copy
        changed.append(node)
    return changed, targets


def _scale(before: int, after: int) -> np.float32:
    """Return a factor from which ``before`` gives ``after`` when the product is rounded down."""
    scale = np.float32(after / before)
    reached = int(scale * np.float32(before)) >= after
    return scale if reached else np.nextafter(scale, np.float32(np.inf))


def _model(
    model: onnx.ModelProto,
    nodes: list[onnx.NodeProto],
    constants: list[TensorProto],
    tensors: list[str],
    shapes: dict[str, tuple[int, ...]],
) -> onnx.ModelProto:
    """Make a model of the nodes, with the shape of each of their results."""
    graph = model.graph
    types = {
        info.name: info.type.tensor_type.elem_type for info in (*graph.value_info, *graph.output)
    }
    batch = tensor_dimensions(graph)[graph.input[0].name][0]
    infos = {
        name: helper.make_tensor_value_info(
            name, types.get(name) or TensorProto.FLOAT, (batch, *shapes[name])
        )
        for name in tensors
    }
    output = graph.output[0]
    resolved = onnx.ModelProto()
    resolved.CopyFrom(model)
    resolved.ClearField("graph")
    resolved.graph.CopyFrom(
        helper.make_graph(
            nodes,
            graph.name,
            [graph.input[0]],
            [infos.pop(output.name, output)],
            constants,
            value_info=list(infos.values()),
        )
    )
    return resolved
