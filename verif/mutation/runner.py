"""Runs one case on one copy of the design, in a process of its own with a limit of CPU time."""

from __future__ import annotations

import logging
import math
import multiprocessing
import os
import resource
import sys
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from xml.etree import ElementTree

from verif.mutation import processes
from verif.mutation.cases import Case

WALL_FACTOR = 20
"""A case that has not used up its CPU time hangs without computing after this many times that."""
KILLED = "error -9", "error -15"
CPU_TIME_OVER = "error -24"


@dataclass(frozen=True)
class Outcome:
    """How a case ended.

    Attributes
    ----------
    status : str
        ``passed``, ``failed`` (a test did), ``crash`` (the simulator left no results),
        ``timeout``, ``invalid`` (does not compile) or ``broken`` (nothing was learned).
    test : str
        The first test that failed.
    detail : str
        What was said of it.
    seconds : float
        CPU time.
    """

    status: str
    test: str = ""
    detail: str = ""
    seconds: float = 0.0


def run(case: Case, hdl: Path, limit: float) -> Outcome:
    """Run a case.

    Parameters
    ----------
    case : Case
        What to run.
    hdl : Path
        Folder of the design; builds and logs go beside it.
    limit : float
        CPU time in seconds after which it is ended.

    Raises
    ------
    Stopped
        If the campaign has been stopped.
    """
    processes.check()
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["numpy", "cocotb", "cocotb_test.simulator"])
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_simulate, args=(case, hdl, limit, sender))
    process.start()
    sender.close()
    outcome = Outcome("timeout", detail=f"not done in {WALL_FACTOR * limit:.0f} s")
    try:
        with receiver, processes.registered(process.pid):
            if receiver.poll(WALL_FACTOR * limit):
                outcome = receiver.recv()
    except EOFError:
        outcome = Outcome("broken", detail=f"{case.name}: its process ended without a word")
    finally:
        process.kill()  # it may not lead a session yet
        process.join()
    return outcome


def _simulate(case: Case, hdl: Path, limit: float, sender: Connection) -> None:
    """Run a case in this process and send its outcome."""
    os.setsid()
    work = hdl.parent
    with (work / "log").open("ab") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    ceiling = math.ceil(limit)
    resource.setrlimit(resource.RLIMIT_CPU, (ceiling, ceiling + 5))
    results = work / "results.xml"
    results.unlink(missing_ok=True)
    os.environ |= {"HDL": str(hdl), "BUILD": str(work / "build"), "SIM": "icarus", "WAVES": "0"}
    os.environ |= {"COCOTB_MAX_FAILURES": "1", "COCOTB_RESULTS_FILE": str(results)}
    os.environ.pop("CODE_COVERAGE", None)
    logging.disable(logging.INFO)
    start = time.process_time()
    try:
        outcome = _outcome(case, work / "simulation", results)
    except BaseException as error:
        outcome = Outcome("broken", detail=f"{case.name}: {type(error).__name__}: {error}")
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = time.process_time() - start + children.ru_utime + children.ru_stime
    sender.send(Outcome(outcome.status, outcome.test, outcome.detail, round(seconds, 3)))


def _outcome(case: Case, folder: Path, results: Path) -> Outcome:
    from verif.simulator.simulation import SimulationError, compile_design, simulate

    toplevel, parameters = f"ffp8_{case.module}", case.parameters
    try:
        compile_design(toplevel, parameters, folder)
    except SimulationError as error:
        return Outcome("invalid", detail=str(error))
    try:
        simulate(
            toplevel,
            case.bench,
            parameters,
            folder=folder,
            seed=case.seed,
            waves=False,
            compiled=True,
        )
    except SimulationError as error:
        detail = str(error)
        test = _failed_test(results)
        if test:
            return Outcome("failed", test, detail)
        if any(text in detail for text in KILLED):
            return Outcome("broken", detail=f"{detail}: the simulator was killed")
        if CPU_TIME_OVER in detail:
            return Outcome("timeout", detail=detail)
        return Outcome("broken" if results.exists() else "crash", detail=detail)
    return Outcome("passed")


def _failed_test(results: Path) -> str:
    """Return the first test that failed in a results file, or nothing."""
    if not results.exists():
        return ""
    for test in ElementTree.parse(results).getroot().iter("testcase"):
        if test.find("failure") is not None or test.find("error") is not None:
            return str(test.get("name"))
    return ""


def usable_processors() -> int:
    """Return how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
