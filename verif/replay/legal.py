"""The values that parameters of the engine may have, as docs/hardware.md lists them."""

from __future__ import annotations

LEGAL = {"rows": (1, 64), "cols": (1, 64), "exp_max": (1, 5), "k_max": (1, 2**15)}
"""Least and greatest."""


def check_sides(rows: int, cols: int) -> None:
    """Raise ValueError unless an array may have this size."""
    for name, value in (("rows", rows), ("cols", cols)):
        least, greatest = LEGAL[name]
        if not least <= value <= greatest:
            raise ValueError(f"{name.upper()}={value}: an array has {least} to {greatest}")
