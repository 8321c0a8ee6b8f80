"""``summary.json``: what a run says of itself, in its folder."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SUMMARY, PREVIOUS = "summary.json", "previous.json"
"""Of this run, and of the last one that did something."""


def read_summary(path: Path) -> dict[str, Any] | None:
    """Return what a run has left; None of one that left nothing, or what is no summary.

    Raises
    ------
    OSError
        If the file is there and cannot be read.
    """
    try:
        summary = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return summary if isinstance(summary, dict) else None


def write_summary(folder: Path, content: Mapping[str, object]) -> None:
    """Write the summary whole; without what `verif.commands.files` needs, so at once."""
    unfinished = folder / f".{SUMMARY}.{os.getpid()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        unfinished.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
        unfinished.replace(folder / SUMMARY)
    finally:
        unfinished.unlink(missing_ok=True)
