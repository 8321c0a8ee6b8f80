"""A network in float32 whose weights and tensors are held to the values of 8-bit codes.

This is how different number systems are compared on equal terms: everything but what they do to a
value is the same, and runs in onnxruntime. An FFP8 network on codes (`QuantizedNetwork`) adds
up exactly where this one rounds to float32, and so may differ from it in the last place of a code.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from ..graph.network import Network
from .calibration import batch_size, session
from .node_models import node_model
from .noise import Quantize

THREADS = 2


class Emulation:
    """Runs a network node by node.

    Parameters
    ----------
    network
        The imported network.
    weights
        By the name of a `Linear` node, (K, N) values in place of its weights.
    quantizers
        By the name of a tensor, what holds its values to those of codes.
    """

    def __init__(
        self,
        network: Network,
        weights: Mapping[str, np.ndarray],
        quantizers: Mapping[str, Quantize],
    ) -> None:
        self._network, self._quantizers = network, quantizers
        batch = network.batch or "N"
        nodes = [
            replace(node, weights=weights[node.name]) if node.name in weights else node
            for node in network.nodes
        ]
        self._sessions = [session(node_model(node, network.shapes, batch)) for node in nodes]
        self._last_use = {
            name: index for index, node in enumerate(network.nodes) for name in node.inputs
        }

    def run(self, images: np.ndarray) -> np.ndarray:
        """Return the answers, (N, classes) float32, to images (N, C, H, W) float32.

        Raises
        ------
        ValueError
            If images have another shape than the network's, or a tensor to quantize holds NaN.
        """
        if not len(images) or images.shape[1:] != self._network.input_shape:
            raise ValueError(
                f"images of shape {images.shape}:"
                f" at least one of {self._network.input_shape} is expected"
            )
        size = batch_size(self._network)
        batches = [images[first : first + size] for first in range(0, len(images), size)]
        with ThreadPoolExecutor(THREADS) as pool:
            return np.concatenate(list(pool.map(self._run_batch, batches)))

    def tensors(self, images: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
        """Yield name and values, (N, ...) float32, of every tensor as it is computed.

        Parameters
        ----------
        images
            As `run` takes them, no more than the network takes at a time.
        """
        network = self._network
        missing = network.batch - len(images) if network.batch else 0
        padded = np.concatenate([images, np.repeat(images[-1:], missing, axis=0)])
        tensors = {network.input: self._quantized(network.input, padded)}
        yield network.input, tensors[network.input][: len(images)]
        for index, (node, runner) in enumerate(zip(network.nodes, self._sessions, strict=True)):
            (result,) = runner.run(None, {name: tensors[name] for name in node.inputs})
            tensors[node.output] = self._quantized(node.output, result)
            yield node.output, tensors[node.output][: len(images)]
            for name in set(node.inputs):
                if self._last_use[name] == index:
                    del tensors[name]

    def _run_batch(self, images: np.ndarray) -> np.ndarray:
        for name, values in self.tensors(images):
            if name == self._network.output:
                answers = values
        return answers.reshape(len(images), -1)

    def _quantized(self, name: str, values: np.ndarray) -> np.ndarray:
        if name not in self._quantizers:
            return values
        try:
            return self._quantizers[name](values)
        except ValueError as error:
            raise ValueError(f"tensor '{name}': {error}") from error
