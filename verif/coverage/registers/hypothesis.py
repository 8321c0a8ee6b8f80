"""One way in which things may have gone inside an engine of which only the boundary is seen."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass, field

from verif.coverage.registers.moments import Course
from verif.engine.register_model import COUNTERS


def counter_of(name: str) -> str | None:
    """Return the counter of which a register shows a half, None if it is no counter's."""
    counter = name.removesuffix("_HIGH")
    return counter if counter in COUNTERS else None


@dataclass(frozen=True)
class Before:
    """What the boundary had shown before a cycle.

    Attributes
    ----------
    begun, delivered
        As of `Tiles`.
    offered
        Whether a row is offered in this cycle.
    """

    begun: int
    delivered: int
    offered: bool


@dataclass
class Snapshot:
    """Counters at one snapshot, which tell by themselves how many pairs had been taken.

    Of docs/registers.md: "all of them [...] are of one cycle [...] a pair of beats together with
    its MACs and those gated"; "busy + stalled + idle".

    Attributes
    ----------
    words
        By name of the counter, for each number of pairs that may be.
    """

    words: list[dict[str, int]]

    def agreeing(self, name: str, word: int) -> Snapshot:
        """Return what is left of it when a register has been read."""
        counter, high = counter_of(name), name.endswith("_HIGH")
        return Snapshot([w for w in self.words if w[counter] >> 32 * high & 0xFFFFFFFF == word])


@dataclass
class Hypothesis(Course):
    """The registers along the cycles, as they are if errors and answers came when it says.

    Attributes
    ----------
    failed, released
        Failing tiles that were found, and those released by a soft reset.
    base
        Pairs before the last soft reset, and the products with a zero operand among them.
    held_up
        Cycles in which an error, or an answer, did not come though it might have.
    found
        Cycle of the last error.
    snapshot
        What the counters read as.
    asked, read
        Register and words, or the snapshot, that the read shows which was taken last.
    hits
        Points and bins that were shown, see `Hypotheses.agreed`.
    """

    failed: int = 0
    released: int = 0
    base: tuple[int, int] = (0, 0)
    held_up: tuple[int, int] = (0, 0)
    found: int = 0
    snapshot: Snapshot = field(default_factory=lambda: Snapshot([dict.fromkeys(COUNTERS, 0)]))
    asked: tuple[str, frozenset[int]] | None = None
    read: Snapshot | None = None
    hits: frozenset[tuple[str, str]] = frozenset()

    @property
    def is_failing(self) -> bool:
        """Whether an error has been found that no soft reset has ended."""
        return self.failed > self.released

    def split(self) -> Hypothesis:
        """Return a copy that goes on in another way."""
        other = copy(self)
        other.model = self.model.copy()
        return other

    def words(self) -> tuple[int, ...]:
        """Return what all registers hold that are no counter's."""
        return tuple(word for name, word in self.model.words.items() if not counter_of(name))

    def key(self) -> tuple[object, ...]:
        """Return what decides how it goes on."""
        return (
            *self.model.state(),
            self.failed,
            self.released,
            self.base,
            self.held_up,
            self.asked,
            tuple(tuple(words.items()) for words in self.snapshot.words),
            tuple(moment.key() for moment in self.moments),
        )
