"""What the tests of layer replay share: runs and faults."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model import gemm
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
