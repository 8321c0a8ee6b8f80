"""Lists the layers of a network, and what the array will do with each: ``make layers``.

No image is needed and nothing is calibrated: all of it follows from the file.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from model.graph.importing.network import load_network
from model.graph.network import Network
from model.graph.packaged.recipes import RECIPES, packaged
from verif.commands.arguments import SHAPE_HELP, Parser, sizes, whole
from verif.commands.files import write_json
from verif.commands.folders import BUILD, command_folder
from verif.commands.messages import one_line, wide_console
from verif.commands.running import run_command, status_of
from verif.commands.sources import FASHION, KNOWN_MODELS
from verif.replay.build import Build
from verif.replay.legal import LEGAL, check_limits
from verif.replay.names import LAYERS_HELP, select_layers
from verif.replay.plan import Between, PlannedLayer, plan_node

FOLDER = command_folder("layers")


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line; each option says which make variable sets it."""
    parser = Parser(prog="layers", description=__doc__.splitlines()[0])
    known = ", ".join(KNOWN_MODELS)
    parser.add_argument(
        "--model", default=FASHION[0], help=f"MODEL=: an ONNX file or one of {known}"
    )
    parser.add_argument("--layers", help=LAYERS_HELP)
    parser.add_argument("--shape", type=sizes, help=SHAPE_HELP)
    parser.add_argument("--rows", type=whole(), default=16, help="ROWS=: of the array (16)")
    parser.add_argument("--cols", type=whole(), default=16, help="COLS=: of the array (16)")
    return parser.parse_args(arguments)


def list_layers(settings: argparse.Namespace, console: Console) -> int:
    """Print the layers, write the summary, and return the exit status."""
    check_limits(rows=settings.rows, cols=settings.cols)
    build = Build(settings.rows, settings.cols, k_max=LEGAL["k_max"][1])
    model = settings.model
    if model in RECIPES:
        model = str(packaged(model, BUILD / "networks").model)
    network = load_network(model, settings.shape)
    planned = [plan_node(node, network, build) for node in network.nodes]
    layers = [one for one in planned if isinstance(one, PlannedLayer)]
    names = select_layers([one.name for one in layers], settings.layers, network.name)
    chosen = [one for one in layers if one.name in names]
    between = [one for one in planned if isinstance(one, Between)]
    _print(network, build, planned if not settings.layers else chosen, console)
    macs, cycles = (sum(getattr(one, what) for one in chosen) for what in ("macs", "cycles"))
    utilisation = macs / (build.rows * build.cols * cycles)
    console.print(
        f"{len(chosen)} of {len(layers)} layers: {macs:,} MACs an image in {cycles:,} cycles, "
        f"{utilisation:.1%} of the array used"
    )
    summary = {
        "complete": True,
        "model": model,
        "network": network.name,
        "engine": build.parameters,
        "layers": [asdict(one) for one in chosen],
        "between": [asdict(one) for one in between],
        "totals": {"macs": macs, "cycles": cycles, "utilisation": round(utilisation, 6)},
    }
    write_json(FOLDER / "summary.json", summary)
    return 0


def _print(
    network: Network, build: Build, planned: Sequence[PlannedLayer | Between], console: Console
) -> None:
    shape = " x ".join(map(str, network.input_shape))
    console.print(
        f"{network.name}: images of {shape}, on a {build.rows} x {build.cols} array",
        markup=False,
        highlight=False,
    )
    table = Table(box=None, padding=(0, 2, 0, 0))
    for heading in ("layer", "operator", "where", "mapping"):
        table.add_column(heading, overflow="fold")
    for heading in ("M", "K", "N", "groups", "MACs", "tiles", "cycles", "utilised"):
        table.add_column(heading, justify="right", no_wrap=True)
    for one in planned:
        name = escape(one_line(one.name)), escape(one.operator)
        if isinstance(one, Between):
            table.add_row(*name, one.where)
            continue
        sizes = one.m, one.k, one.n, one.groups, one.macs, one.tiles, one.cycles
        table.add_row(
            *name, "array", one.mapping, *(f"{size:,}" for size in sizes), f"{one.utilisation:.1%}"
        )
    console.print(table)


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; 0 when the layers are listed, 2 for bad input."""
    settings = parse_arguments(arguments)
    return status_of("layers", lambda: list_layers(settings, wide_console(150)))


if __name__ == "__main__":
    sys.exit(run_command("layers", main))
