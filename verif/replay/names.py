"""Names of layers: which are meant."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

LAYERS_HELP = "LAYERS=: names or shell patterns, comma-separated; ? for a comma in a name (all)"


def select_layers(names: Sequence[str], patterns: str | None, network: str) -> list[str]:
    """Choose the layers that are named, or match shell patterns; all without.

    Parameters
    ----------
    names
        Of all layers that the array computes, in order.
    patterns
        Separated by commas; ``?`` stands for any character, a comma among them.
    network
        The network's name, for the message.

    Raises
    ------
    ValueError
        If there is no layer, or a pattern matches none.
    """
    if not names:
        raise ValueError(f"network '{network}' has no Conv, Gemm or MatMul for the array")
    if not patterns:
        return list(names)
    chosen = patterns.split(",")
    for pattern in chosen:
        if not any(_is_meant(name, pattern) for name in names):
            raise ValueError(f"LAYERS={pattern}: no such layer, there are {', '.join(names)}")
    return [name for name in names if any(_is_meant(name, pattern) for pattern in chosen)]


def _is_meant(name: str, pattern: str) -> bool:
    return name == pattern or fnmatchcase(name, pattern)
