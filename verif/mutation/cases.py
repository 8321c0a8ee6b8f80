"""The benches that judge mutants: each with the parameter sets that the regression gives it."""

from __future__ import annotations

import ast
import importlib.util
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from verif.commands.folders import ROOT
from verif.mutation.design import Design
from verif.mutation.mutant import MutationError, Parameters, digest
from verif.regression.seeds import derive_seed

REGRESSION = "tests/benches/test_rtl.py"
PACKAGES = ("model", "tests", "verif")
VARIANTS = ("ACCUMULATOR", "PIPELINE")
LIMITS = {"ROWS": 4, "COLS": 4, "K_MAX": 100, "EXP_MAX": 5}
"""Builds of the array and of what contains it are slow beyond these; larger ones judge nothing."""
HUGE = {"ROWS": 17, "COLS": 17, "K_MAX": 1000}
"""Builds that are larger than these, or have more elements than one side here, judge no mutant."""
LIMITED = ("array", "engine", "unit")
PROVEN = {"ACC_WIDTH": 150, "ROWS": 3, "COLS": 3, "K_MAX": 100}
"""Builds are proven up to these sizes; larger ones are the same text unrolled."""
SHAPE = ("ROWS", "COLS", "K_MAX")

PARSING = threading.Lock()
"""CPython 3.11 counts the depth of `ast.parse` once for all threads, and ends in a SystemError."""


@dataclass(frozen=True)
class Case:
    """A bench with one parameter set.

    Attributes
    ----------
    module : str
        Name of the module that it is the bench of, without ``ffp8_``.
    settings : tuple
        Parameters that are set, by name and value.
    seed : int
        What everything random in the bench comes from.
    """

    module: str
    settings: tuple[tuple[str, int], ...]
    seed: int

    @property
    def parameters(self) -> dict[str, int]:
        """Parameters by name."""
        return dict(self.settings)

    @property
    def name(self) -> str:
        """Name, as pytest shows it."""
        return "-".join([self.module, *(f"{name}{value}" for name, value in self.settings)])

    @property
    def is_provable(self) -> bool:
        """Whether a mutant of this build can be proven equivalent."""
        return all(self.parameters.get(name, 0) <= limit for name, limit in PROVEN.items())

    @property
    def liveliness(self) -> tuple[bool, bool, int]:
        """Rank of a build by how much of the text has something to do in it.

        With a single row, column or product, logic that counts or keeps them is dead, and for
        short exponents are the lower bits of what splits a code; a mutant there says nothing.
        """
        sizes = self.parameters
        narrow = sizes.get("ACC_WIDTH", 0) <= PROVEN["ACC_WIDTH"]
        return narrow, all(sizes.get(name, 2) > 1 for name in SHAPE), sizes.get("EXP_MAX", 0)

    @property
    def bench(self) -> str:
        """Importable name of the cocotb module."""
        return f"tests.benches.bench_{self.module}"


def read_cases(seed: int, large: bool = False) -> dict[str, list[Case]]:
    """Return the cases of each module's bench that are small enough for a campaign, or the others.

    The first ones differ in accumulator and pipeline, so that every part of a module is soon seen.

    Parameters
    ----------
    seed : int
        Of the regression; each case gets from it the seed that it has there.
    large
        Whether to return those that are not small enough: for mutants that nothing else kills.

    Raises
    ------
    MutationError
        If there are none.
    """
    rtl = importlib.import_module("tests.benches.test_rtl")
    cases: dict[str, list[Case]] = {}
    for case in rtl.BENCHES:
        module, parameters = case
        node = f"{REGRESSION}::test_bench[{rtl.case_name(case)}]"
        if _is_huge(parameters) and module in LIMITED:
            continue
        if (module in LIMITED and not _is_small(parameters)) == large:
            found = Case(module, tuple(parameters.items()), derive_seed(seed, node))
            cases.setdefault(module, []).append(found)
    if not cases:
        raise MutationError(f"{REGRESSION}: no case in BENCHES, expected (module, parameters)")
    return {module: _varied(found) for module, found in cases.items()}


def built_values(cases: Iterable[Case]) -> dict[str, list[int]]:
    """Return the values of each parameter that some cases build, sorted."""
    values: dict[str, set[int]] = {}
    for case in cases:
        for name, value in case.settings:
            values.setdefault(name, set()).add(value)
    return {name: sorted(several) for name, several in values.items()}


def _is_small(parameters: Parameters) -> bool:
    return all(parameters.get(name, 0) <= limit for name, limit in LIMITS.items())


def _is_huge(parameters: Parameters) -> bool:
    elements = parameters.get("ROWS", 1) * parameters.get("COLS", 1)
    beyond = any(parameters.get(name, 0) > limit for name, limit in HUGE.items())
    return beyond or elements > HUGE["ROWS"]


def _varied(cases: Sequence[Case]) -> list[Case]:
    firsts: dict[tuple[int | None, ...], Case] = {}
    for case in cases:
        firsts.setdefault(tuple(map(case.parameters.get, VARIANTS)), case)
    first = list(firsts.values())
    return first + [case for case in cases if case not in first]


def fingerprint(case: Case, design: Design, mutated: str) -> str:
    """Hash what decides how a case ends, the mutated module's own text apart.

    That is the bench with all Python files of the project that it imports, the modules that it
    elaborates, the register map, parameters and seed.
    """
    return digest(
        case,
        _python(case.bench),
        [(name, design.sources[name]) for name in design.closure(case.module) if name != mutated],
        sorted(design.headers.items()),
        [path.read_text("utf-8") for path in sorted((ROOT / "hdl").glob("*.yaml"))],
    )


@cache
def _python(module: str) -> str:
    return digest([(path, (ROOT / path).read_text("utf-8")) for path in import_closure(module)])


def import_closure(module: str) -> list[str]:
    """Return the project's Python files that a module needs, itself included.

    Parameters
    ----------
    module : str
        Importable name.

    Returns
    -------
    list of str
        Paths seen from the project's root, sorted.
    """
    found: set[str] = set()
    left = [module, "verif.simulator.simulation"]
    while left:
        name = left.pop()
        parents = [name.rsplit(".", depth)[0] for depth in range(name.count(".") + 1)]
        for candidate in parents:
            path = _file(candidate)
            if path is not None and path not in found:
                found.add(path)
                left += _imports(path)
    return sorted(found)


def _file(name: str) -> str | None:
    folder = ROOT / name.replace(".", "/")
    for path in (folder.with_suffix(".py"), folder / "__init__.py"):
        if path.is_file():
            return str(path.relative_to(ROOT))
    return None


def _imports(path: str) -> list[str]:
    """Return what a file of the project imports of it; relative imports start at its folder."""
    folder = ".".join(Path(path).parent.parts)
    names: list[str] = []
    with PARSING:
        tree = ast.parse((ROOT / path).read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            relative = "." * node.level + (node.module or "")
            module = importlib.util.resolve_name(relative, folder)
            names += [module, *(f"{module}.{alias.name}" for alias in node.names)]
    return [name for name in names if name.partition(".")[0] in PACKAGES]
