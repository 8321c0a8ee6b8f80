"""Files: found by a path or the name of a committed one, written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

COMMITTED = Path(__file__).parents[1] / "networks"


def existing_file(name: str | Path, suffix: str) -> Path:
    """Resolve a known name such as "fashion_resnet8", or a path, to a file that exists.

    Parameters
    ----------
    name
        The stem of a file in ``model/networks``, or a path.
    suffix
        The ending of the committed files meant, such as ".onnx".

    Raises
    ------
    ValueError
        If neither is a file; the message lists the known names.
    """
    if str(name) in known_names(suffix):
        return COMMITTED / f"{name}{suffix}"
    path = Path(name)
    if path.is_file():
        return path
    known = ", ".join(known_names(suffix)) or "none"
    reason = "is a folder" if path.is_dir() else "no such file"
    raise ValueError(f"{name}: {reason}, nor a known {suffix} name (known: {known})")


def known_names(suffix: str) -> list[str]:
    """Names of the committed files that end in ``suffix``, sorted."""
    return sorted(path.stem for path in COMMITTED.glob(f"*{suffix}"))


@contextmanager
def written_whole(path: Path) -> Iterator[BinaryIO]:
    """Open a file for writing that takes its name when it is complete.

    Each writer has a temporary file of its own, as test processes may start at the same time.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    number, name = tempfile.mkstemp(prefix=f"{path.name}.", suffix=".unfinished", dir=path.parent)
    unfinished = Path(name)
    try:
        with os.fdopen(number, "wb") as file:
            yield file
        # mkstemp lets only the owner read; the file is to be as any other.
        unfinished.chmod(0o644)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
