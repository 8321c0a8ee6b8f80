"""Tiles for the registers' loop: rows with just the flags that are wanted, and ways to fail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from model import FLAG_INEXACT, FLAG_OVERFLOW, FLAG_UNDERFLOW, Format
from verif.environment.capabilities import Capabilities
from verif.environment.draw import choose
from verif.environment.generator import Constraints, Generator
from verif.environment.job import Job
from verif.environment.settings import Settings

FAILURES = {1: "config rounding", 2: "start infinite", 4: "w packet short", 8: "too long"}
"""By bit of ERRORS, a failure that sets it."""

INEXACT, UNDERFLOW, OVERFLOW = FLAG_INEXACT, FLAG_UNDERFLOW, FLAG_OVERFLOW
SHOWN = {0: 0, INEXACT: INEXACT, UNDERFLOW: UNDERFLOW | INEXACT, OVERFLOW: OVERFLOW | INEXACT}
"""Flags of a row that shows one of them: what underflows or overflows is inexact, too."""

MOST = 8
"""Products of a short tile."""


class Palette:
    """Makes tiles.

    Parameters
    ----------
    can
        What the engine takes.
    random
        Where everything comes from.
    """

    def __init__(self, can: Capabilities, random: np.random.Generator) -> None:
        self.can, self.random = can, random
        self.generator = Generator(can, random)
        self.failing = {bits: self._failing(name) for bits, name in FAILURES.items()}
        self._settings, self._weights, self._codes = self._palette()

    def any(self) -> Job:
        """Return a good tile that is short, half of whose codes of a are zero."""
        k = int(self.random.integers(1, min(MOST, self.can.k_max) + 1))
        job = self.generator.job(Constraints(k=k), None)
        zeros = self.random.integers(2, size=job.a_codes.shape, dtype=np.uint8)
        return replace(job, a_codes=job.a_codes * zeros)

    def rows(self, flags: list[int]) -> Job:
        """Return a tile of which each row shows the highest of its flags alone, or none for 0."""
        flags = [1 << one.bit_length() >> 1 for one in flags]
        k = int(self.random.integers(1, 4))
        a_codes = np.zeros((self.can.rows, k), np.uint8)
        a_codes[:, 0] = [choose(self.random, self._codes[SHOWN[one]]) for one in flags]
        w_codes = np.repeat(self._weights, k, 0)
        job = self._job(a_codes, w_codes)
        shown = np.bitwise_or.reduce(job.expected(self.can)[1], axis=1).tolist()
        assert shown == [SHOWN[one] for one in flags], f"rows show {shown}, not {flags}"
        return job

    def _job(self, a_codes: np.ndarray, w_codes: np.ndarray) -> Job:
        cols = self.can.cols
        return Job(self._settings, a_codes, w_codes, (0,) * cols, (7,) * cols)

    def _failing(self, failure: str) -> Job:
        """Return a tile that fails, by its beats not with the first of them."""
        while True:
            job = self.generator.job(Constraints(failure=failure, k=min(5, self.can.k_max)), None)
            if min(job.a_codes.shape[1], len(job.w_codes)) >= 3:
                return job

    def _palette(self) -> tuple[Settings, np.ndarray, Mapping[int, list[int]]]:
        """Find settings, weights, and the codes of a by the flags that a row of them shows."""
        operand, result = Format(1, 4, 3, 7), Format(1, 2, 5, 1)
        self._settings = replace(Settings.of(operand, operand, result), rounding=0)
        while True:
            weights = self.random.integers(256, size=(1, self.can.cols)).astype(np.uint8)
            codes: dict[int, list[int]] = {}
            every = np.arange(256, dtype=np.uint8).reshape(-1, 1)
            flags = self._job(every, weights).expected(self.can)[1]
            for code, shown in enumerate(np.bitwise_or.reduce(flags, axis=1).tolist()):
                codes.setdefault(shown, []).append(code)
            if all(shown in codes for shown in SHOWN.values()):
                return self._settings, weights, codes
