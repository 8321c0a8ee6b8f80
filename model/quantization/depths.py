"""How long a network's sums of products are, and the engine that holds them."""

from __future__ import annotations

from ..graph.network import Network

K_MAX = 8192
"""Of the default engine, which holds the sums of most networks."""

LARGEST_K_MAX = 32768
"""Of any engine that can be built."""

LARGEST_COMPENSATED = 4096
"""Products in a sum up to which the second moments of its activations are kept: they take its
square in memory. The weights of longer ones are rounded to nearest, each for itself."""


def check_depths(network: Network, k_max: int) -> None:
    """Raise ValueError if a layer sums more products than a build allows, naming it."""
    for node in network.on_array:
        if (depth := network.depth(node)) > k_max:
            raise ValueError(
                f"layer '{node.name}' sums {depth} products, this build at most {k_max}"
            )


def fitting_k_max(network: Network, least: int = K_MAX) -> int:
    """Return K_MAX of an engine for a network: ``least`` or the next power of two that holds it.

    Raises
    ------
    ValueError
        If a layer sums more products than any engine can be built for, naming it.
    """
    for node in network.on_array:
        if (depth := network.depth(node)) > LARGEST_K_MAX:
            raise ValueError(
                f"layer '{node.name}' sums {depth} products, an engine can be built for"
                f" at most {LARGEST_K_MAX}"
            )
    deepest = max((network.depth(node) for node in network.on_array), default=1)
    return least if deepest <= least else 1 << (deepest - 1).bit_length()


def depth_notes(network: Network) -> list[str]:
    """Say which layers' weights are rounded without compensation since their sums are long."""
    long = [node for node in network.linears if len(node.weights) > LARGEST_COMPENSATED]
    if not long:
        return []
    names = ", ".join(f"{node.name} (K {len(node.weights):,})" for node in long)
    return [
        f"weights rounded to nearest, without compensation, where sums have more than"
        f" {LARGEST_COMPENSATED:,} products: {names}"
    ]
