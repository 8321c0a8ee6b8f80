"""The cocotb side of a shard: runs the loop in the simulator and writes what was hit.

Variables: COVER_GROUP names the group; COVER_FOLDER is where the results go; COVER_MODE is
``steered`` or ``plain``; COVER_BUDGET are transactions at most. For a design that is not the
project's own COVER_ADAPTER names the adapter's class, as ``module:Class``, and COVER_EXCLUSIONS
a file of exclusions besides those that hold for every design; COVER_EXTRA is how many transactions
follow that aim at nothing.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from cocotb_coverage.coverage import coverage_db

from verif.adapters import adapter_of
from verif.commands.files import write_json
from verif.coverage import exclusions
from verif.coverage.closure import close
from verif.coverage.model import Coverage
from verif.environment.adapter import Adapter
from verif.environment.environment import Environment
from verif.environment.sequences import Runner, plain_constraints
from verif.simulator.simulation import bench_random, bench_test


def _adapter_class() -> Callable[[Any, np.random.Generator], Adapter]:
    """Return what makes the design's adapter: the class that is named, or the project's own."""
    if named := os.environ.get("COVER_ADAPTER"):
        module, _, name = named.partition(":")
        return getattr(import_module(module), name)
    return adapter_of


@bench_test(timeout_time=10, timeout_unit="sec")
async def close_coverage(dut: object) -> None:
    """Every outcome is right; what is still open is for the gate to judge, outside."""
    random, folder = bench_random(), Path(os.environ["COVER_FOLDER"])
    adapter = _adapter_class()(dut, random)
    coverage = Coverage(os.environ["COVER_GROUP"], adapter.can)
    environment = Environment(adapter, coverage)
    await environment.start()
    bins = {name: point.bins for name, point in coverage.points.items()}
    excluding = exclusions.load()
    if own := os.environ.get("COVER_EXCLUSIONS"):
        excluding += exclusions.load(Path(own))
    budget = os.environ.get("COVER_BUDGET")
    curve = await close(
        environment,
        coverage,
        random,
        exclusions.excluded(excluding, coverage.group, bins),
        steered=os.environ["COVER_MODE"] == "steered",
        budget=int(budget) if budget else None,
    )
    runner = Runner(environment, random)
    for _ in range(int(os.environ.get("COVER_EXTRA", "0"))):
        await runner.run(plain_constraints(random, adapter.can))
    await environment.finish()
    coverage_db.export_to_yaml(str(folder / "coverage.yml"))
    write_json(folder / "curve.json", asdict(curve) | {"results": environment.scoreboard.results})
