"""Signals to a command that waits for its threads: one KeyboardInterrupt, at once."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn, TypeVar

T = TypeVar("T")
SIGNALS = signal.SIGINT, signal.SIGTERM, signal.SIGHUP
INTERRUPTED = 130
"""Exit status of a command that a signal has ended."""

SECONDS = 0.2
"""How long a signal may go unnoticed."""

AGAIN = 0.01
"""Seconds until an interruption that was swallowed is raised again."""


def interrupt_once() -> None:
    """Have the first signal raise KeyboardInterrupt, also where a shell has had one ignored.

    Later ones change nothing: the run is ending in good order by then. Where a callback of the
    interpreter swallows the exception, it is raised again a moment later.
    """
    sys.unraisablehook = _interrupt_again
    signal.signal(signal.SIGALRM, _interrupt)
    for number in heeded():
        signal.signal(number, _interrupt)
    unblock()


@contextmanager
def blocked() -> Iterator[None]:
    """Have signals wait; also to a process that is started meanwhile, until it calls `unblock`."""
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        unblock()


def unblock() -> None:
    """Take the signals that have waited."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def start_over(variables: Mapping[str, str]) -> NoReturn:
    """Begin this process anew, with these variables too; signals wait for `interrupt_once`."""
    with blocked():
        os.execve(sys.executable, sys.orig_argv, {**os.environ, **variables})


def interrupt_no_more() -> bool:
    """Pass over all signals until the process has ended; return whether one has come before."""
    signal.setitimer(signal.ITIMER_REAL, 0)
    interrupted = signal.getsignal(signal.SIGINT) == _pass_over
    for number in heeded():
        signal.signal(number, signal.SIG_IGN)  # a handler would be taken away at the process's end
    return interrupted


def heeded() -> list[signal.Signals]:
    """Return the signals that end a run; not SIGHUP where nohup has had it ignored."""
    nohup = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    return [number for number in SIGNALS if not (nohup and number == signal.SIGHUP)]


def _interrupt(number: int, frame: FrameType | None) -> None:
    for one in heeded():  # not SIG_IGN, which is wrong for one that has arrived already
        signal.signal(one, _pass_over)
    raise KeyboardInterrupt


def _interrupt_again(swallowed: sys.UnraisableHookArgs) -> None:
    if issubclass(swallowed.exc_type, KeyboardInterrupt):
        signal.setitimer(signal.ITIMER_REAL, AGAIN)
    else:
        sys.__unraisablehook__(swallowed)


def _pass_over(number: int, frame: FrameType | None) -> None:
    pass


def completed(futures: Iterable[Future[T]]) -> Iterator[Future[T]]:
    """Yield futures as they end, like `concurrent.futures.as_completed`, awake for signals.

    Of two signals at once, the system may hand both to other threads, and Python's main thread,
    which alone acts on them, sleeps on until what it waits for has come.
    """
    left = set(futures)
    while left:
        done, left = wait(left, SECONDS, FIRST_COMPLETED)
        yield from done
