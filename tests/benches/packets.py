"""c packets of every kind, and what the contexts must hold of each."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from verif.engine import describe, floats
from verif.environment.draw import choose
from verif.environment.settings import (
    REFUSALS,
    Build,
    Settings,
    random_bias,
    random_settings,
    refused_settings,
    refused_word,
    start_units,
    start_word,
)

CONFIG, START, PACKET = 1, 2, 4


@dataclass(frozen=True)
class Packet:
    """What the c stream carries for a tile.

    Attributes
    ----------
    settings
        What the inputs are meant to be when the first beat moves.
    beats
        Start word and exponent bias of w of each column.
    steady
        The inputs do not change while the first beat waits.
    """

    settings: Settings
    beats: list[tuple[int, int]]
    steady: bool


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

    def check_formats(self, formats: int) -> None:
        """Assert that the formats of a and w are these bits."""
        s = self.settings
        due = s.a_signed << 9 | s.a_exponent_bits << 5 | s.w_signed << 4 | s.w_exponent_bits
        assert formats == due, f"stream_formats {formats:010b}, expected {due:010b}: {self}"

    def check_output(self, output: int) -> None:
        """Assert that the output's configuration is these bits."""
        s = self.settings
        due = s.y_signed << 17 | s.y_exponent_bits << 13 | s.rounding << 10
        due |= s.clamp_enable << 9 | s.clamp << 1 | s.raw
        assert output == due, f"drain_output {output:018b}, expected {due:018b}: {self}"

    def check_columns(self, columns: int, column_bits: int, build: Build) -> None:
        """Assert that start value and offset of every column are these bits."""
        for number, beat in enumerate(self.beats):
            bits = columns >> number * column_bits & (1 << column_bits) - 1
            negative, magnitude = bits >> (column_bits - 1), bits >> (column_bits - 25) & 0xFFFFFF
            shift, offset = bits >> 10 & (1 << column_bits - 35) - 1, bits & 0x3FF
            start, due_start = (-1) ** negative * magnitude << shift, self.units(beat, build)
            if not build.is_exact:
                start, due_start = negative << 35 | shift << 24 | magnitude, floats.pack(due_start)
            due = due_start, self.settings.offset(beat[1]) & 0x3FF
            assert (start, offset) == due, (
                f"column {number}: start {start:#x}, offset {offset:#x}; "
                f"expected {due[0]:#x}, {due[1]:#x}: {self}"
            )

    def check_starts(self, starts: int, build: Build) -> None:
        """Assert that the start values for a binary32 accumulator are these, else zero."""
        for number, beat in enumerate(self.beats):
            bits = starts >> floats.BITS * number & (1 << floats.BITS) - 1
            due = 0 if build.is_exact else floats.pack(self.units(beat, build))
            assert bits == due, (
                f"column {number}: stream_starts {floats.text(bits)}, "
                f"expected {floats.text(due)}: {self}"
            )


def random_packet(random: np.random.Generator, build: Build, cols: int) -> Packet:
    """Return a packet, good two times in three, else failing in a random way."""
    exp_max = build.exp_max
    fault = choose(random, (None,) * 8 + ("config", "start", "short", "long"))
    if fault == "config":
        settings = refused_settings(random, exp_max, choose(random, REFUSALS))
        grid = 0
    else:
        settings = random_settings(random, exp_max)
    length = cols
    if fault == "short":
        length = int(choose(random, (1, max(cols - 1, 1), random.integers(1, cols + 1))))
    elif fault == "long":
        wraps = 1 << cols.bit_length()  # of a counter that is as wide as it has to be
        more = (1, 2, cols, 16, wraps, 2 * wraps, random.integers(1, 4 * cols + 1))
        length = cols + int(choose(random, more))
    beats = []
    for _ in range(length):
        bias = random_bias(random)
        grid = 0 if fault == "config" else settings.grid_exponent(bias)
        beats.append((start_word(random, grid, build), bias))
    if fault == "start" or (fault in ("short", "long") and random.random() < 0.3):
        for _ in range(int(choose(random, (1, 1, 2)))):
            place = int(random.integers(length))
            bias = beats[place][1]
            beats[place] = refused_word(random, settings.grid_exponent(bias), build), bias
    return Packet(settings, beats, steady=bool(random.random() < 0.7))
