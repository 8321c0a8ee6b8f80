"""Small networks that are not all convolutions: grouped, gated, branched, attentive."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.graph.tiny_networks import (
    Operator,
    norm_parameters,
    normal,
    operator,
    residual_network,
    write_network,
)

Parts = tuple[list[Operator], dict[str, np.ndarray]]


def grouped(seed: int) -> Parts:
    """Depthwise and grouped convolutions, as in MobileNet, to a fully connected layer."""
    operators = [
        operator("Conv", "x w0 v0", "c0", pads=[1, 1, 1, 1]),
        operator("Clip", "c0 zero six", "r0"),
        operator("Conv", "r0 w1 v1", "c1", group=8, pads=[1, 1, 1, 1], strides=[2, 1]),
        operator("Relu", "c1", "r1"),
        operator("Conv", "r1 w2", "c2", group=2),
        operator("GlobalAveragePool", "c2", "p2"),
        operator("Flatten", "p2", "f2"),
        operator("Gemm", "f2 w3 v3", "y", transB=1),
    ]
    constants = {
        "w0": normal(seed, 8, 2, 3, 3),
        "v0": normal(seed + 1, 8),
        "w1": normal(seed + 2, 8, 1, 3, 3),
        "v1": normal(seed + 3, 8),
        "w2": normal(seed + 4, 6, 4, 1, 1),
        "w3": normal(seed + 5, 5, 6),
        "v3": normal(seed + 6, 5),
        "zero": np.float32(0),
        "six": np.float32(6),
    }
    return operators, constants


def preactivated(seed: int) -> Parts:
    """Normalise the input, then again before the activation that a padded convolution reads."""
    operators = [
        operator("BatchNormalization", "x n0_gamma n0_beta n0_mean n0_variance", "b0"),
        operator("Conv", "b0 w0", "c0", pads=[1, 1, 1, 1]),
        operator("BatchNormalization", "c0 n1_gamma n1_beta n1_mean n1_variance", "b1"),
        operator("Relu", "b1", "r1"),
        operator("Conv", "r1 w1 v1", "c1", pads=[1, 1, 1, 1]),
        operator("Add", "c0 c1", "a1"),
        operator("BatchNormalization", "a1 n2_gamma n2_beta n2_mean n2_variance", "b2"),
        operator("Relu", "b2", "r2"),
        operator("Conv", "r2 w2", "c2", pads=[0, 1, 0, 1]),
        operator("GlobalAveragePool", "c2", "p2"),
        operator("Flatten", "p2", "y"),
    ]
    constants = {
        "w0": normal(seed, 4, 2, 3, 3),
        "w1": normal(seed + 1, 4, 4, 3, 3),
        "v1": normal(seed + 2, 4),
        "w2": normal(seed + 3, 5, 4, 3, 3),
        **norm_parameters(seed + 4, 2, "n0"),
        **norm_parameters(seed + 5, 4, "n1"),
        **norm_parameters(seed + 6, 4, "n2"),
    }
    return operators, constants


def gated(seed: int) -> Parts:
    """Hard swish and squeeze-and-excitation, to probabilities."""
    operators = [
        operator("Conv", "x w0", "c0", pads=[1, 1, 1, 1]),
        operator("HardSwish", "c0", "h0"),
        operator("GlobalAveragePool", "h0", "p0"),
        operator("Conv", "p0 w1 v1", "c1"),
        operator("Sigmoid", "c1", "s1"),
        operator("Mul", "h0 s1", "m1"),
        operator("Conv", "m1 w2", "c2", strides=[2, 2]),
        operator("Flatten", "c2", "f2"),
        operator("MatMul", "f2 w3", "l3"),
        operator("Softmax", "l3", "y"),
    ]
    constants = {
        "w0": normal(seed, 6, 2, 3, 3),
        "w1": normal(seed + 1, 6, 6, 1, 1),
        "v1": normal(seed + 2, 6),
        "w2": normal(seed + 3, 3, 6, 2, 2),
        "w3": normal(seed + 4, 3 * 4 * 4, 5, scale=0.1),
    }
    return operators, constants


def branched(seed: int) -> Parts:
    """Branches that are pooled, padded, moved about and joined."""
    operators = [
        operator("Conv", "x w0", "c0"),
        operator("Relu", "c0", "r0"),
        operator("MaxPool", "r0", "p0", kernel_shape=[2, 2]),
        operator("AveragePool", "r0", "p1", kernel_shape=[2, 2]),
        operator("Concat", "p0 p1", "j1", axis=1),
        operator("Transpose", "j1", "t1", perm=[0, 1, 3, 2]),
        operator("Conv", "t1 w2", "c2"),
        operator("Tanh", "c2", "h2"),
        operator("Conv", "h2 w3", "c3"),
        operator("Add", "h2 c3", "a3"),
        operator("Clip", "a3 zero upper", "r3"),
        operator("Flatten", "r3", "f3"),
        operator("Gemm", "f3 w4", "y"),
    ]
    constants = {
        "w0": normal(seed, 4, 2, 3, 3),
        "w2": normal(seed + 1, 4, 8, 1, 1),
        "w3": normal(seed + 2, 4, 4, 1, 1),
        "w4": normal(seed + 3, 4 * 6 * 5, 4, scale=0.1),
        "zero": np.float32(0),
        "upper": np.float32(1.5),
    }
    return operators, constants


def attentive(seed: int) -> Parts:
    """Attention of two heads among the pixels of a map: two products of two activations."""
    operators = [
        operator("Conv", "x w0", "c0", strides=[2, 2]),
        *(operator("Conv", f"c0 w{name}", f"c{name}") for name in "qkv"),
        *(operator("Reshape", f"c{name} heads", f"h{name}") for name in "qkv"),
        operator("Transpose", "hq", "q", perm=[0, 1, 3, 2]),
        operator("MatMul", "q hk", "s1"),
        operator("Div", "s1 two", "s2"),
        operator("Softmax", "s2", "s3", axis=-1),
        operator("Transpose", "hv", "v", perm=[0, 1, 3, 2]),
        operator("MatMul", "s3 v", "m4"),
        operator("Transpose", "m4", "t4", perm=[0, 1, 3, 2]),
        operator("Reshape", "t4 map", "a4"),
        operator("Add", "c0 a4", "a5"),
        operator("Relu", "a5", "r5"),
        operator("Conv", "r5 w6", "c6"),
        operator("GlobalAveragePool", "c6", "p6"),
        operator("Flatten", "p6", "y"),
    ]
    constants = {
        "w0": normal(seed, 8, 2, 2, 3),
        **{f"w{name}": normal(seed + n, 8, 8, 1, 1) for n, name in enumerate("qkv", 1)},
        "heads": np.array([0, 2, 4, 16]),
        "two": np.float32(2),
        "map": np.array([0, 8, 4, 4]),
        "w6": normal(seed + 4, 5, 8, 1, 1),
    }
    return operators, constants


def recording(seed: int) -> Parts:
    """Rows of numbers in, and as many rows out: convolutions of one dimension, one transposed."""
    operators = [
        operator("Conv", "x w0", "c0", kernel_shape=[5], pads=[2, 2]),
        operator("BatchNormalization", "c0 n_gamma n_beta n_mean n_variance", "n0"),
        operator("Relu", "n0", "r0"),
        operator("MaxPool", "r0", "p0", kernel_shape=[2], strides=[2]),
        operator("Conv", "p0 w1", "c1", dilations=[2], pads=[2, 2], group=2),
        operator("Relu", "c1", "r1"),
        operator("ConvTranspose", "r1 w2", "c2", strides=[2], pads=[1, 1]),
        operator("Relu", "c2", "r2"),
        operator("Concat", "r2 r0", "j2", axis=1),
        operator("Conv", "j2 w3", "c3"),
        operator("GlobalAveragePool", "c3", "p3"),
        operator("Flatten", "p3", "y"),
    ]
    constants = {
        "w0": normal(seed, 8, 2, 5),
        "w1": normal(seed + 1, 8, 4, 3),
        "w2": normal(seed + 2, 8, 4, 4),
        "w3": normal(seed + 3, 5, 12, 1),
        **norm_parameters(seed + 4, 8, "n"),
    }
    return operators, constants


KINDS: dict[str, Callable[[int], Parts]] = {
    "grouped": grouped,
    "preactivated": preactivated,
    "gated": gated,
    "branched": branched,
    "attentive": attentive,
    "recording": recording,
}


def mixed_network(path: Path, kind: str, seed: int, batch: int | str = "N") -> Path:
    """Write a network of a kind, or the residual one."""
    if kind == "residual":
        return residual_network(path, seed)
    operators, constants = KINDS[kind](seed)
    size = (2, 72) if kind == "recording" else (2, 8, 9)
    return write_network(path, operators, constants, shape=(batch, *size))


def odd_groups_network(path: Path, seed: int) -> Path:
    """Write a network with grouped layers, and with layers in float between them.

    On an array of 4 columns: groups that fill no tile (3 channels), that share tiles (1 and 2
    channels) with a rest of them left over, and sums of one product.
    """
    operators = [
        operator("Conv", "x w0 v0", "c0", group=2, pads=[1, 1, 1, 1]),
        operator("HardSwish", "c0", "h0"),
        operator("Conv", "h0 w1 v1", "c1", group=6, pads=[1, 1, 1, 1]),
        operator("Clip", "c1 zero six", "r1"),
        operator("Conv", "r1 w2", "c2", group=6),
        operator("PRelu", "c2 slope", "p2"),
        operator("Concat", "h0 p2", "t2", axis=1),
        operator("BatchNormalization", "t2 n_gamma n_beta n_mean n_variance", "b2"),
        operator("Relu", "b2", "r2"),
        operator("Conv", "r2 w3", "c3", group=3, strides=[2, 2]),
        operator("GlobalAveragePool", "c3", "g3"),
        operator("Flatten", "g3", "f3"),
        operator("Gemm", "f3 w4 v4", "y"),
    ]
    constants = {
        "w0": normal(seed, 6, 2, 3, 3),
        "v0": normal(seed + 1, 6),
        "w1": normal(seed + 2, 6, 1, 3, 3),
        "v1": normal(seed + 3, 6),
        "w2": normal(seed + 4, 12, 1, 1, 1),
        "slope": normal(seed + 5, 12, 1, 1),
        "w3": normal(seed + 6, 6, 6, 1, 1),
        "w4": normal(seed + 7, 6, 5),
        "v4": normal(seed + 8, 5),
        "zero": np.float32(0),
        "six": np.float32(6),
        **norm_parameters(seed + 9, 18, "n"),
    }
    return write_network(path, operators, constants, ("N", 4, 6, 5))


def write_images(path: Path, seed: int, count: int = 8) -> Path:
    """Write images for `odd_groups_network`."""
    np.savez(path, images=normal(seed, count, 4, 6, 5, scale=1.0))
    return path
