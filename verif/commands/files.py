"""Writes what a command leaves behind: whole, or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike


def write_json(path: Path, content: Mapping[str, object]) -> None:
    """Write a summary, making its folder; a reader never finds half of it."""
    write_text(path, json.dumps(content, indent=2) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a text file, making its folder; a reader never finds half of it."""
    unfinished = _beside(path)
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)


def write_arrays(path: Path, **arrays: ArrayLike) -> None:
    """Write an .npz file, making its folder; a reader never finds half of it."""
    unfinished = _beside(path)
    with unfinished.open("wb") as file:
        np.savez(file, **arrays)
    unfinished.replace(path)


def _beside(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.with_name(f"{path.name}.unfinished")
