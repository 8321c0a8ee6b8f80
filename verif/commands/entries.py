"""Reads the lists that people keep by hand, in YAML: whatever is wrong is one sentence."""

from __future__ import annotations

from pathlib import Path

import yaml


def read_entries(path: Path, error: type[Exception]) -> list[dict[str, object]]:
    """Return the entries of a list, none of an empty file.

    Parameters
    ----------
    path
        The file.
    error
        What to raise if it cannot be read, is not YAML, or no list of entries with fields.
    """
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8")) or []
    except OSError as failure:
        raise error(f"{path}: {failure.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as failure:
        raise error(f"{path.name}: not YAML: {' '.join(str(failure).split())}") from None
    if not isinstance(entries, list):
        raise error(f"{path.name}: {entries}: a list of entries is wanted")
    for entry in entries:
        if not isinstance(entry, dict) or not all(isinstance(name, str) for name in entry):
            raise error(f"{path.name}: {entry}: an entry has names and values")
    return entries
