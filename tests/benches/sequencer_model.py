"""Where the tiles of the sequencer are, and what may move."""

from __future__ import annotations

from tests.benches.streams import Stream, Tile

IDLE, STREAMING, DISCARDING, HALTED = "idle", "streaming", "discarding", "halted"


class Sequence:
    """Where the tiles are, and what they call for, by docs/hardware.md.

    "Beats of a and w wait for the tile's c packet to be complete and judged, and are taken in
    lockstep." "A failing tile gives no result. The engine takes its remaining beats on every input,
    up to and including TLAST, delivers the results of earlier tiles, and halts. Nothing of a later
    tile is lost". "The soft reset completes by itself when the failing tile has been discarded and
    every earlier result delivered". "Without an error it waits for the tile that streams, and
    loses nothing either." Errors are those of the table there, see `Tile.errors`.

    Attributes
    ----------
    tile, pairs
        The oldest tile that has not left, and its pairs that were taken.
    phase
        What is happening to it.
    failed, released
        Whether it has raised its error, and has been released after that.
    """

    def __init__(self, tiles: list[Tile], k_max: int) -> None:
        self.tiles, self.k_max = tiles, k_max
        self.tile = self.pairs = 0
        self.phase, self.failed, self.released = IDLE, False, False

    @property
    def now(self) -> Tile | None:
        """The oldest tile that has not left, None when all have."""
        return self.tiles[self.tile] if self.tile < len(self.tiles) else None

    @property
    def error(self) -> int:
        """What the tile is to raise, 0 if it is good."""
        return self.now.errors(self.k_max) if self.now else 0

    @property
    def position(self) -> str:
        """Where it is, for a person."""
        return f"{self.phase}, tile {self.tile}: {self.now}, pair {self.pairs}"

    def discarded(self, a: Stream, w: Stream) -> bool:
        """Tell whether the failing tile has left both streams."""
        return self.failed and min(a.tile, w.tile) > self.tile

    def is_open(self, soft_reset: int) -> bool | None:
        """Tell whether a new tile may come in, None while a tile is inside that is to fail."""
        if self.failed or soft_reset:
            return False
        return None if self.error else True

    def may_take(self, streams: list[Stream], paired: bool, soft_reset: int, present: bool) -> bool:
        """Tell whether beats of these streams may move, as a pair for the array or dropped.

        Parameters
        ----------
        present
            Whether the tile's c packet is in.
        """
        if not (streams or paired):
            return True
        waits = self.phase == HALTED or not present or (self.phase == IDLE and soft_reset)
        if waits or any(stream.tile != self.tile for stream in streams):
            return False
        tile = self.now
        if not paired:
            return bool(self.error)
        if len(streams) < 2 or any(stream.index != self.pairs for stream in streams):
            return False
        harmless = min(tile.a_beats, tile.w_beats, self.k_max) - 1
        return not self.error or (not tile.context_errors and self.pairs < harmless)

    def may_raise(self, errors: int) -> bool:
        """Tell whether these errors may be raised: the tile's own, once."""
        return errors == 0 or (not self.failed and errors == self.error)

    def may_release(self, quiet: int) -> bool:
        """Tell whether a context may be released: once, behind a failing tile and all results."""
        return self.failed and not self.released and bool(quiet)

    def may_answer(self) -> bool:
        """Tell whether a soft reset may be answered, once everything has been delivered."""
        return self.phase in (IDLE, HALTED)

    def take_pair(self) -> None:
        """Go on by a pair."""
        self.pairs += 1

    def fail(self) -> None:
        """Note that the tile's error has been raised."""
        self.failed = True

    def go_on(self, began: bool) -> None:
        """Note what the tile is at, when a beat of it has moved or its error was raised."""
        if began:
            self.phase = STREAMING
        if self.failed and self.phase != HALTED:
            self.phase = DISCARDING

    def next_tile(self) -> None:
        """Note that the tile has left, streamed whole or discarded whole."""
        self.tile += 1
        self.pairs, self.phase, self.failed, self.released = 0, IDLE, False, False


def phases(k_max: int) -> set[str]:
    """Return what the sequencer can be at; a tile of one pair is never half-way."""
    return {IDLE, DISCARDING, HALTED} | ({STREAMING} if k_max > 1 else set())
