"""The picture of a replay: cycles and use of the array, layer by layer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from model.graph.files import written_whole
from verif.commands.messages import one_line, shortened

INK, USED, BOUND = "#444444", "#0072b2", "#c9dcea"


def draw_layers(summary: dict[str, Any], path: Path) -> None:
    """Draw the layers of a summary to an SVG file, whole or not at all."""
    settings = {"svg.hashsalt": "ffp8", "text.parse_math": False}  # names may hold dollar signs
    with mpl.rc_context(settings), written_whole(path) as file:
        _figure(summary).savefig(file, format="svg", metadata={"Date": None})


def _figure(summary: dict[str, Any]) -> Figure:
    layers = summary["layers"]
    places = range(len(layers))
    figure = Figure(figsize=(max(6.0, 1.5 + 0.24 * len(layers)), 6.2), layout="constrained")
    cycles, use = figure.subplots(2, 1, sharex=True)
    cycles.bar(places, [one["cycles"] for one in layers], color=USED)
    cycles.set_ylabel("cycles")
    use.bar(places, [100 * one["bound"] for one in layers], color=BOUND, label="at most")
    use.bar(places, [100 * one["utilisation"] for one in layers], 0.5, color=USED, label="used")
    use.set_ylabel("% of the array")
    use.set_xticks(places, [_label(one["name"]) for one in layers], rotation=90, fontsize=7)
    use.legend(frameon=False, ncols=2, loc="lower left", bbox_to_anchor=(0, 1))
    totals, engine = summary["totals"], summary["engine"]
    figure.suptitle(
        f"{_label(Path(summary['model']).stem)}: {totals['macs']:,} MACs in {totals['cycles']:,} "
        f"cycles of {engine['ROWS']} x {engine['COLS']}, {totals['utilisation']:.1%} used",
        fontsize=10,
        color=INK,
    )
    for axes in (cycles, use):
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(colors=INK)
    return figure


def _label(name: str) -> str:
    return shortened(one_line(name), 28)
