"""An INT8 network as an ONNX file: QuantizeLinear and DequantizeLinear around its tensors."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from ..graph.files import written_whole
from ..graph.network import FloatOperation, Linear, Network
from ..quantization.onnx_parts import Parts, newest

Grid = tuple[np.float32, int]
"""Of a tensor of activations: the scale, and the zero point, 0 to 255."""


def export_qdq(
    network: Network,
    weights: Mapping[str, np.ndarray],
    scales: Mapping[str, np.ndarray],
    grids: Mapping[str, Grid],
    path: str | Path,
) -> None:
    """Write the model of `qdq_model` to a file, whole or not at all."""
    model = qdq_model(network, weights, scales, grids)
    with written_whole(Path(path)) as file:
        file.write(model.SerializeToString(deterministic=True))


def qdq_model(
    network: Network,
    weights: Mapping[str, np.ndarray],
    scales: Mapping[str, np.ndarray],
    grids: Mapping[str, Grid],
) -> onnx.ModelProto:
    """Return an INT8 network as an ONNX model.

    Parameters
    ----------
    network
        That is quantized.
    weights
        By layer, (K, N): integers, -127 to 127, times a scale.
    scales
        By layer, that scale, float32: one, or (N,) one for each column.
    grids
        By tensor of activations.

    Raises
    ------
    ValueError
        If weights are no such multiples of their scales, naming the layer.
    """
    parts = Parts(network.shapes, network.batch or "N")
    if network.input in grids:
        parts.hold_input(network.input, partial(_quantize, grids[network.input]))
    for node in network.nodes:
        hold = partial(_quantize, grids[node.output]) if node.output in grids else None
        names = parts.add(node, hold)
        if isinstance(node, Linear):
            _store(parts, names["weights"], node, weights[node.name], scales[node.name])
    floats = [node.model for node in network.nodes if isinstance(node, FloatOperation)]
    opset, ir_version = newest(floats)
    model = helper.make_model(
        parts.graph(network.name, network.input, network.output),
        opset_imports=[helper.make_opsetid("", opset)],
        ir_version=ir_version,
        producer_name="ffp8",
    )
    onnx.checker.check_model(model)
    return model


def _quantize(grid: Grid, source: str, target: str, parts: Parts) -> None:
    """Hold a tensor to the values of its codes."""
    scale, zero_point = grid
    constants = [
        _constant(parts, f"{target}/scale", np.array(scale, np.float32)),
        _constant(parts, f"{target}/zero_point", np.array(zero_point, np.uint8)),
    ]
    codes = parts.unused(f"{target}/uint8")
    for kind, read, made in (("Quantize", source, codes), ("Dequantize", codes, target)):
        name = parts.unused(f"{target}/{kind}Linear")
        operator = helper.make_node(f"{kind}Linear", [read, *constants], [made], name)
        parts.operators.append(operator)


def _store(parts: Parts, name: str, node: Linear, values: np.ndarray, scale: np.ndarray) -> None:
    """Put codes in the place of weights, and what makes numbers of them in front of everything."""
    integers = np.rint(values / scale)
    if (
        np.abs(integers).max(initial=0) > 127
        or (integers.astype(np.float32) * scale != values.astype(np.float32)).any()
    ):
        raise ValueError(f"layer '{node.name}': weights that are no integers times their scale")
    codes, axis = integers.astype(np.int8), 1
    if node.window is not None:
        codes, axis = codes.T.reshape(codes.shape[1], -1, *node.window.kernel), 0
    del parts.constants[name]
    read = [
        _constant(parts, f"{name}/int8", codes),
        _constant(parts, f"{name}/scale", np.asarray(scale, np.float32)),
    ]
    about = {"axis": axis} if np.ndim(scale) else {}
    operator = helper.make_node(
        "DequantizeLinear", read, [name], parts.unused(f"{name}/DequantizeLinear"), **about
    )
    parts.operators.insert(0, operator)


def _constant(parts: Parts, name: str, value: np.ndarray) -> str:
    name = parts.unused(name)
    parts.constants[name] = numpy_helper.from_array(value, name)
    return name
