"""Jobs that a design has to refuse, each for one reason."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from verif.environment.capabilities import Capabilities
from verif.environment.draw import MODERATE, choose
from verif.environment.job import Job
from verif.environment.settings import Build, refused_settings, refused_word


class Spoiler:
    """Spoils jobs.

    Parameters
    ----------
    can
        What the design takes.
    random
        Where everything comes from.
    build
        What decides which start values it takes.
    """

    def __init__(self, can: Capabilities, random: np.random.Generator, build: Build) -> None:
        self.can, self.random, self.build = can, random, build

    def spoilt(self, job: Job, failure: str) -> Job:
        """Return a job that has to be refused for this reason, and no other."""
        can, random = self.can, self.random
        kind, _, what = failure.partition(" ")
        if kind == "config":
            return replace(job, settings=refused_settings(random, can.exp_max, what))
        if kind == "start":
            return self._bad_start(job, what)
        if failure == "too long":
            if job.k > can.k_max:
                return job
            more = choose(random, (1, 1, 2, 5, min(can.k_max, MODERATE) + 1))
            return self._of_lengths(job, can.k_max + more, can.k_max + more)
        if kind == "no":
            return replace(job, framing=failure.removesuffix(" pair"))
        if kind == "c":
            return self._other_packet(job, what.endswith("short"))
        lengths = np.arange(1, min(can.k_max, MODERATE) + 1)
        less, more = sorted(random.choice(lengths, 2, replace=False).tolist())
        more = min(more, less + 6)
        return self._of_lengths(job, *((less, more) if kind == "a" else (more, less)))

    def _bad_start(self, job: Job, what: str) -> Job:
        column = int(self.random.integers(self.can.cols))
        starts, biases = list(job.starts), list(job.biases_w)
        if what == "too large":
            job = replace(job, settings=replace(job.settings, a_bias=self.can.biases_a[-1]))
            biases, starts = [self.can.biases_w[-1]] * len(biases), [0] * len(starts)
        for _ in range(1000):
            word = refused_word(self.random, job.settings.grid_exponent(biases[column]), self.build)
            starts[column] = word
            spoilt = replace(job, starts=tuple(starts), biases_w=tuple(biases))
            if spoilt.failure(self.can) == f"start {what}":
                return spoilt
        raise AssertionError(f"no start value is {what} for {job.settings}")

    def _other_packet(self, job: Job, short: bool) -> Job:
        cols = self.can.cols
        count = int(
            self.random.integers(1, cols) if short else self.random.integers(cols + 1, 2 * cols + 3)
        )
        starts, biases = (job.starts * 4)[:count], (job.biases_w * 4)[:count]
        return replace(job, starts=starts, biases_w=biases)

    def _of_lengths(self, job: Job, a_beats: int, w_beats: int) -> Job:
        can, integers = self.can, self.random.integers
        a_codes = integers(0, 256, (can.rows, a_beats)).astype(np.uint8)
        return replace(
            job, a_codes=a_codes, w_codes=integers(0, 256, (w_beats, can.cols)).astype(np.uint8)
        )
