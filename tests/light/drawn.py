"""The networks that the onnx package carries without their weights, with weights drawn."""

import math
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

FOLDER = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"
PREFIX = "light_"


def names() -> list[str]:
    """Return the names of the networks."""
    return sorted(path.stem.removeprefix(PREFIX) for path in FOLDER.glob(f"{PREFIX}*.onnx"))


def write_drawn(path: Path, name: str, seed: int) -> Path:
    """Write a network whose weights, all one number in the package's file, are drawn.

    Kernels and matrices are normal, with squares that keep the sums of their layer as large as what
    it reads; anything of one axis is positive, for variances are among it.
    """
    model = onnx.load(FOLDER / f"{PREFIX}{name}.onnx")
    random = np.random.default_rng(seed)
    shapes = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    kept = []
    for node in model.graph.node:
        if node.op_type != "ConstantOfShape":
            kept.append(node)
            continue
        shape = tuple(map(int, shapes[node.input[0]]))
        if len(shape) > 1:
            scale = math.sqrt(2 / math.prod(shape[1:]))
            values = random.standard_normal(shape, np.float32) * np.float32(scale)
        else:
            values = random.uniform(0.5, 1, shape).astype(np.float32)
        model.graph.initializer.append(numpy_helper.from_array(values, node.output[0]))
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in kept]
    del model.graph.node[:]
    model.graph.node.extend(copies)
    model.ir_version = 8  # from 4 on, initializers need not be inputs
    onnx.save(model, path)
    return path
