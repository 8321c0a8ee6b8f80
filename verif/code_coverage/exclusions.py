"""Points that no test can pass, each with a category and a reason."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from verif.code_coverage.counts import KINDS, Counts, Point, number_set
from verif.commands.entries import read_entries

CATEGORIES = (
    "constant by parameter",
    "constant by construction",
    "elaborated only",
    "unreachable by definition",
    "defensive",
    "width",
)
TOGGLE = re.compile(r"(?P<signal>.*?)(?:\[(?P<bit>\d+)\])?:(?P<edge>0->1|1->0)")


class ExclusionError(Exception):
    """An exclusion that is incomplete, stale or wrong; the message is meant for a person."""


@dataclass(frozen=True)
class Exclusion:
    """One entry of the list.

    Attributes
    ----------
    file : str
        Name of the Verilog file.
    kind : str
        line, branch or toggle.
    category, reason : str
        One of `CATEGORIES`, and a sentence.
    source : str
        Of a line or branch: the text of the source line, without indentation.
    what : str
        Of a branch: ``if`` or ``else``; of a toggle, an edge, both if empty.
    signal : str
        Of a toggle: regular expression that the signal's whole name matches, bits left away.
    bits : str
        Of a toggle: which bits of the last dimension, as in ``7`` or ``0-3,7``; all if empty.
    """

    file: str
    kind: str
    category: str
    reason: str
    source: str = ""
    what: str = ""
    signal: str = ""
    bits: str = ""

    def __str__(self) -> str:
        """Return what a person looks for in the list."""
        bits = f" bits {self.bits}" if self.bits else ""
        return f"{self.file}: {self.kind} {self.signal or self.source}{bits} {self.what}".rstrip()

    def matches(self, point: Point, source: Sequence[str]) -> bool:
        """Tell whether the entry is of this point; `source` holds the lines of its file."""
        if (point.file, point.kind) != (self.file, self.kind):
            return False
        if self.kind == "toggle":
            return self._matches_toggle(point)
        same_text = source[point.line - 1].strip() == self.source
        return same_text and (not self.what or self.what == point.what)

    def _matches_toggle(self, point: Point) -> bool:
        found = TOGGLE.fullmatch(point.what)
        if not found or not re.fullmatch(self.signal, found["signal"]):
            return False
        bit = found["bit"]
        in_bits = not self.bits or (bit is not None and int(bit) in number_set(self.bits))
        return in_bits and self.what in ("", found["edge"])


def load_exclusions(path: Path) -> list[Exclusion]:
    """Read the list.

    Raises
    ------
    ExclusionError
        If it is not YAML, an entry has other keys than it should, or an unknown kind or category.
    """
    return [_read_entry(path.name, entry) for entry in read_entries(path, ExclusionError)]


def _read_entry(name: str, entry: dict[str, object]) -> Exclusion:
    needed = {"file", "kind", "category", "reason"}
    if not needed <= set(entry):
        raise ExclusionError(f"{name}: {entry}: an entry has {', '.join(sorted(needed))}")
    kind, where = entry["kind"], f"{name}: {entry['file']}: {entry['reason']}"
    if kind not in KINDS:
        raise ExclusionError(f"{where}: kind {kind}: choose {', '.join(KINDS)}")
    if entry["category"] not in CATEGORIES:
        raise ExclusionError(
            f"{where}: category {entry['category']}: choose {', '.join(CATEGORIES)}"
        )
    place, others = ("signal", {"bits", "what"}) if kind == "toggle" else ("source", {"what"})
    if not entry.get(place) or set(entry) - needed - {place} - others or not entry["reason"]:
        raise ExclusionError(
            f"{where}: a {kind} has {place} and a reason, perhaps {' or '.join(sorted(others))}"
        )
    try:
        re.compile(str(entry.get("signal", "")))
    except re.error as error:
        raise ExclusionError(
            f"{where}: signal {entry['signal']}: no regular expression, {error}"
        ) from None
    bits = str(entry.get("bits", ""))
    if bits and not re.fullmatch(r"\d+(-\d+)?(,\d+(-\d+)?)*", bits):
        raise ExclusionError(f"{where}: bits {bits}: as in 7 or 0-3,7")
    return Exclusion(**{key: str(text).strip() for key, text in entry.items()})


def apply(
    exclusions: Sequence[Exclusion], counts: Counts, sources: Mapping[str, Sequence[str]]
) -> tuple[dict[Point, Exclusion], list[str]]:
    """Find the points that are excluded.

    Parameters
    ----------
    exclusions
        The list.
    counts
        What was counted.
    sources
        Lines of each Verilog file by its name.

    Returns
    -------
    excluded
        The points, each with its entry.
    errors
        One sentence for each entry that is of no point, or of a point that was passed.
    """
    excluded: dict[Point, Exclusion] = {}
    errors = []
    by_file: dict[str, list[Point]] = {}
    for point in counts.hits:
        by_file.setdefault(point.file, []).append(point)
    for entry in exclusions:
        found = [
            point
            for point in by_file.get(entry.file, ())
            if entry.matches(point, sources[entry.file])
        ]
        passed = [point for point in found if counts.hits[point]]
        if not found:
            errors.append(f"stale exclusion, no such point: {entry}")
        if passed:
            shown = ", ".join(map(str, sorted(passed)[:3])) + ", ..." * (len(passed) > 3)
            errors.append(f"stale exclusion, the tests pass {len(passed)} of it: {entry}: {shown}")
        excluded |= dict.fromkeys(found, entry)
    return excluded, errors
