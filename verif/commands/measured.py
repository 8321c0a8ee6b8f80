"""Answers that a replay got from the RTL, for `make accuracy` to set beside the others."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from model.graph.archive import read_arrays
from verif.commands.files import write_arrays
from verif.commands.fingerprint import sources
from verif.commands.folders import BUILD

FOLDER = BUILD / "measured"


def _about(inputs: Mapping[str, str], images: int) -> dict[str, object]:
    """Return what answers are about: the inputs, and the design and model as they are now."""
    now = sources()
    return {**inputs, "images": images, "design": now["design"], "model": now["model"]}


def _path(name: str, images: int) -> Path:
    return FOLDER / f"{name}-{images}.npz"


def keep_measured(name: str, inputs: Mapping[str, str], answers: np.ndarray) -> None:
    """Write the RTL's answers to the first images of a network's data, (N, classes) float32.

    ``name`` is that of the network's folder, and ``inputs`` are hashes of its files.
    """
    about = json.dumps(_about(inputs, len(answers)))
    write_arrays(_path(name, len(answers)), answers=answers, about=about)


def measured(name: str, inputs: Mapping[str, str], images: int) -> np.ndarray | None:
    """Return the RTL's answers to so many images, None where they are of anything else."""
    try:
        arrays = read_arrays(_path(name, images), ("answers", "about"))
        about = json.loads(str(arrays["about"]))
    except ValueError:
        return None
    return arrays["answers"] if about == _about(inputs, images) else None
