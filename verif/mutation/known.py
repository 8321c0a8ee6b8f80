"""The survivors that are known, from ``survivors.yaml``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from verif.commands.entries import read_entries
from verif.mutation.design import Design
from verif.mutation.mutant import Mutant, MutationError, Verdict
from verif.mutation.people import Values
from verif.mutation.plan import find

KNOWN = Path(__file__).with_name("survivors.yaml")
FIELDS = {"module", "source", "change", "depth", "reason"}


@dataclass(frozen=True)
class Known:
    """A known survivor: its identity, a netlist's parameters, and why nothing sees it."""

    identity: tuple[str, str, str]
    parameters: Mapping[str, int] | None
    depth: int
    reason: str

    def matches(self, mutant: Mutant) -> bool:
        """Tell whether it is this mutant."""
        return (self.identity, self.parameters) == (mutant.identity, mutant.parameters)

    def __str__(self) -> str:
        """Return it in one line."""
        module, source, change = self.identity
        return f"ffp8_{module} `{source}`: {change}"


def load(path: Path = KNOWN) -> list[Known]:
    """Read the file.

    Raises
    ------
    MutationError
        If it is not YAML, or an entry has not the fields that the head of the file describes.
    """
    found = []
    for entry in read_entries(path, MutationError):
        if set(entry) - {"parameters"} != FIELDS:
            raise MutationError(f"{path.name}: {entry}: an entry has {', '.join(sorted(FIELDS))}")
        if not str(entry["reason"]).strip():
            raise MutationError(f"{path.name}: {entry['change']}: the reason is empty")
        identity = (str(entry["module"]), str(entry["source"]), str(entry["change"]))
        parameters = entry.get("parameters")
        found.append(Known(identity, parameters, int(entry["depth"]), str(entry["reason"])))
    return found


def stale(
    known: Iterable[Known],
    verdicts: Iterable[Verdict],
    design: Design,
    values: Callable[[str], Values],
) -> list[str]:
    """Return why entries no longer hold, a sentence each: judged otherwise, or not to be made.

    Parameters
    ----------
    known : iterable of Known
        The entries.
    verdicts : iterable of Verdict
        What has been judged.
    design : Design
        What mutants are made of.
    values : callable
        Returns the values of a module's parameters that benches build.
    """
    verdicts = list(verdicts)
    sentences = []
    for entry in known:
        judged = [verdict for verdict in verdicts if entry.matches(verdict.mutant)]
        survived = any(verdict.status == "survived" for verdict in judged)
        if judged and not survived:
            how = f"{judged[0].status} {judged[0].killed_by}".strip()
            sentences.append(f"{entry}: listed in {KNOWN.name}, but {how}")
        elif not judged and not _can_be_made(entry, design, values):
            sentences.append(f"{entry}: listed in {KNOWN.name}, but no such mutant can be made")
    return sentences


def _can_be_made(entry: Known, design: Design, values: Callable[[str], Values]) -> bool:
    module = entry.identity[0]
    if module not in design.sources:
        return False
    return find(entry.identity, entry.parameters, design, values(module))
