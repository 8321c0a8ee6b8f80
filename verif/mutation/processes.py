"""Processes that a campaign has started, so that all of them can be ended at once."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from verif.commands.processes import end_session


class Stopped(Exception):
    """The campaign was interrupted: what is under way has no result."""


_lock = threading.Lock()
_running: set[int] = set()
_stopped = threading.Event()


@contextmanager
def registered(pid: int) -> Iterator[None]:
    """Hold the leader of a session: `stop` ends it, and the end of the block what is left of it.

    Raises
    ------
    Stopped
        At the end of the block, if the campaign has been stopped; errors of the block included.
    """
    with _lock:
        _running.add(pid)
    try:
        check()
        yield
    finally:
        with _lock:
            _running.discard(pid)
        end_session(pid)
        check()


def run(
    command: Sequence[str], text: str, folder: Path, seconds: float
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, with errors among its output.

    Raises
    ------
    subprocess.TimeoutExpired
        If it takes longer than `seconds`.
    Stopped
        If the campaign has been stopped.
    """
    process = subprocess.Popen(
        command,
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    with process, registered(process.pid):
        try:
            output, _ = process.communicate(text, seconds)
        finally:
            end_session(process.pid)
    return subprocess.CompletedProcess(command, process.returncode, output)


def stop() -> None:
    """End what is running; it raises `Stopped`, and so does what is started later."""
    _stopped.set()
    with _lock:
        for pid in _running:
            end_session(pid)


def check() -> None:
    """Raise `Stopped` if the campaign has been stopped."""
    if _stopped.is_set():
        raise Stopped


def restart() -> None:
    """Allow processes again after a `stop`."""
    _stopped.clear()
