"""The list of layers: it agrees with what a replay and the quantized network do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from model.graph.importing.network import load_network
from model.quantization.steps import quantize_network
from tests.graph.mixed_networks import mixed_network, odd_groups_network
from tests.graph.tiny_networks import normal, operator, write_network
from verif.replay import layers as command
from verif.replay.layout import Layout
from verif.replay.mapping import Geometry, choose_mapping

ListLayers = tuple[int, dict | None, str]


@pytest.fixture
def listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture):
    """Run the command; return status, summary (None without) and output."""
    monkeypatch.setattr(command, "FOLDER", tmp_path / "layers")

    def run(*arguments: object) -> ListLayers:
        status = command.main(list(map(str, arguments)))
        summary = tmp_path / "layers" / "summary.json"
        said = capsys.readouterr()
        found = json.loads(summary.read_text()) if summary.exists() else None
        return status, found, said.out + said.err

    return run


def test_a_committed_network_is_listed(listed) -> None:
    status, summary, output = listed()
    assert status == 0
    assert summary["network"] == "fashion_resnet8" and len(summary["layers"]) == 10
    assert summary["totals"]["macs"] == 9_345_920
    assert {one["where"] for one in summary["between"]} == {"codes"}
    (stem,) = [one for one in summary["layers"] if one["name"] == "stem"]
    assert (stem["m"], stem["k"], stem["n"], stem["tiles"], stem["cycles"]) == (784, 9, 16, 49, 784)
    assert stem["utilisation"] == pytest.approx(9 / 16)
    for one in (*summary["layers"], *summary["between"]):
        assert any(line.startswith(f"{one['name']} ") for line in output.splitlines())


@pytest.mark.parametrize("kind", ["odd groups", "attentive"])
def test_tiles_and_sizes_are_those_of_the_quantized_network(listed, tmp_path, seed, kind) -> None:
    model = tmp_path / "net.onnx"
    if kind == "odd groups":
        odd_groups_network(model, seed)
    else:
        mixed_network(model, kind, seed % 1000)
    network = load_network(model)
    images = normal(seed, 8, *network.input_shape, scale=1.0)
    quantized = quantize_network(network, images)
    for rows, cols in ((16, 16), (3, 5)):
        _, summary, _ = listed("--model", model, "--rows", rows, "--cols", cols)
        assert len(summary["layers"]) == len(quantized.on_array()) > 1
        for one, layer in zip(summary["layers"], quantized.on_array(), strict=True):
            geometry = Geometry.of_layer(layer, 1)
            layout = Layout(geometry, choose_mapping(geometry, rows, cols, 2**15), rows, cols)
            assert one["tiles"] == layout.row_tiles * layout.parts * layout.column_tiles
            assert one["cycles"] == one["tiles"] * max(layout.k, rows, cols)
            assert (one["macs"], one["groups"]) == (layer.macs, layer.groups)


def test_layers_are_chosen_by_patterns(listed) -> None:
    _, summary, output = listed("--layers", "block2/*")
    assert [one["name"] for one in summary["layers"]][-1] == "block2/shortcut.0"
    assert "3 of 10 layers" in output and "stem" not in output


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--layers", "none"), "LAYERS=none: no such layer, there are stem, "),
        (("--rows", "65"), "ROWS=65: an array has 1 to 64"),
        (("--model", "none"), "none: no such file, nor a known .onnx name"),
    ],
)
def test_what_cannot_be_listed_is_one_sentence(listed, arguments, says) -> None:
    status, summary, output = listed(*arguments)
    assert (status, summary) == (2, None) and output.startswith(f"layers: {says}")


def test_a_network_without_layers_is_no_success(listed, tmp_path) -> None:
    model = write_network(tmp_path / "none.onnx", [operator("Relu", "x", "y")], {})
    status, summary, output = listed("--model", model)
    assert (status, summary) == (2, None)
    assert "network 'none' has no Conv, Gemm or MatMul for the array" in output
