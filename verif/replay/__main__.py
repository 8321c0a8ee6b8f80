"""Layer replay: a quantized CNN through the simulated engine, every output compared.

``make replay``, or ``python -m verif.replay --help``.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from threadpoolctl import threadpool_limits

from model.graph.images import Images
from model.quantization.calibration import FloatNetwork
from model.quantization.depths import depth_notes
from model.quantization.quantized import QuantizedNetwork
from verif.commands.files import write_json
from verif.commands.folders import BUILD, command_folder
from verif.commands.interrupts import INTERRUPTED
from verif.commands.measured import keep_measured
from verif.commands.messages import print_doubts, wide_console
from verif.commands.running import run_command, status_of
from verif.replay.answers import compared_answers
from verif.replay.arguments import check_arguments, parse_arguments
from verif.replay.build import Build
from verif.replay.bus_runner import BusRunner, MismatchError
from verif.replay.cluster import ClusterSimulators
from verif.replay.legal import LEGAL
from verif.replay.mismatches import describe_layer_mismatch
from verif.replay.page import write_page
from verif.replay.picture import draw_layers
from verif.replay.progress import ReplayProgress
from verif.replay.replayer import LayerMismatchError, Replayer
from verif.replay.report import describe_tile_mismatch, print_report, summarize
from verif.replay.speed import best_simulator
from verif.replay.stages import Stages
from verif.replay.store import Store
from verif.replay.subject import Subject, fitting_build, quantized_subject, read_subject
from verif.replay.tile_file import read_tile
from verif.replay.workers import LocalSimulators, Simulators, Workers
from verif.simulator.simulation import SimulationError

FOLDER = command_folder("replay")
RESULTS = BUILD / "results"


def replay(arguments: argparse.Namespace, console: Console) -> int:
    """Replay a network; return the exit status."""
    stages = Stages()
    with stages("reading"):
        subject = read_subject(arguments)
    with stages("formats and codes"), console.status("formats and codes"):
        quantized, doubts, origin = quantized_subject(subject)
    deepest = arguments.k_max or LEGAL["k_max"][1]
    build = fitting_build(arguments, quantized, deepest)
    names, images = subject.names, subject.images
    total = sum(layer.macs for layer in quantized.on_array() if layer.name in names) * len(images)
    choose_simulator(arguments, build, total, console)
    print_subject(arguments, subject, build, total, console)
    print_doubts(doubts, console)
    with stages("building"), console.status("building the simulation"):
        store = Store(RESULTS, fresh=arguments.fresh)
        workers = Workers(simulators(arguments, build), store)
    one_thread = threadpool_limits(1)  # of BLAS: the simulators need the others
    with stages("replay"), one_thread, ReplayProgress(console, total) as progress:
        replayer = Replayer(build, workers, names, deepest, progress)
        answers, mismatch = simulate_network(quantized, images, replayer)
    summary = summarize(arguments, subject.source, build, quantized, replayer)
    summary |= {
        "inputs": subject.inputs,
        "formats_and_codes": origin,
        "warnings": doubts,
        "notes": notes_of(subject),
        "complete": answers is not None,
    }
    if answers is not None:
        with stages("float network"):
            summary |= judged_answers(arguments, subject, answers)
    elif mismatch is not None:
        summary["mismatch"] = describe_layer_mismatch(mismatch, build, FOLDER / "mismatch.npz")
        summary["totals"]["mismatches"] = 1
    summary["stages"] = {name: round(seconds, 3) for name, seconds in stages.seconds.items()}
    print_report(summary, console)
    console.print(f"time: {stages}", markup=False, highlight=False)
    if summary["layers"]:
        draw_layers(summary, FOLDER / "layers.svg")
        write_page(summary, FOLDER / "layers.svg", FOLDER / "report.html")
        console.print(f"with a picture: {FOLDER / 'report.html'}", markup=False, soft_wrap=True)
    write_json(FOLDER / "summary.json", summary)
    if summary["complete"]:
        return 0
    return INTERRUPTED if mismatch is None else 1


def choose_simulator(
    arguments: argparse.Namespace, build: Build, macs: int, console: Console
) -> None:
    """Say which simulator is taken where none was asked for, and have it taken."""
    if not arguments.sim:
        arguments.sim, why = best_simulator(build, macs, arguments.jobs)
        console.print(f"simulator: {arguments.sim}, {why}", markup=False, highlight=False)
    os.environ["SIM"] = arguments.sim


def print_subject(
    arguments: argparse.Namespace, subject: Subject, build: Build, macs: int, console: Console
) -> None:
    """Say what is replayed, and on what."""
    network = subject.network
    console.print(
        f"{network.name}: {len(subject.images)} image(s), {len(subject.names)} of "
        f"{len(network.on_array)} layers, {macs:,} MACs on a {build.rows} x {build.cols} array of "
        f"EXP_MAX {build.exp_max} and K_MAX {build.k_max:,}, {arguments.jobs} simulator(s)",
        markup=False,
    )
    for note in notes_of(subject):
        console.print(note, markup=False)
    if arguments.selection:
        console.print(f"formats: {arguments.selection}", markup=False)


def notes_of(subject: Subject) -> list[str]:
    """Return what of the network is not used as it is."""
    return [*subject.network.notes, *depth_notes(subject.network)]


def judged_answers(
    arguments: argparse.Namespace, subject: Subject, answers: np.ndarray
) -> dict[str, Any]:
    """Compare the RTL's answers with the float network's, and keep those that are FFP8's own."""
    network, images = subject.network, subject.images
    expected = FloatNetwork(network).run(images.images)
    if subject.whole and subject.selection is None and arguments.accumulator == "exact":
        keep_measured(subject.source.folder, subject.inputs, answers)
    return compared_answers(network.shapes[network.output], images, expected, answers)


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
