"""What simulating a layer took and gave."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from model import FLAG_INEXACT, FLAG_OVERFLOW, FLAG_UNDERFLOW


@dataclass
class Statistics:
    """Counts of one or more simulations of a layer.

    Attributes
    ----------
    outputs
        Outputs compared with the model.
    macs
        Multiply-accumulates of those outputs, counted tile by tile; padding is none, neither at
        the edge of a tile nor between groups.
    offered, gated
        MACs that the engine counted, padding included, and those that it did not perform.
    busy, stalled
        Cycles in which the engine had a tile inside, with and without a pair of beats.
    tiles
        Tiles simulated.
    seconds
        Wall time.
    inexact, underflow, overflow
        Outputs with the flag.
    codes
        Distinct output codes or words.
    """

    outputs: int = 0
    macs: int = 0
    offered: int = 0
    gated: int = 0
    busy: int = 0
    stalled: int = 0
    tiles: int = 0
    seconds: float = 0.0
    inexact: int = 0
    underflow: int = 0
    overflow: int = 0
    codes: set[int] = field(default_factory=set)

    @property
    def cycles(self) -> int:
        """Cycles with a tile inside."""
        return self.busy + self.stalled

    @property
    def zero_gated(self) -> float:
        """Share of the MACs that were not performed since an operand was zero."""
        padding = self.offered - self.macs
        return (self.gated - padding) / self.macs

    def utilisation(self, elements: int) -> float:
        """Share of the array's `elements` that did useful work, over all cycles."""
        return self.macs / (elements * self.cycles)

    def add(self, other: Statistics) -> None:
        """Add the counts of another simulation."""
        for name in (f.name for f in fields(self) if f.name != "codes"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.codes |= other.codes

    def count_results(self, results, flags) -> None:
        """Count flags and distinct codes of simulated results, arrays of one shape."""
        self.inexact += int((flags & FLAG_INEXACT > 0).sum())
        self.underflow += int((flags & FLAG_UNDERFLOW > 0).sum())
        self.overflow += int((flags & FLAG_OVERFLOW > 0).sum())
        self.codes |= set(results.ravel().tolist())
