"""Small ONNX networks to test with."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Operator = onnx.NodeProto


def write_network(
    path: Path,
    operators: list[Operator],
    constants: dict[str, np.ndarray],
    shape: tuple[int | str, ...] = ("N", 2, 8, 9),
    output_shape: tuple[int | str, ...] | None = None,
    data_type: int = TensorProto.FLOAT,
    opset: int = 17,
) -> Path:
    """Write a network from ``x`` to ``y``; an output shape not given is inferred."""
    tensors = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    source = helper.make_tensor_value_info("x", data_type, shape)
    answer = helper.make_tensor_value_info("y", data_type, output_shape)
    graph = helper.make_graph(operators, "tiny", [source], [answer], tensors)
    if output_shape is None:
        graph.output[0].ClearField("type")
        inferred = onnx.shape_inference.infer_shapes(_model(graph, opset))
        graph.output[0].CopyFrom(inferred.graph.output[0])
        if not graph.output[0].type.tensor_type.HasField("shape"):
            unknown = helper.make_tensor_value_info("y", data_type, ("N", "F"))
            graph.output[0].CopyFrom(unknown)
    onnx.save(_model(graph, opset), path)
    return path


def _model(graph: onnx.GraphProto, opset: int) -> onnx.ModelProto:
    versions = [helper.make_opsetid("", opset), helper.make_opsetid("house", 1)]
    return helper.make_model(graph, opset_imports=versions, ir_version=9)


def operator(kind: str, inputs: str, output: str, **attributes: object) -> Operator:
    """Make an operator named after its output; inputs are separated by spaces."""
    return helper.make_node(kind, inputs.split(" "), [output], name=f"node_{output}", **attributes)


def normal(seed: int, *shape: int, scale: float = 0.5) -> np.ndarray:
    """Draw normally distributed float32 values."""
    return (np.random.default_rng(seed).standard_normal(shape) * scale).astype(np.float32)


def norm_parameters(seed: int, channels: int, prefix: str) -> dict[str, np.ndarray]:
    """Parameters of a BatchNormalization far from the identity."""
    random = np.random.default_rng(seed)
    return {
        f"{prefix}_gamma": random.uniform(-2, 2, channels).astype(np.float32),
        f"{prefix}_beta": random.uniform(-1, 1, channels).astype(np.float32),
        f"{prefix}_mean": random.uniform(-1, 1, channels).astype(np.float32),
        f"{prefix}_variance": random.uniform(0.01, 4, channels).astype(np.float32),
    }


def residual_network(path: Path, seed: int) -> Path:
    """Write a network that has every supported operator but MatMul and a Reshape."""
    operators = [
        operator("Conv", "x w0", "c0", pads=[1, 0, 0, 2], strides=[1, 2]),
        operator("Identity", "n0_gamma", "shared_gamma"),
        operator(
            "BatchNormalization", "c0 shared_gamma n0_beta n0_mean n0_variance", "b0", epsilon=1e-3
        ),
        operator("Relu", "b0", "r0"),
        operator("Conv", "r0 w1 v1", "c1", pads=[1, 1, 1, 1]),
        operator("BatchNormalization", "c1 n1_gamma n1_beta n1_mean n1_variance", "b1"),
        operator("Identity", "b1", "i1"),
        operator("Add", "r0 i1", "a1"),
        operator("Clip", "a1 zero six", "r1"),
        operator("MaxPool", "r1", "p1", kernel_shape=[2, 2], strides=[2, 1], pads=[0, 1, 1, 0]),
        operator("Conv", "p1 w2", "c2", dilations=[2, 1]),
        operator("Add", "c2 v2", "d2"),
        operator("MaxPool", "d2", "p2", kernel_shape=[1, 2]),
        operator("Relu", "p2", "r2"),
        operator("AveragePool", "r2", "p3", kernel_shape=[1, 2]),
        operator("GlobalAveragePool", "p3", "p4"),
        operator("Dropout", "p4", "o4"),
        operator("Flatten", "o4", "f4"),
        operator("Gemm", "f4 w5 v5", "y", alpha=0.5, beta=2.0, transB=1),
    ]
    constants = {
        "w0": normal(seed, 6, 2, 3, 3),
        "w1": normal(seed + 1, 6, 6, 3, 3, scale=0.2),
        "v1": normal(seed + 2, 6),
        "w2": normal(seed + 3, 5, 6, 2, 1),
        "v2": normal(seed + 4, 1, 5, 1, 1),
        "w5": normal(seed + 5, 4, 5),
        "v5": normal(seed + 6, 4),
        "zero": np.float32(0),
        "six": np.float32(6),
        **norm_parameters(seed + 7, 6, "n0"),
        **norm_parameters(seed + 8, 6, "n1"),
    }
    return write_network(path, operators, constants)


KERNEL = normal(1, 4, 2, 3, 3)
WEIGHTS = {"w": KERNEL}
CONV = operator("Conv", "x w", "y")
"""One convolution and its weights: a whole network."""
