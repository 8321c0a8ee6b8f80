"""Processes of a run: none outlives it, however it ends."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import IO

from verif.commands.interrupts import blocked, heeded

_PR_SET_PDEATHSIG = 1


def die_with_parent(number: int = signal.SIGKILL) -> None:
    """Have the system send this process a signal when the one that started it is gone.

    If that is gone already, which the system no longer tells, a process of a pool gets it at once.
    """
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number)
    parent = multiprocessing.parent_process()
    if parent is not None and os.getppid() != parent.pid:
        os.kill(os.getpid(), number)


def dying_with_parent(command: Sequence[str]) -> list[str]:
    """Return a command that the system kills when this process, which is to start it, is gone.

    It looks who its parent is once it is bound to it: that may have died before.
    """
    bound = ["setpriv", "--pdeathsig", "KILL", "--"]
    return [*bound, "sh", "-c", '[ "$PPID" = "$0" ] && exec "$@"', str(os.getpid()), *command]


def kill_children() -> None:
    """Kill the processes that the main thread has started."""
    thread = threading.main_thread().native_id
    with suppress(FileNotFoundError):  # a kernel that does not keep the list
        for child in Path(f"/proc/self/task/{thread}/children").read_text().split():
            with suppress(ProcessLookupError):
                os.kill(int(child), signal.SIGKILL)


def outside_pytest(folder: Path | None = None) -> dict[str, str]:
    """Return the environment of a pytest of its own, without what another tells its processes.

    Parameters
    ----------
    folder
        Where its tests simulate, no other run's; none if they only are to be collected.
    """
    own = {name: text for name, text in os.environ.items() if not name.startswith("PYTEST_")}
    own.pop("RUN_FOLDER", None)
    return own if folder is None else own | {"RUN_FOLDER": str(folder)}


def start_session(
    command: Sequence[str],
    output: IO[bytes] | None = None,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start a command as the leader of a session, which is killed when this process is gone.

    Parameters
    ----------
    command
        Program and arguments.
    output
        Where it writes, errors included; where this process writes, unless given.
    environment
        All its variables; this process's own, unless given.
    folder
        Where it works; where this process does, unless given.
    """
    return subprocess.Popen(
        dying_with_parent(command),
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT if output else None,
        start_new_session=True,
    )


def end_session(leader: int) -> None:
    """Kill a session: its leader and what that has started, a simulator for example."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


class Run:
    """A command in a session of its own, which signals to this process end in good order.

    The first SIGINT, SIGTERM or SIGHUP is handed on to the command alone, so that it stops its own
    processes and writes what it has; another one kills all of them. The command begins with these
    signals blocked, and takes them once it can: `verif.commands.interrupts.unblock`.

    Attributes
    ----------
    interrupted : bool
        Whether there was a signal.
    """

    def __init__(self) -> None:
        self.interrupted = False
        self._process: subprocess.Popen[bytes] | None = None

    def __call__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str] | None = None,
        output: IO[bytes] | None = None,
    ) -> int:
        """Run the command, and return its exit status once nothing of it is left.

        Parameters
        ----------
        command
            Program and arguments.
        environment
            Variables on top of this process's own.
        output
            Where it writes, errors included; where this process writes, unless given.
        """
        self.interrupted, self._process = False, None
        before = {number: signal.signal(number, self._hand_on) for number in heeded()}
        try:
            with blocked():
                self._process = start_session(
                    command, output, {**os.environ, **(environment or {})}
                )
            if self.interrupted:  # before there was anything to hand the signal on to
                self._process.send_signal(signal.SIGINT)
            return self._process.wait()
        finally:
            self._kill()
            for number, handler in before.items():
                signal.signal(number, handler)

    def _hand_on(self, number: int, frame: FrameType | None) -> None:
        if self.interrupted:
            self._kill()
        elif self._process is not None:
            self._process.send_signal(signal.SIGINT)
        self.interrupted = True

    def _kill(self) -> None:
        if self._process is not None:
            end_session(self._process.pid)
