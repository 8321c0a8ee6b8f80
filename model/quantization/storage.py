"""Which tensors of a network are kept as 8-bit codes, and which as binary32.

The input and every computed result is kept as codes of a format of its own, but for what an
operation in float alone goes on with: an activation outside of the engine takes the accumulator's
value as binary32 and is encoded once, after it. So does the network's answer, which nobody encodes.
What only passes on values that it reads (a reshape, the largest of a window) passes on their
format.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from ..graph.network import FloatOperation, Linear, Network, Node, Pool, Product, Reshape


@dataclass(frozen=True)
class Storage:
    """How each tensor of a network is kept.

    Attributes
    ----------
    own
        Tensors kept as codes of a format of their own, in topological order.
    passed
        The tensor whose format another one has, for those that only pass on values.
    raw
        Tensors kept as binary32.
    readers
        The nodes that read a tensor, or what passes on its values.
    """

    own: tuple[str, ...]
    passed: dict[str, str]
    raw: frozenset[str]
    readers: dict[str, tuple[Node, ...]]

    def source(self, tensor: str) -> str:
        """Return the tensor whose format, if it has one, a tensor is kept in."""
        return self.passed.get(tensor, tensor)


def plan_storage(network: Network) -> Storage:
    """Decide how each tensor of a network is kept."""
    direct: dict[str, list[Node]] = defaultdict(list)
    for node in network.nodes:
        for name in node.inputs:
            direct[name].append(node)
    raw = _raw_tensors(network, direct)
    passed: dict[str, str] = {}
    for node in network.nodes:
        if passes_on(node) and node.output not in raw:
            passed[node.output] = passed.get(node.inputs[0], node.inputs[0])
    computed = (network.input, *(node.output for node in network.nodes))
    own = tuple(name for name in computed if name not in raw and name not in passed)
    readers = {name: list(direct[name]) for name in own}
    for name, source in passed.items():
        readers[source] += direct[name]
    taking = {
        name: tuple(node for node in found if node.output not in passed)
        for name, found in readers.items()
    }
    return Storage(own, passed, frozenset(raw), taking)


def passes_on(node: Node) -> bool:
    """Tell whether a node's values are some that it reads, or zero."""
    if isinstance(node, FloatOperation):
        return node.kind == "arrangement" and node.activation is None
    return isinstance(node, Reshape) or (isinstance(node, Pool) and node.kind == "max")


def _raw_tensors(network: Network, readers: dict[str, list[Node]]) -> set[str]:
    """Name the tensors that nothing encodes."""
    raw: set[str] = set()
    for node in reversed(network.nodes):
        if isinstance(node, Linear | Product | FloatOperation | Reshape):
            answers = node.output == network.output and not readers[node.output]
            if (answers and not node.activation) or _take_raw(readers[node.output], raw):
                raw.add(node.output)
    if _take_raw(readers[network.input], raw):
        raw.add(network.input)
    for node in network.nodes:  # a reshape passes on what it reads
        if isinstance(node, Reshape) and node.inputs[0] not in raw:
            raw.discard(node.output)
    return raw


def _take_raw(readers: list[Node], raw: set[str]) -> bool:
    """Tell whether all that read a tensor compute in float, and go on in float or element-wise."""
    return bool(readers) and all(
        (isinstance(node, FloatOperation) and (node.kind == "elementwise" or node.output in raw))
        or (isinstance(node, Reshape) and node.output in raw)
        for node in readers
    )
