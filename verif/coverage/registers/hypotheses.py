"""What the engine's registers may hold, given what its boundary has shown.

When an error is found and when a soft reset is answered shows at no stream. So the model is kept in
several copies, one for each time at which they may have been; what the interrupt pin and the words
that are read show takes those away that it contradicts, and none may be left without one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from verif.coverage.registers.hypothesis import Before, Hypothesis, Snapshot, counter_of
from verif.coverage.registers.moments import SNAPSHOT, kinds_of
from verif.coverage.registers.tiles import QUEUED, Tile, Tiles
from verif.engine.lite import NAMES, Seen
from verif.engine.register_model import RegisterModel
from verif.engine.registers import REGISTERS

PROMPT = 24
"""Cycles in which an error is found, or a soft reset answered, that nothing holds up."""

QUIET = dict.fromkeys(("resume", "errors_set", "halted", "pair", "gated"), 0)


class Hypotheses:
    """All ways in which things may have gone."""

    def __init__(self, parameters: dict[str, int], tiles: Tiles) -> None:
        self._parameters, self._tiles = parameters, tiles
        self._macs = parameters["ROWS"] * parameters["COLS"]
        self.forget()

    def forget(self) -> None:
        """Begin anew: the design was reset."""
        self.all = [Hypothesis(RegisterModel(self._parameters))]

    def any(self) -> Hypothesis:
        """Return one of them, the only one where all is known."""
        return self.all[0]

    # What is seen contradicts some.

    def agree_with_irq(self, irq: int) -> bool:
        """Drop those in which the interrupt pin would be another; return whether one is left."""
        return self._keep(one for one in self.all if one.model.irq() == irq)

    def agree_with_word(self, word: int) -> bool:
        """Drop those in which another word would have been read; return whether one is left."""
        agreeing = []
        for one in self.all:
            name, words = one.asked
            if counter_of(name):
                if (snapshot := one.read.agreeing(name, word)).words:
                    if one.read is one.snapshot:  # and none was taken with the read's address
                        one.snapshot = snapshot
                    agreeing.append(one)
            elif word in words:
                agreeing.append(one)
        return self._keep(agreeing)

    def _keep(self, agreeing: Iterable[Hypothesis]) -> bool:
        left = list(agreeing)
        if left:
            self.all = left
        return bool(left)

    def expected(self) -> str:
        """Return what might have been read."""
        name = self.all[0].asked[0]
        if counter_of(name):
            counters = [str(words) for one in self.all for words in one.read.words]
            return f"{name}, expected of {' or '.join(sorted(set(counters)))}"
        words = {word for one in self.all for word in one.asked[1]}
        told = " or ".join(f"{word:#010x}" for word in sorted(words))
        return f"{name or 'no register'}, expected {told}"

    # A cycle.

    def ask(self, address: int, cycle: int, before: Before) -> None:
        """Keep what the register holds whose address is taken in this cycle."""
        for one in self.all:
            name = NAMES.get(address, "")
            words = {one.model.words[name] if name else 0}
            if name == "STATUS":
                words = set(self._status(one, cycle, before))
            one.asked, one.read = (name, frozenset(words)), one.snapshot

    def _status(self, one: Hypothesis, cycle: int, before: Before) -> Iterator[int]:
        """Yield what STATUS may show.

        Of docs/hardware.md: the engine "takes its remaining beats on every input, up to and
        including TLAST, [...] and halts": some cycles after the last of them it has.
        """
        occupied, tile = int(self._occupied(one, before)), self._failing(one)
        for halted in (0, 1):
            impossible = halted and not one.is_failing
            due = tile and tile.completed and cycle - max(tile.completed, one.found) > PROMPT
            if not impossible and (halted or not due):
                yield REGISTERS["STATUS"].pack(occupied=occupied, halted=halted)

    @staticmethod
    def _occupied(one: Hypothesis, before: Before) -> bool:
        """Whether a tile is inside.

        Of docs/hardware.md: from the cycle after its first c beat to that in which its last row is
        delivered; a failing one until the soft reset is answered.
        """
        return before.begun > before.delivered + one.released

    def _failing(self, one: Hypothesis) -> Tile | None:
        """Return the tile that was found to fail, if no soft reset has ended that."""
        if not one.is_failing:
            return None
        failing = [tile for tile in self._tiles.tiles if tile.errors]
        return failing[one.released - self._tiles.settled]

    def step(self, cycle: int, seen: Seen, before: Before, stalled: bool) -> None:
        """End a cycle: what may happen in it splits those that are left."""
        failures = self._tiles.failures(cycle)
        following: list[Hypothesis] = []
        for one in self.all:
            error = self._may_fail(one, failures)
            answer = self._may_answer(one, before)
            waits = self._waits(one, error, answer, stalled)
            ways = [(error, 0)] * (error > 0) + [(0, 1)] * answer
            if max(waits) <= PROMPT:
                ways.append((0, 0))
            for errors, resume in ways:
                other = one.split() if len(ways) > 1 else one
                other.held_up = (0, 0) if errors or resume else waits
                self._advance(other, cycle, seen, before, errors, resume)
                following.append(other)
        self.all = _merged(following)

    def _may_fail(self, one: Hypothesis, failures: list[Tile]) -> int:
        """Return the bits that the next failing tile sets, 0 if none may be found now."""
        place = one.failed - self._tiles.settled
        if one.is_failing or place >= len(failures):
            return 0
        return failures[place].errors

    def _may_answer(self, one: Hypothesis, before: Before) -> int:
        """Whether a soft reset may be answered: "when every result has been delivered"."""
        if not one.model.words["CONTROL"] or before.offered:
            return 0
        tile, waiting = self._failing(one), self._tiles.waiting(one.failed)
        return int(waiting <= QUEUED and (tile is None or tile.complete))

    def _waits(self, one: Hypothesis, error: int, answer: int, stalled: bool) -> tuple[int, int]:
        error_waits, answer_waits = one.held_up
        held = stalled or one.model.words["CONTROL"]
        error_waits = error_waits + (not held) if error else 0
        clear = answer and not self._tiles.waiting(one.failed)
        return error_waits, answer_waits + 1 if clear else 0

    def _advance(
        self, one: Hypothesis, cycle: int, seen: Seen, before: Before, errors: int, resume: int
    ) -> None:
        tiles = self._tiles
        engine = QUIET | {
            "errors_set": errors,
            "resume": resume,
            "flags_set": tiles.flags,
            "tile_done": tiles.done,
            "occupied": int(self._occupied(one, before)),
        }
        if SNAPSHOT in kinds_of(seen.effect):
            one.snapshot = self._snapshot(one, cycle)
        one.hits |= one.step(seen, engine)
        if errors:
            one.failed += 1
            one.found = cycle
        if resume:
            one.released = one.failed
            done = tiles.pairs_done()
            one.base = done, tiles.gated(done)

    def _snapshot(self, one: Hypothesis, cycle: int) -> Snapshot:
        """Return what the counters may be that are copied at the end of a cycle.

        Pairs are counted two cycles after the one in which they are taken, and what has moved in is
        taken in the next cycle at the earliest.
        """
        tiles, counters = self._tiles, one.model.counters()
        most = tiles.pairs_by(cycle - 3)
        least = max(one.base[0], most - QUEUED)
        return Snapshot(
            [
                {
                    "CYCLES": counters["CYCLES"],
                    "IDLE": counters["IDLE"],
                    "BUSY": pairs - one.base[0],
                    "STALLED": counters["STALLED"] - (pairs - one.base[0]),
                    "MACS": (pairs - one.base[0]) * self._macs,
                    "GATED": tiles.gated(pairs) - one.base[1],
                }
                for pairs in range(least, max(most, least) + 1)
            ]
        )

    # What all agree on.

    def agreed(self) -> frozenset[tuple[str, str]]:
        """Return the bins that all have shown since the last time, and forget them."""
        hits = frozenset.intersection(*(one.hits for one in self.all))
        for one in self.all if hits else ():
            one.hits -= hits
        return hits

    def agree(self) -> bool:
        """Whether all hold the same in every register that is no counter's."""
        return len({one.words() for one in self.all}) == 1

    def is_settled(self) -> bool:
        """Whether nothing more comes by itself, whichever holds."""
        failing = self._tiles.settled + sum(tile.errors != 0 for tile in self._tiles.tiles)
        return all(
            one.is_failing or (one.failed == failing and not one.model.words["CONTROL"])
            for one in self.all
        )


def _merged(some: list[Hypothesis]) -> list[Hypothesis]:
    """Return them with those together that go on in the same way."""
    if len(some) == 1:
        return some
    found: dict[tuple[object, ...], Hypothesis] = {}
    for one in some:
        other = found.setdefault(one.key(), one)
        other.hits &= one.hits
    return list(found.values())
