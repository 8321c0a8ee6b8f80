"""What the tests of layer replay share: runs, a network with all kinds of layers, faults."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model import gemm
from tests.graph.tiny_networks import norm_parameters, normal, operator, write_network
from verif.replay import __main__ as command
from verif.replay import layer_runner
from verif.replay.product import Product


def call_replay(
    folder: Path, capsys: pytest.CaptureFixture, *arguments: object
) -> tuple[int, dict | None, str]:
    """Run a replay that writes into a folder; return status, summary (None without), output."""
    capsys.readouterr()
    status = command.main(list(map(str, arguments)))
    summary = folder / "summary.json"
    captured = capsys.readouterr()
    return (
        status,
        json.loads(summary.read_text()) if summary.exists() else None,
        captured.out + captured.err,
    )


def odd_groups_network(path: Path, seed: int) -> Path:
    """Write a network with grouped layers, and with layers in float between them.

    On an array of 4 columns: groups that fill no tile (3 channels), that share tiles (1 and 2
    channels) with a rest of them left over, and sums of one product.
    """
    operators = [
        operator("Conv", "x w0 v0", "c0", group=2, pads=[1, 1, 1, 1]),
        operator("HardSwish", "c0", "h0"),
        operator("Conv", "h0 w1 v1", "c1", group=6, pads=[1, 1, 1, 1]),
        operator("Clip", "c1 zero six", "r1"),
        operator("Conv", "r1 w2", "c2", group=6),
        operator("PRelu", "c2 slope", "p2"),
        operator("Concat", "h0 p2", "t2", axis=1),
        operator("BatchNormalization", "t2 n_gamma n_beta n_mean n_variance", "b2"),
        operator("Relu", "b2", "r2"),
        operator("Conv", "r2 w3", "c3", group=3, strides=[2, 2]),
        operator("GlobalAveragePool", "c3", "g3"),
        operator("Flatten", "g3", "f3"),
        operator("Gemm", "f3 w4 v4", "y"),
    ]
    constants = {
        "w0": normal(seed, 6, 2, 3, 3),
        "v0": normal(seed + 1, 6),
        "w1": normal(seed + 2, 6, 1, 3, 3),
        "v1": normal(seed + 3, 6),
        "w2": normal(seed + 4, 12, 1, 1, 1),
        "slope": normal(seed + 5, 12, 1, 1),
        "w3": normal(seed + 6, 6, 6, 1, 1),
        "w4": normal(seed + 7, 6, 5),
        "v4": normal(seed + 8, 5),
        "zero": np.float32(0),
        "six": np.float32(6),
        **norm_parameters(seed + 9, 18, "n"),
    }
    return write_network(path, operators, constants, ("N", 4, 6, 5))


def write_images(path: Path, seed: int, count: int = 8) -> Path:
    """Write images for `odd_groups_network`."""
    np.savez(path, images=normal(seed, count, 4, 6, 5, scale=1.0))
    return path


def answer_by_groups(product: Product) -> tuple[np.ndarray, np.ndarray]:
    """Compute a product group by group, as exactly as the model can: results and flags."""
    configuration, width = product.configuration, product.expected.shape[1] // product.groups
    fmts_w = configuration.fmts_w(product.biases_w)
    results = []
    for group in range(product.groups):
        terms = slice(group * product.k, (group + 1) * product.k)
        columns = slice(group * width, (group + 1) * width)
        results.append(
            gemm(
                product.a_codes[:, terms],
                product.w_codes[:, columns],
                configuration.fmt_a,
                fmts_w[columns],
                product.start[columns],
                configuration.fmt_y,
                rounding=configuration.rounding,
                clamp=configuration.clamp,
            )
        )
    codes, flags = zip(*results, strict=True)
    return np.hstack(codes), np.hstack(flags)


def change_one_weight(
    product: Product, first_column: int
) -> tuple[Product, tuple[int, int], tuple[int, int]]:
    """Change a weight code so that the model says an output changes.

    Returns
    -------
    The product as it is to be streamed, the place of the weight (k, column), and that of the
    first output that differs, in the order in which tiles and their rows come.
    """
    for k, column in np.argwhere(product.w_codes != 0):
        if column >= first_column:
            w_codes = product.w_codes.copy()
            w_codes[k, column] ^= 0x10
            streamed = replace(product, w_codes=w_codes)
            codes, flags = answer_by_groups(streamed)
            differ = np.argwhere((codes != product.expected) | (flags != product.flags))
            if len(differ):
                row, changed = map(int, differ[0])
                return streamed, (int(k), int(column)), (row, changed)
    raise AssertionError("no weight matters")


def change_weight_on_its_way(
    monkeypatch: pytest.MonkeyPatch, first_column: int = 0
) -> list[tuple[int, int]]:
    """Change a weight code of the first product simulated, in or after a column.

    Returns
    -------
    Empty; the places of weight and output, see `change_one_weight`, once it has happened.
    """
    changes: list[tuple[int, int]] = []
    original = layer_runner.save_product

    def save(product: Product, path: Path, **extra: int | str) -> None:
        if not changes:
            product, *places = change_one_weight(product, first_column)
            changes.extend(places)
        original(product, path, **extra)

    monkeypatch.setattr(layer_runner, "save_product", save)
    return changes
