"""Replays of networks that answer with maps or values, of deep ones, and of images of two axes."""

from functools import partial
from pathlib import Path

import numpy as np
import onnx
import pytest

from model.graph.images import Images
from tests.graph.tiny_networks import CONV, WEIGHTS, normal, operator, write_network
from tests.replay.replaying import call_replay
from verif.replay import __main__ as replay
from verif.replay.answers import compared_answers, describe_answers

IMAGES = Images(np.zeros((2, 1), np.float32))


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run a replay on a small array into a folder of its own."""
    monkeypatch.setattr(replay, "FOLDER", tmp_path / "replay")
    call = partial(call_replay, tmp_path / "replay", capsys)

    def run_on(model: Path, images: np.ndarray, *arguments: object):
        np.savez(tmp_path / "images.npz", images=images)
        files = ("--data", tmp_path / "images.npz", "--calibration", tmp_path / "images.npz")
        return call("--model", model, *files, "--rows", 2, "--cols", 2, "--jobs", 1, *arguments)

    return run_on


def test_classes_are_called():
    expected = np.array([[1, 3], [5, 4]], np.float32)
    labelled = Images(IMAGES.images, np.array([1, 1]))
    found = compared_answers((2, 1, 1), labelled, expected, expected[::-1])
    assert found["predictions"] == [
        {"image": 0, "label": 1, "float": 1, "rtl": 0},
        {"image": 1, "label": 1, "float": 0, "rtl": 1},
    ]
    assert list(describe_answers(found))[0] == "image 0: RTL 0, float 1, label 1"


def test_of_many_images_it_is_said_how_many_agree():
    expected = np.tile(np.array([[1, 3]], np.float32), (20, 1))
    answers = expected.copy()
    answers[3] = answers[3, ::-1]
    labelled = Images(np.zeros((20, 1), np.float32), np.array([1] * 19 + [0]))
    found = compared_answers((2, 1, 1), labelled, expected, answers)
    (line,) = describe_answers(found)
    assert line == (
        "20 images: RTL and float agree on 19; top-1 90.00% by the RTL, 95.00% by float"
    )
    noisy = expected * np.linspace(1, 1.1, 20, dtype=np.float32)[:, None]
    values = compared_answers((2, 3), labelled, expected, noisy)
    assert list(describe_answers(values))[-1].startswith("the worst of 20 images: 19, ")


def test_pixels_are_called():
    expected = np.array([[1, 0, 0, 1], [1, 1, 0, 0]], np.float32)  # two classes at two pixels
    answers = expected.copy()
    answers[1, 2] = 2
    found = compared_answers((2, 1, 2), IMAGES, expected, answers)
    assert found["compared_by"].startswith("the top class of each pixel")
    assert [row["agreement"] for row in found["fidelity"]] == [100, 50]
    assert [row["snr"] for row in found["fidelity"]] == [999, pytest.approx(-3.0103, abs=1e-4)]
    lines = list(describe_answers(found))
    assert lines[1] == "image 1: RTL against float -3.0 dB, 50.00 % of the pixels called the same"


def test_values_have_noise_alone():
    expected = np.ones((2, 6), np.float32)
    found = compared_answers((2, 3), IMAGES, expected, expected * np.float32(1.1))
    assert found["compared_by"].startswith("SNR alone")
    assert [row["agreement"] for row in found["fidelity"]] == [None, None]
    assert list(describe_answers(found))[0] == "image 0: RTL against float 20.0 dB"


@pytest.mark.sim
def test_a_map_of_open_size(run, tmp_path):
    path = write_network(
        tmp_path / "map.onnx", [CONV], WEIGHTS, ("N", 2, "H", "W"), ("N", 4, "H", "W")
    )
    images = normal(1, 3, 2, 5, 4, scale=1)
    status, summary, output = run(path, images)
    assert (status, summary) == (2, None)
    assert "input 'x' has shape (N, 2, H, W): all but the batch must be fixed: SHAPE=" in output
    status, summary, output = run(path, images, "--shape", "1,2,5,4")
    assert status == 0, output
    assert summary["compared_by"].startswith("the top class of each pixel")
    (row,) = summary["fidelity"]
    assert row["snr"] > 15 and row["agreement"] > 50
    assert f"image 0: RTL against float {row['snr']:.1f} dB" in output


@pytest.mark.sim
def test_a_deep_layer_on_images_of_two_axes(run, tmp_path):
    """As deep as the first of AlexNet's fully connected layers, and then some."""
    operators = [operator("Gemm", "x w", "y")]
    path = write_network(
        tmp_path / "deep.onnx", operators, {"w": normal(1, 9217, 3, scale=0.02)}, ("N", 9217)
    )
    status, summary, output = run(path, normal(2, 3, 9217))
    assert status == 0, output
    assert summary["engine"] == {
        "ROWS": 2,
        "COLS": 2,
        "EXP_MAX": 2,
        "K_MAX": 16384,
        "ACCUMULATOR": 0,
    }
    assert "2 x 2 array of EXP_MAX 2 and K_MAX 16,384" in output
    assert summary["totals"]["outputs"] == 3 and summary["totals"]["macs"] == 3 * 9217
    (note,) = summary["notes"]
    assert note.endswith("more than 4,096 products: node_y (K 9,217)") and note in output
    status, summary, output = run(path, normal(2, 3, 9216))
    assert status == 2
    assert "images have shape (9216,) each, the network 'deep' takes (9217,)" in output


@pytest.mark.sim
def test_it_is_said_what_of_the_file_is_not_used(run, tmp_path):
    operators = [
        operator("Cast", "x", "h", to=onnx.TensorProto.FLOAT16),
        operator("Conv", "h k", "c"),
        operator("Cast", "c", "f", to=onnx.TensorProto.FLOAT),
        operator("QuantizeLinear", "f step zero", "q"),
        operator("DequantizeLinear", "q step zero", "y"),
    ]
    constants = {"k": WEIGHTS["w"].astype(np.float16), "step": np.float32(0.02)}
    constants["zero"] = np.array(3, np.int8)
    path = write_network(tmp_path / "others.onnx", operators, constants, ("N", 2, 4, 5))
    status, summary, output = run(path, normal(1, 3, 2, 4, 5, scale=1))
    assert status == 0, output
    assert summary["notes"] == [
        "FLOAT16 and BFLOAT16 of the file are run as float32",
        "the file's own quantization of 1 activation(s) is not used: they are computed in float,"
        " and given formats like any others",
    ]
    assert all(note in output for note in summary["notes"])
