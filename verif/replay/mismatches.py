"""Says where in a layer the RTL and the model differ, from what, and how to repeat it."""

from __future__ import annotations

import os
import shlex
from dataclasses import asdict
from pathlib import Path

import numpy as np

from verif.commands.folders import ROOT
from verif.commands.messages import one_line
from verif.engine.mismatch import describe_mismatch, describe_result
from verif.engine.tile import Tile
from verif.replay.build import Build
from verif.replay.job import Job, LayerJobs
from verif.replay.product import Product
from verif.replay.product_file import save_product
from verif.replay.replayer import LayerMismatchError


def describe_layer_mismatch(mismatch: LayerMismatchError, build: Build, path: Path) -> str:
    """Describe a mismatch in some lines, the last of which repeats its tile.

    The tile, as it was streamed, is written to ``path``.
    """
    work, tile = mismatch.work, mismatch.done.job.tile(mismatch.tile)
    *which, row, column = mismatch.place
    outputs = work.layout.outputs(*which)
    played = mismatch.done.played
    actual = played.results[mismatch.tile], played.flags[mismatch.tile]
    expected = _whole(tile, outputs[0] >= 0, mismatch.expected, build)
    save_product(_product(tile, expected), path, **asdict(build))
    m, n = (int(values[row, column]) for values in outputs)
    return "\n".join(
        [
            f"MISMATCH in layer {one_line(work.layer.name)}, {_where(work, m, n)}",
            _describe_tile(work, outputs, tile.k),
            describe_mismatch(tile, (row, column), expected, actual),
            *_diagnosis(mismatch, tile, build),
            f"this tile alone, with waves: {tile_line(path)}",
        ]
    )


def _where(work: LayerJobs, m: int, n: int) -> str:
    where = f"row {m}, column {n} of the product"
    if work.layer.matrices:
        group, n = divmod(n, work.layer.group_width)
        image, *matrix = map(int, np.unravel_index(group, work.layer.matrices))
        return f"image {image}, matrix {tuple(matrix)}, row {m}, column {n} ({where})"
    if work.layer.window is None:
        return where
    _, height, width = work.layer.output_shape
    image, pixel = divmod(m, height * width)
    return f"image {image}, channel {n}, y {pixel // width}, x {pixel % width} ({where})"


def _describe_tile(work: LayerJobs, outputs: tuple[np.ndarray, np.ndarray], k: int) -> str:
    """Say which outputs of a product a tile has, and how long its sums are."""
    (rows, columns), dense = ([one[one >= 0] for one in outputs], work.layer.k)
    text = (
        f"tile: rows {rows.min()} to {rows.max()}, columns {columns.min()} to {columns.max()}, "
        f"K = {k}"
    )
    if k != dense:
        text += f" ({work.layout.mapping}; sums of {dense}, zeros between)"
    return text


def _whole(
    tile: Tile, there: np.ndarray, expected: tuple[np.ndarray, np.ndarray], build: Build
) -> tuple[np.ndarray, np.ndarray]:
    """Fill in what the model says of padding, from the operands as they were streamed."""
    padding = tile.expected(build.width, build.accumulator)
    codes, flags = (np.where(there, ours, pad) for ours, pad in zip(expected, padding, strict=True))
    return codes.astype(padding[0].dtype), flags


def _product(tile: Tile, expected: tuple[np.ndarray, np.ndarray]) -> Product:
    operands = tile.configuration, np.ascontiguousarray(tile.a_codes), tile.w_codes
    return Product(*operands, tile.start, tile.biases_w, *expected)


def _intended(mismatch: LayerMismatchError) -> Job:
    """Lay the layer out once more, and return the job that had the mismatch."""
    tile = mismatch.place[:3]
    row_tile, column_tile = tile[0], tile[1] * mismatch.work.layout.column_tiles + tile[2]
    for span, make in mismatch.work.jobs():
        rows, columns = span.rows, span.columns
        if rows.start <= row_tile < rows.stop and columns.start <= column_tile < columns.stop:
            return make()
    raise AssertionError(f"no job has tile {tile}")


def _diagnosis(mismatch: LayerMismatchError, streamed: Tile, build: Build) -> list[str]:
    """Tell operands that were changed on their way from an RTL that computes wrongly."""
    intended = _intended(mismatch).tile(mismatch.tile)
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
    results, _ = streamed.expected(build.width, build.accumulator)
    fmt_y = streamed.configuration.fmt_y
    return [
        "the operands were changed on their way:",
        *changed,
        f"  from these the model makes {describe_result(fmt_y, int(results[mismatch.place[3:]]))}",
    ]


def _operand(value: np.generic) -> str:
    return f"{int(value):02x}" if value.dtype == np.uint8 else f"{value:g}"


def tile_line(path: Path) -> str:
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
