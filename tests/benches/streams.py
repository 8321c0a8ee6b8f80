"""Tiles as ffp8_sequencer meets them: beats of a and w, and what the context says."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from verif.environment.draw import Pace, choose

PACKET, LENGTH = 4, 8


@dataclass(frozen=True)
class Tile:
    """Beats that a and w have for a tile, and what its context says."""

    a_beats: int
    w_beats: int
    context_errors: int = 0

    def errors(self, k_max: int) -> int:
        """Return {length, packet, start, config} that the tile is to raise, 0 if it is good."""
        if self.context_errors:
            return self.context_errors
        if min(self.a_beats, self.w_beats) > k_max:
            return LENGTH
        return PACKET if self.a_beats != self.w_beats else 0


class Stream:
    """The beats of a or w, offered in order."""

    def __init__(self, beats: list[int], pace: Pace) -> None:
        self.lengths, self._pace = beats, pace
        self.tile = self.index = 0
        self.valid = False

    def offer(self) -> None:
        """Offer the next beat, or not; an offer that was not taken stays."""
        self.valid = self.valid or (self.tile < len(self.lengths) and self._pace())

    @property
    def last(self) -> bool:
        """Whether the beat is its packet's last."""
        return self.valid and self.index == self.lengths[self.tile] - 1

    def take(self) -> None:
        """Move on to the next beat."""
        self.index += 1
        if self.index == self.lengths[self.tile]:
            self.tile, self.index = self.tile + 1, 0
        self.valid = False


def random_tile(random: np.random.Generator, k_max: int) -> Tile:
    """Return a tile, good two times in three, else failing in a random way."""
    beats = int(choose(random, (1, k_max, random.integers(1, k_max + 1))))
    good = Tile(beats, beats)
    more = int(choose(random, (1, 1, 2, random.integers(1, k_max + 6))))
    return choose(
        random,
        [good] * 10
        + [
            Tile(beats + more, beats),
            Tile(beats, beats + more),
            Tile(k_max + more, k_max + more),
            Tile(k_max + more, k_max + int(random.integers(1, 5))),
            replace(good, context_errors=int(random.integers(1, 8))),
            Tile(beats, more, int(random.integers(1, 8))),
        ],
    )
