"""Simulators at work: jobs in, results out, and nothing simulated that is already known."""

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
from verif.simulator.simulation import SimulationError, build_design, chosen_simulator

ATTEMPTS = 5
"""Simulators that may be lost over one job before it is given up."""


@dataclass
class Counts:
    """What became of jobs.

    Attributes
    ----------
    simulated, reused
        Jobs that were simulated, and whose results were kept from an earlier run.
    lost
        Simulators that were killed over a job, which was then done again.
    """

    simulated: int = 0
    reused: int = 0
    lost: int = 0


@dataclass(frozen=True, eq=False)
class Done:
    """A job and its result, which may be that of an earlier run."""

    job: Job
    played: Played
    kept: bool = False


class Simulators(Protocol):
    """Computes jobs for several threads at once.

    Attributes
    ----------
    count
        Jobs that are worth having in work at once.
    key
        What results depend on beside a job.
    lost
        Simulators lost so far.
    """

    count: int
    key: str
    lost: int

    def play(self, job: Job) -> Played:
        """Compute a job; SimulationError if that is not possible."""

    def close(self) -> None:
        """End all in good order, when none is at work; SimulationError if a bench failed."""

    def kill(self) -> None:
        """End all at once."""


class Workers:
    """Has jobs made and computed, as many at once as there are simulators.

    Parameters
    ----------
    simulators
        Who computes them.
    store
        Where results are kept; None keeps none.

    Attributes
    ----------
    counts
        What became of the jobs so far.
    """

    def __init__(self, simulators: Simulators, store: Store | None) -> None:
        self._simulators, self._store = simulators, store
        self._counts, self._lock = Counts(), threading.Lock()
        self._threads = ThreadPoolExecutor(simulators.count)

    @property
    def counts(self) -> Counts:
        """What became of the jobs so far."""
        self._counts.lost = self._simulators.lost
        return self._counts

    def submit(self, make: Callable[[], Job]) -> Future[Done]:
        """Have a job made and computed as soon as there is a simulator for it."""
        return self._threads.submit(self._compute, make)

    def _compute(self, make: Callable[[], Job]) -> Done:
        job = make()
        content = job.hash()
        key = digest([self._simulators.key, content]) + content
        played = self._store.get(key) if self._store else None
        if played is not None:
            with self._lock:
                self._counts.reused += 1
            return Done(job, played, kept=True)
        played = self._simulators.play(job)
        if self._store:
            self._store.put(key, played)
        with self._lock:
            self._counts.simulated += 1
        return Done(job, played)

    def close(self) -> None:
        """End all in good order; SimulationError if a simulator's bench failed."""
        self._simulators.close()
        self._threads.shutdown()  # at last: the system ends a simulator whose thread is gone
        if self._store:
            self._store.forget_oldest()

    def kill(self) -> None:
        """End all simulators at once, and drop what has not been begun."""
        self._simulators.kill()
        self._threads.shutdown(cancel_futures=True)


class LocalSimulators:
    """Simulators of this machine, one for each thread that asks.

    Parameters
    ----------
    build
        The engine's parameters.
    folder
        Where they work.
    count
        How many threads will ask.
    """

    def __init__(self, build: Build, folder: Path, count: int) -> None:
        self.count, self.lost = count, 0
        design = replay_design(build, chosen_simulator())
        self.key = player_key(build_design(design))  # one builds it, for all
        self._build, self._folder = build, folder
        self._own, self._lock = threading.local(), threading.Lock()
        self._players: list[Player] = []
        self._closed = False
        self._started = 0

    def play(self, job: Job) -> Played:
        """Compute a job, again with another simulator where one is lost."""
        for _ in range(ATTEMPTS):
            player = self._player()
            try:
                return player.run(job)
            except LostSimulatorError:
                self._own.player = None
                with self._lock:
                    self._players.remove(player)
                    if self._closed:
                        raise
                    self.lost += 1
        raise SimulationError(f"{ATTEMPTS} simulators were killed, one after the other, over a job")

    def _player(self) -> Player:
        """Return this thread's own simulator."""
        if getattr(self._own, "player", None) is None:
            with self._lock:
                if self._closed:
                    raise LostSimulatorError("no simulator is started any more")
                number, self._started = self._started, self._started + 1
                self._own.player = Player(self._build, self._folder / f"simulator{number}")
                self._players.append(self._own.player)
        return self._own.player

    def close(self) -> None:
        """End all in good order; SimulationError if a bench failed."""
        with self._lock:
            self._closed = True
        for player in self._players:
            player.close()
        self._players.clear()

    def kill(self) -> None:
        """End all at once."""
        with self._lock:
            self._closed = True
            for player in self._players:
                player.kill()


def player_key(built: Path) -> str:
    """Return what results depend on, beside a job, for a design that was built in a folder."""
    folder = Path(__file__).parent
    ours = [folder / name for name in ("player.py", "player_bench.py")]
    return digest([built.name, *(path.read_bytes() for path in ours)])
