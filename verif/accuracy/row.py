"""A row of the table of number systems."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """What a number system came to: see `measures`; bytes include scales and formats.

    ``agreement`` is None where no class is meant; ``ffp8_better_by`` is as `better_by` has it, None
    of FFP8 itself and of what a replay measured.
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
    ffp8_better_by: dict[str, tuple[float, float, float]] | None = None
