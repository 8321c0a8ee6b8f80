"""The picture of a replay: cycles and use of the array, layer by layer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from model.graph.files import written_whole

INK, USED, BOUND = "#444444", "#0072b2", "#c9dcea"


def draw_layers(summary: dict[str, Any], path: Path) -> None:
    """Draw the layers of a summary to an SVG file, whole or not at all."""
    layers = summary["layers"]
    places = range(len(layers))
    figure = Figure(figsize=(max(6.0, 1.5 + 0.24 * len(layers)), 6.2), layout="constrained")
    cycles, use = figure.subplots(2, 1, sharex=True)
    cycles.bar(places, [one["cycles"] for one in layers], color=USED)
    cycles.set_ylabel("cycles")
    use.bar(places, [100 * one["bound"] for one in layers], color=BOUND, label="at most")
    use.bar(places, [100 * one["utilisation"] for one in layers], 0.5, color=USED, label="used")
    use.set_ylabel("% of the array")
    use.set_xticks(places, [_short(one["name"]) for one in layers], rotation=90, fontsize=7)
    use.legend(frameon=False, ncols=2, loc="lower left", bbox_to_anchor=(0, 1))
    totals, engine = summary["totals"], summary["engine"]
    figure.suptitle(
        f"{_short(Path(summary['model']).stem)}: {totals['macs']:,} MACs in {totals['cycles']:,} "
        f"cycles of {engine['ROWS']} x {engine['COLS']}, {totals['utilisation']:.1%} used",
        fontsize=10,
        color=INK,
    )
    for axes in (cycles, use):
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(colors=INK)
    with mpl.rc_context({"svg.hashsalt": "ffp8"}), written_whole(path) as file:
        figure.savefig(file, format="svg", metadata={"Date": None})


def _short(name: str) -> str:
    """Return a name that fits, and that matplotlib takes letter by letter."""
    text = name if len(name) <= 28 else f"{name[:27]}…"
    return text.replace("$", r"\$")
