"""A quantized network as an ONNX file that runs anywhere, of standard operators alone.

Weights are the numbers that their codes stand for. Every tensor that is kept as codes passes the
function ``Quantize`` of the domain ``ffp8``, which the file holds itself: it rounds each number to
the value of its code. The network's sums are those of whoever runs it, in float32, where the codes'
are exact: a sum that comes to lie on the other side of a boundary between two codes gets the other
one. Nothing else differs.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, parser

from ..arithmetic.accumulator import held_start
from ..format.float32_values import exist
from ..format.format import Format
from ..graph.files import written_whole
from ..graph.network import Add, FloatOperation, Linear, Node, Pool, Product, Reshape
from .gemm_layer import GemmLayer, Layer
from .onnx_parts import Parts, newest
from .product_layer import ProductLayer
from .quantized import (
    AddLayer,
    AveragePoolLayer,
    FloatLayer,
    MaxPoolLayer,
    QuantizedNetwork,
    ReshapeLayer,
)

DOMAIN, FUNCTION = "ffp8", "Quantize"

_FUNCTION = """
<domain: "{domain}", opset_import: ["": {opset}]>
{name} <format, smallest_normal, spacing, lowest, highest> (x) => (y)
{{
    least = Constant <value_float: float = @lowest> ()
    greatest = Constant <value_float: float = @highest> ()
    relative = Constant <value_float: float = @spacing> ()
    binade_0 = Constant <value_float: float = @smallest_normal> ()
    not_below = Max (x, least)
    held = Min (not_below, greatest)
    size = Abs (held)
    {search}
    step = Mul (binade_{last}, relative)
    quotient = Div (held, step)
    integer = Round (quotient)
    y = Mul (integer, step)
}}
"""
"""A power of two at or below each magnitude, and the distance of the codes there: a division by it
is exact, and what is then rounded to an integer, ties to even, is rounded once."""

_SEARCH = """
    factor_{index} = Constant <value_float: float = {factor:.1f}> ()
    next_{index} = Mul (binade_{index}, factor_{index})
    reached_{index} = GreaterOrEqual (size, next_{index})
    binade_{after} = Where (reached_{index}, next_{index}, binade_{index})
"""


def export_onnx(network: QuantizedNetwork, path: str | Path) -> None:
    """Write the model of `onnx_model` to a file, whole or not at all."""
    model = onnx_model(network)
    with written_whole(Path(path)) as file:
        file.write(model.SerializeToString(deterministic=True))


def onnx_model(network: QuantizedNetwork) -> onnx.ModelProto:
    """Return a quantized network as an ONNX model.

    Its metadata hold, as JSON, ``ffp8.tensors`` (the format of each tensor kept as codes),
    ``ffp8.weights`` (of each layer, ``format`` and the ``biases`` of its columns) and
    ``ffp8.scales`` (what a tensor's values are to be multiplied with, where that is not 1).

    Raises
    ------
    ValueError
        If results are not rounded to nearest with ties to even, a format has values that float32
        does not hold or no fraction bits, or weights have such values, naming layer or tensor.
    """
    _check(network)
    floats = [layer for layer in network.nodes if isinstance(layer, FloatLayer)]
    opset, ir_version = newest(layer.model for layer in floats)
    exponents = max((fmt.exponent for fmt in network.formats.values() if fmt), default=0)
    model = helper.make_model(
        _graph(network, next((layer.batch for layer in floats if layer.batch), "N")),
        functions=[_quantize_function(exponents, opset)],
        opset_imports=[helper.make_opsetid("", opset), helper.make_opsetid(DOMAIN, 1)],
        ir_version=ir_version,
        producer_name="ffp8",
    )
    helper.set_model_props(model, _properties(network))
    onnx.checker.check_model(model)
    return model


def _check(network: QuantizedNetwork) -> None:
    for layer in network.nodes:
        rounding = getattr(layer, "rounding", "rne")
        if rounding != "rne":
            raise ValueError(f"layer '{layer.name}': rounding {rounding}, ONNX has rne alone")
    for name, fmt in network.formats.items():
        if fmt and not (fmt.fraction and exist(fmt.unit, fmt.max)):
            raise ValueError(
                f"tensor '{name}': format {fmt}, one with fraction bits and values that float32 "
                "holds is needed"
            )


def _quantize_function(exponents: int, opset: int) -> onnx.FunctionProto:
    """Return what holds numbers to the values of a format of up to so many exponent bits."""
    steps = [2**place for place in reversed(range(exponents))]  # together all that a field counts
    return parser.parse_function(
        _FUNCTION.format(
            domain=DOMAIN,
            name=FUNCTION,
            opset=opset,
            last=len(steps),
            search="".join(
                _SEARCH.format(index=index, after=index + 1, factor=2.0**step)
                for index, step in enumerate(steps)
            ),
        )
    )


def _properties(network: QuantizedNetwork) -> dict[str, str]:
    found = {
        "tensors": {name: str(fmt) for name, fmt in network.formats.items() if fmt},
        "weights": {
            layer.name: {"format": str(layer.fmt_w), "biases": layer.biases_w.tolist()}
            for layer in network.layers
        },
        "scales": network.scales,
    }
    return {f"{DOMAIN}.{name}": json.dumps(value) for name, value in found.items()}


def _graph(network: QuantizedNetwork, batch: int | str) -> onnx.GraphProto:
    """Put the network together: each node, and after it the quantizer of its result."""
    shapes = {network.input: network.input_shape}
    shapes |= {layer.output: layer.output_shape for layer in network.nodes}
    parts = Parts(shapes, batch)
    if fmt := network.formats[network.input]:
        parts.hold_input(network.input, partial(_quantize, fmt))
    for layer in network.nodes:
        fmt = network.formats[layer.output]
        passes = fmt is None or isinstance(layer, MaxPoolLayer | ReshapeLayer)
        parts.add(_node(layer), None if passes else partial(_quantize, fmt))
    return parts.graph(network.name, network.input, network.output)


def _quantize(fmt: Format, source: str, target: str, parts: Parts) -> None:
    """Hold a tensor to the values of a format."""
    attributes = {
        "format": str(fmt),
        "smallest_normal": fmt.unit * 2.0**fmt.fraction,
        "spacing": 2.0**-fmt.fraction,
        "lowest": -fmt.max if fmt.sign else 0.0,
        "highest": fmt.max,
    }
    name = parts.unused(f"{target}/{FUNCTION}")
    parts.operators.append(
        helper.make_node(FUNCTION, [source], [target], name, domain=DOMAIN, **attributes)
    )


def _node(layer: Layer) -> Node:
    """Return the node of the float network that a layer is of, with the values of its codes."""
    common = {
        "name": layer.name,
        "inputs": layer.inputs,
        "output": layer.output,
        "activation": getattr(layer, "activation", None),
    }
    match layer:
        case GemmLayer():
            values = np.ldexp(layer.fmt_w.decode(layer.w_codes), -layer.biases_w)
            if (values != values.astype(np.float32)).any():
                raise ValueError(f"layer '{layer.name}': float32 does not hold all of its weights")
            about = {"operator": layer.operator, "window": layer.window, "groups": layer.groups}
            grid = [layer.fmt_a.unit_exponent + fmt.unit_exponent for fmt in layer.fmts_w]
            return Linear(**common, **about, weights=values, bias=held_start(layer.start, grid))
        case ProductLayer():
            return Product(**common)
        case AddLayer():
            return Add(**common)
        case AveragePoolLayer():
            return Pool(**common, kind="average", window=layer.window)
        case MaxPoolLayer():
            return Pool(**common, kind="max", window=layer.window)
        case ReshapeLayer():
            return Reshape(**common)
        case FloatLayer():
            return FloatOperation(**common, operator="", model=layer.model, kind="other")
    raise TypeError(f"{layer.name}: no node is known for a {type(layer).__name__}")
