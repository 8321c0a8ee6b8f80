"""The cocotb side of a shard: runs the loop in the simulator and writes what was hit.

Variables: COVER_GROUP names the group; COVER_FOLDER is where the results go; COVER_MODE is
``steered`` or ``plain``; COVER_BUDGET are transactions at most.
"""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path

from cocotb_coverage.coverage import coverage_db

from verif.adapters import adapter_of
from verif.coverage import exclusions
from verif.coverage.closure import close
from verif.coverage.model import Coverage
from verif.environment.environment import Environment
from verif.files import write_json
from verif.simulation import bench_random, bench_test


@bench_test(timeout_time=10, timeout_unit="sec")
async def close_coverage(dut: object) -> None:
    """Every outcome is right; what is still open is for the gate to judge, outside."""
    random, folder = bench_random(), Path(os.environ["COVER_FOLDER"])
    adapter = adapter_of(dut, random)
    coverage = Coverage(os.environ["COVER_GROUP"], adapter.can)
    environment = Environment(adapter, coverage)
    await environment.start()
    bins = {name: point.bins for name, point in coverage.points.items()}
    budget = os.environ.get("COVER_BUDGET")
    curve = await close(
        environment,
        coverage,
        random,
        exclusions.excluded(exclusions.load(), coverage.group, bins),
        steered=os.environ["COVER_MODE"] == "steered",
        budget=int(budget) if budget else None,
        progress=lambda *counts: (folder / "progress").write_text("{} {}".format(*counts)),
    )
    await environment.finish()
    coverage_db.export_to_yaml(str(folder / "coverage.yml"))
    write_json(folder / "curve.json", asdict(curve) | {"results": environment.scoreboard.results})
