"""Builds a design with one parameter set and runs a cocotb module in it.

Simulator, seed and waves come from the environment variables SIM, SEED (through the caller)
and WAVES, so that one pasted line repeats a run. HDL and BUILD name other folders for the
design and for what is built, which lets a changed copy of the design meet the same tests.
"""

from __future__ import annotations

import functools
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import cocotb
import numpy as np
from cocotb_test.simulator import run
from cocotb_tools.check_results import get_results

ROOT = Path(__file__).parent.parent
BUILD = Path(os.environ.get("BUILD", ROOT / "build"))
SIMULATORS = ("icarus",)


class SimulationError(RuntimeError):
    """A simulation that failed, ended early or executed no test."""


def design_folder() -> Path:
    """Folder with the sources: the variable HDL, or the project's own."""
    return Path(os.environ.get("HDL", ROOT / "hdl"))


def bench_random() -> np.random.Generator:
    """Random numbers of the bench that is running, from the one seed of its test."""
    return np.random.default_rng(int(os.environ["COCOTB_RANDOM_SEED"]))


bench_test = functools.partial(cocotb.test, timeout_time=3, timeout_unit="ms")
"""``cocotb.test`` for benches with a clock of 10 ns: a design that hangs fails after 300,000
cycles, several times what the longest test takes."""


def check_simulator(name: str) -> str:
    """Return the simulator's name if it is one that the environment drives.

    Raises
    ------
    ValueError
        For any other name.
    """
    if name not in SIMULATORS:
        raise ValueError(f"SIM={name}: unknown simulator, choose {' or '.join(SIMULATORS)}")
    return name


def compile_design(
    toplevel: str, parameters: Mapping[str, int], folder: Path, waves: bool = False
) -> None:
    """Compile `toplevel` into an emptied `folder`, for `simulate` with ``compiled=True``."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    _cocotb_test(
        toplevel, "none", parameters, folder, design_folder(), compile_only=True, waves=waves
    )


def simulate(
    toplevel: str,
    bench: str,
    parameters: Mapping[str, int],
    *,
    folder: Path,
    seed: int,
    environment: Mapping[str, str] | None = None,
    hdl: Path | None = None,
    waves: bool | None = None,
    compiled: bool = False,
) -> int:
    """Build `toplevel` and run the cocotb tests of `bench` in it.

    Parameters
    ----------
    toplevel
        Name of a module in `hdl`.
    bench
        Importable name of a module of cocotb tests.
    parameters
        Verilog parameters by name.
    folder
        Where build, results and waves go; emptied first, since a compilation is not to be
        reused under other parameters.
    seed
        What everything random in the bench comes from.
    environment
        Variables for the bench.
    hdl
        Folder with the sources, `design_folder` unless given.
    waves
        Write an FST file; None asks the variable WAVES.
    compiled
        Whether `compile_design` has been here, with the same parameters; then several
        processes may simulate at once.

    Returns
    -------
    int
        Number of tests executed, at least one.

    Raises
    ------
    ValueError
        If the variable SIM names an unknown simulator.
    SimulationError
        If a test failed, none was executed, or the simulator ended without a result.
    """
    if not compiled:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    if waves is None:
        waves = os.environ.get("WAVES", "0") not in ("", "0")
    results = _cocotb_test(
        toplevel,
        bench,
        parameters,
        folder,
        hdl or design_folder(),
        force_compile=not compiled,
        seed=seed,
        extra_env=dict(environment or {}) | {"COCOTB_RANDOM_SEED": str(seed)},
        waves=waves,
    )
    tests, failures = get_results(Path(results))
    if tests == 0 or failures:
        raise SimulationError(f"{bench} on {toplevel}: {failures} failures in {tests} tests")
    return tests


def _cocotb_test(
    toplevel: str,
    bench: str,
    parameters: Mapping[str, int],
    folder: Path,
    hdl: Path,
    **options: object,
) -> str:
    """Call cocotb-test with what all our simulations share; return the results file's name."""
    try:
        return run(
            simulator=check_simulator(os.environ.get("SIM") or "icarus"),
            toplevel=toplevel,
            module=bench,
            verilog_sources=[str(source) for source in sorted(hdl.glob("*.v"))],
            parameters=dict(parameters),
            compile_args=["-g2005", "-Wall"],
            timescale="1ns/1ps",
            sim_build=str(folder),
            **options,
        )
    except SystemExit as stop:
        raise SimulationError(f"{bench} on {toplevel} in {folder}: {stop}") from None
