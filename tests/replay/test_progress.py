"""Whoever does not look at a terminal is told how far a replay is, too."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from verif.replay import progress
from verif.replay.progress import ReplayProgress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the time, which a test sets."""
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def lines_of(clock: list[float], terminal: bool) -> list[str]:
    """Simulate a million MACs in four steps of 50 s; return what is said, the bar aside."""
    file = io.StringIO()
    console = Console(file=file, width=170, force_terminal=terminal)
    clock[0] = 0.0
    with ReplayProgress(console, 1_000_000) as report:
        for name in ("stem", "conv[1]", "conv2", "conv3"):
            report(name, 0)
            clock[0] += 50
            report(name, 250_000)
    return [line for line in file.getvalue().splitlines() if "of the MACs" in line]


def test_a_line_a_minute_with_rate_and_time_left(clock):
    assert lines_of(clock, terminal=False) == [
        "conv[1]: 50% of the MACs in 100 s, 5 kMAC/s, about 100 s left",
        "conv3: 100% of the MACs in 200 s, 5 kMAC/s, about 0 s left",
    ]


def test_a_terminal_has_the_bar_alone(clock):
    assert not lines_of(clock, terminal=True)
