"""The one input of a network: its name, and the sizes that a file leaves open."""

from __future__ import annotations

from collections.abc import Sequence

import onnx


def sole_input(model: onnx.ModelProto) -> str:
    """Name the input, and make constants, in place, of what other inputs have a value for.

    Raises
    ------
    ValueError
        If there is not one input and one output.
    """
    graph = model.graph
    constants = {tensor.name for tensor in graph.initializer}
    inputs = [info for info in graph.input if info.name not in constants]
    source = _only("input", [info.name for info in inputs])
    _only("output", [output.name for output in graph.output])
    del graph.input[:]
    graph.input.extend(inputs)
    # Before version 4 of the file format, initializers had to be inputs.
    model.ir_version = max(model.ir_version, 4)
    return source


def _only(kind: str, names: list[str]) -> str:
    """Return the one name."""
    if len(names) != 1:
        raise ValueError(f"{len(names)} {kind}s ({', '.join(names)}), exactly one is supported")
    return names[0]


def fix_shape(graph: onnx.GraphProto, shape: Sequence[int] | None) -> int | None:
    """Give the input's open sizes, in place, those of a shape; return the batch if it is fixed.

    Parameters
    ----------
    graph
        A graph of one input.
    shape
        Sizes, the batch first; that is kept as the file has it. None if the file has them all.

    Raises
    ------
    ValueError
        If the input is not FLOAT, the shape contradicts the file's, or a size remains open.
    """
    info = graph.input[0]
    tensor = info.type.tensor_type
    if tensor.elem_type != onnx.TensorProto.FLOAT:
        kind = onnx.TensorProto.DataType.Name(tensor.elem_type)
        raise ValueError(f"input '{info.name}' is {kind}, FLOAT is expected")
    text = ", ".join(str(d.dim_value or d.dim_param or "?") for d in tensor.shape.dim)
    declared = f"input '{info.name}' has shape ({text})"
    if shape is not None:
        given = f"shape {','.join(map(str, shape))}"
        if len(shape) != len(tensor.shape.dim):
            raise ValueError(f"{given}: {declared}, {len(tensor.shape.dim)} sizes are expected")
        for size, dimension in zip(shape[1:], tensor.shape.dim[1:], strict=True):
            if dimension.dim_value > 0 and dimension.dim_value != size:
                raise ValueError(f"{given}: {declared}, {size} is not {dimension.dim_value}")
            dimension.dim_value = size
    leading, *sizes = tensor.shape.dim or [onnx.TensorShapeProto.Dimension()]
    if not sizes or any(size.dim_value <= 0 for size in sizes):
        raise ValueError(
            f"{declared}: all but the batch must be fixed:"
            " SHAPE= of a command, or `shape` of `load_network`, does that"
        )
    # Some exporters write -1 where the size is open.
    if leading.dim_value <= 0 and not leading.dim_param:
        leading.dim_param = "batch"
    return leading.dim_value or None
