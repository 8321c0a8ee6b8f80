"""Rows in chosen cycles: which tiles have them, and who takes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from verif.coverage.registers.moments import ANSWERED, DONE, FLAGS
from verif.coverage.registers.surroundings import wants_request
from verif.coverage.registers.wishes import Wish


class Taker:
    """Takes rows, as an `AxiStreamSink` does: at a pace, or in chosen cycles and no others.

    Parameters
    ----------
    dut
        The engine.
    random
        Where the pace comes from.

    Attributes
    ----------
    cycles
        In which a row is taken; None for a pace.
    rate
        Share of cycles in which one is, then.
    """

    def __init__(self, dut: Any, random: np.random.Generator) -> None:
        self._ready, self._random = dut.m_axis_y_tready, random
        self._value = 0
        self.cycles: set[int] | None = None
        self.rate = 1.0
        dut.m_axis_y_tready.value = 0

    def step(self, now: int) -> None:
        """Drive the cycle after this one."""
        if self.cycles is None:
            value = int(self._random.random() < self.rate)
        else:
            value = int(now + 1 in self.cycles)
        if value != self._value:
            self._ready.value = self._value = value

    def clear(self) -> None:
        """Forget nothing: rows are looked at where they move."""

    def set_pause_generator(self, generator: Iterator[bool]) -> None:
        """Keep the pace: it is set here alone."""


@dataclass(frozen=True)
class Row:
    """A row that has to move: flags that it shows, and whether it is a tile's last."""

    flags: int
    last: bool


def rows_of(wish: Wish) -> dict[int, Row]:
    """Return the rows that have to move for a wish, by cycle.

    A soft reset that waits for the last of them is answered in the cycle after it.
    """
    flags: dict[int, int] = {}
    last = {step.at for step in wish.steps if step.event == DONE}
    for step in wish.steps:
        if step.event == FLAGS:
            flags[step.at] = flags.get(step.at, 0) | step.bits
    if wants_request(wish):
        last.add(min(step.at for step in wish.steps if step.event == ANSWERED) - 1)
    return {at: Row(flags.get(at, 0), at in last) for at in sorted(last | flags.keys())}


@dataclass(frozen=True)
class Plan:
    """Tiles that have the rows that are wanted.

    Attributes
    ----------
    tiles
        Flags of each row, by tile.
    first
        Rows that have to be taken before.
    cycles
        In which one is taken, between those wanted, too.
    """

    tiles: list[list[int]]
    first: int
    cycles: set[int]


def plan_rows(rows: Mapping[int, Row], height: int) -> Plan:
    """Return tiles of a height that have rows in just these cycles."""
    flags: list[int] = []
    first, cycles = 0, set(rows)
    for at, row in sorted(rows.items()):
        missing = -(len(flags) + 1) % height if row.last else 0
        if flags:
            cycles |= set(range(at - missing, at))
        else:
            first = missing
        flags += [0] * missing + [row.flags]
    flags += [0] * (-len(flags) % height)
    tiles = [flags[place : place + height] for place in range(0, len(flags), height)]
    return Plan(tiles, first, cycles)
