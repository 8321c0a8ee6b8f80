"""Layer replay: complete, honest about what it compared, and clear when something is wrong."""

import math
import re
import shutil
from functools import partial
from pathlib import Path

import onnx
import pytest

from model.graph.files import COMMITTED
from model.quantization.gemm_layer import GemmLayer
from tests.replay.replaying import call_replay, change_weight_on_its_way
from verif.commands.folders import ROOT, design_folder
from verif.replay import __main__ as replay
from verif.replay.replayer import Replayer

README = (ROOT / "README.md").read_text("utf-8")
SMALL_LAYER = "block3/shortcut.0"


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run a replay into a folder of its own; return status, summary (None without), output."""
    folder = tmp_path / "replay"
    monkeypatch.setattr(replay, "FOLDER", folder)
    return partial(call_replay, folder, capsys)


def counts_by_shape(path: Path) -> list[tuple[int, int]]:
    """Count outputs and MACs of each Conv and Gemm for one image, from ONNX shapes alone."""
    model = onnx.shape_inference.infer_shapes(onnx.load(path))
    shapes = {
        info.name: [dimension.dim_value for dimension in info.type.tensor_type.shape.dim]
        for info in (*model.graph.value_info, *model.graph.output)
    }
    weights = {tensor.name: list(tensor.dims) for tensor in model.graph.initializer}
    counts = []
    for node in model.graph.node:
        if node.op_type in ("Conv", "Gemm"):
            outputs = math.prod(shapes[node.output[0]][1:])
            counts.append((outputs, outputs * math.prod(weights[node.input[1]][1:])))
    return counts


@pytest.mark.sim
def test_a_whole_image_is_bit_exact_and_nothing_is_left_out(run, tmp_path):
    status, summary, output = run("--images", 1)
    assert status == 0, output
    assert summary["complete"] is True
    expected = counts_by_shape(COMMITTED / "fashion_resnet8.onnx")
    layers = summary["layers"]
    assert len(expected) == len(layers) == 10
    assert sorted((layer["outputs"], layer["macs"]) for layer in layers) == sorted(expected)
    assert summary["totals"]["outputs"] == sum(outputs for outputs, _ in expected)
    assert summary["totals"]["macs"] == sum(macs for _, macs in expected)
    assert summary["totals"]["mismatches"] == 0
    varied = [layer for layer in layers if layer["distinct_codes"] > 16]
    assert len(varied) >= 0.9 * len(layers)
    convolutions = [layer for layer in layers if layer["operator"] == "Conv"]
    useful = sum(layer["macs"] for layer in convolutions)
    cycles = sum(layer["cycles"] for layer in convolutions)
    assert summary["totals"]["utilisation_convolutions"] == pytest.approx(useful / 256 / cycles)
    assert "over the convolutions; " in output
    assert all(0 <= layer["zero_gated"] < 1 for layer in layers)
    (prediction,) = summary["predictions"]
    assert prediction["rtl"] == prediction["float"] == prediction["label"]
    assert summary["formats_and_codes"] == "committed"
    page = (tmp_path / "replay" / "report.html").read_text("utf-8")
    assert page.count("<svg") == 1 and "block3/conv2" in page and "mismatches" in page
    assert printed(output) == printed(README.partition("## What `make replay` prints")[2])


def printed(text: str) -> list[list[str]]:
    """Return the words of what a replay prints, from its first line to its last, times aside."""
    lines = text[text.index("fashion_resnet8: 1 image(s)") :].splitlines()
    lines = [line.split() for line in lines if "━" not in line and " s left" not in line]
    end = next(number for number, words in enumerate(lines) if words[:1] == ["image"])
    table = []
    for words in lines[: end + 1]:
        if words[-1:] == ["yes"]:
            words[-2] = "kMAC/s"
        elif "simulator(s)" in words or "lost;" in words:
            words = words[:-2]
        table.append(words)
    return table


@pytest.mark.sim
def test_a_changed_weight_is_reported_and_reproduced(run, monkeypatch):
    changes = change_weight_on_its_way(monkeypatch)
    status, summary, output = run("--layers", SMALL_LAYER, "--jobs", 1)
    (change,) = changes
    assert status == 1
    assert summary["totals"]["mismatches"] == 1
    assert f"MISMATCH in layer {SMALL_LAYER}, image 0, channel {change.n}" in output
    assert f"(row {change.m}, column {change.n} of the product)" in output
    decoded = r"0x[0-9a-f]{2} of s\S+ = \S+ = [^(]+\(sign [01], exponent \d+, significand \d+\)"
    assert f"tile: rows {change.m // 16 * 16} to " in output
    assert re.search(rf"expected: {decoded}, ", output)
    assert re.search(rf"actual: {decoded}, ", output)
    assert re.search(rf"k = \d+: a {decoded}; w {decoded}", output)
    assert "the operands were changed on their way" in output
    assert f"w_codes[{change.k}, {change.column}] of the tile" in output
    command = re.search(r"make replay TILE=(\S+)", output)
    status, _, output = run("--tile", command[1])
    assert status == 1
    assert f"MISMATCH at row {change.row}, column {change.column} of the tile" in output
    waves = Path(re.search(r"waves: (\S+)", output)[1])
    assert waves.stat().st_size > 10_000


@pytest.mark.sim
def test_a_fault_in_the_design_is_told_from_changed_operands(run, monkeypatch, tmp_path):
    hdl = tmp_path / "hdl"
    shutil.copytree(design_folder(), hdl)
    encode = hdl / "ffp8_encode.v"
    text = encode.read_text()
    assert text.count("rounding3 == RNE ? guard3_q &&") == 1
    encode.write_text(text.replace("rounding3 == RNE ? guard3_q &&", "rounding3 == RNE ? "))
    monkeypatch.setenv("HDL", str(hdl))
    status, _, output = run("--layers", SMALL_LAYER, "--sim", "icarus")
    assert status == 1
    assert "the operands were streamed as the model has them: the RTL's answer is wrong" in output
    (line,) = [text for text in output.splitlines() if "make replay TILE=" in text]
    assert f" SIM=icarus HDL={hdl}" in line


@pytest.mark.sim
def test_an_interrupted_run_keeps_what_is_done_and_is_no_success(run, monkeypatch):
    original = Replayer.run

    def interrupted(replayer, work):
        if work.layer.name == "classifier":
            raise KeyboardInterrupt
        return original(replayer, work)

    monkeypatch.setattr(Replayer, "run", interrupted)
    status, summary, output = run("--layers", f"{SMALL_LAYER},classifier")
    assert status == 130
    assert summary["complete"] is False
    assert [layer["name"] for layer in summary["layers"]] == [SMALL_LAYER]
    assert "predictions" not in summary
    assert "interrupted: only the layers above were compared" in output


@pytest.mark.sim
def test_the_classical_accumulator_replays_too(run):
    status, summary, output = run("--layers", "classifier", "--accumulator", "binary32")
    assert status == 0, output
    assert summary["engine"]["ACCUMULATOR"] == 1
    assert summary["totals"]["outputs"] == 10


@pytest.mark.sim
def test_layers_that_are_not_chosen_are_left_to_the_model(run, monkeypatch):
    computed = []
    compute = GemmLayer.compute

    def count(layer, codes, *accumulator):
        computed.append(layer.name)
        return compute(layer, codes, *accumulator)

    monkeypatch.setattr(GemmLayer, "compute", count)
    status, summary, _ = run("--layers", "classifier", "--rows", 3, "--cols", 4)
    assert status == 0
    assert [layer["name"] for layer in summary["layers"]] == ["classifier"]
    assert len(computed) == 10


def bad(*arguments: object, says: str, name: str) -> object:
    """One case of bad input."""
    return pytest.param(arguments, says, id=name)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        bad("--sim", "vcs", says="SIM=vcs: unknown simulator, choose icarus", name="simulator"),
        bad(
            "--accumulator", "int32", says="ACCUMULATOR=int32: choose exact or", name="accumulator"
        ),
        bad("--rows", 0, says="ROWS=0: an array has 1 to 64", name="rows"),
        bad("--cols", 65, says="COLS=65: an array has 1 to 64", name="cols"),
        bad("--exp_max", 6, says="EXP_MAX=6: an engine has 1 to 5", name="exponents"),
        bad("--exp_max", 1, says="EXP_MAX=1: format s1e3f4b6 of y of layer", name="formats"),
        bad(
            "--k_max",
            100,
            says="layer 'block1/conv1': sums of 144 products, more than K_MAX=100 allows",
            name="depth",
        ),
        bad("--images", 1001, says="IMAGES=1001: fashion_mnist_test has 1000", name="images"),
        bad("--layers", "stem,conv9", says="LAYERS=conv9: no such layer", name="layer"),
        bad("--model", "missing.onnx", says="MODEL=missing.onnx: no such file", name="model"),
        bad("--data", "missing.npz", says="missing.npz: no such file", name="data"),
        bad("--tile", "missing.npz", says="missing.npz: no such file", name="tile"),
    ],
)
def test_bad_input_gets_one_sentence(run, tmp_path, arguments, says):
    status, summary, output = run(*arguments)
    assert status == 2
    assert summary is None
    assert output.strip().splitlines()[-1].startswith(f"replay: {says}")
    assert not (tmp_path / "replay").exists()


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 truncated", b"no archive"])
def test_a_damaged_tile_is_refused(run, tmp_path, content):
    path = tmp_path / "tile.npz"
    path.write_bytes(content)
    status, _, output = run("--tile", path)
    assert status == 2
    assert "not a file of a matrix product" in output
