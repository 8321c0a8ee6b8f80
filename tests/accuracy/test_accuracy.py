"""``make accuracy`` on a small network: what it leaves behind, and what it refuses."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from model.comparison.schemes import OTHER_SCHEMES
from model.format.format import Format
from model.graph.images import read_images
from model.graph.importing.network import load_network
from model.quantization.calibration import FloatNetwork, calibrate
from model.quantization.export import export_arrays
from model.quantization.method import weight_codes
from model.quantization.quantize import apply_selection
from model.quantization.selection_file import read_selection
from tests.graph.mixed_networks import odd_groups_network, write_images
from tests.graph.tiny_networks import CONV, WEIGHTS, normal, operator, write_network
from verif.accuracy import __main__ as accuracy
from verif.accuracy.document import PICTURE, TABLES, write_document
from verif.commands import measured
from verif.commands.sources import named_source

VARIANTS = [
    *("one format for all layers", "default bias", "signed only", "per tensor", "per channel"),
]

QUICK = "--nearest", "0"


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """Return where the command writes."""
    monkeypatch.setattr(accuracy, "FOLDER", tmp_path / "accuracy")
    return tmp_path / "accuracy"


@pytest.fixture
def arguments(tmp_path, seed) -> list[str]:
    """Write a network, labelled test images and calibration images, and name them."""
    model = odd_groups_network(tmp_path / "mixed.onnx", seed)
    calibration = write_images(tmp_path / "calibration.npz", seed)
    labels = np.random.default_rng(seed).integers(0, 5, 12)
    np.savez(tmp_path / "test.npz", images=normal(seed + 1, 12, 4, 6, 5, scale=1.0), labels=labels)
    files = "--model", model, "--data", tmp_path / "test.npz", "--calibration", calibration
    return list(map(str, files))


def summary_of(folder: Path) -> dict:
    """Read the only network's part of the summary."""
    (network,) = json.loads((folder / "summary.json").read_text())["networks"]
    return network


def results(folder: Path) -> Path:
    """Return the folder of the only network."""
    return Path(summary_of(folder)["folder"])


def test_rows_files_and_pictures(folder, arguments):
    assert accuracy.main(arguments) == 0
    summary = summary_of(folder)
    names = [scheme.name for scheme in OTHER_SCHEMES]
    names += [*(f"FFP8 {variant}" for variant in VARIANTS), "FFP8"]
    parts = "weights alone", "activations alone"
    names += [f"{name}, {part}" for name in ("INT8 per channel", "FFP8") for part in parts]
    names += [f"{name}, nearest" for name in (*(one.name for one in OTHER_SCHEMES), "FFP8")]
    assert [row["scheme"] for row in summary["rows"]] == names
    assert summary["images"] == 12 and summary["calibration_images"] == 8 and summary["labels"]
    for row in summary["rows"]:
        assert row["loss_low"] < row["loss_high"] and 0 <= row["agreement"] <= 100
        assert row["loss"] == pytest.approx(summary["float_top1"] - row["top1"])
        assert row["weight_bytes"] < summary["float_weight_bytes"]
        if row["scheme"] == "FFP8":
            assert row["ffp8_better_by"] is None
            continue
        for difference, low, high in row["ffp8_better_by"].values():
            assert low <= difference <= high
    snr = {row["scheme"]: row["snr"] for row in summary["rows"]}
    assert snr["FFP8"] > 30 > snr["OCP E5M2"]
    assert abs(summary["on_codes"]["snr"] - summary["on_codes"]["emulated_snr"]) < 0.5
    assert summary["on_codes"]["same_in_onnx"] >= 90
    profiles = summary["noise_by_tensor"]
    assert list(profiles) == [
        name + part
        for name in ("INT8 per channel", "FFP8")
        for part in ("", ", weights alone", ", activations alone")
    ]
    network = load_network(arguments[1])
    for name, ratios in profiles.items():
        assert list(ratios) == [network.input, *(node.output for node in network.nodes)]
        assert ratios[network.output] == pytest.approx(snr[name], abs=1e-3)
    assert profiles["FFP8, weights alone"][network.input] == 999
    for name in ("systems", "formats", "grid", "layers"):
        assert (results(folder) / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    whole = [name for name in names if ", " not in name]
    assert (folder / "table.md").read_text().count("\n") == 2 + len(whole)
    assert (results(folder) / "table.md").read_text().count("\n") == 2 + len(names)


def test_nearest_rows_may_be_left_out(folder, arguments):
    assert accuracy.main([*arguments, *QUICK]) == 0
    rows = {row["scheme"]: row for row in summary_of(folder)["rows"]}
    assert len(rows) == len(OTHER_SCHEMES) + accuracy.VARIANTS_AND_PARTS
    assert "FFP8, weights alone" in rows and "FFP8, nearest" not in rows


def test_fewer_and_fewer_calibration_images(folder, arguments):
    assert accuracy.main([*arguments, *QUICK, "--curve", "1"]) == 0
    summary = summary_of(folder)
    curve = summary["calibration_curve"]
    assert [point["calibration_images"] for point in curve] == [1, 2, 4, 8]
    (ours,) = [row for row in summary["rows"] if row["scheme"] == "FFP8"]
    assert {name: curve[-1][name] for name in ("snr", "loss", "loss_low")} == {
        name: ours[name] for name in ("snr", "loss", "loss_low")
    }
    assert curve[0]["snr"] != curve[-1]["snr"]
    assert (results(folder) / "calibration.png").read_bytes().startswith(b"\x89PNG")


def test_the_documents_hold_every_row(folder, arguments, tmp_path):
    assert accuracy.main(arguments) == 0
    summary = summary_of(folder)
    networks = [summary, summary | {"network": "other", "labels": False}]
    for name in ("once", "twice"):
        write_document(tmp_path / name, networks)
    tables = (tmp_path / "once" / TABLES).read_text()
    own = (results(folder) / "table.md").read_text()
    assert tables.count(own.rstrip()) == 2 and (folder / "table.md").read_text() not in tables
    assert "## other\n\n12 test images; formats chosen on 8 other images." in tables
    assert f"12 test images, float32 {summary['float_top1']:.2f} % top-1; formats" in tables
    assert tables.count("| INT8 per channel |") == 3  # one of them in the overview
    for name in (TABLES, PICTURE):
        assert (tmp_path / "once" / name).read_bytes() == (tmp_path / "twice" / name).read_bytes()
    picture = (tmp_path / "once" / PICTURE).read_text()
    assert picture.startswith("<?xml") and "E3M4" in picture


@pytest.mark.parametrize(
    "option", [["--images", "2"], ["--nearest", "0"], ["--formats", "s1e4f3"], ["--model", "x"]]
)
def test_documents_are_of_everything_or_not_written(folder, tmp_path, capsys, option):
    assert accuracy.main(["--document", str(tmp_path), *option]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"accuracy: DOCUMENT={tmp_path}: the documents' tables are of all")
    assert error.count("\n") == 1 and list(tmp_path.iterdir()) == []


def test_what_a_replay_measured_is_a_row_of_its_own(folder, arguments, monkeypatch, tmp_path):
    monkeypatch.setattr(measured, "FOLDER", tmp_path / "measured")
    source = named_source(*arguments[1::2])
    network, images, _ = source.read()
    answers = FloatNetwork(network).run(images.images)
    answers[0] = -answers[0]
    for count in (11, 12):  # the first ones are of fewer images than the table is
        measured.keep_measured(source.folder, source.hashes(), answers[:count])
        assert accuracy.main([*arguments, *QUICK]) == 0
        rows = {row["scheme"]: row for row in summary_of(folder)["rows"]}
        assert ("FFP8, measured in RTL" in rows) == (count == 12)
        if count == 12:
            row = rows["FFP8, measured in RTL"]
            assert row["agreement"] == pytest.approx(100 * 11 / 12)
            assert row["weight_bytes"] == rows["FFP8"]["weight_bytes"]
            assert "| FFP8, measured in RTL |" in (folder / "table.md").read_text()
    measured.keep_measured(source.folder, source.hashes(), answers)
    hdl = tmp_path / "hdl"
    hdl.mkdir()
    (hdl / "other.v").write_text("module other;\nendmodule\n")
    monkeypatch.setenv("HDL", str(hdl))  # another design has not answered
    assert measured.measured(source.folder, source.hashes(), 12) is None


def test_a_map_is_compared_by_its_pixels(folder, tmp_path, seed, capsys):
    model = write_network(tmp_path / "map.onnx", [CONV], WEIGHTS, ("N", 2, "H", "W"))
    images = tmp_path / "images.npz"
    np.savez(images, images=normal(seed, 4, 2, 5, 6, scale=1), labels=np.array([0, 1, 2, 3]))
    files = "--model", model, "--data", images, "--calibration", images, "--shape", "1,2,5,6"
    assert accuracy.main([*map(str, files), *QUICK]) == 0
    summary = summary_of(folder)
    assert summary["float_top1"] is None and not summary["labels"]
    assert summary["compared_by"].startswith("the top class of each pixel")
    (note,) = summary["notes"]
    assert note == "labels are not used: an answer of shape (4, 3, 4) names no one class"
    assert (summary["exp_max"], summary["k_max"]) == (5, 8192)
    shares = {round(row["agreement"] * 48 / 100, 6) for row in summary["rows"]}
    assert shares <= set(range(49)) and max(shares) > 40
    output = capsys.readouterr().out
    assert "compared by the top class of each pixel" in output and note in output


def test_values_are_compared_by_noise_alone(folder, tmp_path, seed, capsys):
    operators = [operator("MatMul", "x m", "y")]
    model = write_network(tmp_path / "rows.onnx", operators, {"m": normal(1, 5, 3)}, ("N", 4, 5))
    images = tmp_path / "images.npz"
    np.savez(images, images=normal(seed, 4, 4, 5, scale=1))
    files = "--model", model, "--data", images, "--calibration", images
    assert accuracy.main([*map(str, files), *QUICK]) == 0
    summary = summary_of(folder)
    assert {row["agreement"] for row in summary["rows"]} == {None}
    assert summary["rows"][-1]["snr"] > 20
    assert "compared by SNR alone" in capsys.readouterr().out
    assert "| FFP8 | - | - | - | " in (results(folder) / "table.md").read_text()


def test_two_files_of_one_name_have_results_of_their_own(folder, arguments, tmp_path):
    assert accuracy.main([*arguments, *QUICK, "--formats", "s1e4f3"]) == 0
    first, text = results(folder), (results(folder) / "selection.yaml").read_text()
    other = tmp_path / "other" / "mixed.onnx"
    other.parent.mkdir()
    shutil.copy(arguments[1], other)
    arguments[1] = str(other)
    assert accuracy.main([*arguments, *QUICK, "--formats", "s1e3f4"]) == 0
    second = results(folder)
    assert first != second and {first.parent, second.parent} == {folder}
    assert first.name.startswith("mixed@") and second.name.startswith("mixed@")
    assert (first / "selection.yaml").read_text() == text
    assert (second / "selection.yaml").read_text() != text


def test_selection_and_export_are_the_network(folder, arguments):
    assert accuracy.main([*arguments, *QUICK]) == 0
    network = load_network(arguments[1])
    selection = read_selection(results(folder) / "selection.yaml")
    calibration = calibrate(network, read_images(arguments[5], network).images)
    codes = weight_codes(network, selection, calibration)
    expected = export_arrays(apply_selection(network, selection, codes))
    with np.load(results(folder) / "quantized.npz", allow_pickle=False) as file:
        found = dict(file)
    assert set(found) == set(expected)
    assert all(np.array_equal(found[name], expected[name]) for name in expected)
    for name in found["layers"].tolist():
        fmt = Format.parse(str(found[f"{name}/format"]))
        assert fmt.bias == found[f"{name}/biases"][0]
        values = np.ldexp(fmt.decode(found[f"{name}/codes"]), fmt.bias - found[f"{name}/biases"])
        assert np.array_equal(values, selection.weights[name].decode(codes[name]))


def test_only_the_formats_asked_for(folder, arguments):
    assert accuracy.main([*arguments, *QUICK, "--formats", "s1e3f4,s0e[23]f?"]) == 0
    assert summary_of(folder)["exp_max"] == 3
    selection = read_selection(results(folder) / "selection.yaml")
    formats = [*selection.tensors.values(), *(w.fmt for w in selection.weights.values())]
    assert {str(fmt).partition("b")[0] for fmt in formats} <= {"s1e3f4", "s0e2f6", "s0e3f5"}


def test_images_without_labels(folder, arguments, tmp_path, seed):
    arguments[3] = str(write_images(tmp_path / "unlabelled.npz", seed + 2))
    assert accuracy.main([*arguments, *QUICK, "--images", "5"]) == 0
    summary = summary_of(folder)
    assert summary["float_top1"] is None and not summary["labels"] and summary["images"] == 5
    assert {row["top1"] for row in summary["rows"]} == {None}
    assert "| FFP8 | - | - | " in (results(folder) / "table.md").read_text()


@pytest.mark.parametrize(
    ("replaced", "message"),
    [
        ({"--model": "nowhere.onnx"}, "nowhere.onnx: no such file"),
        ({"--data": None}, "DATA= is needed"),
        ({"--data": None, "--calibration": None}, "DATA= and CALIBRATION= is needed"),
        ({"--formats": "s2*"}, "FORMATS=s2*: no such split"),
        ({"--formats": "s0*"}, "none of the formats has a sign bit"),
        ({"--images": "13"}, "IMAGES=13: "),
    ],
)
def test_bad_input_is_one_sentence(folder, arguments, capsys, replaced, message):
    given = dict(zip(arguments[::2], arguments[1::2], strict=True)) | replaced
    pairs = [(name, value) for name, value in given.items() if value is not None]
    assert accuracy.main([text for pair in pairs for text in pair]) == 2
    error = capsys.readouterr().err
    assert error.startswith("accuracy: ") and message in error and error.count("\n") == 1
    assert not (folder / "summary.json").exists()


def test_network_that_answers_nan(folder, arguments, tmp_path, capsys):
    operators = [
        operator("Conv", "x w", "c"),
        operator("Sqrt", "c", "s"),
        operator("Conv", "s u", "y"),
    ]
    constants = {"w": normal(1, 3, 4, 1, 1), "u": normal(2, 3, 3, 1, 1)}
    arguments[1] = str(write_network(tmp_path / "nan.onnx", operators, constants, ("N", 4, 6, 5)))
    assert accuracy.main(arguments) == 2
    error = capsys.readouterr().err
    assert "NaN" in error and "nan" in error and error.count("\n") == 1
