"""A row of the table of number systems."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """What a number system came to: see `measures`; bytes include scales and formats.

    ``agreement`` is None where no class is meant.
    """

    scheme: str
    description: str
    top1: float | None
    loss: float | None
    loss_low: float | None
    loss_high: float | None
    agreement: float | None
    snr: float
    weight_bytes: int
    activation_bytes: int
    seconds: float
