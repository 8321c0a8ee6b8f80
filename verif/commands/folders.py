"""Where things are: the project's root, and the folders that commands write to."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

ROOT = Path(__file__).absolute().parents[2]
BUILD = Path(os.environ.get("BUILD") or ROOT / "build").absolute()
"""The variable BUILD, or ``build`` in the root."""

READABLE, LONGEST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*"), 60


def design_folder(root: Path = ROOT) -> Path:
    """Return the folder of the Verilog sources: the variable HDL, or ``hdl`` in the root."""
    return Path(os.environ.get("HDL") or root / "hdl")


def command_folder(command: str) -> Path:
    """Return the folder of a command's results: its name in BUILD, with ``-RUN`` if RUN is set."""
    run = os.environ.get("RUN")
    return BUILD / (f"{command}-{run}" if run else command)


def simulation_folder(name: str) -> Path:
    """Return where a test simulates: in the folder of the run that it is part of.

    `run_command` names that in RUN_FOLDER; a test that is run by itself is in ``sim``.
    """
    return Path(os.environ.get("RUN_FOLDER") or BUILD / "sim") / name


def folder_name(name: str, digest_of: str | None = None) -> str:
    """Return a folder's name for one that comes from a file: no other's, on any file system.

    A slash becomes a dot, and a name that is then short and of small letters, digits, ``_`` and
    ``-`` stays readable. Of any other only what is such is kept, before a digest of the whole; or
    of another text that tells apart what has one name, which is then always there.
    """
    dotted = name.replace("/", ".")
    readable = "." not in name and READABLE.fullmatch(dotted) and len(dotted) <= LONGEST
    if readable and digest_of is None:
        return dotted
    kept = re.sub(r"[^a-z0-9_-]+", ".", dotted.lower()).strip(".")[:LONGEST]
    text = name if digest_of is None else digest_of
    return f"{kept}@{hashlib.sha256(text.encode(errors='surrogatepass')).hexdigest()[:16]}"
