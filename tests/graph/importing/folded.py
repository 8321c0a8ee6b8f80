"""What stands around the maps and activations that are folded into layers."""

import numpy as np

from tests.graph.tiny_networks import Operator, norm_parameters, normal, operator

CONSTANTS = {
    "w": normal(1, 4, 2, 3, 3),
    "u": normal(2, 5, 4, 3, 2),
    "d": normal(3, 4, 1, 3, 3),
    "two": normal(4, 6, 2, 2, 2),
    "f": normal(5, 288, 3, scale=0.1),
    "m": normal(6, 9, 5),
    "plane": normal(7, 8, 9),
    "four": normal(8, 4, 1, 1),
    "batched": normal(9, 1, 4, 1, 1),
    "last": normal(10, 9),
    "rows": normal(11, 8, 1),
    "scalar": np.float32(1.7),
    "none": np.float32(0),
    "pads": np.array([0, 0, 1, 0, 0, 0, 2, 1]),
    "beside": np.array([0, 1, 0, 0, 0, 0, 0, 0]),
    "cut": np.array([0, 0, -1, 0, 0, 0, 0, 0]),
    **norm_parameters(12, 4, "n"),
    **norm_parameters(13, 2, "i"),
    **norm_parameters(14, 288, "l"),
}
FIRST = operator("Conv", "x w", "c", pads=[1, 1, 1, 1])


def norm(source: str, output: str, prefix: str = "n") -> Operator:
    """Make a BatchNormalization."""
    names = " ".join(f"{prefix}_{part}" for part in ("gamma", "beta", "mean", "variance"))
    return operator("BatchNormalization", f"{source} {names}", output)
