"""Read an ONNX file, check it and import it into the typed graph of ``model.graph.network``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import onnx.inliner
from google.protobuf.message import DecodeError
from onnx import numpy_helper

from ..files import existing_file
from ..network import DRAWN_WEIGHTS, Network
from .constants import known_tensors
from .input_shape import fix_shape, sole_input
from .layout import channels_first
from .opsets import check_opset, in_newest_form
from .preparation import (
    in_float32,
    with_branches_taken,
    with_plain_products,
    without_declared_shapes,
    without_quantization,
    without_unread_branches,
)
from .reductions import pool_spatial_means
from .resolution import image_shapes, resolve
from .rows import images_of_rows
from .soundness import check_sizes, unsound_operators
from .translation import TRANSLATIONS, translate
from .transposed import plain_convolutions

PREPARED = ("DequantizeLinear", "If", "QuantizeLinear", "Upsample")
"""Operators that may be gone when the translation begins."""

REQUIRED_ATTRIBUTES = {
    ("Gemm", "transA"): 0,
    ("BatchNormalization", "training_mode"): 0,
}
"""Attributes for which one value only is supported."""


def load_network(name: str | Path, shape: Sequence[int] | None = None) -> Network:
    """Import a network.

    Parameters
    ----------
    name
        A known name (the stem of an ONNX file in ``model/networks``) or a path.
    shape
        Sizes of the input, where the file leaves some open: the batch, which stays as the file
        has it, then those of one image.

    Raises
    ------
    ValueError
        If the file is missing, unreadable or malformed, holds NaN or infinity, or uses
        what is not supported; then all unsupported operators are named at once.
    """
    path = existing_file(name, ".onnx")
    try:
        return _import(path.stem, _read(path), shape)
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
    return onnx.inliner.inline_local_functions(model) if model.functions else model


def _import(name: str, model: onnx.ModelProto, shape: Sequence[int] | None) -> Network:
    """Check and translate a model."""
    check_opset(model)
    without_unread_branches(model)
    _refuse(_unsupported_operators(model.graph, prepared=False))
    _check(model)
    _refuse(unsound_operators(model))
    drawn = DRAWN_WEIGHTS in [(entry.key, entry.value) for entry in model.metadata_props]
    halves = in_float32(model)
    without_declared_shapes(model)
    source = sole_input(model)
    batch = fix_shape(model.graph, shape)
    model = in_newest_form(model)
    with_branches_taken(model, source, batch)
    quantized = without_quantization(model)
    with_plain_products(model)
    _refuse(_unsupported_operators(model.graph))
    resolved, problems = resolve(_inferred(model), batch)
    _refuse(problems)
    _check_finite(resolved.graph)
    rewritten = pool_spatial_means(channels_first(resolved))
    rewritten = plain_convolutions(images_of_rows(rewritten))
    shapes = image_shapes(rewritten.graph)
    check_sizes(shapes, batch)
    nodes, output, problems = translate(rewritten, shapes, batch)
    _refuse(problems)
    notes = _notes(drawn, halves, quantized)
    return Network(name, nodes, source, output, shapes, batch, rewritten, notes)


def _notes(drawn: bool, halves: bool, quantized: int) -> tuple[str, ...]:
    """Say what of the file is not what it seems, or not used as it is."""
    notes = []
    if drawn:
        notes.append(
            "its weights are drawn at random, not trained: what the network answers means nothing,"
            " nor does its accuracy"
        )
    if halves:
        notes.append("FLOAT16 and BFLOAT16 of the file are run as float32")
    if quantized:
        notes.append(
            f"the file's own quantization of {quantized} activation(s) is not used: they are"
            " computed in float, and given formats like any others"
        )
    return tuple(notes)


def _unsupported_operators(graph: onnx.GraphProto, prepared: bool = True) -> list[str]:
    """Describe every operator that computes on images and that no translation exists for.

    Before the graph has been prepared those that this may change are not among them.
    """
    problems = []
    known = known_tensors(graph)
    also = () if prepared else PREPARED
    turned = {node.output[0] for node in graph.node if node.op_type == "Transpose"}
    for node in graph.node:
        if known.intersection(node.output):
            continue
        foreign = node.domain not in ("", "ai.onnx")
        if foreign or (node.op_type not in TRANSLATIONS and node.op_type not in also):
            kind = f"{node.domain}::{node.op_type}" if foreign else node.op_type
            problems.append(f"{kind} (node '{node.name}')")
        for attribute in node.attribute:
            if attribute.name == "transA" and not prepared and turned.intersection(node.input):
                continue
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


def _check(model: onnx.ModelProto) -> None:
    """Run the ONNX checker."""
    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        raise ValueError(f"not a valid ONNX model: {_line(error)}") from error


def _inferred(model: onnx.ModelProto) -> onnx.ModelProto:
    """Infer the shapes of tensors."""
    try:
        return onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    except onnx.shape_inference.InferenceError as error:
        raise ValueError(f"shapes do not fit: {_line(error)}") from error


def _line(error: Exception) -> str:
    """First line of an error's message."""
    return str(error).strip().partition("\n")[0]


def _check_finite(graph: onnx.GraphProto) -> None:
    """Refuse constants with NaN or infinity; only the bounds of a Clip may be infinite."""
    bounds = {name for node in graph.node if node.op_type == "Clip" for name in node.input[1:]}
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype.kind == "f" and tensor.name not in bounds and not np.isfinite(values).all():
            index = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
            raise ValueError(f"tensor '{tensor.name}' holds {values[index]} at index {index}")
