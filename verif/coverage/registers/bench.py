"""The cocotb side of a shard of the registers: its loop; variables as in `closure_bench`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
from cocotb_coverage.coverage import coverage_db

from verif.commands.files import write_json
from verif.coverage import exclusions
from verif.coverage.closure import PLAIN_SHARE, Curve, Targets
from verif.coverage.registers.alone import Alone
from verif.coverage.registers.engine import EngineRegisters
from verif.coverage.registers.points import points, preset_points, tile_points
from verif.coverage.registers.surroundings import Surroundings
from verif.coverage.registers.wishes import Wish
from verif.coverage.tally import Tally
from verif.simulator.simulation import bench_random, bench_test

PATIENCE = 24
"""How often a bin is aimed at: what has to meet in a cycle of the engine often misses."""

ANY_TIME = ("access", "refused_access")
"""Points whose bins are accesses at any time, of which a transaction makes several."""

ACCESSES = 6
"""How many."""


def with_more(
    wish: Wish, tally: Tally, random: np.random.Generator, excluded: Mapping[str, Iterable[str]]
) -> Wish:
    """Return a wish with accesses for other open bins besides its own."""
    targets = [(point, name) for point, name in tally.open(excluded) if point.name in ANY_TIME]
    places = random.permutation(len(targets))[: ACCESSES - 1]
    others = [point.aim(name, random) for point, name in (targets[place] for place in places)]
    return replace(wish, steps=sum((other.steps for other in others), wish.steps))


async def close(
    design: Surroundings,
    tally: Tally,
    random: np.random.Generator,
    excluded: Mapping[str, Iterable[str]],
    *,
    steered: bool,
    budget: int | None,
) -> Curve:
    """Run transactions until every bin is hit, none is worth another try, or the budget is out."""
    targets = Targets(tally, tally.open(excluded), random, patience=PATIENCE if steered else 0)
    curve = Curve()
    while targets.left() and (budget is None or design.transactions < budget):
        wish = design.plain()
        if steered and random.random() >= PLAIN_SHARE:
            point, name = targets.draw()
            wish = point.aim(name, random)
            if point.name in ANY_TIME:
                wish = with_more(wish, tally, random, excluded)
        await design.run(wish)
        curve.note(design, tally)
    curve.note(design, tally, last=True)
    return curve


@bench_test(timeout_time=3, timeout_unit="ms")
async def close_registers(dut: object) -> None:
    """Every word, response and output is right; what is still open is for the gate to judge."""
    random, folder = bench_random(), Path(os.environ["COVER_FOLDER"])
    group = os.environ["COVER_GROUP"]
    if dut._name == "ffp8_engine":
        tally = Tally(group, [*points(), *tile_points()])
        design: Surroundings = EngineRegisters(dut, random, tally)
    else:
        tally = Tally(group, [*points(), *preset_points()])
        design = Alone(dut, random, tally)
    await design.start()
    bins = {name: point.bins for name, point in tally.points.items()}
    budget = os.environ.get("COVER_BUDGET")
    curve = await close(
        design,
        tally,
        random,
        exclusions.excluded(exclusions.load(), tally.group, bins),
        steered=os.environ["COVER_MODE"] == "steered",
        budget=int(budget) if budget else None,
    )
    await design.finish()
    coverage_db.export_to_yaml(str(folder / "coverage.yml"))
    write_json(folder / "curve.json", asdict(curve) | {"results": design.compared})
