"""Keeps what a campaign has found out, each thing in a file of its own as soon as it is known."""

from __future__ import annotations

import json
from pathlib import Path

from verif.commands.files import write_json
from verif.mutation.mutant import Mutant, Proof, Verdict


class Store:
    """Verdicts by mutant, and CPU times of the unmutated design by what decides them.

    Parameters
    ----------
    folder : Path
        Where the files are, one for each verdict or time.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load(self, mutant: Mutant) -> Verdict | None:
        """Return the verdict on a mutant, of whatever evidence; None if there is none."""
        content = self._read(self._verdict(mutant))
        if content is None:
            return None
        names = ("status", "killed_by", "how", "test", "detail", "seconds", "simulated", "evidence")
        try:
            proofs = [Proof(**proof) for proof in content["proofs"]]
            return Verdict(mutant, proofs=proofs, **{name: content[name] for name in names})
        except (KeyError, TypeError):
            return None

    def save(self, verdict: Verdict) -> None:
        """Keep a verdict; an error is none."""
        if verdict.status != "error":
            write_json(self._verdict(verdict.mutant), verdict.as_dict())

    def load_seconds(self, key: str) -> float | None:
        """Return a CPU time of the unmutated design, or None."""
        content = self._read(self.folder / f"unmutated-{key}.json")
        return None if content is None else float(content["seconds"])

    def save_seconds(self, key: str, name: str, seconds: float) -> None:
        """Keep the CPU time of a case on the unmutated design."""
        write_json(self.folder / f"unmutated-{key}.json", {"case": name, "seconds": seconds})

    def _verdict(self, mutant: Mutant) -> Path:
        return self.folder / f"{mutant.module}-{mutant.key}.json"

    def _read(self, path: Path) -> dict[str, object] | None:
        try:
            return dict(json.loads(path.read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError):
            return None
