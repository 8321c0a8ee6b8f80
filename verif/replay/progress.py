"""How far a replay is: a bar on a terminal, and elsewhere a line now and then."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from verif.commands.messages import one_line

EVERY = 60.0
"""Seconds between two lines."""


class MacRate(ProgressColumn):
    """Simulated MACs per second so far."""

    def render(self, task) -> Text:
        """Draw the column."""
        rate = task.completed / task.elapsed if task.elapsed else 0
        return Text(f"{rate / 1000:,.0f} kMAC/s", style="progress.data.speed")


class ReplayProgress:
    """Shows the layer in work, the rate, and the time that is left.

    Parameters
    ----------
    console
        Where.
    total
        MACs to simulate.
    """

    def __init__(self, console: Console, total: int) -> None:
        described = TextColumn("{task.description:>20}", markup=False)
        columns = described, BarColumn(), MacRate(), TimeRemainingColumn()
        self._bar, self._console = Progress(*columns, console=console), console
        self._task = self._bar.add_task("", total=total)
        self._done, self._total = 0.0, total
        self._started = self._told = time.monotonic()

    def __enter__(self) -> ReplayProgress:
        """Show the bar."""
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Leave it as it is."""
        self._bar.stop()

    def __call__(self, name: str, macs: float) -> None:
        """Tell which layer is in work, and how many MACs were simulated since the last call."""
        self._bar.update(self._task, description=one_line(name), advance=macs)
        self._done += macs
        now = time.monotonic()
        if self._console.is_terminal or now - self._told < EVERY or not self._done:
            return
        self._told, seconds = now, now - self._started
        left = seconds * (self._total - self._done) / self._done
        self._console.print(
            f"{one_line(name)}: {self._done / self._total:.0%} of the MACs in {seconds:,.0f} s, "
            f"{self._done / seconds / 1000:,.0f} kMAC/s, about {left:,.0f} s left",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
