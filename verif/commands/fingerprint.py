"""What a run was about: short hashes of the design, the model and the environment around them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from verif.commands.folders import ROOT, design_folder

PARTS: Mapping[str, tuple[str, ...]] = {"model": ("model",), "environment": ("verif", "tests")}
"""Rooms whose files, compiled Python left out, make up a part."""

DIGITS = 12


def sources(root: Path = ROOT) -> dict[str, str]:
    """Return the hashes of ``design``, ``model`` and ``environment`` as they are now.

    Parameters
    ----------
    root
        Of the project. The design is what the variable HDL names, ``hdl`` in the root without.

    Returns
    -------
    dict
        12 hexadecimal digits for each part, of the names and contents of its files.
    """
    hdl = design_folder(root)
    parts = {"design": hashed(hdl, sorted(hdl.glob("*.v*")))}
    for part, rooms in PARTS.items():
        files = (path for room in rooms for path in sorted((root / room).rglob("*")))
        parts[part] = hashed(root, (path for path in files if "__pycache__" not in path.parts))
    return parts


def hashed(folder: Path, files: Iterable[Path]) -> str:
    """Return the hash of files' names, as seen from a folder, and contents."""
    whole = hashlib.sha256()
    for path in files:
        if path.is_file():
            name, content = str(path.relative_to(folder)).encode(), path.read_bytes()
            whole.update(b"%d:%b%d:%b" % (len(name), name, len(content), content))
    return whole.hexdigest()[:DIGITS]
