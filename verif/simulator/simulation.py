"""Builds a design with one parameter set and runs a cocotb module in it.

Simulator, seed and waves come from the environment variables SIM, SEED (through the caller)
and WAVES, so that one pasted line repeats a run. HDL and BUILD name other folders for the
design and for what is built, which lets a changed copy of the design meet the same tests.
CODE_COVERAGE=1 has Verilator count lines, branches and toggles.
"""

from __future__ import annotations

import logging
import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import FrameType
from xml.etree.ElementTree import ParseError

import cocotb
import numpy as np
from cocotb_test.simulator import Simulator as CocotbTest
from cocotb_tools.check_results import get_results

from verif.commands.folders import BUILD, design_folder
from verif.commands.processes import dying_with_parent, end_session
from verif.simulator.build_cache import cached, locked
from verif.simulator.checks import keep_counts
from verif.simulator.designs import Design, Simulator
from verif.simulator.icarus import Icarus
from verif.simulator.verilator import COVERAGE_DATA, Verilator

DESIGNS = BUILD / "designs"
SIMULATORS: Mapping[str, Simulator] = {"icarus": Icarus(), "verilator": Verilator()}
SHOWN_LINES = 20
CHECKS_FILE = "checks.json"
"""In a run's folder: how often each check ran, and which failed. Where several processes simulate
at once, their numbers stand before it."""


class SimulationError(RuntimeError):
    """A simulation that failed, ended early or executed no test."""


def bench_random() -> np.random.Generator:
    """Random numbers of the bench that is running, from the one seed of its test."""
    return np.random.default_rng(int(os.environ["COCOTB_RANDOM_SEED"]))


bench_test = partial(cocotb.test, timeout_time=3, timeout_unit="ms")
"""``cocotb.test`` for benches with a clock of 10 ns: a design that hangs fails after 300,000
cycles, several times what the longest test takes."""


def chosen_simulator() -> str:
    """Name of the simulator that the variable SIM chooses."""
    return os.environ.get("SIM") or "icarus"


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
    """Build `toplevel` for an emptied `folder`, for `simulate` with ``compiled=True``.

    What is built is shared (see `build_design`); ``folder/design`` leads to it, so that a run
    keeps to one design when the sources change meanwhile.

    Raises
    ------
    ValueError
        If the variable SIM names an unknown simulator.
    SimulationError
        If the design does not compile.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    design = _design(toplevel, parameters, design_folder(), waves)
    (folder / "design").symlink_to(build_design(design))


def build_design(design: Design) -> Path:
    """Return the folder with the built design, which is built only if it is not there yet.

    There is one folder for each simulator, toplevel, set of parameters and content of the
    sources, in ``BUILD/designs``.

    Raises
    ------
    ValueError
        If the variable SIM names an unknown simulator.
    SimulationError
        If the design does not compile, or a program is missing.
    """
    simulator = SIMULATORS[check_simulator(chosen_simulator())]
    if design.coverage and simulator.name != "verilator":
        raise ValueError(f"CODE_COVERAGE with SIM={simulator.name}: choose SIM=verilator")
    try:
        return cached(
            DESIGNS,
            f"{simulator.name}-{design.label}",
            simulator.key(design),
            lambda folder: simulator.build(design, folder, partial(_execute, design.label)),
        )
    except FileNotFoundError as error:
        raise SimulationError(str(error)) from None


def built_already(design: Design, name: str) -> bool:
    """Tell whether a simulator's build of a design is there, without looking at it closely."""
    return (DESIGNS / f"{name}-{design.label}-{SIMULATORS[name].key(design)}").is_dir()


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
    """Build `toplevel`, unless that has been done, and run the cocotb tests of `bench` in it.

    Parameters
    ----------
    toplevel
        Name of a module in `hdl`.
    bench
        Importable name of a module of cocotb tests.
    parameters
        Verilog parameters by name.
    folder
        Where results, waves and coverage go; emptied first, once no other run is at work there.
    seed
        What everything random in the bench comes from.
    environment
        Variables for the bench.
    hdl
        Folder with the sources, `design_folder` unless given.
    waves
        Write an FST file; None asks the variable WAVES.
    compiled
        Whether `compile_design` has been here, with the same parameters; then the folder is not
        emptied, and several processes may simulate at once.

    Returns
    -------
    int
        Number of tests executed, at least one.

    Raises
    ------
    ValueError
        If the variable SIM names an unknown simulator.
    SimulationError
        If the design does not compile, a test failed, none was executed, or the simulator
        ended without a result.
    """
    if waves is None:
        waves = _is_set("WAVES")
    design = _design(toplevel, parameters, hdl or design_folder(), waves)
    run = partial(_simulate, design, bench, folder, seed, environment or {})
    if compiled:
        built = (folder / "design").resolve()
        os.utime(built)
        return run(built, folder / f"{os.getpid()}-{CHECKS_FILE}")
    built = build_design(design)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(folder.with_name(f".{folder.name}.lock")):  # until another run has ended there
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        (folder / "design").symlink_to(built)
        return run(built, folder / CHECKS_FILE)


def _simulate(
    design: Design,
    bench: str,
    folder: Path,
    seed: int,
    environment: Mapping[str, str],
    built: Path,
    checks: Path,
) -> int:
    """Run what is built; return the number of tests executed."""
    simulator = SIMULATORS[check_simulator(chosen_simulator())]
    command = simulator.run_command(design, built, seed)
    checks.unlink(missing_ok=True)
    variables = {"COCOTB_RANDOM_SEED": str(seed), "CHECKS": str(checks.absolute())}
    run = _Run(command, design.toplevel, bench, folder, {**environment, **variables}, seed)
    about = f"{bench} on {design.toplevel}"
    try:
        results = run.run()
    except SystemExit as stop:
        raise SimulationError(f"{about} in {folder}: {stop}") from None
    except ParseError:
        raise SimulationError(
            f"{about} in {folder}: the simulator ended without a result"
        ) from None
    tests, failures = get_results(Path(results))
    if tests == 0 or failures:
        raise SimulationError(f"{about}: {failures} failures in {tests} tests")
    keep_counts(checks)
    if design.coverage:  # what a failing run covered does not count
        (folder / f"{COVERAGE_DATA}.unjudged").rename(folder / COVERAGE_DATA)
    return tests


def bench_command(
    design: Design, built: Path, bench: str, folder: Path, variables: Mapping[str, str]
) -> tuple[list[str], dict[str, str]]:
    """Return the command that runs a bench in a design, and its environment, to start by oneself.

    ``variables`` are the bench's own; everything random has seed 0.
    """
    simulator = SIMULATORS[check_simulator(chosen_simulator())]
    command = simulator.run_command(design, built, 0)
    run = _Run(command, design.toplevel, bench, folder, {"COCOTB_RANDOM_SEED": "0", **variables}, 0)
    run.set_env()
    return command, run.env


class _Run(CocotbTest):
    """One simulation the way cocotb-test runs it: its variables, log and results file."""

    def __init__(
        self,
        command: Sequence[str],
        toplevel: str,
        bench: str,
        folder: Path,
        environment: Mapping[str, str],
        seed: int,
    ) -> None:
        super().__init__(
            toplevel, bench, sim_build=str(folder), extra_env=dict(environment), seed=seed
        )
        self._command = list(command)

    def build_command(self) -> list[list[str]]:
        """Return the commands to run: one, since the design is built."""
        return [dying_with_parent(self._command)]

    def exit_gracefully(self, signum: int, frame: FrameType | None) -> None:
        """End the simulator and the run; cocotb-test would fail this test and go on."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                self.process.kill()
        raise KeyboardInterrupt(signal.Signals(signum).name)


def _is_set(variable: str) -> bool:
    return os.environ.get(variable, "0") not in ("", "0")


def _design(toplevel: str, parameters: Mapping[str, int], hdl: Path, waves: bool) -> Design:
    sources = sorted(path.absolute() for path in hdl.glob("*.v"))
    return Design(toplevel, parameters, sources, waves, coverage=_is_set("CODE_COVERAGE"))


def _execute(label: str, command: Sequence[str], folder: Path) -> None:
    """Run a command of the build of `label`, and log what it prints.

    Raises
    ------
    SimulationError
        If it fails, with the last lines that it printed.
    """
    process = subprocess.Popen(
        dying_with_parent(command),
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
    )
    try:
        output, _ = process.communicate()
    except BaseException:
        end_session(process.pid)  # with the compilers that make has started
        raise
    lines = output.splitlines()
    logger = logging.getLogger("cocotb.build")
    logger.setLevel(logging.INFO)
    for line in [" ".join(command), *lines]:
        logger.info(line)
    if process.returncode:
        shown = "\n".join(lines[-SHOWN_LINES:])
        raise SimulationError(f"{label} does not build, status {process.returncode}:\n{shown}")
