"""Seeds that once found a bug: a committed list, which each regression runs first."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import yaml

from verif.commands.entries import read_entries
from verif.commands.processes import dying_with_parent, outside_pytest
from verif.regression.seeds import TEST_SEEDS

KNOWN = Path(__file__).with_name("known_seeds.yaml")
KEYS = ("test", "seed", "found")
USAGE_ERROR = 4  # of pytest


@dataclass(frozen=True)
class KnownSeed:
    """An entry: pytest's node id, the test's own seed (not the session's), what it found."""

    test: str
    seed: int
    found: str

    def __str__(self) -> str:
        """Name it in one word, for the id of a test."""
        return f"{self.test.partition('::')[2]}-{self.seed}"


def load_known_seeds(path: Path) -> list[KnownSeed]:
    """Return the entries of a list.

    Raises
    ------
    ValueError
        If it is not a list of entries, or an entry is incomplete or there twice.
    """
    known: list[KnownSeed] = []
    for entry in read_entries(path, ValueError):
        if set(entry) != set(KEYS):
            raise ValueError(f"{path}: {entry}: an entry has {', '.join(KEYS)}")
        if type(entry["seed"]) is not int or entry["seed"] not in TEST_SEEDS:
            raise ValueError(f"{path}: seed {entry['seed']}: a test's own is 0 to {TEST_SEEDS[-1]}")
        if not entry["found"] or "::" not in str(entry["test"]):
            raise ValueError(f"{path}: {entry}: test is a node id, found says what it found")
        known.append(KnownSeed(entry["test"], entry["seed"], str(entry["found"])))
    names = [str(entry) for entry in known]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{path}: {name} is there more than once")
    return known


def yaml_entry(test: str, seed: int) -> str:
    """Return the text to add to the list for a test that failed under its own seed."""
    found = "<what it found, the date, the commit>"
    return yaml.safe_dump(
        [{"test": test, "seed": seed, "found": found}], sort_keys=False, width=500
    )


def run_known_seed(entry: KnownSeed, root: Path, build: Path) -> str:
    """Run the test of an entry under its seed; return what was wrong, or nothing.

    Parameters
    ----------
    entry
        What to run.
    root
        The project's root.
    build
        Folder for what it builds, since the same test may be running elsewhere.
    """
    command = [sys.executable, "-m", "pytest", entry.test, "-p", "no:cacheprovider"]
    process = subprocess.run(
        dying_with_parent(command),
        cwd=root,
        env=outside_pytest(build) | {"TEST_SEED": str(entry.seed), "BUILD": str(build)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if process.returncode == USAGE_ERROR and "not found: " in process.stdout:
        return f"{entry.test}: there is no such test any more, rename it in the list of known seeds"
    if process.returncode:
        return f"{process.stdout}\nseed {entry.seed} is known; it once found: {entry.found}"
    return ""
