"""Runs an imported graph node by node in float, as far as possible without the import's code."""

from pathlib import Path

import numpy as np
import onnx

from model.graph.importing.network import load_network
from model.graph.network import Add, FloatOperation, Linear, Network, Node, Pool, Product, Reshape
from model.graph.runtime import onnxruntime
from model.quantization.calibration import FloatNetwork


def run_nodes(network: Network, images: np.ndarray) -> dict[str, np.ndarray]:
    """Return every tensor that the nodes make, in float64 but for float operations."""
    tensors = {network.input: images.astype(np.float64)}
    for node in network.nodes:
        operands = {name: tensors[name] for name in node.inputs}
        result = _result(node, operands)
        if node.activation:
            result = np.clip(result, 0, node.activation.upper)
        assert result.shape == (len(images), *network.shapes[node.output]), node.name
        tensors[node.output] = result
    return tensors


def assert_same_function(path: Path | str, images: np.ndarray | None = None) -> Network:
    """Check that the imported graph computes what onnxruntime computes from the file.

    Its answer is compared, and each result that an intermediate tensor of the imported model
    names: those are what formats are chosen on.
    """
    network = load_network(path)
    if images is None:
        size = (network.batch or 3, *network.input_shape)
        images = np.random.default_rng(7).normal(0, 1, size).astype(np.float32)
    tensors = run_nodes(network, images)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (expected,) = session.run(None, {network.input: images})
    assert len(expected) == len(images) and np.ptp(expected) > 1e-3, "an answer that tells nothing"
    assert_close(tensors[network.output], expected, network.output)
    computed = {node.output: node for node in network.nodes if not _passes_values_on(node)}
    batches = list(FloatNetwork(network, tuple(computed)).batches(images))
    for name, node in computed.items():
        value = np.concatenate([batch[name] for batch in batches])
        if node.activation:
            value = np.clip(value, 0, node.activation.upper)
        assert_close(tensors[name], value, name)
    return network


def assert_close(actual: np.ndarray, expected: np.ndarray, name: str) -> None:
    """Compare to 1e-4 of the greatest value."""
    tolerance = 1e-4 * np.abs(expected).max()
    np.testing.assert_allclose(actual, expected, rtol=0, atol=tolerance, err_msg=name)


def _passes_values_on(node: Node) -> bool:
    """Tell whether an activation behind a node may have been moved before it."""
    if isinstance(node, FloatOperation):
        return node.kind == "arrangement"
    return isinstance(node, Reshape) or (isinstance(node, Pool) and node.kind == "max")


def _result(node: Node, operands: dict[str, np.ndarray]) -> np.ndarray:
    values = operands[node.inputs[0]]
    if isinstance(node, FloatOperation):
        session = onnxruntime.InferenceSession(
            node.model.SerializeToString(), providers=["CPUExecutionProvider"]
        )
        assert [info.name for info in session.get_inputs()] == list(node.inputs)
        feeds = {name: operand.astype(np.float32) for name, operand in operands.items()}
        return session.run([node.output], feeds)[0]
    if isinstance(node, Linear):
        return _linear(node, values)
    if isinstance(node, Product):
        return values @ operands[node.inputs[1]]
    if isinstance(node, Add):
        return values + operands[node.inputs[1]]
    if isinstance(node, Pool):
        average = node.kind == "average"
        patches = node.window.patches(values, fill=np.nan if average else -np.inf)
        return patches.mean(axis=(4, 5)) if average else patches.max(axis=(4, 5))
    assert isinstance(node, Reshape)
    return values.reshape(len(values), -1)


def _linear(node: Linear, values: np.ndarray) -> np.ndarray:
    if node.window is None:
        return values @ node.weights + node.bias
    patches = node.window.patches(values).transpose(0, 2, 3, 1, 4, 5)
    columns = np.split(node.weights, node.groups, axis=1)
    groups = np.split(patches, node.groups, axis=3)
    parts = [
        group.reshape(*group.shape[:3], -1) @ weights
        for group, weights in zip(groups, columns, strict=True)
    ]
    return (np.concatenate(parts, axis=-1) + node.bias).transpose(0, 3, 1, 2)


def described(network: Network) -> list[str]:
    """Say what each node is, in a word or two; "+" for an activation."""
    return [_described(node) + "+" * (node.activation is not None) for node in network.nodes]


def _described(node: Node) -> str:
    if isinstance(node, FloatOperation):
        return f"{node.operator} {node.kind}"
    if isinstance(node, Pool):
        return node.kind
    return node.operator if isinstance(node, Linear) else type(node).__name__


def run_model(model: onnx.ModelProto, images: np.ndarray) -> np.ndarray:
    """Answer of a model by onnxruntime."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    (answer,) = session.run(None, {session.get_inputs()[0].name: images})
    return answer
