"""A real factor for each tensor of activations, which costs the hardware nothing.

The values of a format lie on a grid whose place, as far as a bias moves it, is a power of two. What
lies between, a factor from 1 to 2, goes into the weights around a tensor: the layers that make it
divide their weights and biases by it, those that read it multiply. Tensors that are added, joined
or pooled have one factor with their result. What an operation that is not homogeneous reads or
makes, the operands and the result of a product of two activations, and the network's ends have the
factor 1.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from ..graph.network import Add, FloatOperation, Linear, Network, Node, Pool, Relu, Reshape

HOMOGENEOUS = frozenset(
    ("Concat", "Relu", "LeakyRelu", "PRelu", "Abs", "Neg", "Max", "Min", "Sum", "Mean", "Resize")
    + ("AveragePool", "GlobalAveragePool", "ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin")
)
"""Operators whose result is times what all that they read is times, if they read no constant."""


def shared_scales(network: Network) -> list[tuple[str, ...]]:
    """Return the tensors that can have a factor, those that have it together in a tuple."""
    leader = {name: name for name in (network.input, *(node.output for node in network.nodes))}

    def find(name: str) -> str:
        while leader[name] != name:
            name = leader[name]
        return name

    fixed = {network.input, network.output}
    for node in network.nodes:
        tensors = (*node.inputs, node.output)
        if _is_homogeneous(node):
            for name in tensors[1:]:
                leader[find(name)] = find(tensors[0])
        elif not isinstance(node, Linear):
            fixed.update(tensors)
    taken = {find(name) for name in fixed}
    groups: dict[str, list[str]] = {}
    for name in leader:
        if find(name) not in taken:
            groups.setdefault(find(name), []).append(name)
    return [tuple(group) for group in groups.values()]


def _is_homogeneous(node: Node) -> bool:
    """Tell whether a node's result is times a factor if all that it reads is."""
    if not isinstance(node, FloatOperation):
        return isinstance(node, Add | Pool | Reshape)
    if node.kind == "arrangement":
        return True
    reads_constants = bool(node.model.graph.initializer)
    return node.operator in HOMOGENEOUS and not reads_constants


def rescaled_network(network: Network, scales: Mapping[str, float]) -> Network:
    """Return the network with each tensor divided by its factor; it has the same answers."""

    def rescaled(node: Node) -> Node:
        factor = scales.get(node.output, 1.0)
        reads = scales.get(node.inputs[0], 1.0)
        changes: dict[str, object] = {}
        if node.activation and factor != 1.0:
            changes["activation"] = Relu(node.activation.upper / factor)
        if isinstance(node, Linear) and (reads, factor) != (1.0, 1.0):
            changes["weights"] = node.weights * (reads / factor)
            changes["bias"] = node.bias / factor
        return dataclasses.replace(node, **changes) if changes else node

    return dataclasses.replace(network, nodes=tuple(map(rescaled, network.nodes)))
