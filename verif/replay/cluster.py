"""Simulators of a Dask cluster: ``SCHEDULER=tcp://...``, with the optional package distributed.

A worker of the cluster runs in a checkout of its own, with the same design, model and environment,
which it is asked for before it gets work, and again when it builds a simulator: see
`docs/replay.md`.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path

from verif.commands.fingerprint import sources
from verif.commands.folders import BUILD
from verif.replay.build import Build
from verif.replay.job import Job
from verif.replay.player import Played, Player
from verif.simulator.build_cache import digest
from verif.simulator.simulation import SimulationError, chosen_simulator

FOLDER = BUILD / "cluster"
PATIENCE = 20
"""Seconds in which a scheduler has to answer, and a worker to be there."""

LOSSES = 5
"""Workers that may be lost over one job before it is given up."""

_own = threading.local()


class ClusterSimulators:
    """Simulators of the workers of a cluster, one for each of their threads.

    Parameters
    ----------
    address
        Of the scheduler, as in ``tcp://host:8786``.
    build
        The engine's parameters.

    Raises
    ------
    ValueError
        If there is no scheduler or no worker, or a worker has other sources than this machine.
    """

    def __init__(self, address: str, build: Build) -> None:
        try:
            import distributed
        except ImportError:
            raise ValueError(
                f"SCHEDULER={address}: the package distributed is not installed, run "
                "`make setup SCHEDULER=1`"
            ) from None
        self._distributed, self._build = distributed, build
        self._identity, self._simulator = sources(), chosen_simulator()
        try:
            self._client = distributed.Client(address, timeout=PATIENCE, set_as_default=False)
            self._client.wait_for_workers(1, timeout=PATIENCE)
        except (OSError, ValueError, TimeoutError) as error:
            raise ValueError(f"SCHEDULER={address}: {error}") from None
        self._check(address)
        threads = self._client.nthreads().values()
        self.count, self.lost = 2 * sum(threads), 0  # so that the next job is there already
        self.key = digest([self._simulator, repr(build), repr(self._identity)])

    def _check(self, address: str) -> None:
        """Refuse a worker that would simulate something else."""
        for worker, theirs in self._client.run(sources).items():
            for part, ours in self._identity.items():
                if theirs.get(part) != ours:
                    self._client.close()
                    raise ValueError(
                        f"SCHEDULER={address}: the {part} of worker {worker} is "
                        f"{theirs.get(part)}, here it is {ours}; the same sources are wanted"
                    )

    def play(self, job: Job) -> Played:
        """Compute a job; the scheduler has it done again where a worker is lost."""
        future = self._client.submit(
            play_here, self._identity, self._simulator, self._build, job, pure=False, retries=LOSSES
        )
        try:
            return future.result()
        except (self._distributed.KilledWorker, self._distributed.CancelledError) as error:
            raise SimulationError(f"a job was lost with its workers: {error}") from None

    def close(self) -> None:
        """Let the workers go; their simulators stay for the next run."""
        self._client.close()

    def kill(self) -> None:
        """Drop what is in work."""
        self._client.close()


def play_here(identity: dict[str, str], simulator: str, build: Build, job: Job) -> Played:
    """Compute a job in this process, a worker's, with a simulator that stays for the next one.

    Raises
    ------
    SimulationError
        If the sources here are others than those that were asked for.
    """
    about = identity, simulator, build
    if getattr(_own, "about", None) != about:
        if sources() != identity:
            raise SimulationError("this worker has other sources than the run: update its checkout")
        if hasattr(_own, "player"):
            _own.player.kill()
        os.environ["SIM"] = simulator
        _own.player, _own.about = Player(build, _folder()), about
    try:
        return _own.player.run(job)
    except SimulationError:
        del _own.about
        raise


def _folder() -> Path:
    """Return a folder of this thread's own."""
    return FOLDER / f"{os.getpid()}-{threading.get_native_id()}"
