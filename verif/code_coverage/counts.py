"""What Verilator counted: points of the source text, merged over instances and runs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

KINDS = ("line", "branch", "toggle")


@dataclass(frozen=True, order=True)
class Point:
    """A place in the source that a run passes or does not, whatever instance it is in.

    Attributes
    ----------
    file : str
        Name of the Verilog file, without folder.
    line, column : int
        Where it is, from 1.
    kind : str
        One of `KINDS`.
    what : str
        ``block``, ``case``, ``if``, ``else`` and such; of a toggle signal, bits and edge, as in
        ``shift[3]:0->1``.
    """

    file: str
    line: int
    column: int
    kind: str
    what: str

    def __str__(self) -> str:
        """Return where it is, and what."""
        return f"{self.file}:{self.line}: {self.kind} {self.what}"


@dataclass
class Counts:
    """How often each point was passed.

    Attributes
    ----------
    hits : Counter
        Passes by point; zero for a point that was never passed.
    lines : dict
        Lines that belong to a point; a toggle has none.
    """

    hits: Counter[Point] = field(default_factory=Counter)
    lines: dict[Point, frozenset[int]] = field(default_factory=dict)

    def add(self, other: Counts) -> None:
        """Add the passes of another run."""
        for point, count in other.hits.items():
            self.hits[point] += count
        for point, lines in other.lines.items():
            self.lines[point] = self.lines.get(point, frozenset()) | lines


def merge(many: Iterable[Counts]) -> Counts:
    """Return the sum of several runs: a point is passed if any of them passed it."""
    total = Counts()
    for one in many:
        total.add(one)
    return total


def read_counts(path: Path) -> Counts:
    """Read a ``coverage.dat`` of Verilator, adding up instances.

    A record is ``C '<key>' <count>``; in the key, byte 1 precedes a name, byte 2 its value.

    Raises
    ------
    ValueError
        If a line is no such record, or the file has none.
    """
    counts = Counts()
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not text or text.startswith("#"):
            continue
        try:
            point, lines, count = _parse_record(text)
        except (ValueError, KeyError):
            raise ValueError(
                f"{path}, line {number}: {text[:60]!r} is not C, a quoted key with f, l, n, t and "
                "o, and a count"
            ) from None
        counts.hits[point] += count
        if lines:
            counts.lines[point] = counts.lines.get(point, frozenset()) | lines
    if not counts.hits:
        raise ValueError(f"{path}: no record in it, expected those of a simulation")
    return counts


def _parse_record(text: str) -> tuple[Point, frozenset[int], int]:
    mark, quoted, count = text.split("'")
    if mark != "C " or "\x01" not in quoted:
        raise ValueError(text)
    key = dict(item.split("\x02") for item in quoted.split("\x01")[1:])
    if key["t"] not in KINDS:
        raise ValueError(text)
    point = Point(Path(key["f"]).name, int(key["l"]), int(key["n"]), key["t"], key["o"])
    return point, number_set(key.get("S", "")), int(count)


@cache
def number_set(text: str) -> frozenset[int]:
    """Return the numbers of a list such as ``12-14,17``; none for an empty text."""
    numbers: set[int] = set()
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        numbers.update(range(int(first), int(last or first) + 1))
    return frozenset(numbers)
