"""Find the files that a command names: a path, or the name of a committed file."""

from __future__ import annotations

from pathlib import Path

COMMITTED = Path(__file__).parents[1] / "networks"


def existing_file(name: str | Path, suffix: str) -> Path:
    """Resolve a known name such as "fashion_resnet8", or a path, to a file that exists.

    Parameters
    ----------
    name
        The stem of a file in ``model/networks``, or a path.
    suffix
        The ending of the committed files meant, such as ".onnx".

    Raises
    ------
    ValueError
        If neither is a file; the message lists the known names.
    """
    if str(name) in known_names(suffix):
        return COMMITTED / f"{name}{suffix}"
    path = Path(name)
    if path.is_file():
        return path
    known = ", ".join(known_names(suffix)) or "none"
    reason = "is a folder" if path.is_dir() else "no such file"
    raise ValueError(f"{name}: {reason}, nor a known {suffix} name (known: {known})")


def known_names(suffix: str) -> list[str]:
    """Names of the committed files that end in ``suffix``, sorted."""
    return sorted(path.stem for path in COMMITTED.glob(f"*{suffix}"))
