"""The tables and pictures of the documents, which `make accuracy DOCUMENT=docs` makes anew."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib import pyplot

from verif.accuracy.pictures import OTHERS, OURS, PLAIN
from verif.accuracy.report import DETAILS, markdown, overview
from verif.commands.files import write_text

COMMAND = "make accuracy DOCUMENT=docs"
TABLES, PICTURE = "accuracy-tables.md", "accuracy.svg"

matplotlib.rcParams["svg.hashsalt"] = "ffp8"  # the same bytes for the same picture


def write_document(folder: Path, networks: Sequence[dict[str, Any]]) -> None:
    """Write the tables of all networks, and the picture of their noise."""
    text = [
        "# Tables of `make accuracy`",
        f"Made by `{COMMAND}`. What the rows are, how to read them: [accuracy.md](accuracy.md).",
        "## All networks",
        overview(list(networks)).rstrip("\n"),
    ]
    for network in networks:
        text += [f"## {network['network']}", _about(network), markdown(network).rstrip("\n")]
    write_text(folder / TABLES, "\n\n".join(text) + "\n")
    _draw(folder / PICTURE, networks)


def _about(network: dict[str, Any]) -> str:
    exact = network["on_codes"]
    float_top1 = f", float32 {network['float_top1']:.2f} % top-1" if network["labels"] else ""
    own = next(row for row in network["rows"] if row["scheme"] == "FFP8")
    sizes = (
        own["weight_bytes"],
        network["float_weight_bytes"],
        own["activation_bytes"],
        network["float_activation_bytes"],
    )
    weights, float_weights, tensors, float_tensors = (f"{size / 1000:,.1f}" for size in sizes)
    return (
        f"{network['images']:,} test images{float_top1}; formats chosen on "
        f"{network['calibration_images']} other images. Weights take {weights} kB as FFP8 and "
        f"{float_weights} kB in float32, the tensors of one image {tensors} and {float_tensors} "
        f"kB.\nOn codes, with exact sums, {exact['images']} of the images: {exact['snr']:.1f} dB, "
        f"emulated {exact['emulated_snr']:.1f} dB; of the exported ONNX file's answers "
        f"{exact['same_in_onnx']:.0f} % are those of the codes, bit for bit."
    )


def _draw(path: Path, networks: Sequence[dict[str, Any]]) -> None:
    """Draw the noise of every system on every network, rounded to nearest beside compensated."""
    named = (row["scheme"] for row in networks[0]["rows"])
    names = [name for name in named if not name.endswith((*DETAILS, "measured in RTL"))]
    places = dict(zip(names, np.arange(len(names))[::-1], strict=True))
    figure, axes = pyplot.subplots(
        1, len(networks), figsize=(3.1 * len(networks) + 2, 0.3 * len(names) + 1.5), sharey=True,
        layout="constrained",
    )  # fmt: skip
    for axis, network in zip(np.atleast_1d(axes), networks, strict=True):
        rows = {row["scheme"]: row["snr"] for row in network["rows"]}
        for name, place in places.items():
            colour = OURS if name == "FFP8" else PLAIN if name.startswith("FFP8") else OTHERS
            nearest = rows.get(f"{name}, nearest")
            if nearest is not None:
                axis.plot([nearest, rows[name]], [place, place], color=colour, lw=1)
                axis.plot(nearest, place, "o", mfc="white", color=colour, ms=5)
            axis.plot(rows[name], place, "o", color=colour, ms=6)
        axis.axvline(rows["FFP8"], color=OURS, lw=0.6, ls=":")
        axis.set_yticks(list(places.values()), list(places))
        axis.set_title(network["network"], fontsize=10)
        axis.set_xlabel(f"dB, {network['images']:,} images", fontsize=9)
        axis.grid(axis="x", lw=0.3)
    figure.suptitle(
        "Signal to noise of the answers; hollow: weights rounded to nearest", fontsize=11
    )
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
