"""The test plan as data: what `plan.yaml` says, and whether it agrees with what there is."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from verif.commands.entries import read_entries
from verif.commands.folders import ROOT
from verif.coverage.model import points_of
from verif.coverage.registers.points import points, preset_points, tile_points
from verif.environment.capabilities import FAILURES, Capabilities

PLAN = Path(__file__).with_name("plan.yaml")
STAGES = {"V1": "smoke", "V2": "complete", "V3": "closed"}


class PlanError(ValueError):
    """A plan that does not fit what there is."""


@dataclass(frozen=True)
class Feature:
    """What is to be proven.

    Attributes
    ----------
    feature, intent
        Its name, and what holds when it works.
    stage
        One of `STAGES`: when in a project it has to be there.
    tests
        ``bench_x.name`` of a cocotb test, ``room/test_x`` of a module of pytest tests.
    cover
        Names of cover points.
    """

    feature: str
    intent: str
    stage: str
    tests: tuple[str, ...]
    cover: tuple[str, ...] = ()


def load(path: Path = PLAN) -> list[Feature]:
    """Read the plan.

    Raises
    ------
    PlanError
        If it is not YAML, an entry lacks something, or its stage is none of `STAGES`.
    """
    features = []
    for entry in read_entries(path, PlanError):
        try:
            lists = {key: tuple(entry.get(key) or ()) for key in ("tests", "cover")}
            feature = Feature(**entry | lists)
        except TypeError as error:
            raise PlanError(f"{path.name}: {entry.get('feature', entry)}: {error}") from None
        if feature.stage not in STAGES:
            stages = ", ".join(STAGES)
            raise PlanError(f"{feature.feature}: stage {feature.stage}, choose of {stages}")
        if not feature.tests:
            raise PlanError(f"{feature.feature}: no test proves it")
        features.append(feature)
    return features


def module_name(path: Path) -> str:
    """Return the name that a module of pytest tests has in the plan, from its path in ``tests``."""
    return path.with_suffix("").as_posix()


def existing_tests(folder: Path = ROOT / "tests") -> set[str]:
    """Return the names of all cocotb tests, and of all modules of pytest tests."""
    names = {module_name(path.relative_to(folder)) for path in folder.rglob("test_*.py")}
    for path in (folder / "benches").glob("bench_*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        coroutines = [node for node in tree.body if isinstance(node, ast.AsyncFunctionDef)]
        names |= {f"{path.stem}.{node.name}" for node in coroutines if _is_test(node)}
    return names


def _is_test(node: ast.AsyncFunctionDef) -> bool:
    decorators = [d.func if isinstance(d, ast.Call) else d for d in node.decorator_list]
    return any(ast.unparse(d) in ("bench_test", "cocotb.test") for d in decorators)


def existing_points() -> set[str]:
    """Return the names of all cover points, of a design that can do everything and of registers."""
    build = {"exp_max": 3, "k_max": 4, "accumulator": "exact", "rows": 2, "cols": 2}
    can = Capabilities.of_build(**build, failures=FAILURES, resets=("reset", "soft reset"))
    every = [*points_of(can), *points(), *preset_points(), *tile_points()]
    return {point.name for point in every}


def check(features: Sequence[Feature], tests: set[str], points: set[str]) -> None:
    """Check that the plan and what there is agree.

    Raises
    ------
    PlanError
        Naming everything that is on one side only.
    """
    faults = []
    for what, there, planned in (
        ("test", tests, {name for one in features for name in one.tests}),
        ("cover point", points, {name for one in features for name in one.cover}),
    ):
        faults += [f"{what} {name}: in the plan, but does not exist" for name in planned - there]
        faults += [f"{what} {name}: not in the plan" for name in there - planned]
    counts = Counter(one.feature for one in features)
    faults += [f"feature {name}: {count} times" for name, count in counts.items() if count > 1]
    if faults:
        raise PlanError("\n".join(sorted(faults)))
