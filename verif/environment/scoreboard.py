"""Judges outcomes: in order, none missing, none too many, each as the model says."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from verif import describe
from verif.environment.capabilities import Capabilities, error_of
from verif.environment.job import Job, Outcome
from verif.mismatch import describe_result, first_difference


class MismatchError(AssertionError):
    """An outcome that is not the one that the model expects."""


@dataclass(eq=False)
class Record:
    """A job that the design has taken, and what belongs to it.

    Attributes
    ----------
    job, failure
        What was taken, and why it has to be refused, or None.
    cycle
        Cycle of its last beat.
    behind
        Whether an earlier job's outcome was still due then.
    before
        The job before it, None after a reset.
    expected
        Results and flags by the model; None if it fails.
    """

    job: Job
    failure: str | None
    cycle: int
    behind: bool
    before: Job | None
    expected: Outcome | None = None


class Scoreboard:
    """Predicts from the jobs that the design took, and compares what it gives.

    Attributes
    ----------
    due
        Good jobs whose outcome has not come, in order.
    errors
        Sticky errors that have to show.
    failed
        The failing job that the design has not been recovered from.
    taken, checked, refused, dropped
        Jobs that were taken; outcomes compared; failing jobs; jobs lost to a reset.
    results, flags
        Results compared; all their flags together.
    """

    def __init__(self, can: Capabilities) -> None:
        self.can = can
        self.due: deque[Record] = deque()
        self.errors: set[str] = set()
        self.failed: Record | None = None
        self.taken = self.checked = self.refused = self.dropped = 0
        self.results = self.flags = 0
        self._before: Job | None = None

    def take(self, job: Job, cycle: int) -> Record:
        """Take note of a job that has moved in."""
        self.taken += 1
        failure = job.failure(self.can)
        record = Record(job, failure, cycle, bool(self.due), self._before)
        self._before = job
        if failure is None:
            record.expected = job.expected(self.can)
            self.due.append(record)
        else:
            self.refused += 1
            self.errors.add(error_of(failure))
            self.failed = record
        return record

    def compare(self, actual: Outcome, cycle: int) -> Record:
        """Compare an outcome with the oldest that is due.

        Raises
        ------
        MismatchError
            If none is due, or it differs, or comes earlier than the design promises.
        """
        if not self.due:
            raise MismatchError(f"an outcome that no job asked for: {actual[0].tolist()}")
        record = self.due.popleft()
        job, expected = record.job, record.expected
        place = first_difference(expected, actual)
        if place is not None:
            fmt_y = None if "sums" in self.can.outputs else job.settings.format_y()
            lines = [f"row {place[0]}, column {place[1]} of {expected[0].shape}"]
            for name, (results, flags) in (("expected", expected), ("actual", actual)):
                result, flag = int(results[place]), describe.flags(int(flags[place]))
                text = str(result) if results.dtype == object else describe_result(fmt_y, result)
                lines.append(f"{name}: {text}, {flag}")
            raise MismatchError("\n".join([*lines, job.describe(*place)]))
        if cycle - record.cycle < self.can.latency:
            raise MismatchError(f"an outcome {cycle - record.cycle} cycles after its last beat")
        self.checked += 1
        self.results += expected[0].size
        self.flags |= int(np.bitwise_or.reduce(expected[1], axis=None))
        return record

    def recovered(self) -> None:
        """Expect no error any more: they were cleared."""
        self.errors.clear()
        self.failed = None

    def forget(self) -> None:
        """Expect nothing: the design was reset."""
        self.dropped += len(self.due)
        self.due.clear()
        self.taken = 0
        self.recovered()
        self._before = None
