"""What was simulated, kept by what it is about: a job that was done is not done again."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from model.graph.archive import read_arrays
from verif.commands.files import write_arrays
from verif.replay.player import Played

LARGEST_BYTES = 2**32
"""What results may take on the disk; those that were used longest ago make room."""


class Store:
    """Results of jobs in a folder, one file a job.

    Parameters
    ----------
    folder
        Made when there is something to keep.
    fresh
        Whether to pass over what is there.
    """

    def __init__(self, folder: Path, fresh: bool = False) -> None:
        self._folder, self._fresh = folder, fresh

    def get(self, key: str) -> Played | None:
        """Return what was kept under a key; None if nothing was, or it is damaged."""
        path = self._path(key)
        if self._fresh:
            return None
        try:
            arrays = read_arrays(path, ("results", "flags", "about"))
            about = json.loads(str(arrays["about"]))
            if about.pop("key") != key:
                return None
            os.utime(path)
        except (ValueError, OSError, KeyError):
            return None
        return Played(arrays["results"], arrays["flags"], **about)

    def put(self, key: str, played: Played) -> None:
        """Keep a result."""
        bare = replace(played, results=None, flags=None)
        about = {name: value for name, value in asdict(bare).items() if value is not None}
        arrays = {"results": played.results, "flags": played.flags}
        write_arrays(self._path(key), about=json.dumps({**about, "key": key}), **arrays)

    def forget_oldest(self) -> None:
        """Make room, from what was used longest ago."""
        found = [(path.stat(), path) for path in self._folder.glob("*/*.npz")]
        found.sort(key=lambda one: one[0].st_mtime, reverse=True)
        used = np.cumsum([status.st_size for status, _ in found])
        for (_, path), total in zip(found, used, strict=True):
            if total > LARGEST_BYTES:
                path.unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key}.npz"
