"""What a replay tells: the table by layer, the summary, and how a mismatch is described."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from model.quantization.gemm_layer import GemmLayer
from model.quantization.quantized import QuantizedNetwork
from verif.commands.messages import one_line
from verif.commands.sources import Source
from verif.engine.mismatch import describe_mismatch
from verif.replay.answers import describe_answers
from verif.replay.build import Build
from verif.replay.bus_runner import MismatchError
from verif.replay.replayer import Replayer
from verif.replay.statistics import Statistics

CLOCK_MHZ = 500
"""Of the hardware in what is said of frames and operations a second."""


def summarize(
    arguments: argparse.Namespace,
    source: Source,
    build: Build,
    network: QuantizedNetwork,
    replayer: Replayer,
) -> dict[str, Any]:
    """Return the content of summary.json for the layers that were simulated."""
    elements = build.rows * build.cols
    rows, total, convolutions = [], Statistics(), Statistics()
    for layer in network.on_array():
        counts = replayer.statistics.get(layer.name)
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
        "jobs": asdict(replayer.workers.counts),
        "layers": rows,
        "totals": _totals(total, elements, arguments.images)
        | {
            "utilisation_convolutions": (
                convolutions.utilisation(elements) if convolutions.cycles else None
            ),
        },
    }


def _totals(total: Statistics, elements: int, images: int) -> dict[str, Any]:
    if not total.cycles:
        empty = ("macs", "outputs", "mismatches", "cycles", "simulator_seconds", "wall_seconds")
        return dict.fromkeys(empty, 0) | {"utilisation": None}
    return {
        "macs": total.macs,
        "outputs": total.outputs,
        "mismatches": 0,
        "tiles": total.tiles,
        "cycles": total.cycles,
        "bound_cycles": total.bound,
        "stalled": total.stalled,
        "utilisation": round(total.utilisation(elements), 6),
        "zero_gated": round(total.zero_gated, 6),
        "streamed_bytes": total.streamed,
        "clock_mhz": CLOCK_MHZ,
        "frames_per_second": round(CLOCK_MHZ * 1e6 * images / total.cycles, 3),
        "gmacs_per_second": round(CLOCK_MHZ * 1e-3 * total.macs / total.cycles, 3),
        "simulator_seconds": round(total.seconds, 3),
        "wall_seconds": round(total.wall, 3),
        "macs_per_second": total.macs_per_second,
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
        "mapping": counts.mapping,
        "macs": counts.macs,
        "outputs": counts.outputs,
        "mismatches": 0,
        "distinct_codes": len(counts.codes),
        "jobs": counts.jobs,
        "tiles": counts.tiles,
        "cycles": counts.cycles,
        "bound_cycles": counts.bound,
        "stalled": counts.stalled,
        "utilisation": round(counts.utilisation(elements), 6),
        "bound": round(counts.macs / (elements * counts.bound), 6),
        "zero_gated": round(counts.zero_gated, 6),
        "inexact": counts.inexact,
        "underflow": counts.underflow,
        "overflow": counts.overflow,
        "streamed_bytes": counts.streamed,
        "simulator_seconds": round(counts.seconds, 3),
        "wall_seconds": round(counts.wall, 3),
        "kept_jobs": counts.kept,
        "macs_per_second": counts.macs_per_second,
    }


COLUMNS = (
    ("layer", "left"),
    ("a", "left"),
    ("w", "left"),
    ("y", "left"),
    ("mapping", "left"),
    ("MACs", "right"),
    ("outputs", "right"),
    ("cycles", "right"),
    ("stalled", "right"),
    ("utilised", "right"),
    ("at most", "right"),
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
            row["mapping"],
            f"{row['macs']:,}",
            f"{row['outputs']:,}",
            f"{row['cycles']:,}",
            f"{row['stalled']:,}",
            f"{row['utilisation']:.1%}",
            f"{row['bound']:.1%}",
            f"{row['zero_gated']:.1%}",
            f"{row['overflow']:,}",
            f"{row['underflow']:,}",
            _thousands(row["macs_per_second"]),
            "yes",
        )
    if summary["layers"]:
        console.print(table)
    totals = summary["totals"]
    if totals["cycles"]:
        _print_totals(totals, console)
    if "mismatch" in summary:
        console.print(summary["mismatch"], highlight=False, markup=False, soft_wrap=True)
        return
    if not summary["complete"]:
        console.print("interrupted: only the layers above were compared")
    jobs = summary["jobs"]
    console.print(
        f"{totals['outputs']:,} outputs compared, {totals['mismatches']} mismatches; "
        f"{totals['macs']:,} MACs in {totals['cycles']:,} cycles"
    )
    console.print(
        f"{jobs['simulated']} jobs simulated, {jobs['reused']} kept from an earlier run, "
        f"{jobs['lost']} simulators lost; {totals['wall_seconds']:.1f} s"
    )
    for line in describe_answers(summary):
        console.print(line)


def _thousands(rate: int | None) -> str:
    return "-" if rate is None else f"{rate / 1000:,.0f}"


def _print_totals(totals: dict[str, Any], console: Console) -> None:
    if totals["utilisation_convolutions"] is not None:
        console.print(
            f"utilisation of the array: {totals['utilisation']:.1%}, "
            f"{totals['utilisation_convolutions']:.1%} over the convolutions; "
            f"{totals['zero_gated']:.1%} of the MACs gated"
        )
    console.print(
        f"at {totals['clock_mhz']} MHz: {totals['frames_per_second']:,.1f} images/s, "
        f"{totals['gmacs_per_second']:,.1f} GMAC/s; "
        f"streams carry {totals['streamed_bytes']:,} bytes, "
        f"a quarter of what float32 would"
    )


def describe_tile_mismatch(mismatch: MismatchError) -> str:
    """Say what differs in a tile that was simulated alone."""
    text = describe_mismatch(mismatch.tile, mismatch.place, mismatch.expected, mismatch.actual)
    return f"MISMATCH at {text}"
