"""What simulating a layer took and gave."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

import numpy as np

from model import FLAG_INEXACT, FLAG_OVERFLOW, FLAG_UNDERFLOW
from verif.engine.tile import C_BEAT
from verif.replay.workers import Done


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
    jobs, kept
        Jobs that were computed, and those of them that were in an earlier run.
    bound
        Cycles of the tiles if none waits, for the way in which they lie on the array.
    streamed
        Bytes of operands and results on the streams.
    seconds
        That simulators took, added up.
    wall
        Seconds from the first job's start to the last comparison's end.
    inexact, underflow, overflow
        Outputs with the flag.
    codes
        Distinct output codes or words.
    mapping
        Which outputs share a tile.
    """

    outputs: int = 0
    macs: int = 0
    offered: int = 0
    gated: int = 0
    busy: int = 0
    stalled: int = 0
    tiles: int = 0
    jobs: int = 0
    kept: int = 0
    bound: int = 0
    streamed: int = 0
    seconds: float = 0.0
    wall: float = 0.0
    inexact: int = 0
    underflow: int = 0
    overflow: int = 0
    codes: set[int] = field(default_factory=set)
    mapping: str = ""

    @property
    def cycles(self) -> int:
        """Cycles with a tile inside."""
        return self.busy + self.stalled

    @property
    def zero_gated(self) -> float:
        """Share of the MACs that were not performed since an operand was zero."""
        padding = self.offered - self.macs
        return (self.gated - padding) / self.macs

    @property
    def macs_per_second(self) -> int | None:
        """Simulated, the comparison included; None if some of it was in an earlier run."""
        return None if self.kept or not self.wall else round(self.macs / self.wall)

    def utilisation(self, elements: int) -> float:
        """Share of the array's `elements` that did useful work, over all cycles."""
        return self.macs / (elements * self.cycles)

    def add(self, other: Statistics) -> None:
        """Add the counts of another simulation of the same layer."""
        for name in (f.name for f in fields(self) if f.name not in ("codes", "mapping")):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.codes |= other.codes
        self.mapping = other.mapping

    def count_job(self, done: Done) -> None:
        """Count what the engine says of a job."""
        job, played = done.job, done.played
        registers = played.registers
        self.offered += registers["macs"]
        self.gated += registers["gated"]
        self.busy += registers["busy"]
        self.stalled += registers["stalled"]
        self.tiles += len(job.program)
        self.jobs += 1
        self.kept += done.kept
        self.seconds += played.seconds
        rows, cols = job.shape
        each = cols * C_BEAT.itemsize + played.results[0].nbytes
        self.streamed += registers["busy"] * (rows + cols) + len(job.program) * each

    def count_results(self, results: np.ndarray, flags: np.ndarray) -> None:
        """Count flags and distinct codes of simulated results, arrays of one shape."""
        numbers = np.bincount(flags.reshape(-1), minlength=8)
        self.inexact += int(numbers[np.arange(8) & FLAG_INEXACT > 0].sum())
        self.underflow += int(numbers[np.arange(8) & FLAG_UNDERFLOW > 0].sum())
        self.overflow += int(numbers[np.arange(8) & FLAG_OVERFLOW > 0].sum())
        if results.dtype == np.uint8:
            found = np.flatnonzero(np.bincount(results.reshape(-1), minlength=256))
        else:
            found = np.unique(results)
        self.codes |= set(found.tolist())
