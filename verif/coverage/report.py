"""What a run of the coverage leaves for people: table, report, picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path

import matplotlib
from rich import box
from rich.console import Console
from rich.table import Table

from verif.coverage.exclusions import Exclusion
from verif.coverage.gate import Row

matplotlib.use("Agg")
from matplotlib import pyplot  # noqa: E402

SHOWN = 20
"""Open bins of a point that are named."""

SMALL = {"svg.fonttype": "none", "svg.hashsalt": "ffp8"}
"""An .svg file with letters as letters, and the same one for the same curves."""

FINEST = 1 / 60
"""Part of a panel's side that a curve moves from one point that is drawn to the next."""

Curve = Mapping[str, Sequence[int]]


def table(rows: Sequence[Row]) -> Table:
    """Return the table for a terminal: a line for each point of each group."""
    result = Table("design", "point", title="Functional coverage", box=box.SIMPLE)
    for title in ("bins", "excluded", "hit", "open"):
        result.add_column(title, justify="right")
    for group, of_group in groupby(rows, key=lambda row: row.group):
        for number, row in enumerate(of_group):
            counts = (row.bins, row.excluded, row.hit, len(row.open))
            result.add_row("" if number else group, row.point, *map(str, counts))
    total = [
        sum(column)
        for column in zip(*((r.bins, r.excluded, r.hit, len(r.open)) for r in rows), strict=True)
    ]
    result.add_row("all", "", *map(str, total))
    return result


def open_lines(rows: Sequence[Row]) -> list[str]:
    """Return a line for each point that has open bins, naming them."""
    lines = []
    for row in rows:
        if row.open:
            more = f" and {len(row.open) - SHOWN} more" if len(row.open) > SHOWN else ""
            lines.append(f"open: {row.group} {row.point}: {'; '.join(row.open[:SHOWN])}{more}")
    return lines


def show(rows: Sequence[Row], console: Console) -> None:
    """Print the table, and below it what is open."""
    console.print(table(rows))
    for line in open_lines(rows):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def markdown(rows: Sequence[Row], exclusions: Sequence[Exclusion]) -> str:
    """Return the report: points, then exclusions with their reasons."""
    lines = ["| design | point | bins | excluded | hit | open |", "|---|---|---|---|---|---|"]
    lines += [
        f"| {r.group} | {r.point} | {r.bins} | {r.excluded} | {r.hit} | {len(r.open)} |"
        for r in rows
    ]
    lines += ["", "| excluded | in | category | reason | proof |", "|---|---|---|---|---|"]
    lines += [
        f"| {e.point}: `{e.bins}` | `{e.groups}` | {e.category} | {e.reason} | `{e.proof}` |"
        for e in exclusions
    ]
    return "\n".join([*lines, *open_lines(rows)]) + "\n"


def thinned(across: Sequence[float], up: Sequence[float]) -> list[int]:
    """Return places of a curve, `across` and `up` in a panel from 0 to 1, that are drawn.

    First and last are among them, and any that is far enough from the one drawn before it.
    """
    places = [0]
    for place, (x, y) in enumerate(zip(across, up, strict=True)):
        if max(x - across[places[-1]], abs(y - up[places[-1]])) >= FINEST:
            places.append(place)
    return sorted({*places, len(across) - 1})


def picture(
    path: Path, curves: Mapping[str, Mapping[str, Curve]], reachable: Mapping[str, int]
) -> None:
    """Draw bins hit against transactions, a panel for each shard.

    Parameters
    ----------
    path
        An .svg or .png file.
    curves
        By shard and name of the curve: ``transactions`` and ``bins``.
    reachable
        Reachable bins of each shard.
    """
    with pyplot.rc_context(SMALL):
        figure = _panels(curves, reachable)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    pyplot.close(figure)


def _panels(
    curves: Mapping[str, Mapping[str, Curve]], reachable: Mapping[str, int]
) -> pyplot.Figure:
    columns = min(4, len(curves))
    rows = -(-len(curves) // columns)
    figure, axes = pyplot.subplots(
        rows, columns, figsize=(3.6 * columns, 2.9 * rows), squeeze=False
    )
    styles = {"steered": {"color": "#0b6e99", "lw": 1.8}, "plain": {"color": "#b5651d", "lw": 1.2}}
    for axis in axes.flat[len(curves) :]:
        axis.set_visible(False)
    for axis, (shard, of_shard) in zip(axes.flat, curves.items(), strict=False):
        most = max(curve["transactions"][-1] for curve in of_shard.values())
        for name, curve in of_shard.items():
            across = [count / most for count in curve["transactions"]]
            up = [bins / reachable[shard] for bins in curve["bins"]]
            places = thinned(across, up)
            style = styles.get(name.split()[0], {})
            transactions = [curve["transactions"][place] for place in places]
            axis.plot(transactions, [100 * up[place] for place in places], label=name, **style)
        axis.axhline(100, color="#999999", lw=0.8, ls=":")
        axis.set_title(shard.replace("-", "\n", 1).replace("-", " "), fontsize=6.5)
        axis.set_ylim(0, 105)
        axis.tick_params(labelsize=7)
        axis.locator_params(nbins=4)
        axis.grid(alpha=0.25)
    axes[0][0].legend(fontsize=7, loc="lower right")
    figure.supxlabel("transactions", fontsize=9)
    figure.supylabel("reachable bins hit, %", fontsize=9)
    figure.tight_layout()
    return figure
