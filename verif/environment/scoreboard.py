"""Judges outcomes: in order, none missing, none too many, each as the model says."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from model import Format
from verif.engine import describe
from verif.engine.mismatch import describe_result, first_difference
from verif.environment.capabilities import Capabilities, error_of
from verif.environment.job import Job, Outcome
from verif.simulator.checks import check


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
        self._last: Job | None = None  # of the good ones

    def take(self, job: Job, cycle: int) -> Record:
        """Take note of a job that has moved in."""
        self.taken += 1
        failure = job.failure(self.can)
        record = Record(job, failure, cycle, bool(self.due), self._before)
        self._before = job
        if failure is None:
            self._last = job
            record.expected = job.expected(self.can)
            self.due.append(record)
        else:
            self.refused += 1
            self.errors.add(error_of(failure))
            self.failed = record
        return record

    def compare(self, actual: Outcome, cycle: int) -> Record | None:
        """Compare an outcome with the oldest that is due, and return what is known of its job.

        None is returned where none is due, which a check has let pass.

        Raises
        ------
        CheckError
            If none is due, or it differs, or does not come when the design promises.
        """
        check("environment.asked_for", self.due, lambda: self._unasked(actual))
        if not self.due:
            return None
        record = self.due.popleft()
        expected = record.expected
        place = first_difference(expected, actual)
        check(
            "environment.outcome",
            place is None,
            lambda: self._difference(record, actual, place),
        )
        self._check_latency(record, cycle - record.cycle)
        self.checked += 1
        self.results += expected[0].size
        self.flags |= int(np.bitwise_or.reduce(expected[1], axis=None))
        return record

    def _difference(self, record: Record, actual: Outcome, place: tuple[int, int]) -> str:
        """Return what to say about an outcome that differs in a place."""
        job, expected = record.job, record.expected
        fmt_y = None if "sums" in self.can.outputs else job.settings.format_y()
        lines = [f"row {place[0]}, column {place[1]} of {expected[0].shape}"]
        for name, outcome in (("expected", expected), ("actual", actual)):
            lines.append(f"{name}: {_result(fmt_y, outcome, place)}")
        return "\n".join([*lines, job.describe(self.can, *place)])

    def _unasked(self, actual: Outcome) -> str:
        """Return what to say about an outcome when none is due."""
        last = self._last
        if last is None:
            return f"an outcome that no job asked for: {actual[0].tolist()}, before any job"
        fmt_y = None if "sums" in self.can.outputs else last.settings.format_y()
        text = f"an outcome that no job asked for: {_result(fmt_y, actual, (0, 0))}"
        return f"{text}\nthe last job that was taken:\n{last.describe(self.can, 0, 0)}"

    def _check_latency(self, record: Record, cycles: int) -> None:
        can = self.can
        most = "" if can.exact_latency else " or more"
        check(
            "environment.latency",
            cycles == can.latency or (cycles > can.latency and not can.exact_latency),
            lambda: (
                f"an outcome {cycles} cycles after its job's last beat, expected {can.latency}"
                f"{most}\n{record.job.describe(can, 0, 0)}"
            ),
        )

    def before_failed(self) -> int:
        """Return how many jobs before the failing one have not come out."""
        return sum(record.cycle <= self.failed.cycle for record in self.due) if self.failed else 0

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
        self._before = self._last = None


def _result(fmt_y: Format | None, outcome: Outcome, place: tuple[int, int]) -> str:
    """Return one result of an outcome, decoded, with its flags."""
    results, flags = outcome
    result, flag = results[place], describe.flags(int(flags[place]))
    if results.dtype == object or (fmt_y is None and results.itemsize == 1):
        text = str(result)
    else:  # a word where a code was expected is described as what it is
        text = describe_result(fmt_y if results.itemsize == 1 else None, int(result))
    return f"{text}, {flag}"
