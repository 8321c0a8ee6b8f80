"""What the contexts of tiles hold, beat by beat, and what of them has to show."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from fractions import Fraction

from tests.benches.packets import CONFIG, PACKET, START
from verif.engine import describe, floats
from verif.environment.settings import Build, Settings, start_units

LATENCY = 3


@dataclass
class Slot:
    """A tile inside: the settings that its first beat met, its beats, its errors.

    Attributes
    ----------
    visible
        Earliest cycle in which it may show.
    """

    settings: Settings
    beats: list[tuple[int, int]]
    errors: int = 0
    visible: int = 0

    def __str__(self) -> str:
        """Return all of it, decoded."""
        beats = ", ".join(f"{describe.binary32(word)} w_bias {bias}" for word, bias in self.beats)
        return f"errors {self.errors:03b}, {self.settings}, beats [{beats}]"

    def judge(self, build: Build, cols: int) -> None:
        """Find the errors {packet, start, config}; start means nothing beside config."""
        self.errors = PACKET if len(self.beats) != cols else 0
        if self.settings.refused(build.exp_max):
            self.errors |= CONFIG
        elif any(self.units(beat, build) is None for beat in self.beats[:cols]):
            self.errors |= START

    def units(self, beat: tuple[int, int], build: Build) -> int | Fraction | None:
        """Return a beat's start value in units of the accumulator, None if refused."""
        word, w_bias = beat
        return start_units(word, self.settings.grid_exponent(w_bias), build)

    @property
    def formats(self) -> int:
        """Formats of a and w, as on `stream_formats`."""
        s = self.settings
        return s.a_signed << 9 | s.a_exponent_bits << 5 | s.w_signed << 4 | s.w_exponent_bits

    @property
    def output(self) -> int:
        """The output's configuration, as on `drain_output`."""
        s = self.settings
        bits = s.y_signed << 17 | s.y_exponent_bits << 13 | s.rounding << 10
        return bits | s.clamp_enable << 9 | s.clamp << 1 | s.raw

    def columns(self, build: Build) -> list[tuple[int | Fraction, int]]:
        """Return start value and offset of every column, as `drain_columns` carries them."""
        offsets = [self.settings.offset(bias) & 0x3FF for _, bias in self.beats]
        starts = [self.units(beat, build) for beat in self.beats]
        if not build.is_exact:
            starts = [floats.pack(start) for start in starts]
        return list(zip(starts, offsets, strict=True))

    def starts(self, build: Build) -> list[int]:
        """Return what `stream_starts` carries: numbers for a binary32 accumulator, else zero."""
        units = [self.units(beat, build) for beat in self.beats]
        return [0 if build.is_exact else floats.pack(one) for one in units]


class Contexts:
    """What the contexts hold, and what may move, by docs/hardware.md and the module's header.

    "A tile starts with the first beat of its c packet. The registers are sampled in the cycle in
    which that beat moves." "The c packet of a tile may be sent while earlier tiles stream or
    drain." "After a refused configuration no further c packet is begun until the refused tile
    itself has been discarded, whatever soft resets are asked for meanwhile and whichever other
    tile fails before it." Errors are those of the table there, see `Slot.judge`. Of the header:
    3 cycles from a beat to its place in the slot; two more beats fit in front of a full ring.

    Attributes
    ----------
    entering, waiting, draining
        The tile whose packet has begun; those that wait to be streamed; those that drain.
    full
        Cycles in which the ring was full.
    """

    def __init__(self, build: Build, cols: int, slots: int) -> None:
        self.build, self.cols, self.slots = build, cols, slots
        self.cycle = 0
        self.entering: Slot | None = None
        self.waiting: deque[Slot] = deque()
        self.draining: deque[Slot] = deque()
        self.full = 0
        self._full_until = -LATENCY

    def __str__(self) -> str:
        """Return what is inside."""
        return (
            f"cycle {self.cycle}, {self.entering is not None} entering, "
            f"{len(self.waiting)} waiting, {len(self.draining)} draining, closed {self.closed}"
        )

    @property
    def inside(self) -> int:
        """Tiles that have begun and not left."""
        return (self.entering is not None) + len(self.waiting) + len(self.draining)

    @property
    def closed(self) -> bool:
        """Whether a tile with a refused configuration is inside."""
        slots = [*self.waiting, *self.draining, *([self.entering] if self.entering else [])]
        return any(slot.settings.refused(self.build.exp_max) for slot in slots)

    def may_take(self, is_open: bool) -> bool:
        """Tell whether a beat may move: one of a packet that has begun, or a first one."""
        return self.entering is not None or (is_open and not self.closed)

    def takes(self, is_open: bool) -> bool | None:
        """Tell whether a beat moves; None if the ring was full so lately that it need not."""
        if not self.may_take(is_open):
            return False
        return True if self.cycle > self._full_until + 1 else None

    @property
    def shows(self) -> bool | None:
        """Whether the oldest tile that waits shows, None if it may."""
        if not self.waiting or self.cycle < self.waiting[0].visible:
            return False
        return True if self.cycle >= self._full_until + LATENCY else None

    def occupied(self, begins: bool) -> bool | None:
        """Tell whether a tile is inside, None in the cycle in which one begins."""
        return True if self.inside else None if begins else False

    def begin_cycle(self, cycle: int) -> None:
        """Look at the next cycle."""
        self.cycle = cycle
        if self.inside >= self.slots:
            self._full_until = cycle
            self.full += 1

    def take(self, settings: Settings, beat: tuple[int, int], last: bool) -> None:
        """Take a beat; the settings are those of the registers in this cycle."""
        if self.entering is None:
            self.entering = Slot(settings, [])
        self.entering.beats.append(beat)
        if last:
            self.entering.judge(self.build, self.cols)
            self.entering.visible = self.cycle + LATENCY
            self.waiting.append(self.entering)
            self.entering = None

    def streamed(self) -> None:
        """Step past the tile that streams: it drains now."""
        self.draining.append(self.waiting.popleft())

    def released(self) -> Slot:
        """Return the tile that has been discarded; it is gone."""
        return self.waiting.popleft()

    def drained(self) -> Slot:
        """Return the tile that has drained; it is gone."""
        return self.draining.popleft()


def columns_of(bits: int, cols: int, width: int) -> list[int]:
    """Return what an output carries for each column."""
    return [bits >> width * column & (1 << width) - 1 for column in range(cols)]


def context_of(bits: int, width: int, build: Build) -> tuple[int, int]:
    """Return start value and offset of a column: sign, 24 bits, shift, offset of 10 bits."""
    negative, magnitude = bits >> (width - 1), bits >> (width - 25) & 0xFFFFFF
    shift, offset = bits >> 10 & (1 << width - 35) - 1, bits & 0x3FF
    if build.is_exact:
        return (-1) ** negative * magnitude << shift, offset
    return negative << 35 | shift << 24 | magnitude, offset
