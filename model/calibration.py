"""The float reference, and samples of its activations for choosing formats."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import onnx
import onnxruntime

from model.graph import Add, Linear, Network, Node, Pool

SAMPLES = 2**15
"""Values of each tensor that `calibrate` keeps."""

BATCH_BYTES = 2**26
"""All tensors of a batch together, at least one image's."""


class FloatNetwork:
    """The network as the file has it, run in float32 by onnxruntime.

    Parameters
    ----------
    network
        The imported network; its ONNX model is what runs.
    tensors
        Names of intermediate tensors to expose.
    """

    def __init__(self, network: Network, tensors: tuple[str, ...] = ()) -> None:
        self._network = network
        model = onnx.ModelProto()
        model.CopyFrom(network.model)
        exposed = {output.name for output in model.graph.output} | {network.input}
        model.graph.output.extend(
            info
            for info in network.model.graph.value_info
            if info.name in tensors and info.name not in exposed
        )
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        values = sum(math.prod(shape) for shape in network.shapes.values())
        self._batch = network.batch or max(BATCH_BYTES // (4 * values), 1)
        self._names = [output.name for output in model.graph.output]

    def batches(self, images: np.ndarray) -> Iterator[dict[str, np.ndarray]]:
        """Run images (N, C, H, W) float32 and yield the exposed tensors of each batch."""
        for first in range(0, len(images), self._batch):
            batch = images[first : first + self._batch]
            missing = self._network.batch - len(batch) if self._network.batch else 0
            padded = np.concatenate([batch, np.repeat(batch[-1:], missing, axis=0)])
            results = self._session.run(self._names, {self._network.input: padded})
            yield {
                name: result[: len(batch)]
                for name, result in zip(self._names, results, strict=True)
            } | {self._network.input: batch}

    def run(self, images: np.ndarray) -> np.ndarray:
        """Return the answers, (N, classes) float32, to images (N, C, H, W) float32."""
        name = self._names[0]
        answers = [batch[name].reshape(len(batch[name]), -1) for batch in self.batches(images)]
        return np.concatenate(answers)


def calibrate(
    network: Network, images: np.ndarray, samples: int = SAMPLES, seed: int = 1
) -> dict[str, np.ndarray]:
    """Sample what the tensors of a network hold on calibration images.

    Parameters
    ----------
    network
        The network.
    images
        (N, C, H, W) float32, at least one.
    samples
        About how many values of each tensor to keep.
    seed
        Of the choice of values.

    Returns
    -------
    dict
        For the input and each result that needs a format of its own, float64 values drawn
        evenly from all images, with the least and the greatest of each batch among them.
        The activation of a node is applied to its values.
    """
    nodes: dict[str, Node | None] = {network.input: None}
    nodes |= {node.output: node for node in network.nodes if needs_format(node)}
    kept: dict[str, list[np.ndarray]] = {name: [] for name in nodes}
    random = np.random.default_rng(seed)
    for batch in FloatNetwork(network, tuple(nodes)).batches(images):
        quota = -(-samples * len(batch[network.input]) // len(images))
        for name, node in nodes.items():
            values = _draw(batch[name].ravel(), quota, random)
            kept[name].append(node.activation(values) if node and node.activation else values)
    return {name: np.concatenate(parts).astype(np.float64) for name, parts in kept.items()}


def needs_format(node: Node) -> bool:
    """Tell whether a node computes new values; the others pass on some that they read."""
    return isinstance(node, Linear | Add) or (isinstance(node, Pool) and node.kind == "average")


def _draw(values: np.ndarray, quota: int, random: np.random.Generator) -> np.ndarray:
    """Draw ``quota`` values, and the least and the greatest."""
    if values.size <= quota:
        return values
    drawn = values[random.integers(values.size, size=quota)]
    return np.append(drawn, [values.min(), values.max()])
