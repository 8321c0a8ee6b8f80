"""What the array will do with the layers of a network, known before anything is calibrated."""

from __future__ import annotations

from dataclasses import dataclass

from model.graph.network import FloatOperation, Linear, Network, Node, Product
from verif.replay.build import Build
from verif.replay.mapping import Geometry, bound, choose_mapping, cycles, tiles


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
    mapping
        Which outputs share a tile.
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
    mapping: str
    tiles: int
    cycles: int
    utilisation: float


@dataclass(frozen=True)
class Between:
    """What is computed beside the array: on codes, or in float."""

    name: str
    operator: str
    where: str


def plan_node(node: Node, network: Network, build: Build) -> PlannedLayer | Between:
    """Say what happens to a node of a network."""
    if not isinstance(node, Linear | Product):
        float_operation = isinstance(node, FloatOperation)
        operator = node.operator if float_operation else type(node).__name__
        return Between(node.name, operator, "float" if float_operation else "codes")
    geometry = Geometry.of_node(node, network.shapes)
    mapping = choose_mapping(geometry, build.rows, build.cols, build.k_max)
    laid = geometry, mapping, build.rows, build.cols
    return PlannedLayer(
        node.name,
        node.operator if isinstance(node, Linear) else "MatMul",
        geometry.rows,
        geometry.k,
        geometry.n,
        geometry.groups,
        geometry.macs,
        str(mapping),
        tiles(*laid),
        cycles(*laid),
        bound(*laid),
    )
