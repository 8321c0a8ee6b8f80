"""Layer replay: a quantized CNN through the simulated engine, every output compared.

``make replay``, or ``python -m verif.replay --help``.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from model import ACCUMULATORS
from model.graph.images import Images
from model.quantization.calibration import FloatNetwork
from model.quantization.depths import depth_notes
from model.quantization.doubts import range_doubts
from model.quantization.quantized import QuantizedNetwork
from verif.commands.arguments import JOBS, SHAPE_HELP, Parser, sizes, whole
from verif.commands.files import write_json
from verif.commands.folders import command_folder
from verif.commands.interrupts import INTERRUPTED
from verif.commands.messages import print_doubts, wide_console
from verif.commands.running import run_command, status_of
from verif.commands.sources import DEFAULT_MODELS
from verif.replay.answers import compared_answers
from verif.replay.committed import committed_network
from verif.replay.layer_runner import Build, LayerRunner, MismatchError
from verif.replay.legal import check_sides
from verif.replay.names import LAYERS_HELP, select_layers
from verif.replay.replayer import LayerMismatchError, MacRate, Replayer
from verif.replay.report import (
    describe_layer_mismatch,
    describe_tile_mismatch,
    print_report,
    summarize,
)
from verif.replay.sources import (
    fitting_build,
    fitting_selection,
    quantized_network,
    replay_source,
)
from verif.replay.tile_file import read_tile
from verif.simulator.simulation import SimulationError, check_simulator, chosen_simulator

MODEL = "fashion_resnet8"
FOLDER = command_folder("replay")


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    """Parse the command line; each option says which make variable sets it."""
    parser = Parser(prog="replay", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--model", default=MODEL, help=f"MODEL=: an ONNX file or one of {', '.join(DEFAULT_MODELS)}"
    )
    parser.add_argument("--data", help="DATA=: .npz with images and, perhaps, labels")
    parser.add_argument("--calibration", help="CALIBRATION=: .npz with images")
    parser.add_argument(
        "--selection", type=Path, help="SELECTION=: a selection.yaml of make accuracy (choose now)"
    )
    parser.add_argument("--shape", type=sizes, help=SHAPE_HELP)
    parser.add_argument("--images", type=whole(1), default=1, help="IMAGES=: how many (1)")
    parser.add_argument("--layers", help=LAYERS_HELP)
    parser.add_argument(
        "--sim", default=chosen_simulator(), help="SIM=: icarus or verilator (icarus)"
    )
    parser.add_argument("--rows", type=whole(), default=16, help="ROWS=: of the array (16)")
    parser.add_argument("--cols", type=whole(), default=16, help="COLS=: of the array (16)")
    parser.add_argument(
        "--accumulator", default="exact", help="ACCUMULATOR=: exact or binary32 (exact)"
    )
    parser.add_argument(
        "--jobs", type=JOBS, default=os.cpu_count() or 1, help="JOBS=: simulators at once"
    )
    parser.add_argument("--tile", type=Path, help="TILE=: simulate only a saved tile, with waves")
    return parser.parse_args(arguments)


def check_arguments(arguments: argparse.Namespace) -> None:
    """Refuse what cannot be simulated, before anything is read or written."""
    check_simulator(arguments.sim)
    if arguments.accumulator not in ACCUMULATORS:
        choices = " or ".join(ACCUMULATORS)
        raise ValueError(f"ACCUMULATOR={arguments.accumulator}: choose {choices}")
    check_sides(arguments.rows, arguments.cols)


def replay(arguments: argparse.Namespace, console: Console) -> int:
    """Replay a network; return the exit status."""
    started = time.monotonic()
    build = Build(arguments.rows, arguments.cols, accumulator=arguments.accumulator)
    source = replay_source(arguments.model, arguments.data, arguments.calibration)
    network, images, calibration = source.read(arguments.shape)
    if arguments.images > len(images):
        raise ValueError(f"IMAGES={arguments.images}: {source.data} has {len(images)}")
    images = images.first(arguments.images)
    layers = [node.name for node in network.linears]
    names = select_layers(layers, arguments.layers, network.name)
    inputs = source.hashes()
    selection = arguments.selection and fitting_selection(
        network, arguments.selection, inputs["MODEL"]
    )
    build = fitting_build(build, network, selection)
    committed = None if selection else committed_network(network, source.model, inputs)
    if committed:
        quantized, doubts = committed, []
    else:
        quantized, doubts = quantized_network(network, calibration.images, build, selection)
    doubts += range_doubts(images.images, calibration.images)
    total = sum(layer.macs for layer in quantized.layers if layer.name in names) * len(images)
    console.print(
        f"{network.name}: {len(images)} image(s), {len(names)} of {len(quantized.layers)} layers, "
        f"{total:,} MACs on a {build.rows} x {build.cols} array of "
        f"EXP_MAX {build.exp_max} and K_MAX {build.k_max:,}, {arguments.jobs} simulator(s)",
        markup=False,
    )
    notes = [*network.notes, *depth_notes(network)]
    for note in notes:
        console.print(note, markup=False)
    if arguments.selection:
        console.print(f"formats: {arguments.selection}", markup=False)
    print_doubts(doubts, console)
    described = TextColumn("{task.description:>20}", markup=False)
    columns = (described, BarColumn(), MacRate(), TimeRemainingColumn())
    runner = LayerRunner(build, FOLDER, arguments.jobs)
    try:
        with Progress(*columns, console=console) as progress:
            task = progress.add_task("compiled", total=total)
            replayer = Replayer(runner, names, progress, task)
            answers, mismatch = simulate_network(quantized, images, replayer)
    finally:
        runner.close()
    seconds = time.monotonic() - started
    summary = summarize(arguments, source, build, quantized, replayer.statistics, seconds)
    summary["inputs"] = inputs
    summary["formats_and_codes"] = "committed" if committed else "chosen now"
    summary["warnings"] = doubts
    summary["notes"] = notes
    summary["complete"] = answers is not None
    if answers is not None:
        expected = FloatNetwork(network).run(images.images)
        summary |= compared_answers(network.shapes[network.output], images, expected, answers)
    elif mismatch is not None:
        summary["mismatch"] = describe_layer_mismatch(
            mismatch.layer, mismatch.product, mismatch.mismatch, build
        )
        summary["totals"]["mismatches"] = 1
    print_report(summary, console)
    write_json(FOLDER / "summary.json", summary)
    if summary["complete"]:
        return 0
    return INTERRUPTED if mismatch is None else 1


def simulate_network(
    quantized: QuantizedNetwork, images: Images, replayer: Replayer
) -> tuple[np.ndarray | None, LayerMismatchError | None]:
    """Return the RTL's answers, or the mismatch that ended the run; neither if interrupted."""
    try:
        return quantized.run(images.images, replayer), None
    except LayerMismatchError as mismatch:
        return None, mismatch
    except KeyboardInterrupt:
        return None, None


def replay_tile(path: Path, console: Console) -> int:
    """Simulate a saved tile alone, with waves; return the exit status."""
    product, build = read_tile(path)
    runner = LayerRunner(build, FOLDER / "tile", jobs=1, waves=True)
    try:
        runner.run("product", product, lambda tiles: None)
    except MismatchError as mismatch:
        text = describe_tile_mismatch(mismatch)
        console.print(text, highlight=False, markup=False, soft_wrap=True)
        status = 1
    else:
        console.print(f"{path}: the RTL and the model agree", markup=False)
        status = 0
    finally:
        runner.close()
    waves = runner.engine_folder / "ffp8_engine.fst"
    console.print(f"waves: {waves}", markup=False, soft_wrap=True)
    return status


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Replay what is asked for, a network or a saved tile; return the exit status."""
    check_arguments(arguments)
    os.environ["SIM"] = arguments.sim  # for the processes that simulate
    return replay_tile(arguments.tile, console) if arguments.tile else replay(arguments, console)


def main(arguments: list[str] | None = None) -> int:
    """Command line; 0 when every output agreed, 1 for a mismatch, 2 for bad input."""
    parsed = parse_arguments(arguments)
    return status_of("replay", lambda: run(parsed, wide_console(150)), SimulationError)


if __name__ == "__main__":
    sys.exit(run_command("replay", main))
