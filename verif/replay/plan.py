"""What the array will do with the layers of a network, known before anything is calibrated."""

from __future__ import annotations

import math
from dataclasses import dataclass

from model.graph.network import FloatOperation, Linear, Network, Node
from model.quantization.grouping import group_parts
from verif.replay.layer_runner import Build


@dataclass(frozen=True)
class PlannedLayer:
    """A matrix product of the network, for one image.

    Attributes
    ----------
    name, operator
        Of the layer.
    m, k, n, groups
        Rows, products in each sum, columns of all groups, and groups.
    macs
        Multiply-accumulates.
    tiles, cycles
        On the array; the cycles are those without a wait, as tiles follow each other.
    utilisation
        Share of the array that does useful work in these cycles; a replay measures less, since the
        first operands and the last results wait.
    """

    name: str
    operator: str
    m: int
    k: int
    n: int
    groups: int
    macs: int
    tiles: int
    cycles: int
    utilisation: float


@dataclass(frozen=True)
class Between:
    """What is computed beside the array: on codes, or in float."""

    name: str
    operator: str
    where: str


def groups_together(group_width: int, k: int, build: Build) -> int:
    """Return how many groups a tile may lie within."""
    return max(min(build.cols // group_width, build.k_max // k), 1)


def plan_node(node: Node, network: Network, build: Build) -> PlannedLayer | Between:
    """Say what happens to a node of a network."""
    if not isinstance(node, Linear):
        float_operation = isinstance(node, FloatOperation)
        operator = node.operator if float_operation else type(node).__name__
        return Between(node.name, operator, "float" if float_operation else "codes")
    k, n = node.weights.shape
    m = math.prod(network.shapes[node.output]) // n
    parts = group_parts((k, n), node.groups, groups_together(n // node.groups, k, build))
    rows = math.ceil(m / build.rows)
    tiles = cycles = 0
    for part in parts:
        columns = math.ceil((part.columns.stop - part.columns.start) / build.cols)
        tiles += rows * columns
        cycles += rows * columns * max(part.groups * k, build.rows, build.cols)
    macs = m * k * n
    useful = macs / (build.rows * build.cols * cycles)
    return PlannedLayer(node.name, node.operator, m, k, n, node.groups, macs, tiles, cycles, useful)
