"""The values that parameters of the engine may have, as docs/hardware.md lists them."""

from __future__ import annotations

LEGAL = {"rows": (1, 64), "cols": (1, 64), "exp_max": (1, 5), "k_max": (1, 2**15)}
"""Least and greatest."""


def check_limits(**values: int | None) -> None:
    """Raise ValueError unless an engine may have these values, each by its name; None is any."""
    for name, value in values.items():
        least, greatest = LEGAL[name]
        if value is not None and not least <= value <= greatest:
            what = "an array" if name in ("rows", "cols") else "an engine"
            raise ValueError(f"{name.upper()}={value}: {what} has {least} to {greatest:,}")
