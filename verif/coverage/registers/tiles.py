"""What the engine has been given and has delivered, from the beats at its boundary alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from verif.engine.registers import REGISTERS
from verif.environment.capabilities import Capabilities, error_of
from verif.environment.job import Job
from verif.environment.settings import Settings

QUEUED = 2
"""Beats of a and w that may have moved in and not have been begun: what a queue holds."""


@dataclass
class Tile:
    """A tile whose first c beat, or a first beat of a or w, has moved.

    Attributes
    ----------
    settings, columns
        What the registers held at its first c beat; the c beats.
    packet
        Whether its c packet is complete.
    errors
        Bits of ERRORS that it sets.
    failing
        Cycle in which what fails has moved, None if nothing has.
    a, w
        Codes of each beat.
    ended
        Streams whose TLAST has moved.
    pairs
        Cycles in which pairs of beats were complete, but for one that fails.
    completed
        Cycle in which its last beat moved.
    """

    settings: Settings | None = None
    columns: list[int] = field(default_factory=list)
    packet: bool = False
    errors: int = 0
    failing: int | None = None
    a: list[bytes] = field(default_factory=list)
    w: list[bytes] = field(default_factory=list)
    ended: set[str] = field(default_factory=set)
    pairs: list[int] = field(default_factory=list)
    completed: int = 0

    @property
    def complete(self) -> bool:
        """Whether all its beats have moved in."""
        return self.packet and len(self.ended) == 2


class Tiles:
    """Gathers beats into tiles.

    Of docs/hardware.md: "A tile starts with the first beat of its c packet"; the table of errors;
    "packet: TLAST of a and w differ, or the c packet has not COLS beats", "length: more than K_MAX
    beats"; "The engine takes its remaining beats on every input, up to and including TLAST".

    Attributes
    ----------
    tiles
        Those since the last `settle`, in order.
    begun, delivered, settled
        How many have begun; how many good ones have been delivered; how many failing ones are
        not among the tiles any more.
    flags, done
        What the row shows that moves in this cycle.
    """

    def __init__(self, can: Capabilities) -> None:
        self.can = can
        self.forget()

    def forget(self) -> None:
        """Begin anew: the design was reset."""
        self.tiles: list[Tile] = []
        self.begun = self.delivered = self.settled = 0
        self._out = 0  # good tiles delivered, of those that are kept
        self._past = 0, 0  # pairs, and products with a zero operand, of those that are not
        self.flags = self.done = 0

    def step(
        self, cycle: int, moved: Mapping[str, Mapping[str, int] | None], settings: Settings
    ) -> None:
        """Take note of the beats of a cycle, in which the registers hold these settings."""
        self.flags = self.done = 0
        if c := moved["c"]:
            self._take_column(cycle, c["s_axis_c_tdata"], c["s_axis_c_tlast"], settings)
        for name, lanes in (("a", self.can.rows), ("w", self.can.cols)):
            if beat := moved[name]:
                tile = self._next(lambda tile, name=name: name not in tile.ended)
                data = beat[f"s_axis_{name}_tdata"].to_bytes(lanes, "little")
                getattr(tile, name).append(data)
                if beat[f"s_axis_{name}_tlast"]:
                    tile.ended.add(name)
                self._pair(tile, cycle)
        for tile in self.tiles:
            if tile.complete and not tile.completed:
                tile.completed = cycle
        if y := moved["y"]:
            for column in range(self.can.cols):
                self.flags |= y["m_axis_y_tuser"] >> 3 * column & 7
            self.done = y["m_axis_y_tlast"]
            self.delivered += self.done
            self._out += self.done

    def _next(self, wanted: Callable[[Tile], bool]) -> Tile:
        for tile in self.tiles:
            if wanted(tile):
                return tile
        self.tiles.append(Tile())
        return self.tiles[-1]

    def _take_column(self, cycle: int, data: int, last: int, settings: Settings) -> None:
        tile = self._next(lambda tile: not tile.packet)
        if not tile.columns:
            tile.settings = settings
            self.begun += 1
        tile.columns.append(data)
        if not last:
            return
        tile.packet = True
        starts = tuple(column & 0xFFFFFFFF for column in tile.columns)
        biases = tuple(((column >> 32 & 0xFF) ^ 0x80) - 0x80 for column in tile.columns)
        a_codes, w_codes = (np.zeros(s, np.uint8) for s in ((self.can.rows, 1), (1, self.can.cols)))
        failure = Job(tile.settings, a_codes, w_codes, starts, biases).failure(self.can)
        if failure is not None:
            tile.errors = REGISTERS["ERRORS"].pack(**{error_of(failure): 1})
            tile.failing = cycle
            tile.pairs.clear()

    def _pair(self, tile: Tile, cycle: int) -> None:
        """Judge the pair of beats that a beat may have completed."""
        place = len(tile.pairs)
        if tile.errors or min(len(tile.a), len(tile.w)) <= place:
            return
        lasts = {
            name: name in tile.ended and len(getattr(tile, name)) == place + 1
            for name in ("a", "w")
        }
        error = None
        if lasts["a"] != lasts["w"]:
            error = "packet"
        elif not lasts["a"] and place == self.can.k_max - 1:
            error = "length"
        if error:
            tile.errors, tile.failing = REGISTERS["ERRORS"].pack(**{error: 1}), cycle
        else:
            tile.pairs.append(cycle)

    def failures(self, cycle: int) -> list[Tile]:
        """Return the tiles that may have failed before a cycle, all before them having ended."""
        found = []
        for tile in self.tiles:
            if tile.failing is not None and tile.failing < cycle and tile.packet:
                found.append(tile)
            if not tile.complete:
                break
        return found

    def waiting(self, failed: int) -> int:
        """Return beats of a or w, the more, of tiles not delivered, but for the first failing."""
        some = [tile for tile in self.tiles if not tile.errors][self._out :]
        some += [tile for tile in self.tiles if tile.errors][failed - self.settled :]
        return max(sum(len(tile.a) for tile in some), sum(len(tile.w) for tile in some))

    def pairs_by(self, cycle: int) -> int:
        """Return how many pairs of tiles whose c packet is complete had moved in by a cycle."""
        some = [tile for tile in self.tiles if tile.packet]
        return self._past[0] + sum(pair <= cycle for tile in some for pair in tile.pairs)

    def pairs_done(self) -> int:
        """Return how many pairs the tiles have that were delivered, or have failed."""
        good, total = self._out, self._past[0]
        for tile in self.tiles:
            if not tile.errors:
                good -= 1
            if good < 0 or not tile.complete:
                break
            total += len(tile.pairs)
        return total

    def gated(self, pairs: int) -> int:
        """Return how many products of the first pairs have a zero operand; none is settled."""
        counts = [count for tile in self.tiles for count in _gated(tile)]
        return self._past[1] + sum(counts[: pairs - self._past[0]])

    def gated_at(self, cycle: int) -> int:
        """Return how many products have a zero operand of the pair that was complete then."""
        return sum(
            count
            for tile in self.tiles
            for pair, count in zip(tile.pairs, _gated(tile), strict=True)
            if pair == cycle
        )

    def settle(self) -> None:
        """Keep of the tiles only their sums: all have been delivered or discarded."""
        pairs = sum(len(tile.pairs) for tile in self.tiles)
        self._past = self._past[0] + pairs, self.gated(self._past[0] + pairs)
        self.settled += sum(tile.errors != 0 for tile in self.tiles)
        self.tiles, self._out = [], 0


def _gated(tile: Tile) -> list[int]:
    """Return for each pair of a tile how many of its products have a zero operand."""
    if tile.settings is None or not tile.pairs:
        return [0] * len(tile.pairs)
    fmt_a, fmt_w = tile.settings.format_a(), tile.settings.format_w(0)
    counts = []
    for a, w in zip(tile.a[: len(tile.pairs)], tile.w, strict=False):
        live = [
            int((fmt.integers(np.frombuffer(codes, np.uint8)) != 0).sum())
            for fmt, codes in ((fmt_a, a), (fmt_w, w))
        ]
        counts.append(len(a) * len(w) - live[0] * live[1])
    return counts
