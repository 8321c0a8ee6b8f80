"""What a replay tells: the table by layer, the summary, and how a mismatch is described."""

from __future__ import annotations

import argparse
import os
import shlex
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from model import accumulator_width
from model.quantization.gemm_layer import GemmLayer
from model.quantization.quantized import QuantizedNetwork
from verif.commands.folders import ROOT
from verif.commands.messages import one_line
from verif.commands.sources import Source
from verif.engine.mismatch import describe_mismatch, describe_result
from verif.replay.answers import describe_answers
from verif.replay.layer_runner import Build, MismatchError
from verif.replay.product import Product
from verif.replay.statistics import Statistics


def summarize(
    arguments: argparse.Namespace,
    source: Source,
    build: Build,
    network: QuantizedNetwork,
    statistics: dict[str, Statistics],
    seconds: float,
) -> dict[str, Any]:
    """Return the content of summary.json for the layers that were simulated."""
    elements = build.rows * build.cols
    rows, total, convolutions = [], Statistics(), Statistics()
    for layer in network.layers:
        counts = statistics.get(layer.name)
        if counts is None:
            continue
        rows.append(_layer_summary(layer, counts, elements))
        total.add(counts)
        if layer.operator == "Conv":
            convolutions.add(counts)
    return {
        "model": source.model,
        "data": source.data,
        "calibration": source.calibration,
        "selection": arguments.selection and str(arguments.selection),
        "images": arguments.images,
        "simulator": arguments.sim,
        "engine": build.parameters,
        "layers": rows,
        "totals": {
            "macs": total.macs,
            "outputs": total.outputs,
            "mismatches": 0,
            "cycles": total.cycles,
            "utilisation": total.utilisation(elements) if total.cycles else None,
            "utilisation_convolutions": (
                convolutions.utilisation(elements) if convolutions.cycles else None
            ),
            "simulation_seconds": round(total.seconds, 3),
            "macs_per_second": round(total.macs / total.seconds) if total.seconds else None,
            "seconds": round(seconds, 3),
        },
    }


def _layer_summary(layer: GemmLayer, counts: Statistics, elements: int) -> dict[str, Any]:
    biases = sorted(set(layer.biases_w.tolist()))
    return {
        "name": layer.name,
        "operator": layer.operator,
        "groups": layer.groups,
        "formats": {
            "a": str(layer.fmt_a),
            "w": f"{str(layer.fmt_w).rsplit('b', 1)[0]}b{biases[0]}..{biases[-1]}",
            "y": str(layer.fmt_y or "binary32"),
        },
        "macs": counts.macs,
        "outputs": counts.outputs,
        "mismatches": 0,
        "distinct_codes": len(counts.codes),
        "tiles": counts.tiles,
        "cycles": counts.cycles,
        "stalled": counts.stalled,
        "utilisation": round(counts.utilisation(elements), 6),
        "zero_gated": round(counts.zero_gated, 6),
        "inexact": counts.inexact,
        "underflow": counts.underflow,
        "overflow": counts.overflow,
        "seconds": round(counts.seconds, 3),
        "macs_per_second": round(counts.macs / counts.seconds),
    }


COLUMNS = (
    ("layer", "left"),
    ("a", "left"),
    ("w", "left"),
    ("y", "left"),
    ("MACs", "right"),
    ("outputs", "right"),
    ("cycles", "right"),
    ("stalled", "right"),
    ("utilised", "right"),
    ("zero-gated", "right"),
    ("overflow", "right"),
    ("underflow", "right"),
    ("kMAC/s", "right"),
    ("bit-exact", "right"),
)


def print_report(summary: dict[str, Any], console: Console) -> None:
    """Print the table by layer, the totals, and either the predictions or the mismatch."""
    table = Table(box=None, padding=(0, 1, 0, 0))
    for name, justify in COLUMNS:
        table.add_column(name, justify=justify, no_wrap=name != "layer", overflow="fold")
    for row in summary["layers"]:
        table.add_row(
            escape(one_line(row["name"])),
            *row["formats"].values(),
            f"{row['macs']:,}",
            f"{row['outputs']:,}",
            f"{row['cycles']:,}",
            f"{row['stalled']:,}",
            f"{row['utilisation']:.1%}",
            f"{row['zero_gated']:.1%}",
            f"{row['overflow']:,}",
            f"{row['underflow']:,}",
            f"{row['macs_per_second'] / 1000:.0f}",
            "yes",
        )
    if summary["layers"]:
        console.print(table)
    totals = summary["totals"]
    if totals["utilisation_convolutions"] is not None:
        console.print(
            f"utilisation of the array over the convolutions: "
            f"{totals['utilisation_convolutions']:.1%}"
        )
    if "mismatch" in summary:
        console.print(summary["mismatch"], highlight=False, markup=False, soft_wrap=True)
        return
    if not summary["complete"]:
        console.print("interrupted: only the layers above were compared")
    console.print(
        f"{totals['outputs']:,} outputs compared, {totals['mismatches']} mismatches; "
        f"{totals['macs']:,} MACs in {totals['cycles']:,} cycles, "
        f"{totals['simulation_seconds']:.0f} s of simulation"
    )
    for line in describe_answers(summary):
        console.print(line)


def describe_tile_mismatch(mismatch: MismatchError) -> str:
    """Say what differs in a tile that was simulated alone."""
    text = describe_mismatch(mismatch.tile, mismatch.place, mismatch.expected, mismatch.actual)
    return f"MISMATCH at {text}"


def describe_layer_mismatch(
    layer: GemmLayer, product: Product, mismatch: MismatchError, build: Build
) -> str:
    """Say where in a layer the RTL and the model differ, from what, and how to repeat it."""
    row, col = (start + step for start, step in zip(mismatch.first, mismatch.place, strict=True))
    where = f"row {row}, column {col} of the product"
    if layer.window is not None:
        _, height, width = layer.output_shape
        image, pixel = divmod(row, height * width)
        where = (
            f"image {image}, channel {col}, y {pixel // width}, x {pixel % width} "
            f"(row {row}, column {col} of the product)"
        )
    return "\n".join(
        [
            f"MISMATCH in layer {one_line(layer.name)}, {where}",
            _describe_tile(product, mismatch, build),
            describe_mismatch(mismatch.tile, mismatch.place, mismatch.expected, mismatch.actual),
            *_diagnosis(product, mismatch, build),
            f"this tile alone, with waves: {_tile_line(mismatch.path)}",
        ]
    )


def _describe_tile(product: Product, mismatch: MismatchError, build: Build) -> str:
    """Say which outputs of a product a tile has, and how long its sums are."""
    rows, columns = product.part(mismatch.first, build.shape)
    text = (
        f"tile: rows {rows.start} to {rows.stop - 1}, "
        f"columns {columns.start} to {columns.stop - 1}, K = {mismatch.tile.k}"
    )
    if mismatch.tile.k != product.k:
        groups = mismatch.tile.k // product.k
        text += f" ({groups} groups of {product.k}, zeros between them)"
    return text


def _diagnosis(product: Product, mismatch: MismatchError, build: Build) -> list[str]:
    """Tell operands that were changed on their way from an RTL that computes wrongly."""
    intended, streamed = product.tile(mismatch.first, build.shape), mismatch.tile
    fmt_y = streamed.configuration.fmt_y
    width = accumulator_width(build.exp_max, build.k_max)
    results, _ = streamed.expected(width, build.accumulator)
    answer = describe_result(fmt_y, int(results[mismatch.place]))
    changed = []
    for name in ("a_codes", "w_codes", "start", "biases_w"):
        ours, theirs = getattr(intended, name), getattr(streamed, name)
        for index in np.argwhere(ours != theirs)[:3]:
            place = tuple(map(int, index))
            changed.append(
                f"  {name}{list(place)} of the tile: the model has {_operand(ours[place])}, "
                f"{_operand(theirs[place])} was streamed"
            )
    if not changed:
        return ["the operands were streamed as the model has them: the RTL's answer is wrong"]
    return [
        "the operands were changed on their way:",
        *changed,
        f"  from these the model makes {answer}",
    ]


def _operand(value: np.generic) -> str:
    return f"{int(value):02x}" if value.dtype == np.uint8 else f"{value:g}"


def _tile_line(path: Path) -> str:
    """Return the line that simulates a tile as it was just simulated: same design, same simulator.

    In the root; `make` gives variables on to the command letter by letter.
    """
    variables = {"TILE": os.path.relpath(path, ROOT)}
    if simulator := os.environ.get("SIM"):
        variables["SIM"] = simulator
    for name in ("HDL", "BUILD"):
        if folder := os.environ.get(name):
            variables[name] = os.path.abspath(folder)
    return " ".join(["make replay", *(f"{k}={shlex.quote(v)}" for k, v in variables.items())])
