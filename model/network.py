"""Read an ONNX file, check it and import it into the typed graph of ``model.graph``."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import numpy_helper

from model.files import existing_file
from model.graph import Network
from model.translation import TRANSLATIONS, translate

REQUIRED_ATTRIBUTES = {
    ("Conv", "group"): 1,
    ("Gemm", "transA"): 0,
    ("BatchNormalization", "training_mode"): 0,
}
"""Attributes for which one value only is supported."""

CONSTANT_ATTRIBUTES = ("value", "value_float", "value_floats", "value_int", "value_ints")


def load(name: str | Path) -> Network:
    """Import a network.

    Parameters
    ----------
    name
        A known name (the stem of an ONNX file in ``model/networks``) or a path.

    Raises
    ------
    ValueError
        If the file is missing, unreadable or malformed, holds NaN or infinity, or uses
        what is not supported; then all unsupported operators are named at once.
    """
    path = existing_file(name, ".onnx")
    try:
        return _import(path.stem, _read(path))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _read(path: Path) -> onnx.ModelProto:
    """Parse the file and its external data."""
    try:
        model = onnx.load(path)
    except DecodeError as error:
        raise ValueError("not an ONNX file, or truncated") from error
    except (onnx.checker.ValidationError, OSError, ValueError) as error:
        raise ValueError(f"external data missing or truncated: {_line(error)}") from error
    if not model.graph.node:
        raise ValueError("not an ONNX file: it holds no operators")
    return model


def _import(name: str, model: onnx.ModelProto) -> Network:
    """Check and translate a model."""
    _refuse(_unsupported_operators(model.graph))
    model = _checked(model)
    constants = _constants(model.graph)
    source = _only("input", [i.name for i in model.graph.input if i.name not in constants])
    _only("output", [output.name for output in model.graph.output])
    batch, shapes = _shapes(model.graph, source)
    nodes, output, problems = translate(model.graph, shapes, constants, batch)
    _refuse(problems)
    return Network(name, nodes, source, output, shapes, batch, model)


def _unsupported_operators(graph: onnx.GraphProto) -> list[str]:
    """Describe every operator that no translation exists for."""
    problems = []
    for node in graph.node:
        if node.op_type not in TRANSLATIONS or node.domain not in ("", "ai.onnx"):
            problems.append(f"{node.op_type} (node '{node.name}')")
        for attribute in node.attribute:
            required = REQUIRED_ATTRIBUTES.get((node.op_type, attribute.name), attribute.i)
            if attribute.i != required:
                problems.append(
                    f"{node.op_type} with {attribute.name} {attribute.i} (node '{node.name}')"
                )
    return problems


def _refuse(problems: list[str]) -> None:
    """Raise if there are problems, naming all."""
    if problems:
        raise ValueError(f"unsupported: {'; '.join(problems)}")


def _checked(model: onnx.ModelProto) -> onnx.ModelProto:
    """Run the ONNX checker, and infer the shape of every tensor."""
    try:
        onnx.checker.check_model(model)
        return onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    except onnx.checker.ValidationError as error:
        raise ValueError(f"not a valid ONNX model: {_line(error)}") from error
    except onnx.shape_inference.InferenceError as error:
        raise ValueError(f"shapes do not fit: {_line(error)}") from error


def _line(error: Exception) -> str:
    """First line of an error's message."""
    return str(error).strip().partition("\n")[0]


def _constants(graph: onnx.GraphProto) -> dict[str, np.ndarray]:
    """Values of the initializers and Constant operators, each of them finite."""
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant":
            constants[node.output[0]] = _constant_value(node)
    for name, values in constants.items():
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            index = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
            raise ValueError(f"tensor '{name}' holds {values[index]} at index {index}")
    return constants


def _constant_value(node: onnx.NodeProto) -> np.ndarray:
    """Value of a Constant operator."""
    attribute = node.attribute[0]
    if attribute.name not in CONSTANT_ATTRIBUTES:
        raise ValueError(f"unsupported: Constant with {attribute.name} (node '{node.name}')")
    value = onnx.helper.get_attribute_value(attribute)
    return numpy_helper.to_array(value) if attribute.name == "value" else np.asarray(value)


def _only(kind: str, names: list[str]) -> str:
    """Return the one name."""
    if len(names) != 1:
        raise ValueError(f"{len(names)} {kind}s ({', '.join(names)}), exactly one is supported")
    return names[0]


def _shapes(graph: onnx.GraphProto, source: str) -> tuple[int | None, dict[str, tuple[int, ...]]]:
    """Batch size, if fixed, and the shape of one image of every tensor that has one."""
    infos = {i.name: i.type.tensor_type for i in (*graph.input, *graph.value_info, *graph.output)}
    if infos[source].elem_type != onnx.TensorProto.FLOAT:
        kind = onnx.TensorProto.DataType.Name(infos[source].elem_type)
        raise ValueError(f"input '{source}' is {kind}, FLOAT is expected")
    dimensions = {
        name: [d.dim_value if d.HasField("dim_value") else d.dim_param or "?" for d in t.shape.dim]
        for name, t in infos.items()
    }
    shapes = {
        name: tuple(shape[1:])
        for name, shape in dimensions.items()
        if len(shape) > 1 and all(isinstance(size, int) for size in shape[1:])
    }
    if source not in shapes or math.prod(shapes[source]) == 0:
        text = ", ".join(str(size) for size in dimensions[source])
        raise ValueError(f"input '{source}' has shape ({text}): all but the batch must be fixed")
    batch = dimensions[source][0]
    return batch or None if isinstance(batch, int) else None, shapes
