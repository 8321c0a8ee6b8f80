"""What in an ONNX graph depends on no image's values, and what it is.

Exporters put weights behind Cast or Identity, and compute the target of a Reshape from a
tensor's shape. onnxruntime evaluates such operators, as it would when the network runs.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import onnx

from ..runtime import onnxruntime

RANDOM_OPERATORS = frozenset(
    ("Bernoulli", "Multinomial")
    + ("RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike")
)
SHAPE_OPERATORS = ("Shape", "Size")
SHAPE_SUFFIX = "/measured_shape"


@dataclass(frozen=True, eq=False)
class Measurement:
    """What one batch of ``images`` gave: values of some tensors, shapes of others."""

    images: int
    values: dict[str, np.ndarray]
    shapes: dict[str, tuple[int, ...]]


def known_tensors(graph: onnx.GraphProto) -> set[str]:
    """Name the tensors that follow from the file and the shape of its input alone."""
    known = {tensor.name for tensor in graph.initializer}
    for node in graph.node:
        computed = node.op_type in SHAPE_OPERATORS or known.issuperset(filter(None, node.input))
        plain = node.domain in ("", "ai.onnx") and node.op_type not in RANDOM_OPERATORS
        if computed and plain and not _has_subgraph(node):
            known.update(filter(None, node.output))
    return known


def _has_subgraph(node: onnx.NodeProto) -> bool:
    """Tell whether an operator such as If may read tensors that are not among its inputs."""
    return any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute)


def needed_nodes(nodes: Iterable[onnx.NodeProto], tensors: Iterable[str]) -> list[onnx.NodeProto]:
    """Return those of the sorted ``nodes`` that ``tensors`` are computed from, in order."""
    wanted, needed = set(tensors), []
    for node in reversed(list(nodes)):
        if wanted.intersection(node.output):
            needed.append(node)
            wanted.update(filter(None, node.input))
    return needed[::-1]


def measure(
    model: onnx.ModelProto, source: str, images: int, values: list[str], shaped: list[str]
) -> Measurement:
    """Run the part of a model that some tensors need.

    Parameters
    ----------
    model
        The model; all but the batch of its input must be fixed.
    source
        Its input.
    images
        The size of the batch to run.
    values
        Tensors whose values are wanted.
    shaped
        Tensors whose shapes are wanted.

    Raises
    ------
    ValueError
        If onnxruntime cannot run the model on such a batch.
    """
    probe = onnx.ModelProto()
    probe.CopyFrom(model)
    del probe.graph.node[:], probe.graph.output[:], probe.graph.value_info[:]
    probe.graph.node.extend(needed_nodes(model.graph.node, {*values, *shaped}))
    measured = [f"{name}{SHAPE_SUFFIX}" for name in shaped]
    probe.graph.node.extend(
        onnx.helper.make_node("Shape", [name], [shape])
        for name, shape in zip(shaped, measured, strict=True)
    )
    probe.graph.output.extend(onnx.ValueInfoProto(name=name) for name in (*values, *measured))
    dimensions = next(i for i in model.graph.input if i.name == source).type.tensor_type.shape.dim
    size = (images, *(dimension.dim_value for dimension in dimensions[1:]))
    drawn = np.random.default_rng(images).uniform(0, 1, size).astype(np.float32)
    try:
        results = run_once(probe, {source: drawn})
    except Exception as error:
        reason = str(error).strip().partition("\n")[0]
        raise ValueError(f"the network cannot run on a batch of {images}: {reason}") from error
    shapes = [tuple(int(size) for size in shape) for shape in results[len(values) :]]
    return Measurement(
        images,
        dict(zip(values, results[: len(values)], strict=True)),
        dict(zip(shaped, shapes, strict=True)),
    )


def run_once(model: onnx.ModelProto, feeds: dict[str, np.ndarray]) -> list[np.ndarray]:
    """Run a model with onnxruntime as it stands, without optimizing it."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return session.run(None, feeds)
