"""Listeners that note what a design was put through, and when."""

from __future__ import annotations

from collections import Counter

from verif.environment.environment import Environment
from verif.environment.scoreboard import Record


class Tally:
    """Counts what a design was put through.

    Attributes
    ----------
    lengths, flags
        Jobs whose outcome was right by length, and results by their flags.
    changes
        Changes of the configuration, of `CHANGES`, while the job before was inside.
    failures
        Failing jobs by failure, and by whether an earlier job was inside.
    resets
        Resets by kind and state.
    """

    def __init__(self) -> None:
        self.lengths: Counter[int] = Counter()
        self.flags: Counter[int] = Counter()
        self.changes: Counter[str] = Counter()
        self.failures: Counter[tuple[str, bool]] = Counter()
        self.resets: Counter[tuple[str, str]] = Counter()

    def on_cycle(self, environment: Environment) -> None:
        """Nothing is counted in cycles."""

    def on_record(self, record: Record) -> None:
        """Count a job that was refused, or whose outcome was right."""
        if record.failure is not None:
            self.failures[record.failure, record.behind] += 1
            return
        self.lengths[record.job.k] += 1
        self.flags.update(record.expected[1].ravel().tolist())
        if record.before is not None and record.behind:
            self.changes.update(record.job.settings.changes(record.before.settings))

    def on_reset(self, kind: str, states: set[str]) -> None:
        """Count a reset in each of the states that it met."""
        self.resets.update((kind, state) for state in states)


class Timing:
    """Notes in which cycles jobs go in and outcomes come out.

    Attributes
    ----------
    begun
        Cycle of the first beat of the first job.
    taken
        Cycle of each good job's last beat.
    first, last
        Cycles of each outcome's first and last beat.
    """

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget everything; nothing may be inside."""
        self.begun: int | None = None
        self.taken: list[int] = []
        self.first: list[int] = []
        self.last: list[int] = []
        self._open = False

    def on_cycle(self, environment: Environment) -> None:
        """Look at what moves."""
        streams, can, cycle = environment.adapter.streams, environment.can, environment.cycle
        if self.begun is None and any(streams[name].moved is not None for name in can.sources):
            self.begun = cycle
        for stream in (streams[name] for name in can.sinks):
            if stream.moved is None:
                continue
            if not self._open:
                self.first.append(cycle)
            self._open = stream.open
            if not self._open:
                self.last.append(cycle)

    def on_record(self, record: Record) -> None:
        """Take note of a good job."""
        if record.failure is None:
            self.taken.append(record.cycle)

    def on_reset(self, kind: str, states: set[str]) -> None:
        """Forget everything."""
        self.clear()

    @property
    def latencies(self) -> list[int]:
        """Cycles from each job's last beat to its outcome's first."""
        return [first - taken for first, taken in zip(self.first, self.taken, strict=True)]

    @property
    def durations(self) -> list[int]:
        """Cycles from each outcome's first beat to its last."""
        return [last - first for first, last in zip(self.first, self.last, strict=True)]
