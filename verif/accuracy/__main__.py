"""Format selection and accuracy beside other 8-bit systems: ``make accuracy``.

For each network: formats are chosen on calibration images, and what FFP8 and the other systems
make of the same tensors is run on the same images. Leaves in ``build/accuracy/<network>`` (of a
file: its name and a digest of its path) the selection (``selection.yaml``, which ``make replay
SELECTION=`` takes), the quantized network (``quantized.npz``), pictures, and a summary of all.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from fnmatch import fnmatchcase
from operator import itemgetter
from pathlib import Path

import numpy as np
import onnx
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from model.comparison.compare import (
    Quantized,
    ffp8_variants,
    in_parts,
    other_systems,
    quantized_to,
    stored_bytes,
    with_nearest,
)
from model.comparison.layers import noise_by_tensor
from model.comparison.measures import (
    COMPARED_BY,
    agreement_by_kind,
    bounded_noise_ratio,
    kind_of_answer,
    loss_interval,
    top1,
)
from model.comparison.qdq import export_qdq
from model.comparison.schemes import OTHER_SCHEMES
from model.format.splits import supported_splits
from model.graph.images import Images
from model.graph.network import Network
from model.quantization.calibration import Calibration, FloatNetwork, calibrate
from model.quantization.depths import depth_notes, fitting_k_max
from model.quantization.doubts import calibration_doubts, range_doubts
from model.quantization.emulation import Emulation
from model.quantization.export import export_network
from model.quantization.method import Method, select
from model.quantization.onnx_export import export_onnx
from model.quantization.quantize import apply_selection
from model.quantization.selection_file import write_selection
from verif.accuracy.document import write_document
from verif.accuracy.paired import PerImage, better_by, per_image
from verif.accuracy.pictures import draw_curve, draw_pictures
from verif.accuracy.report import markdown, overview, print_network
from verif.accuracy.row import Row
from verif.commands.arguments import SHAPE_HELP, Parser, folder_to_write, sizes, whole
from verif.commands.files import write_json, write_text
from verif.commands.fingerprint import sources
from verif.commands.folders import command_folder
from verif.commands.measured import measured
from verif.commands.messages import print_doubts, wide_console
from verif.commands.running import run_command, status_of
from verif.commands.sources import DEFAULT_MODELS, KNOWN_MODELS, Source, named_source
from verif.commands.summaries import SUMMARY

FOLDER = command_folder("accuracy")
EXP_MAX = 5
OURS = "FFP8"
VARIANTS_AND_PARTS = 6 + 4
"""Rows of FFP8, degree of freedom by degree of freedom, and of two systems in parts."""

PROFILED, PROFILED_IMAGES = ("INT8 per channel", OURS), 32
"""Systems whose noise is told for every tensor, and on how many images."""

EXACT_IMAGES, EXACT_AT_A_TIME = 100, 8
"""Images that the network on codes, exact sums and all, is run on beside its emulation; and at a
time, the exported file, whose quantizers hold a tensor many times over."""


def measure(
    quantized: Quantized, network: Network, images: Images, expected: np.ndarray
) -> tuple[Row, np.ndarray]:
    """Run a quantized network on all images; return its row and its answers."""
    started = time.monotonic()
    answers = Emulation(*quantized.emulated()).run(images.images)
    seconds = time.monotonic() - started
    if not np.isfinite(answers).all():
        raise ValueError(f"{quantized.name}: answers NaN or infinity to a test image")
    return make_row(quantized, network, images, expected, answers, seconds), answers


def make_row(
    quantized: Quantized,
    network: Network,
    images: Images,
    expected: np.ndarray,
    answers: np.ndarray,
    seconds: float,
) -> Row:
    """Return the row of a quantized network that gave these answers."""
    right = loss = low = high = None
    if images.labels is not None:
        right = top1(answers, images.labels)
        loss, low, high = loss_interval(expected, answers, images.labels)
    return Row(
        quantized.name,
        quantized.description,
        right,
        loss,
        low,
        high,
        agreement_by_kind(network.shapes[network.output], expected, answers),
        bounded_noise_ratio(expected, answers),
        *stored_bytes(network, quantized),
        round(seconds, 2),
    )


def rtl_row(
    quantized: Quantized,
    network: Network,
    images: Images,
    expected: np.ndarray,
    answers: np.ndarray | None,
) -> list[Row]:
    """Return the row of what a replay measured, if it did with these images."""
    if answers is None:
        return []
    named = replace(
        quantized,
        name="FFP8, measured in RTL",
        description="The answers of `make replay`, every product of which the design has computed.",
    )
    return [make_row(named, network, images, expected, answers, 0.0)]


def chosen_splits(patterns: str | None) -> tuple[tuple[int, int, int], ...]:
    """Return the splits that match a comma-separated list of shell patterns, all without.

    Raises
    ------
    ValueError
        If a pattern matches none.
    """
    splits = {f"s{s}e{e}f{f}": (s, e, f) for s, e, f in supported_splits(EXP_MAX)}
    if not patterns:
        return tuple(splits.values())
    wanted = patterns.split(",")
    for pattern in wanted:
        if not any(fnmatchcase(name, pattern) for name in splits):
            raise ValueError(f"FORMATS={pattern}: no such split, there are {', '.join(splits)}")
    return tuple(
        split
        for name, split in splits.items()
        if any(fnmatchcase(name, pattern) for pattern in wanted)
    )


def evaluate(source: Source, settings: argparse.Namespace, console: Console) -> dict[str, object]:
    """Measure all systems on one network; return its part of the summary."""
    network, images, calibration_images = source.read(settings.shape)
    if not network.linears:
        raise ValueError(f"network '{network.name}' has no Conv, Gemm or MatMul to quantize")
    k_max = fitting_k_max(network)
    if settings.images:
        if settings.images > len(images):
            raise ValueError(f"IMAGES={settings.images}: {source.data} has {len(images)}")
        images = images.first(settings.images)
    folder = FOLDER / source.folder
    (folder / SUMMARY).unlink(missing_ok=True)  # of an earlier run, until this one has its own
    shape = network.shapes[network.output]
    kind, notes = kind_of_answer(shape), [*network.notes, *depth_notes(network)]
    if images.labels is not None and kind != "class":
        images = Images(images.images)
        notes.append(f"labels are not used: an answer of shape {shape} names no one class")
    splits = chosen_splits(settings.formats)
    exp_max = max(exponent for _, exponent, _ in splits)
    method = Method(splits, exp_max=exp_max, k_max=k_max)
    started = time.monotonic()
    expected = FloatNetwork(network).run(images.images)
    float_seconds = time.monotonic() - started
    if not np.isfinite(expected).all():
        raise ValueError(f"network '{network.name}' answers NaN or infinity to a test image")
    table: list[tuple[int, Row]] = []
    columns = TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, TimeElapsedColumn(), console=console, transient=True) as progress:
        total = len(OTHER_SCHEMES) + VARIANTS_AND_PARTS
        total += (len(OTHER_SCHEMES) + 1) * settings.nearest
        task = progress.add_task(f"{network.name}: calibration", total=total)
        calibration = calibrate(network, calibration_images.images)
        doubts = calibration_doubts(calibration_images.images, calibration)
        doubts += range_doubts(images.images, calibration_images.images)
        judged: dict[str, PerImage] = {}
        profiles: dict[str, dict[str, float]] = {}
        few = images.images[:PROFILED_IMAGES]
        for part, found in systems(network, calibration, method, settings.nearest):
            progress.update(task, description=f"{network.name}: {found.name}")
            row, given = measure(found, network, images, expected)
            judged[found.name] = per_image(shape, expected, given, images.labels)
            table.append((part, row))
            if found.name.partition(",")[0] in PROFILED and part < 2:
                emulated = found.emulated(), found.scales
                profiles[found.name] = noise_by_tensor(network, *emulated, few)
            if found.name == PROFILED[0]:
                scales = {name: held.scale for name, held in found.weight_quantizers.items()}
                export_qdq(*found.emulated()[:2], scales, found.choices, folder / "int8.onnx")
            if found.name == OURS:
                quantized, answers = found, given
            progress.update(task, advance=1)
    print_doubts(doubts, console)
    inputs = source.hashes()
    answered = measured(source.folder, inputs, len(images))
    better = better_by(judged.pop(OURS), judged)
    table.sort(key=itemgetter(0))
    rows = [replace(row, ffp8_better_by=better.get(row.scheme)) for _, row in table]
    place = [row.scheme for row in rows].index(OURS) + 1
    rows[place:place] = rtl_row(quantized, network, images, expected, answered)
    write_selection(replace(quantized.selection, inputs=inputs), folder / "selection.yaml")
    exact = compare_with_codes(network, quantized, images, expected, answers, folder)
    draw_pictures(folder, network, calibration, quantized.selection, rows, profiles)
    curve = []
    if settings.curve:
        few_to_all = network, images, expected, calibration_images.images, method
        whole = next(row for row in rows if row.scheme == OURS)
        curve = calibration_curve(*few_to_all, whole)
        draw_curve(folder / "calibration.png", network.name, curve)
    float_bytes = stored_bytes(network, None)
    return {
        "network": network.name,
        "inputs": inputs,
        "images": len(images),
        "calibration_images": calibration.images,
        "labels": images.labels is not None,
        "float_top1": None if images.labels is None else top1(expected, images.labels),
        "float_weight_bytes": float_bytes[0],
        "float_activation_bytes": float_bytes[1],
        "float_seconds": round(float_seconds, 2),
        "formats": settings.formats,
        "exp_max": exp_max,
        "k_max": k_max,
        "notes": notes,
        "compared_by": COMPARED_BY[kind],
        "rows": [asdict(row) for row in rows],
        "on_codes": exact,
        "noise_by_tensor": profiles,
        "calibration_curve": curve,
        "warnings": doubts,
        "folder": str(folder),
    }


def systems(
    network: Network, calibration: Calibration, method: Method, nearest: bool
) -> Iterator[tuple[int, Quantized]]:
    """Yield every row's system with its part of the table: systems, parts of two, nearest rows.

    What belongs to a system follows it, so that nobody has to keep the weights of all.
    """
    for quantized in other_systems(network, calibration):
        yield 0, quantized
        if nearest:
            yield 2, with_nearest(network, calibration, method, quantized)
    yield from ((1, part) for part in in_parts(quantized))
    for quantized in ffp8_variants(network, calibration, method):
        yield 0, quantized
    yield from ((1, part) for part in in_parts(quantized))
    if nearest:
        yield 2, with_nearest(network, calibration, method, quantized)


def calibration_curve(
    network: Network,
    images: Images,
    expected: np.ndarray,
    calibration_images: np.ndarray,
    method: Method,
    whole: Row,
) -> list[dict[str, object]]:
    """Measure FFP8 with the first 1, 2, 4, ... calibration images; the row of all is given."""
    count, rows = len(calibration_images), {}
    for size in (2**power for power in range(count.bit_length()) if 2**power < count):
        calibration = calibrate(network, calibration_images[:size])
        found = quantized_to(network, calibration, OURS, "", select(network, calibration, method))
        rows[size], _ = measure(found, network, images, expected)
    rows[count] = whole
    told = "snr", "agreement", "loss", "loss_low", "loss_high"
    return [
        {"calibration_images": size} | {name: getattr(row, name) for name in told}
        for size, row in rows.items()
    ]


def compare_with_codes(
    network: Network,
    quantized: Quantized,
    images: Images,
    expected: np.ndarray,
    answers: np.ndarray,
    folder: Path,
) -> dict[str, object]:
    """Run the network on codes too, and what is exported of it; return how near each is."""
    on_codes = apply_selection(network, quantized.selection, quantized.codes)
    export_network(on_codes, folder / "quantized.npz")
    exported = folder / "quantized.onnx"
    export_onnx(on_codes, exported)
    few = images.images[:EXACT_IMAGES]
    exact = on_codes.run(few)
    runner = FloatNetwork(replace(network, model=onnx.load(exported)))
    firsts = range(0, len(few), EXACT_AT_A_TIME)
    by_file = np.concatenate([runner.run(few[n : n + EXACT_AT_A_TIME]) for n in firsts])
    expected, answers = expected[: len(few)], answers[: len(few)]
    shape = network.shapes[network.output]
    return {
        "images": len(few),
        "agreement": agreement_by_kind(shape, expected, exact),
        "snr": bounded_noise_ratio(expected, exact),
        "emulated_agreement": agreement_by_kind(shape, expected, answers),
        "emulated_snr": bounded_noise_ratio(expected, answers),
        "same_in_onnx": float(100 * np.mean((by_file == exact).all(axis=1))),
        "onnx_agreement": agreement_by_kind(shape, exact, by_file),
    }


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line; each option says which make variable sets it."""
    parser = Parser(prog="accuracy", description=__doc__.splitlines()[0])
    parser.add_argument("--model", help=f"MODEL=: an ONNX file or one of {', '.join(KNOWN_MODELS)}")
    parser.add_argument("--data", help="DATA=: .npz with images and, perhaps, labels")
    parser.add_argument("--calibration", help="CALIBRATION=: .npz with images")
    parser.add_argument("--shape", type=sizes, help=SHAPE_HELP)
    parser.add_argument("--images", type=whole(1), help="IMAGES=: how many (all)")
    parser.add_argument(
        "--nearest",
        type=whole(0, 1),
        default=1,
        help="NEAREST=0: without the rows of weights rounded to nearest",
    )
    parser.add_argument(
        "--document", type=folder_to_write, help="DOCUMENT=: folder for tables and picture"
    )
    parser.add_argument(
        "--curve",
        type=whole(0, 1),
        default=0,
        help="CURVE=1: also with fewer and fewer calibration images",
    )
    parser.add_argument("--formats", help="FORMATS=: splits or patterns, as in s?e[1-4]f?")
    return parser.parse_args(arguments)


def run(settings: argparse.Namespace, console: Console) -> int:
    """Evaluate the networks asked for, writing the summary after each; return the exit status."""
    chosen_splits(settings.formats)
    models = [settings.model] if settings.model else list(DEFAULT_MODELS)
    part = settings.model or settings.images or settings.formats or not settings.nearest
    if settings.document and part:
        raise ValueError(
            f"DOCUMENT={settings.document}: the documents' tables are of all networks, images, "
            "formats and rows; leave out MODEL, IMAGES, FORMATS and NEAREST"
        )
    networks = []
    about = sources()
    for model in models:
        source = named_source(model, settings.data, settings.calibration)
        networks.append(evaluate(source, settings, console))
        print_network(networks[-1], console)
        write_text(FOLDER / source.folder / "table.md", markdown(networks[-1]))
        own = {"complete": True, "sources": about} | networks[-1]
        write_json(FOLDER / source.folder / SUMMARY, own)
        complete = len(networks) == len(models)
        write_json(FOLDER / SUMMARY, {"complete": complete, "networks": networks})
        write_text(FOLDER / "table.md", overview(networks))
    if settings.document:
        write_document(settings.document, networks)
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; 0 when all was measured, 2 for bad input."""
    settings = parse_arguments(arguments)
    return status_of("accuracy", lambda: run(settings, wide_console(175)))


if __name__ == "__main__":
    sys.exit(run_command("accuracy", main))
