"""Keeps what is expensive to build: one folder a key, shared by processes, whole or not there."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

LIST = "files.json"
UNUSED_SECONDS = 3600.0
"""Builds of the same label that nobody has used for so long are removed when one is added."""


def digest(parts: Iterable[str | bytes]) -> str:
    """Return 12 hexadecimal digits that tell one sequence of texts from another."""
    whole = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        whole.update(b"%d:" % len(data) + data)
    return whole.hexdigest()[:12]


def cached(root: Path, label: str, key: str, build: Callable[[Path], None]) -> Path:
    """Return the folder ``label-key`` of `root`, building it unless it is there.

    Processes that ask for the same folder wait for the one that builds it. It is built under
    another name and renamed when it is whole, with a list of its files; a folder whose files are
    not as that list says, cut off by a full disk for example, is built anew.

    Parameters
    ----------
    root
        Folder of all builds.
    label
        What a person reads; builds of one label and several keys are versions of one thing.
    key
        What the content depends on, see `digest`.
    build
        Fills the empty folder that it is given, and raises if it cannot.
    """
    folder = root / f"{label}-{key}"
    if not _is_whole(folder):
        root.mkdir(parents=True, exist_ok=True)
        with locked(root / f".{folder.name}.lock"):
            if not _is_whole(folder):
                shutil.rmtree(folder, ignore_errors=True)
                _build(folder, build)
                _forget_unused(folder, label)
    os.utime(folder)
    return folder


def _build(folder: Path, build: Callable[[Path], None]) -> None:
    """Build `folder` whole or not at all."""
    for leftover in folder.parent.glob(f".{folder.name}.unfinished-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}.unfinished-", dir=folder.parent))
    try:
        build(unfinished)
        (unfinished / LIST).write_text(json.dumps(_listed(unfinished)), encoding="utf-8")
        _flush(unfinished)
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _listed(folder: Path) -> dict[str, str]:
    """Return size and hash of the content of every file in a folder."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != LIST:
            content = path.read_bytes()
            found[str(path.relative_to(folder))] = f"{len(content)} {digest([content])}"
    return found


def _is_whole(folder: Path) -> bool:
    """Tell whether a folder has exactly the files that it was built with."""
    try:
        return _listed(folder) == json.loads((folder / LIST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False


def _flush(folder: Path) -> None:
    """Have everything on the disk: one that is full says so here at the latest."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())


def _forget_unused(folder: Path, label: str) -> None:
    """Remove the versions of a build that have not been used for a while."""
    oldest = time.time() - UNUSED_SECONDS
    for other in folder.parent.glob(f"{label}-*"):
        same = len(other.name) == len(folder.name) and other != folder
        if same and other.is_dir() and other.stat().st_mtime < oldest:
            shutil.rmtree(other, ignore_errors=True)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a file's lock; the system lets go of it if the process dies."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
