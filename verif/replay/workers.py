"""Simulators at work: jobs in, results out, those of a simulator that is lost done again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from verif.replay.build import Build
from verif.replay.job import Job
from verif.replay.player import Played, Player, replay_design
from verif.replay.store import Store
from verif.simulator.build_cache import digest
from verif.simulator.live import LostSimulatorError
from verif.simulator.simulation import SimulationError, build_design

ATTEMPTS = 5
"""Simulators that may be lost over one job before it is given up."""


@dataclass
class Counts:
    """What became of jobs.

    Attributes
    ----------
    simulated, reused
        Jobs that were simulated, and whose results were kept from an earlier time.
    lost
        Simulators that were killed over a job, which was then done again.
    """

    simulated: int = 0
    reused: int = 0
    lost: int = 0


@dataclass(frozen=True, eq=False)
class Done:
    """A job and its result."""

    job: Job
    played: Played


class Workers(Protocol):
    """Computes jobs."""

    counts: Counts

    def submit(self, make: Callable[[], Job]) -> Future[Done]:
        """Have a job made and computed as soon as there is a simulator for it."""

    def close(self) -> None:
        """End all simulators in good order; SimulationError if one's bench failed."""

    def kill(self) -> None:
        """End all simulators at once, and drop what has not been begun."""


def job_key(player: str, job: Job) -> str:
    """Return what a job's result depends on."""
    return digest([player, job.hash()]) + job.hash()[:20]


class LocalWorkers:
    """Simulators of this machine, each a process with a thread that feeds it.

    Parameters
    ----------
    build
        The engine's parameters.
    folder
        Where they work.
    jobs
        How many simulators.
    store
        Where results are kept; None keeps none.
    """

    def __init__(self, build: Build, folder: Path, jobs: int, store: Store | None) -> None:
        self.counts = Counts()
        build_design(replay_design(build))  # one builds it, for all
        self._build, self._folder, self._store = build, folder, store
        self._own, self._lock = threading.local(), threading.Lock()
        self._players: list[Player] = []
        self._closing = False
        self._threads = ThreadPoolExecutor(jobs)
        self._started = 0

    def submit(self, make: Callable[[], Job]) -> Future[Done]:
        """Have a job made and computed as soon as there is a simulator for it."""
        return self._threads.submit(self._compute, make)

    def _compute(self, make: Callable[[], Job]) -> Done:
        job = make()
        for _ in range(ATTEMPTS):
            try:
                return Done(job, self._play(job))
            except LostSimulatorError:
                self._own.player = None
                if self._closing:
                    raise
                with self._lock:
                    self.counts.lost += 1
        raise SimulationError(f"{ATTEMPTS} simulators were killed, one after the other, over a job")

    def _play(self, job: Job) -> Played:
        player = self._player()
        key = job_key(player.key, job)
        kept = self._store.get(key) if self._store else None
        if kept is None:
            kept = player.run(job)
            if self._store:
                self._store.put(key, kept)
            with self._lock:
                self.counts.simulated += 1
        else:
            with self._lock:
                self.counts.reused += 1
        return kept

    def _player(self) -> Player:
        """Return this thread's own simulator."""
        if getattr(self._own, "player", None) is None:
            with self._lock:
                if self._closing:
                    raise LostSimulatorError("no simulator is started any more")
                number, self._started = self._started, self._started + 1
                self._own.player = Player(self._build, self._folder / f"simulator{number}")
                self._players.append(self._own.player)
        return self._own.player

    def close(self) -> None:
        """End all simulators in good order; SimulationError if one's bench failed."""
        for player in self._players:
            player.close()
        self._threads.shutdown()  # at last: the system ends a simulator whose thread is gone
        if self._store:
            self._store.forget_oldest()

    def kill(self) -> None:
        """End all simulators at once, and drop what has not been begun."""
        with self._lock:
            self._closing = True
            for player in self._players:
                player.kill()
        self._threads.shutdown(cancel_futures=True)
