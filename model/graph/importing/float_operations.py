"""Operators that are not translated any further: onnxruntime computes them, in float."""

from __future__ import annotations

from typing import Literal

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ..network import FloatOperation
from .builder import Builder, UnsupportedError, attributes
from .constants import run_once

Kind = Literal["elementwise", "arrangement", "other"]

ELEMENTWISE = frozenset(
    ("Add", "Sub", "Mul", "Div", "Pow", "Min", "Max", "Sum", "Mean", "BatchNormalization", "Cast")
    + ("Abs", "Neg", "Sign", "Reciprocal", "Sqrt", "Exp", "Log", "Erf", "Sin", "Cos")
    + ("Ceil", "Floor", "Round", "Clip", "Relu", "LeakyRelu", "PRelu", "ThresholdedRelu")
    + ("Elu", "Celu", "Selu", "Sigmoid", "HardSigmoid", "Tanh", "Softplus", "Softsign")
    + ("HardSwish", "Swish", "Mish", "Gelu")
)
ARRANGEMENTS = frozenset(
    ("Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Slice", "Split", "Gather")
    + ("Expand", "Tile", "Pad", "Resize", "DepthToSpace", "SpaceToDepth")
    + ("MaxPool", "GlobalMaxPool", "ReduceMax", "ReduceMin")
)
OTHERS = frozenset(
    ("Concat", "Softmax", "LogSoftmax", "MatMul", "ConvTranspose", "AveragePool")
    + ("GlobalAveragePool", "LpPool", "GlobalLpPool", "ReduceMean", "ReduceSum", "ReduceL1")
    + ("ReduceL2", "ReduceSumSquare", "ReduceProd", "ReduceLogSumExp", "CumSum")
    + ("InstanceNormalization", "LayerNormalization", "GroupNormalization", "RMSNormalization")
    + ("LRN", "LpNormalization", "MeanVarianceNormalization", "Einsum", "GridSample")
)
TOLERANCE = 1e-5
"""Relative; in another place of a batch an operator may round differently."""


def append_float_operation(builder: Builder, operator: onnx.NodeProto) -> None:
    """Append a node that computes an operator as it is, one for each output that is read.

    Raises
    ------
    UnsupportedError
        If the result for one image depends on the others of its batch.
    """
    sources = [builder.source(name) for name in operator.input]
    inputs = tuple(
        dict.fromkeys(name for name in sources if name and not builder.is_constant(name))
    )
    for output in operator.output:
        if builder.is_read(output):
            model = _model(builder, operator, sources, inputs, output)
            _check_images_apart(model, builder.batch)
            builder.nodes.append(
                FloatOperation(
                    builder.name(operator),
                    inputs,
                    output,
                    operator=operator.op_type,
                    model=model,
                    kind=_kind(builder, operator),
                )
            )


def _kind(builder: Builder, operator: onnx.NodeProto) -> Kind:
    if operator.op_type in ELEMENTWISE:
        return "elementwise"
    settings = attributes(operator)
    passes_values_on = operator.op_type in ARRANGEMENTS
    if operator.op_type == "Pad" and settings.get("mode", b"constant") == b"constant":
        fill = builder.constant(operator, 2)
        passes_values_on &= fill is None or not fill.any()
    if operator.op_type == "Resize":
        passes_values_on &= settings.get("mode", b"nearest") == b"nearest"
        passes_values_on &= settings.get("coordinate_transformation_mode") != b"tf_crop_and_resize"
    return "arrangement" if passes_values_on else "other"


def _model(
    builder: Builder,
    operator: onnx.NodeProto,
    sources: list[str],
    inputs: tuple[str, ...],
    output: str,
) -> onnx.ModelProto:
    """Make a complete model of one operator and one of its outputs."""
    node = onnx.NodeProto()
    node.CopyFrom(operator)
    node.input[:] = sources
    constants = {
        name: builder.constant(operator, index)
        for index, name in enumerate(sources)
        if name and name not in inputs
    }
    model = onnx.ModelProto(ir_version=builder.model.ir_version)
    model.opset_import.extend(builder.model.opset_import)
    batch = builder.batch or "batch"
    model.graph.CopyFrom(
        helper.make_graph(
            [node],
            operator.name or operator.op_type,
            [_info(name, (batch, *builder.shape(name))) for name in inputs],
            [_info(output, (batch, *builder.shape(output)))],
            [numpy_helper.from_array(value, name) for name, value in constants.items()],
        )
    )
    return model


def _info(name: str, shape: tuple[int | str, ...]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


def _check_images_apart(model: onnx.ModelProto, batch: int | None) -> None:
    """Run overlapping batches: what an image gives must not depend on its neighbours."""
    count = batch or 2
    random = np.random.default_rng(1)
    shapes = {
        info.name: [d.dim_value for d in info.type.tensor_type.shape.dim[1:]]
        for info in (*model.graph.input, *model.graph.output)
    }
    images = {
        info.name: random.uniform(0.1, 1, (count + 1, *shapes[info.name])).astype(np.float32)
        for info in model.graph.input
    }
    try:
        (first,) = run_once(model, {name: values[:-1] for name, values in images.items()})
        (second,) = run_once(model, {name: values[1:] for name, values in images.items()})
    except Exception as error:
        raise UnsupportedError(str(error).strip().partition("\n")[0]) from error
    expected = (count, *shapes[model.graph.output[0].name])
    if first.shape != expected:
        raise UnsupportedError(f"its result has shape {first.shape}, {expected} expected")
    scale = TOLERANCE * float(np.abs(first).max(initial=0))
    if not np.allclose(first[1:], second[:-1], TOLERANCE, scale, equal_nan=True):
        raise UnsupportedError("its result for one image depends on the others of a batch")
