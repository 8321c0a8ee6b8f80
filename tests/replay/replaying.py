"""What the tests of layer replay share: runs and faults."""

import json
import threading
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from model import gemm
from verif.replay import __main__ as command
from verif.replay.job import Cut, Job
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


@dataclass(frozen=True)
class Change:
    """A weight that was changed on its way, and the first output that it makes differ.

    Attributes
    ----------
    k, column
        Of the weight in its tile.
    row
        Of the output in its tile; its column is the weight's.
    m, n
        Row and column of the output in the product.
    """

    k: int
    column: int
    row: int
    m: int
    n: int


def change_one_weight(cut: Cut, job: Job, first_column: int) -> tuple[Job, Change] | None:
    """Change a weight code of a job so that the model says an output changes.

    None if no weight matters of a column, in the product, from ``first_column`` on.
    """
    layout, span = cut.whole.layout, cut.span
    columns = span.columns.stop - span.columns.start
    for index, entry in enumerate(job.program):
        row_tile, column_tile = divmod(index, columns)
        part, column_tile = divmod(column_tile + span.columns.start, layout.column_tiles)
        outputs = layout.outputs(row_tile + span.rows.start, part, column_tile)
        tile, word = job.tile(index), int(entry["w"])
        before, _ = tile.expected(200)
        for k, column in np.argwhere(tile.w_codes != 0).tolist():
            if not (outputs[1][:, column] >= first_column).any():
                continue
            changed = job.w.copy()
            changed[word + k, column] ^= 0x10
            after, _ = replace(job, w=changed).tile(index).expected(200)
            for row, wrong in np.argwhere((before != after) & (outputs[0] >= 0)).tolist():
                assert wrong == column
                place = (int(values[row, column]) for values in outputs)
                return replace(job, w=changed), Change(k, column, row, *place)
    return None


def change_weight_on_its_way(
    monkeypatch: pytest.MonkeyPatch, first_column: int = 0
) -> list[Change]:
    """Change a weight code of the first job that has one which matters, once.

    Returns
    -------
    Empty; what was changed, once it has happened.
    """
    changes: list[Change] = []
    original, lock = Cut.__call__, threading.Lock()

    def make(cut: Cut) -> Job:
        job = original(cut)
        with lock:
            if not changes and (found := change_one_weight(cut, job, first_column)):
                job, change = found
                changes.append(change)
        return job

    monkeypatch.setattr(Cut, "__call__", make)
    return changes
