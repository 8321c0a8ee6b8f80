"""Malformed files and options of every command: some here, all of them, by make, in its target.

``MALFORMED=complete`` adds every case once more in a process of its own, started by make.
"""

from __future__ import annotations

import itertools
import os
import zlib
from collections import Counter
from pathlib import Path

import pytest

from model.graph.importing.network import load_network
from model.quantization.selection_file import read_selection
from tests.malformed import images, networks, options, selections, tiles
from tests.malformed.case import Case
from tests.malformed.payload import TOUCHED
from tests.malformed.running import MAINS, call, check_refusal, make
from verif.__main__ import COMMANDS
from verif.replay.tile_file import read_tile

CASES = [
    *tiles.CASES,
    *images.CASES,
    *selections.CASES,
    *networks.CASES,
    *options.CASES,
]
COMPLETE = os.environ.get("MALFORMED") == "complete"
ONE_OF = 50
"""Cases for each that make runs in a test of every change."""


def by_make() -> list[Case]:
    """Choose the cases that make runs: all, or some that stay the same; not those behind lint."""
    chosen = []
    for case in CASES:
        if case.command == "test":
            continue
        if COMPLETE or zlib.crc32(str(case).encode(errors="backslashreplace")) % ONE_OF == 0:
            chosen.append(case)
    return chosen


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return an empty folder for results, beside which there is one for files."""
    TOUCHED.unlink(missing_ok=True)
    (tmp_path / "files").mkdir()
    (tmp_path / "build").mkdir()
    return tmp_path / "build"


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_is_malformed_is_refused_in_one_sentence(
    case: Case,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    variables = case.variables(folder.parent / "files")
    status, errors = call(case.command, variables, folder, monkeypatch, capsys)
    check_refusal(case.command, case.says, status, errors, folder)


@pytest.mark.parametrize("case", by_make(), ids=str)
def test_make_refuses_it_too(case: Case, folder: Path) -> None:
    variables = case.variables(folder.parent / "files")
    if any(str(value) != str(value).lstrip() for value in variables.values()):
        pytest.skip("make itself takes spaces off the front of a value")
    status, errors = make(case.command, {**variables, "BUILD": folder})
    check_refusal(case.command, case.says, status, errors, folder)


SHARED = {
    "RUN": ("a/b", "is wanted"),
    "HDL": ("/nowhere", "no Verilog file (*.v) in it"),
    "WAVES": ("yes", "1 for yes, or 0, is wanted"),
    "BUILD": ("README.md", "Not a directory"),
}
"""Variables that all commands take: a wrong text, and what is said of it."""


def shared() -> list[tuple[str, str]]:
    """Return each command with each of these variables; of all, one of them a command."""
    pairs = list(itertools.product(COMMANDS, SHARED))
    return pairs if COMPLETE else pairs[:: len(SHARED) + 1]


@pytest.mark.parametrize(("command", "name"), shared())
def test_make_refuses_what_no_command_can_take(command: str, name: str, folder: Path) -> None:
    text, says = SHARED[name]
    status, errors = make(command, {"BUILD": folder, name: text})
    assert status == 2 and errors.count("\n") == 1
    assert errors.startswith(f"{command}: ") and text in errors and says in errors
    assert list(folder.iterdir()) == []


def test_there_are_cases_of_every_command_and_kind() -> None:
    names = Counter(map(str, CASES))
    assert len(names) >= 250
    assert [name for name, count in names.items() if count > 1] == []
    assert {case.command for case in CASES} == set(MAINS)


def test_what_the_cases_change_is_taken_as_it_is(tmp_path: Path) -> None:
    tiles.write_tile(tmp_path / "tile.npz")
    product, build = read_tile(tmp_path / "tile.npz")
    assert (product.k, build.rows) == (5, 4)
    path = tmp_path / "selection.yaml"
    path.write_text(selections.GOOD)
    assert read_selection(path).network == "fashion_resnet8"
    networks.edited(lambda model: None)(tmp_path / "good.onnx")
    (node,) = load_network(tmp_path / "good.onnx").nodes
    assert node.weights.shape == (18, 4)
