"""What must never be run: an object that touches a file, of this process alone, when unpickled."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

TOUCHED = Path(tempfile.gettempdir()) / f"ffp8-executed-{os.getpid()}"


class Payload:
    """Touches `TOUCHED` when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        """Have the file touched."""
        return TOUCHED.touch, ()
