"""Where things are: the project's root, and the folder that commands write to."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).absolute().parents[2]
BUILD = Path(os.environ.get("BUILD", ROOT / "build")).absolute()
"""The variable BUILD, or ``build`` in the root."""
