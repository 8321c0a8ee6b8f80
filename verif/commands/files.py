"""Writes what a command leaves behind: whole, or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from model.graph.files import written_whole


def write_json(path: Path, content: Mapping[str, object]) -> None:
    """Write a summary, making its folder; a reader never finds half of it."""
    write_text(path, json.dumps(content, indent=2) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a text file, making its folder; a reader never finds half of it."""
    with written_whole(path) as file:
        file.write(text.encode())


def write_arrays(path: Path, **arrays: ArrayLike) -> None:
    """Write an .npz file, making its folder; a reader never finds half of it."""
    with written_whole(path) as file:
        np.savez(file, **arrays)
