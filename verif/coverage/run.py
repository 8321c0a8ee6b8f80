"""Runs shards in processes; the results of those that end are kept whatever happens to others."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from verif.commands.folders import ROOT
from verif.commands.interrupts import completed
from verif.commands.processes import end_session, start_session
from verif.coverage.shards import SHARDS, Shard
from verif.regression.replay import python_line, settings
from verif.regression.seeds import derive_seed
from verif.simulator.simulation import SimulationError, simulate

LOG_LINES = 25
"""Lines of a failing shard's log that are shown."""


@dataclass(frozen=True)
class Job:
    """One shard to run.

    Attributes
    ----------
    shard
        The design.
    seed
        The session's seed, from which the shard's is derived.
    mode
        ``steered`` or ``plain``.
    budget
        Transactions at most, None for no limit.
    folder
        Where its files go.
    """

    shard: Shard
    seed: int
    mode: str
    budget: int | None
    folder: Path

    @property
    def command(self) -> list[str]:
        """Command that runs this shard alone, in the same way."""
        command = [sys.executable, "-m", "verif.coverage.run", self.shard.name]
        command += [str(self.seed), self.mode, str(self.budget or 0), str(self.folder)]
        return command

    @property
    def replay(self) -> str:
        """Line for a shell at the project's root that runs it again, with waves."""
        decisive = {name: text for name, text in settings().items() if name != "SEED"}
        return python_line(self.command[1:], decisive, ROOT, waves=True)

    @property
    def has_ended(self) -> bool:
        """Whether it has left its results, the last of which is the curve."""
        return (self.folder / "curve.json").is_file()

    def curve(self) -> Mapping[str, list[int]]:
        """Return how the number of bins rose, once it has ended."""
        return json.loads((self.folder / "curve.json").read_text(encoding="utf-8"))


class ShardError(RuntimeError):
    """A shard that failed, with the end of its log and how to run it again."""

    def __init__(self, job: Job, text: str) -> None:
        super().__init__(f"{job.shard.name}, seed {job.seed}:\n{text}\nreplay: {job.replay}")


class Pool:
    """Runs jobs, so many at a time; `stop` ends those that run."""

    def __init__(self, processes: int) -> None:
        self._processes = processes
        self._running: set[subprocess.Popen] = set()
        self._lock, self._stopped = threading.Lock(), False

    def run(self, jobs: Sequence[Job], done: Callable[[Job], None]) -> None:
        """Run jobs and tell of each that has ended well.

        Raises
        ------
        ShardError
            If one fails; those that run are then stopped.
        """
        with ThreadPoolExecutor(self._processes) as pool:
            futures = {pool.submit(self._run, job): job for job in jobs}
            try:
                for future in completed(futures):
                    future.result()
                    done(futures[future])
            finally:
                for future in futures:
                    future.cancel()
                self.stop()

    def _run(self, job: Job) -> None:
        job.folder.mkdir(parents=True, exist_ok=True)
        for name in ("coverage.yml", "curve.json"):
            (job.folder / name).unlink(missing_ok=True)
        log = job.folder / "log"
        with log.open("wb") as output, self._lock:
            if self._stopped:
                return
            process = start_session(job.command, output, folder=ROOT)
            self._running.add(process)
        status = process.wait()
        with self._lock:
            self._running.discard(process)
        if status != 0 or not job.has_ended:
            lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
            raise ShardError(job, "\n".join(lines[-LOG_LINES:]))

    def stop(self) -> None:
        """End what is running, simulators included."""
        with self._lock:
            self._stopped = True
            for process in self._running:
                end_session(process.pid)


def run_shard(job: Job) -> None:
    """Simulate a shard in this process.

    Raises
    ------
    SimulationError
        If an outcome was wrong, or the simulation ended early.
    """
    variables = {"COVER_GROUP": job.shard.group, "COVER_FOLDER": str(job.folder.absolute())}
    variables["COVER_MODE"] = job.mode
    if job.budget:
        variables["COVER_BUDGET"] = str(job.budget)
    simulate(
        job.shard.toplevel,
        job.shard.bench,
        job.shard.parameters,
        folder=job.folder / "simulation",
        seed=derive_seed(job.seed, job.shard.name),
        environment=variables,
    )


def main(arguments: Sequence[str]) -> int:
    """Run the shard that a replay line names."""
    name, seed, mode, budget, folder = arguments
    shard = next(one for one in SHARDS if one.name == name)
    start = time.monotonic()
    try:
        run_shard(Job(shard, int(seed), mode, int(budget) or None, Path(folder)))
    except SimulationError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{name}: {time.monotonic() - start:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
