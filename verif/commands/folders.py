"""Where things are: the project's root, and the folders that commands write to."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).absolute().parents[2]
BUILD = Path(os.environ.get("BUILD") or ROOT / "build").absolute()
"""The variable BUILD, or ``build`` in the root."""


def design_folder(root: Path = ROOT) -> Path:
    """Return the folder of the Verilog sources: the variable HDL, or ``hdl`` in the root."""
    return Path(os.environ.get("HDL") or root / "hdl")


def command_folder(command: str) -> Path:
    """Return the folder of a command's results: its name in BUILD, with ``-RUN`` if RUN is set."""
    run = os.environ.get("RUN")
    return BUILD / (f"{command}-{run}" if run else command)
