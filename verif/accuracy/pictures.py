"""Pictures of what `make accuracy` found: systems, formats by layer, a tensor over its grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib import pyplot

from model.format.format import Format
from model.graph.network import Network
from model.quantization.calibration import Calibration
from model.quantization.histogram import Histogram
from model.quantization.method import Selection
from verif.accuracy.row import Row
from verif.commands.messages import shortened

matplotlib.use("Agg")
matplotlib.rcParams["text.parse_math"] = False  # names may hold dollar signs

OURS, OTHERS, PLAIN = "#0b6e4f", "#8a8d91", "#7fb69f"
NO_NOISE = 90.0
"""In dB, what is not shown: nobody looks for its noise there."""
SIGNED, UNSIGNED = "#b5541c", "#1f5f99"


def draw_pictures(
    folder: Path,
    network: Network,
    calibration: Calibration,
    selection: Selection,
    rows: Sequence[Row],
    profiles: Mapping[str, Mapping[str, float]],
) -> None:
    """Write ``systems.png``, ``formats.png``, ``grid.png`` and ``layers.png``."""
    folder.mkdir(parents=True, exist_ok=True)
    names = producers(network)
    shown = {tensor: names[tensor] for tensor in selection.tensors}
    draw_layers(folder / "layers.png", network.name, shown, profiles)
    _draw_systems(folder / "systems.png", network.name, rows)
    _draw_formats(folder / "formats.png", network, selection)
    tensor = _widest(calibration)
    name, fmt = producers(network)[tensor], selection.tensors[tensor]
    scale, histogram = selection.scales.get(tensor, 1.0), calibration.histograms[tensor]
    _draw_grid(folder / "grid.png", shortened(name, 60), histogram, fmt, scale)


def producers(network: Network) -> dict[str, str]:
    """Name tensors after the nodes that make them, the input after itself."""
    return {network.input: network.input} | {node.output: node.name for node in network.nodes}


def _draw_systems(path: Path, name: str, rows: Sequence[Row]) -> None:
    """Draw noise and loss of every system."""
    labelled = rows[0].loss is not None
    figure, axes = pyplot.subplots(
        1,
        1 + labelled,
        figsize=(6.5 + 4.5 * labelled, 0.32 * len(rows) + 1.2),
        sharey=True,
        layout="constrained",
    )
    axes = np.atleast_1d(axes)
    places = np.arange(len(rows))[::-1]
    colours = [
        OURS if row.scheme == "FFP8" else PLAIN if row.scheme.startswith("FFP8") else OTHERS
        for row in rows
    ]
    bars = axes[0].barh(places, np.clip([row.snr for row in rows], -99, 99), color=colours)
    axes[0].bar_label(bars, fmt="{:.1f}", padding=3, fontsize=8)
    axes[0].margins(x=0.16)
    axes[0].axvline(0, color="black", lw=0.8)
    axes[0].set_yticks(places, [row.scheme for row in rows])
    axes[0].set_xlabel("signal to noise of the answers, dB")
    if labelled:
        loss = np.array([row.loss for row in rows])
        ends = np.array([[row.loss_low, row.loss_high] for row in rows])
        axes[1].barh(places, loss, color=colours)
        axes[1].hlines(places, *ends.T, color="black", lw=0.8)
        axes[1].plot(ends, places, "|", color="black", ms=5)
        axes[1].axvline(0, color="black", lw=0.8)
        axes[1].set_xlabel("loss of top-1, points, with 95 % interval")
    figure.suptitle(shortened(f"{name}: 8-bit systems on the same tensors", 100))
    _save(figure, path)


def _draw_formats(path: Path, network: Network, selection: Selection) -> None:
    """Draw the exponent width and the bias of every tensor, activations above weights."""
    layers = [node.name for node in network.linears]
    weights = [
        (name, selection.weights[name].fmt, selection.weights[name].biases) for name in layers
    ]
    names = producers(network)
    tensors = [(names[name], fmt, np.array([fmt.bias])) for name, fmt in selection.tensors.items()]
    widest = max(len(weights), len(tensors))
    figure, axes = pyplot.subplots(
        2, 1, figsize=(max(0.22 * widest + 1.5, 7), 8.5), layout="constrained"
    )
    handles = [pyplot.Rectangle((0, 0), 1, 1, color=colour) for colour in (SIGNED, UNSIGNED)]
    for axis, title, found in zip(
        axes, ("activations", "weights"), (tensors, weights), strict=True
    ):
        places = np.arange(len(found))
        colours = [SIGNED if fmt.sign else UNSIGNED for _, fmt, _ in found]
        axis.bar(places, [fmt.exponent + 0.06 for _, fmt, _ in found], color=colours)
        for place, (_, fmt, biases) in enumerate(found):
            axis.text(
                place,
                fmt.exponent + 0.2,
                _range_text(biases),
                rotation=90,
                ha="center",
                va="bottom",
                fontsize=7,
            )
        axis.set_xticks(places, [shortened(name, 28) for name, _, _ in found])
        axis.tick_params("x", rotation=90, labelsize=6)
        axis.set_xlim(-0.7, len(found) - 0.3)
        axis.set_ylim(0, 7.6)
        axis.set_yticks(range(6))
        axis.set_ylabel("exponent bits")
        axis.set_title(f"{title}, biases above the bars", fontsize=10, loc="left")
        axis.legend(
            handles,
            ["signed", "unsigned"],
            loc="lower right",
            bbox_to_anchor=(1, 1),
            ncols=2,
            frameon=False,
            fontsize=8,
        )
    _save(figure, path)


def draw_layers(
    path: Path, name: str, tensors: Mapping[str, str], profiles: Mapping[str, Mapping[str, float]]
) -> None:
    """Draw how near each tensor is to float, of systems as a whole and in parts.

    Parameters
    ----------
    path
        Of the picture.
    name
        Of the network.
    tensors
        Those to show, in order, and what to call them.
    profiles
        By system, "FFP8" or "FFP8, weights alone": the signal to noise by tensor.
    """
    figure, axis = pyplot.subplots(
        figsize=(min(max(0.16 * len(tensors) + 3, 7), 18), 4.6), layout="constrained"
    )
    styles = {"": "-", "weights alone": ":", "activations alone": "--"}
    for system, ratios in profiles.items():
        scheme, _, part = system.partition(", ")
        shown = [ratios[tensor] for tensor in tensors]
        places = [place for place, ratio in enumerate(shown) if ratio < NO_NOISE]
        colour = OURS if scheme == "FFP8" else OTHERS
        axis.plot(
            places,
            [shown[place] for place in places],
            styles[part],
            marker="." if not part else None,
            color=colour,
            lw=1.2,
            label=system,
        )
    axis.set_xlim(-0.5, len(tensors) - 0.5)
    axis.set_xticks(range(len(tensors)), [shortened(one, 24) for one in tensors.values()])
    axis.tick_params("x", rotation=90, labelsize=6)
    axis.set_ylabel("signal to noise, dB")
    axis.grid(axis="y", lw=0.4)
    axis.legend(frameon=False, fontsize=8, ncols=2)
    axis.set_title(shortened(f"{name}: noise from tensor to tensor", 100), fontsize=10)
    _save(figure, path)


def draw_curve(path: Path, name: str, curve: Sequence[Mapping[str, float | None]]) -> None:
    """Draw noise, and the loss where there is one, over the number of calibration images."""
    counts = [point["calibration_images"] for point in curve]
    labelled = curve[0]["loss"] is not None
    figure, axes = pyplot.subplots(
        1, 1 + labelled, figsize=(5 * (1 + labelled), 3.6), layout="constrained"
    )
    axes = np.atleast_1d(axes)
    axes[0].plot(counts, [point["snr"] for point in curve], "o-", color=OURS)
    axes[0].set_ylabel("signal to noise of the answers, dB")
    if labelled:
        loss, low, high = (
            [point[key] for point in curve] for key in ("loss", "loss_low", "loss_high")
        )
        axes[1].plot(counts, loss, "o-", color=OURS)
        axes[1].vlines(counts, low, high, color="black", lw=0.8)
        axes[1].axhline(0, color="black", lw=0.8)
        axes[1].set_ylabel("loss of top-1, points, with 95 % interval")
    for axis in axes:
        axis.set_xscale("log", base=2)
        axis.set_xticks(counts, counts)
        axis.set_xlabel("calibration images")
        axis.grid(lw=0.3)
    figure.suptitle(shortened(f"{name}: FFP8 by the number of calibration images", 100))
    _save(figure, path)


def _range_text(biases: np.ndarray) -> str:
    low, high = biases.min(), biases.max()
    return f"{low}" if low == high else f"{low}..{high}"


def _draw_grid(path: Path, name: str, histogram: Histogram, fmt: Format, scale: float) -> None:
    """Draw how often magnitudes of a tensor occur, over the values of its format times a factor."""
    magnitudes, counts = np.abs(histogram.values), histogram.counts
    used = magnitudes > 0
    positions = np.log2(magnitudes[used])
    heights, edges = np.histogram(positions, bins=200, weights=counts[used] / counts.sum())
    figure, axis = pyplot.subplots(figsize=(9, 3.6), layout="constrained")
    axis.stairs(heights, edges, fill=True, color=UNSIGNED, alpha=0.6)
    grid = np.unique(np.abs(fmt.decode(np.arange(256)))) * scale
    axis.vlines(np.log2(grid[grid > 0]), 0, -0.12 * heights.max(), color="black", lw=0.6)
    zero = counts[~used].sum() / counts.sum()
    times = "" if scale == 1.0 else f" times {scale:.3f}"
    axis.set_xlabel("log2 of the magnitude")
    axis.set_ylabel("share of values")
    axis.set_title(
        f"'{name}' over the values of {fmt}{times} (ticks); {100 * zero:.0f} % zeros", fontsize=10
    )
    _save(figure, path)


def _widest(calibration: Calibration) -> str:
    """Name the tensor whose largest magnitude is furthest from its mean: formats differ there."""

    def spread(histogram: Histogram) -> float:
        magnitudes = np.abs(histogram.values)
        mean = histogram.counts @ magnitudes / max(histogram.size, 1)
        return magnitudes.max(initial=0.0) / mean if mean else 0.0

    return max(calibration.histograms, key=lambda name: spread(calibration.histograms[name]))


def _save(figure: pyplot.Figure, path: Path) -> None:
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
