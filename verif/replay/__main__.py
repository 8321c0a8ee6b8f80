"""Layer replay: a quantized CNN through the simulated engine, every output compared.

``make replay``, or ``python -m verif.replay --help``.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text
from threadpoolctl import threadpool_limits

from model import ACCUMULATORS
from model.graph.images import Images
from model.quantization.calibration import FloatNetwork
from model.quantization.depths import depth_notes
from model.quantization.doubts import range_doubts
from model.quantization.quantized import QuantizedNetwork
from verif.commands.arguments import JOBS, SHAPE_HELP, Parser, sizes, whole
from verif.commands.files import write_json
from verif.commands.folders import BUILD, command_folder
from verif.commands.interrupts import INTERRUPTED
from verif.commands.measured import keep_measured
from verif.commands.messages import one_line, print_doubts, wide_console
from verif.commands.running import run_command, status_of
from verif.commands.sources import KNOWN_MODELS
from verif.replay.answers import compared_answers
from verif.replay.build import Build, least_build
from verif.replay.bus_runner import BusRunner, MismatchError
from verif.replay.cluster import ClusterSimulators
from verif.replay.committed import committed_network
from verif.replay.legal import LEGAL, check_limits
from verif.replay.mapping import Geometry, choose_mapping, depth
from verif.replay.mismatches import describe_layer_mismatch
from verif.replay.names import LAYERS_HELP, select_layers
from verif.replay.picture import draw_layers
from verif.replay.prepared import prepared_network
from verif.replay.replayer import LayerMismatchError, Replayer
from verif.replay.report import describe_tile_mismatch, print_report, summarize
from verif.replay.sources import fitting_selection, replay_source
from verif.replay.speed import best_simulator
from verif.replay.store import Store
from verif.replay.tile_file import read_tile
from verif.replay.workers import LocalSimulators, Simulators, Workers
from verif.simulator.simulation import SimulationError, check_simulator

MODEL = "fashion_resnet8"
FOLDER = command_folder("replay")
RESULTS = BUILD / "results"


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    """Parse the command line; each option says which make variable sets it."""
    parser = Parser(prog="replay", description=__doc__.splitlines()[0])
    parser.add_argument(
        "--model", default=MODEL, help=f"MODEL=: an ONNX file or one of {', '.join(KNOWN_MODELS)}"
    )
    parser.add_argument("--data", help="DATA=: .npz with images and, perhaps, labels")
    parser.add_argument("--calibration", help="CALIBRATION=: .npz with images")
    parser.add_argument(
        "--selection", type=Path, help="SELECTION=: a selection.yaml of make accuracy (choose now)"
    )
    parser.add_argument("--shape", type=sizes, help=SHAPE_HELP)
    parser.add_argument("--images", type=_images, default=1, help="IMAGES=: how many, or all (1)")
    parser.add_argument("--layers", help=LAYERS_HELP)
    parser.add_argument(
        "--sim", help="SIM=: icarus or verilator (whichever is done first, compilation included)"
    )
    parser.add_argument("--rows", type=whole(), default=16, help="ROWS=: of the array (16)")
    parser.add_argument("--cols", type=whole(), default=16, help="COLS=: of the array (16)")
    parser.add_argument(
        "--exp_max", type=whole(), help="EXP_MAX=: of the engine (the least that holds the network)"
    )
    parser.add_argument("--k_max", type=whole(), help="K_MAX=: of the engine (the least likewise)")
    parser.add_argument(
        "--accumulator", default="exact", help="ACCUMULATOR=: exact or binary32 (exact)"
    )
    parser.add_argument(
        "--jobs", type=JOBS, default=os.cpu_count() or 1, help="JOBS=: simulators at once"
    )
    parser.add_argument(
        "--scheduler", help="SCHEDULER=: of a Dask cluster that simulates, as tcp://host:8786"
    )
    parser.add_argument(
        "--fresh", action="store_true", help="FRESH=1: simulate what an earlier run has, too"
    )
    parser.add_argument("--tile", type=Path, help="TILE=: simulate only a saved tile, with waves")
    return parser.parse_args(arguments)


def _images(text: str) -> int | None:
    """Turn an option's text into a number of images, None for all."""
    return None if text == "all" else whole(1)(text)


def check_arguments(arguments: argparse.Namespace) -> None:
    """Refuse what cannot be simulated, before anything is read or written."""
    if arguments.sim:
        check_simulator(arguments.sim)
    if arguments.accumulator not in ACCUMULATORS:
        choices = " or ".join(ACCUMULATORS)
        raise ValueError(f"ACCUMULATOR={arguments.accumulator}: choose {choices}")
    check_limits(
        **{name: getattr(arguments, name) for name in ("rows", "cols", "exp_max", "k_max")}
    )


class Stages:
    """How long the stages of a run took.

    Attributes
    ----------
    seconds
        By stage, in the order of their beginnings.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Count the time of a block."""
        started = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.monotonic() - started

    def __str__(self) -> str:
        """Return them in a line."""
        return ", ".join(f"{name} {seconds:.1f} s" for name, seconds in self.seconds.items())


class MacRate(ProgressColumn):
    """Simulated MACs per second so far."""

    def render(self, task) -> Text:
        """Draw the column."""
        rate = task.completed / task.elapsed if task.elapsed else 0
        return Text(f"{rate / 1000:,.0f} kMAC/s", style="progress.data.speed")


def replay(arguments: argparse.Namespace, console: Console) -> int:
    """Replay a network; return the exit status."""
    stages = Stages()
    with stages("reading"):
        everything = arguments.images is None
        source = replay_source(arguments.model, arguments.data, arguments.calibration, everything)
        network, images, calibration = source.read(arguments.shape)
        arguments.images = len(images) if arguments.images is None else arguments.images
        if arguments.images > len(images):
            raise ValueError(f"IMAGES={arguments.images}: {source.data} has {len(images)}")
        images = images.first(arguments.images)
        layers = [node.name for node in network.linears]
        names = select_layers(layers, arguments.layers, network.name)
        inputs = source.hashes()
        selection = arguments.selection and fitting_selection(
            network, arguments.selection, inputs["MODEL"]
        )
    with stages("formats and codes"), console.status("formats and codes"):
        committed = None if selection else committed_network(network, source.model, inputs)
        if committed:
            quantized, doubts = committed, []
        else:
            quantized, doubts = prepared_network(network, calibration.images, inputs, selection)
        doubts += range_doubts(images.images, calibration.images)
    deepest = arguments.k_max or LEGAL["k_max"][1]
    build = fitting_build(arguments, quantized, deepest)
    total = sum(layer.macs for layer in quantized.layers if layer.name in names) * len(images)
    if not arguments.sim:
        arguments.sim, why = best_simulator(build, total, arguments.jobs)
        console.print(f"simulator: {arguments.sim}, {why}", markup=False, highlight=False)
    os.environ["SIM"] = arguments.sim
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
    with stages("building"), console.status("building the simulation"):
        store = Store(RESULTS, fresh=arguments.fresh)
        workers = Workers(simulators(arguments, build), store)
    described = TextColumn("{task.description:>20}", markup=False)
    columns = (described, BarColumn(), MacRate(), TimeRemainingColumn())
    one_thread = threadpool_limits(1)  # of BLAS: the simulators need the others
    with stages("replay"), one_thread, Progress(*columns, console=console) as progress:
        task = progress.add_task("", total=total)

        def report(name: str, macs: float) -> None:
            progress.update(task, description=one_line(name), advance=macs)

        replayer = Replayer(build, workers, names, deepest, report)
        answers, mismatch = simulate_network(quantized, images, replayer)
    summary = summarize(arguments, source, build, quantized, replayer)
    summary["inputs"] = inputs
    summary["formats_and_codes"] = "committed" if committed else "chosen by this model"
    summary["warnings"] = doubts
    summary["notes"] = notes
    summary["complete"] = answers is not None
    if answers is not None:
        with stages("float network"):
            expected = FloatNetwork(network).run(images.images)
        summary |= compared_answers(network.shapes[network.output], images, expected, answers)
        if len(names) == len(layers):
            keep_measured(source.folder, inputs, answers)
    elif mismatch is not None:
        summary["mismatch"] = describe_layer_mismatch(mismatch, build, FOLDER / "mismatch.npz")
        summary["totals"]["mismatches"] = 1
    summary["stages"] = {name: round(seconds, 3) for name, seconds in stages.seconds.items()}
    print_report(summary, console)
    console.print(f"time: {stages}", markup=False, highlight=False)
    if summary["layers"]:
        draw_layers(summary, FOLDER / "layers.svg")
        console.print(f"picture: {FOLDER / 'layers.svg'}", markup=False, soft_wrap=True)
    write_json(FOLDER / "summary.json", summary)
    if summary["complete"]:
        return 0
    return INTERRUPTED if mismatch is None else 1


def fitting_build(arguments: argparse.Namespace, network: QuantizedNetwork, deepest: int) -> Build:
    """Return the least engine for a network, or the one that is asked for if it holds it."""
    build = Build(arguments.rows, arguments.cols, accumulator=arguments.accumulator)
    batches = {min(network.batch_size, arguments.images), arguments.images % network.batch_size}
    longest = 1
    for layer in network.layers:
        for images in batches - {0}:
            geometry = Geometry.of_layer(layer, images)
            try:
                mapping = choose_mapping(geometry, *build.shape, deepest)
            except ValueError as error:
                raise ValueError(f"layer '{layer.name}': {error}") from None
            longest = max(longest, depth(geometry, mapping))
    return least_build(build, network.layers, longest, arguments.exp_max, arguments.k_max)


def simulators(arguments: argparse.Namespace, build: Build) -> Simulators:
    """Return who simulates: this machine, or a cluster's workers."""
    if arguments.scheduler:
        return ClusterSimulators(arguments.scheduler, build)
    return LocalSimulators(build, FOLDER / "simulators", arguments.jobs)


def simulate_network(
    quantized: QuantizedNetwork, images: Images, replayer: Replayer
) -> tuple[np.ndarray | None, LayerMismatchError | None]:
    """Return the RTL's answers, or the mismatch that ended the run; neither if interrupted."""
    try:
        answers = quantized.run(images.images, replayer)
        replayer.workers.close()
        return answers, None
    except LayerMismatchError as mismatch:
        return None, mismatch
    except KeyboardInterrupt:
        return None, None
    finally:
        replayer.workers.kill()


def replay_tile(path: Path, console: Console) -> int:
    """Simulate a saved tile alone, with waves; return the exit status."""
    product, build = read_tile(path)
    runner = BusRunner(build, FOLDER / "tile", waves=True)
    try:
        runner.run(product)
    except MismatchError as mismatch:
        text = describe_tile_mismatch(mismatch)
        console.print(text, highlight=False, markup=False, soft_wrap=True)
        status = 1
    else:
        console.print(f"{path}: the RTL and the model agree", markup=False)
        status = 0
    finally:
        runner.close()
    console.print(f"waves: {runner.waves_file}", markup=False, soft_wrap=True)
    return status


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Replay what is asked for, a network or a saved tile; return the exit status."""
    check_arguments(arguments)
    if not arguments.tile:
        return replay(arguments, console)
    os.environ["SIM"] = arguments.sim or "icarus"
    return replay_tile(arguments.tile, console)


def main(arguments: list[str] | None = None) -> int:
    """Command line; 0 when every output agreed, 1 for a mismatch, 2 for bad input."""
    parsed = parse_arguments(arguments)
    return status_of("replay", lambda: run(parsed, wide_console(170)), SimulationError)


if __name__ == "__main__":
    sys.exit(run_command("replay", main))
