"""Verifies a design of your own: ``python -m verif.own_design MODULE --hdl FOLDER --adapter M:C``.

The environment sends jobs through the adapter until every bin of the coverage is hit that the
design can show and that no exclusion names, then some that aim at nothing. Fails at the first
wrong outcome or broken rule, or if a bin is left open.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from rich.console import Console

from verif.commands.files import write_json
from verif.commands.folders import command_folder
from verif.commands.running import run_command
from verif.coverage import exclusions, report
from verif.coverage.exclusions import ExclusionError
from verif.coverage.gate import CoverageError, Row, judge, read
from verif.simulator.simulation import SimulationError, check_simulator, chosen_simulator, simulate

BUDGET = 20_000
"""Transactions at most that go after bins, unless the caller wants others."""

EXTRA = 300
"""Transactions that follow and aim at nothing, likewise."""


@dataclass(frozen=True)
class OwnDesign:
    """A design that is not the project's.

    Attributes
    ----------
    toplevel
        Name of a module; the group of its coverage.
    hdl
        Folder with its Verilog files.
    adapter
        Class of the adapter, as ``module:Class``.
    exclusions
        File of bins that this design can never show, or None.
    parameters
        Verilog parameters by name.
    """

    toplevel: str
    hdl: Path
    adapter: str
    exclusions: Path | None = None
    parameters: Mapping[str, int] = field(default_factory=dict)


class FoundError(RuntimeError):
    """What the environment found wrong with the design."""


def verify(
    design: OwnDesign, seed: int, folder: Path, *, budget: int = BUDGET, extra: int = EXTRA
) -> tuple[list[Row], dict[str, int]]:
    """Run the closure on a design and judge its coverage.

    Returns
    -------
    rows
        Every point, judged.
    counts
        ``transactions``, ``results`` compared, ``bins`` hit.

    Raises
    ------
    FoundError
        If the design does not do what the model says, with the failing test's message.
    SimulationError
        If it does not compile, or the simulation ended without a result.
    ExclusionError
        If an exclusion is incomplete, or names bins that were hit or are none.
    """
    variables = {
        "COVER_GROUP": design.toplevel,
        "COVER_FOLDER": str(folder.absolute()),
        "COVER_MODE": "steered",
        "COVER_BUDGET": str(budget),
        "COVER_EXTRA": str(extra),
        "COVER_ADAPTER": design.adapter,
    }
    general, own = exclusions.load(), []
    if design.exclusions:
        own = exclusions.load(design.exclusions)
        variables["COVER_EXCLUSIONS"] = str(design.exclusions.absolute())
    simulation = folder / "simulation"
    for name in ("coverage.yml", "curve.json"):
        (folder / name).unlink(missing_ok=True)
    try:
        simulate(
            design.toplevel,
            "verif.coverage.closure_bench",
            design.parameters,
            folder=simulation,
            seed=seed,
            environment=variables,
            hdl=design.hdl,
        )
    except SimulationError:
        if message := failure_message(simulation):
            raise FoundError(message) from None
        raise
    hits = read(folder / "coverage.yml")
    exclusions.check(own, hits)
    rows = judge(hits, [*general, *own], all_groups=False)
    curve = json.loads((folder / "curve.json").read_text(encoding="utf-8"))
    counts = {"transactions": curve["transactions"][-1] + extra, "results": curve["results"]}
    return rows, counts | {"bins": sum(row.hit for row in rows)}


def failure_message(folder: Path) -> str | None:
    """Return the message of the failing test that a simulation's results hold, if any."""
    for path in folder.glob("*results.xml"):
        for failure in ElementTree.parse(path).iter("failure"):
            return failure.get("message")
    return None


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the settings of a command line."""
    parser = argparse.ArgumentParser(
        prog="verif.own_design", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("toplevel", help="module to verify")
    parser.add_argument("--hdl", type=Path, required=True, help="folder of its Verilog files")
    parser.add_argument("--adapter", required=True, help="class of the adapter, module:Class")
    parser.add_argument("--exclusions", type=Path, help="bins that the design can never show")
    parser.add_argument("--parameters", nargs="*", default=[], metavar="NAME=VALUE")
    parser.add_argument("--seed", type=int, default=1, help="what everything random depends on")
    parser.add_argument("--budget", type=int, default=BUDGET, help="transactions at most")
    parser.add_argument("--extra", type=int, default=EXTRA, help="transactions that follow")
    settings = parser.parse_args(arguments)
    pairs = [text.partition("=") for text in settings.parameters]
    try:
        settings.parameters = {name: int(value) for name, _, value in pairs}
    except ValueError:
        parser.error(f"--parameters {' '.join(settings.parameters)}: NAME=integer is needed")
    if not any(settings.hdl.glob("*.v")):
        parser.error(f"--hdl {settings.hdl}: no Verilog file in it")
    if ":" not in settings.adapter:
        parser.error(f"--adapter {settings.adapter}: module:Class is needed")
    return settings


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line and return the exit status."""
    settings, console = parse_arguments(arguments), Console()
    places = settings.hdl, settings.adapter, settings.exclusions
    logging.disable(logging.INFO)  # of the simulation; what it finds is printed at the end
    design = OwnDesign(settings.toplevel, *places, settings.parameters)
    folder, start = command_folder("own") / settings.toplevel, time.monotonic()
    summary = {"seed": settings.seed, "parameters": settings.parameters, "exit_status": 1}
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "summary.json", summary)
    try:
        check_simulator(chosen_simulator())
        limits = {"budget": settings.budget, "extra": settings.extra}
        rows, counts = verify(design, settings.seed, folder, **limits)
    except (FoundError, SimulationError, ExclusionError, CoverageError, ValueError) as error:
        console.print(str(error), markup=False, highlight=False, soft_wrap=True)
        write_json(folder / "summary.json", summary | {"error": str(error)})
        return 1
    seconds, closed = time.monotonic() - start, not any(row.open for row in rows)
    report.show(rows, console)
    console.print(
        f"{counts['bins']} bins hit with {counts['transactions']} transactions, "
        f"{counts['results']} results compared, seed {settings.seed}, {seconds:.0f} s"
    )
    points = [asdict(row) for row in rows]
    summary |= counts | {"seconds": round(seconds, 1), "points": points}
    write_json(folder / "summary.json", summary | {"exit_status": int(not closed)})
    return int(not closed)


if __name__ == "__main__":
    sys.exit(run_command("own", main))
