"""The networks that the onnx package carries without their weights, with weights drawn.

They are ImageNet classifiers as they were published, for tests of ONNX itself: the package holds
their structure, small tensors, and one number in the place of each large one. Here the large ones
are drawn from a fixed seed. Layers, shapes and sums are those of the real networks, so a replay of
them is as long and as hard. What they answer means nothing, nor does their accuracy: the file says
so, by `DRAWN_WEIGHTS`, and its import notes it.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from ..network import DRAWN_WEIGHTS

FOLDER = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
FILES = {
    "onnx_alexnet": "light_bvlc_alexnet.onnx",
    "onnx_densenet121": "light_densenet121.onnx",
    "onnx_inception_v1": "light_inception_v1.onnx",
    "onnx_inception_v2": "light_inception_v2.onnx",
    "onnx_resnet50": "light_resnet50.onnx",
    "onnx_shufflenet": "light_shufflenet.onnx",
    "onnx_squeezenet": "light_squeezenet.onnx",
    "onnx_vgg19": "light_vgg19.onnx",
    "onnx_zfnet512": "light_zfnet512.onnx",
}
"""Where the structure of each network is, in ``FOLDER``."""

SEED = 1
IR_VERSION = 8
"""From 4 on, initializers need not be inputs."""


def drawn(name: str, seed: int = SEED) -> onnx.ModelProto:
    """Draw the weights of a network.

    Kernels and matrices are normal, with squares that keep the sums of their layer as large as what
    it reads; anything of one axis is positive, for variances are among it.

    Parameters
    ----------
    name
        One of ``FILES``.
    seed
        What the weights are drawn from.

    Returns
    -------
    onnx.ModelProto
        From float32 images (1, 3, 224, 224) to 1,000 values.

    Raises
    ------
    ValueError
        If the onnx package that is installed lacks the file.
    """
    path = FOLDER / FILES[name]
    if not path.is_file():
        raise ValueError(f"{path}: no such file, the onnx package should hold it; install it again")
    model = onnx.load(path)
    random = np.random.default_rng(seed)
    shapes = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    kept = []
    for node in model.graph.node:
        if node.op_type != "ConstantOfShape":
            kept.append(onnx.NodeProto.FromString(node.SerializeToString()))
            continue
        values = _values(random, tuple(map(int, shapes[node.input[0]])))
        model.graph.initializer.append(numpy_helper.from_array(values, node.output[0]))
    del model.graph.node[:]
    model.graph.node.extend(kept)
    model.ir_version = IR_VERSION
    helper.set_model_props(model, dict([DRAWN_WEIGHTS]))
    return model


def _values(random: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    if len(shape) == 1:
        return random.uniform(0.5, 1, shape).astype(np.float32)
    scale = math.sqrt(2 / math.prod(shape[1:]))
    return random.standard_normal(shape, np.float32) * np.float32(scale)
