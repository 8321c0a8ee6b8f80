"""The table that `make accuracy` prints for a network."""

from __future__ import annotations

from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

FEWEST_LABELLED = 1000


def print_network(summary: dict[str, Any], console: Console) -> None:
    """Print the rows of one network's part of the summary."""
    float_top1 = summary["float_top1"]
    accuracy = "no labels" if float_top1 is None else f"float32 {float_top1:.2f} % top-1"
    title = (
        f"{summary['network']}: {summary['images']:,} images, {accuracy}, formats chosen on "
        f"{summary['calibration_images']} calibration images"
    )
    table = Table("scheme", box=box.SIMPLE, title=escape(title))
    headings = (
        *("top-1 %", "loss (95 % interval)", "agrees %", "SNR dB", "FFP8 better by, dB"),
        *("weights", "activations"),
    )
    for heading in headings:
        table.add_column(heading, justify="right")
    for row in summary["rows"]:
        table.add_row(row["scheme"], *cells(row, summary))
    console.print(table)
    for note in summary["notes"]:
        console.print(note, markup=False)
    console.print(
        f"compared by {summary['compared_by']}; for an engine of EXP_MAX {summary['exp_max']} and "
        f"K_MAX {summary['k_max']:,}"
    )
    exact = summary["on_codes"]
    console.print(
        f"FFP8 on codes, with the hardware's exact sums, {exact['images']} images: agrees "
        f"{_percent(exact['agreement'])}, SNR {exact['snr']:.1f} dB; emulated, as in the table, "
        f"the same images: {_percent(exact['emulated_agreement'])}, {exact['emulated_snr']:.1f} dB"
    )
    console.print(
        f"the exported ONNX file, the same images: {_percent(exact['same_in_onnx'])} of the "
        f"answers are those of the codes, bit for bit, {_percent(exact['onnx_agreement'])} agree"
    )
    where = (
        f"selection, quantized network, as codes and as ONNX, and pictures: {summary['folder']}\n"
    )
    console.print(where, markup=False, soft_wrap=True)


def cells(row: dict[str, Any], summary: dict[str, Any]) -> list[str]:
    """Return the texts of a row after its name."""
    if row["top1"] is None:
        top1 = loss = "-"
    else:
        top1 = f"{row['top1']:.2f}"
        loss = f"{row['loss']:+.2f} ({row['loss_low']:+.2f}, {row['loss_high']:+.2f})"
    return [
        top1,
        loss,
        _percent(row["agreement"], unit=""),
        f"{row['snr']:.1f}",
        _difference(row["ffp8_better_by"]),
        _share(row["weight_bytes"], summary["float_weight_bytes"]),
        _share(row["activation_bytes"], summary["float_activation_bytes"]),
    ]


def _difference(better_by: dict[str, Any] | None) -> str:
    """Tell the difference of noise, with its interval."""
    if better_by is None:
        return "-"
    difference, low, high = better_by["snr"]
    return f"{difference:+.1f} ({low:+.1f}, {high:+.1f})"


def _percent(share: float | None, unit: str = " %") -> str:
    return "-" if share is None else f"{share:.2f}{unit}"


def _share(count: int, of: int) -> str:
    return f"{count / 1000:,.1f} kB ({100 * count / of:.1f} %)"


def markdown(summary: dict[str, Any]) -> str:
    """Return the table in Markdown, as the README quotes it."""
    lines = [
        "| scheme | top-1 % | loss, points (95 % interval) | agrees with float % | SNR dB "
        "| FFP8 better by, dB (95 % interval) |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for row in summary["rows"]:
        lines.append(f"| {row['scheme']} | {' | '.join(cells(row, summary)[:5])} |")
    return "\n".join(lines) + "\n"


DETAILS = (", nearest", ", weights alone", ", activations alone")
"""Ends of the names of rows that the overview leaves out."""


def overview(networks: list[dict[str, Any]]) -> str:
    """Return loss and SNR of every system on all networks in Markdown, as the README quotes it.

    Systems in part, and those rounded to nearest, are in the tables of the networks alone.

    The loss is left out where so few images have labels that it says nothing.
    """
    told = [network["labels"] and network["images"] >= FEWEST_LABELLED for network in networks]
    named = (row["scheme"] for network in networks for row in network["rows"])
    schemes = dict.fromkeys(scheme for scheme in named if not scheme.endswith(DETAILS))
    headings, rows = ["scheme"], {scheme: [] for scheme in schemes}
    for network, loss in zip(networks, told, strict=True):
        headings += [f"{network['network']}: loss, points", "SNR dB"] if loss else []
        headings += [] if loss else [f"{network['network']}: SNR dB"]
        found = {row["scheme"]: cells(row, network) for row in network["rows"]}
        for scheme, texts in rows.items():
            own = found.get(scheme, ["-"] * 4)
            texts += [own[1], own[3]] if loss else [own[3]]
    lines = [headings, ["---", *["--:"] * (len(headings) - 1)]]
    lines += [[scheme, *texts] for scheme, texts in rows.items()]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
