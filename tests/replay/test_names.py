"""Names of layers: a folder for each, and patterns that choose them."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from onnx import helper

from model.graph.importing.network import load_network
from tests.graph.tiny_networks import normal, write_network
from tests.replay.replaying import call_replay
from verif.commands.folders import folder_name
from verif.replay import __main__ as replay
from verif.replay.names import select_layers

NAMES = (
    "stem block1/conv1 a/b a_b a.b A/B a b "
    ".. . / // [/bold] engine tile con a,b a;b a%b ä \N{SNOWMAN} x" + "x" * 300
).split(" ")
MORE = [
    "A",
    "x" * 300 + "y",
    " ",
    "a b",
    "a\nb",
    "a\0b",
    "a@b",
    "-",
    "~",
    "a.b/c",
    "a/b.c",
    "a/b/c",
]


def test_every_layer_has_a_folder_of_its_own(tmp_path: Path) -> None:
    names = {*NAMES, *MORE, *(folder_name(name) for name in NAMES)}
    folders = [folder_name(name).casefold() for name in names]
    assert (
        len(set(folders))
        == len(names)
        == len(NAMES) + len(MORE) + len({folder_name(name) for name in NAMES} - {*NAMES, *MORE})
    )
    for folder in folders:
        assert (tmp_path / folder).parent == tmp_path and folder not in (".", "..")
        (tmp_path / folder).mkdir()  # a file system takes it, once
    assert folder_name("block1/conv1") == "block1.conv1"


@pytest.mark.parametrize(
    ("patterns", "chosen"),
    [
        (None, ["a,b", "[x]", "a/b", "stem"]),
        ("a?b", ["a,b", "a/b"]),
        ("[x],stem", ["[x]", "stem"]),
        ("a/*", ["a/b"]),
    ],
)
def test_patterns_choose_layers_of_any_name(patterns: str | None, chosen: list[str]) -> None:
    assert select_layers(["a,b", "[x]", "a/b", "stem"], patterns, "net") == chosen


def test_a_pattern_without_a_layer_is_named() -> None:
    with pytest.raises(ValueError, match="LAYERS=b: no such layer, there are a"):
        select_layers(["a"], "a,b", "net")
    with pytest.raises(ValueError, match="network 'net' has no Conv, Gemm or MatMul"):
        select_layers([], None, "net")


NODES = ["..", "[/bold]", "/", "z" * 300, "a,b", "", "a/b", "a_b", "\x1b[31m", "file"]


@pytest.fixture
def named(tmp_path: Path, seed: int) -> Path:
    """Write a network of layers whose names are hostile."""
    tensors = ["x", *(f"t{index}" for index in range(1, len(NODES))), "y"]
    nodes = [
        helper.make_node("Conv", [tensors[i], f"w{i}"], [tensors[i + 1]], name=name)
        for i, name in enumerate(NODES)
    ]
    weights = {f"w{i}": normal(seed + i, 2, 2, 1, 1, scale=1.0) for i in range(len(NODES))}
    return write_network(tmp_path / "named.onnx", nodes, weights)


def test_an_operator_without_a_name_has_that_of_its_result(named: Path) -> None:
    names = [node.name for node in load_network(named).nodes]
    assert len(set(names)) == len(NODES) and "t6" in names and "/" in names


@pytest.mark.sim
def test_layers_of_hostile_names_replay_and_are_shown_as_they_are(
    named: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    seed: int,
) -> None:
    folder = tmp_path / "replay"
    monkeypatch.setattr(replay, "FOLDER", folder)
    images = tmp_path / "images.npz"
    np.savez(images, images=normal(seed, 1, 2, 8, 9))
    given = ("--model", named, "--data", images, "--calibration", images, "--rows", 4, "--cols", 4)
    status, summary, output = partial(call_replay, folder, capsys)(*given, "--jobs", 1)
    assert status == 0, output
    names = [layer["name"] for layer in summary["layers"]]
    assert names == [node.name for node in load_network(named).nodes]
    for shown in ("..", "[/bold]", "/", "a,b", "a/b", "a_b", r"\x1b[31m"):
        assert any(line.startswith(f"{shown} ") for line in output.splitlines()), shown
    assert "".join(line.split(" ")[0] for line in output.splitlines()).count("z") >= 300
