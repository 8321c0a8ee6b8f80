"""Runs a command: it owns its folder, its summary tells the truth, and its errors are sentences.

However a command ends, what stands in its ``summary.json`` is about this run: the file says
"complete": false before anything else happens, and gets its exit status when it is known.
"""

from __future__ import annotations

import fcntl
import os
import re
import shlex
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from verif.commands.fingerprint import sources
from verif.commands.folders import command_folder, design_folder
from verif.commands.interrupts import INTERRUPTED, interrupt_no_more, interrupt_once
from verif.commands.processes import die_with_parent, kill_children
from verif.commands.summaries import PREVIOUS, SUMMARY, read_summary, write_summary

REFUSED = 2
SPACE = 64 * 2**20
"""Bytes that must be free where a command writes; most of them leave less."""

RUN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")


class RefusedError(ValueError):
    """Before anything was begun: a variable that no command can take, or a folder that is taken."""


def run_command(name: str, main: Callable[[Sequence[str] | None], int]) -> int:
    """Run a command with this process's arguments and variables, and return its exit status.

    Parameters
    ----------
    name
        As `make` calls it; names its folder in BUILD.
    main
        Does the work, and returns the exit status.
    """
    if {"-h", "--help"} & set(sys.argv[1:]):
        return main(None)
    try:
        interrupt_once()
        if os.environ.get("MAKELEVEL"):
            die_with_parent(signal.SIGTERM)  # if make is killed, nobody waits for the result
        _check_variables()
        folder = command_folder(name)
        os.environ["RUN_FOLDER"] = str(folder)
        with _owned(folder):
            return _record(name, folder, main)
    except KeyboardInterrupt as interruption:
        _say(name, interruption)
        return INTERRUPTED
    except (RefusedError, OSError) as error:
        _say(name, error)
        return REFUSED


def status_of(name: str, work: Callable[[], int], *refusals: type[Exception]) -> int:
    """Return the status of a command's work, or that of what ends it, said in one sentence.

    Parameters
    ----------
    name
        Of the command.
    work
        Does it, and returns its exit status.
    refusals
        Errors that refuse something, beside ValueError and OSError.
    """
    from verif.commands.messages import sentence  # with what it needs, too late for the mark

    try:
        return work()
    except (ValueError, OSError, *refusals) as error:
        print(f"{name}: {sentence(error)}", file=sys.stderr)
        return REFUSED
    except KeyboardInterrupt as interruption:
        _say(name, interruption)
        return INTERRUPTED


def _record(name: str, folder: Path, main: Callable[[Sequence[str] | None], int]) -> int:
    """Run a command that owns its folder, and leave its status in the summary."""
    begun = {"command": name, "complete": False, "exit_status": 1, "started": time.time()}
    _keep_previous(folder)
    write_summary(folder, begun | {"begun": True})
    begun["sources"] = before = sources()
    error: BaseException | None = None
    interrupted = False
    try:
        try:
            status = main(None)
        finally:
            interrupted = interrupt_no_more()
    except SystemExit as stop:
        status = stop.code if isinstance(stop.code, int) else REFUSED
    except KeyboardInterrupt as interruption:
        status, error = INTERRUPTED, interruption
    except (OSError, MemoryError, ValueError, BrokenProcessPool) as failure:
        status, error = REFUSED, failure
    if interrupted and status == 0:  # something that it called has taken the exception for its own
        status, error = INTERRUPTED, KeyboardInterrupt()
    if error is not None:
        kill_children()
        _say(name, error)
    if sources() != before:
        print(f"{name}: the sources changed while it ran: it is of no one state", file=sys.stderr)
        begun["sources"] = None
    _close(folder, begun, status)
    return status


def _close(folder: Path, begun: dict[str, object], status: int) -> None:
    """Enter how the run ended; one that did not end well by its own account is incomplete."""
    path = folder / SUMMARY
    left = read_summary(path) or {}
    if status == 0 and "begun" in left and (folder / PREVIOUS).exists():
        (folder / PREVIOUS).replace(path)  # there was nothing to do: the last result stands
        return
    ended = status in (0, 1) and left.get("complete", True) is not False and "begun" not in left
    write_summary(folder, begun | left | {"complete": ended, "exit_status": status})


def _check_variables() -> None:
    """Refuse what no command can take."""
    run = os.environ.get("RUN")
    if run and not RUN_NAME.fullmatch(run):
        raise RefusedError(
            f"RUN={run}: a name of up to 64 letters, digits, dots, dashes and underscores is wanted"
        )
    waves, design = os.environ.get("WAVES", ""), design_folder()
    if waves not in ("", "0", "1"):
        raise RefusedError(f"WAVES={waves}: 1 for yes, or 0, is wanted")
    if not any(design.glob("*.v")):
        raise RefusedError(f"HDL={design}: no Verilog file (*.v) in it, the design's are wanted")


@contextmanager
def _owned(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder; the system lets go of it however this process ends."""
    folder.mkdir(parents=True, exist_ok=True)
    free = os.statvfs(folder)
    if free.f_bavail * free.f_frsize < SPACE:
        megabytes = free.f_bavail * free.f_frsize / 2**20
        raise OSError(
            f"{folder}: {megabytes:.0f} MB are free on its disk, {SPACE // 2**20} MB are wanted; "
            "make room, or name another folder with BUILD="
        )
    path = folder.with_name(f".{folder.name}.lock")
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RefusedError(_holder(folder, file)) from None
        file.truncate(0)
        file.write(f"{os.getpid()} {time.strftime('%H:%M:%S')} {shlex.join(sys.argv[1:])}")
        file.flush()
        yield


def _holder(folder: Path, file: TextIO) -> str:
    """Say who holds a lock."""
    file.seek(0)
    process, started, words = [*file.read().split(" ", 2), "", "", ""][:3]
    return (
        f"{folder} belongs to process {process} ({words}, since {started}); wait for it, or take a "
        "folder of your own with RUN=name"
    )


def _keep_previous(folder: Path) -> None:
    """Put the last summary aside, unless it is of a run that did nothing."""
    path = folder / SUMMARY
    summary = read_summary(path)
    if summary is not None and "begun" not in summary:
        path.replace(folder / PREVIOUS)


def _say(name: str, error: BaseException) -> None:
    """Print one sentence."""
    if isinstance(error, KeyboardInterrupt):
        text = "interrupted"
    elif isinstance(error, MemoryError):
        text = f"out of memory ({str(error) or 'no more can be had'})"
    elif isinstance(error, BrokenProcessPool):
        text = "a process of this run was killed; nothing of what it did counts, run it again"
    else:
        from verif.commands.messages import sentence  # with what it needs, too late for the mark

        text = sentence(error)
        if isinstance(error, OSError) and error.strerror:
            text += "; what is written goes to the folder that BUILD= names"
    print(f"{name}: {text}", file=sys.stderr)
