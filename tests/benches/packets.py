"""c packets of every kind."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from verif.environment.draw import choose
from verif.environment.settings import (
    REFUSALS,
    Build,
    Settings,
    random_bias,
    random_settings,
    refused_settings,
    refused_word,
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
