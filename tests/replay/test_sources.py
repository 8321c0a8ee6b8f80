"""What a replay reads: networks by name or by file, and formats from a selection."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from model.format.splits import supported_splits
from model.graph.images import read_images
from model.graph.importing.network import load_network
from model.graph.packaged.recipes import PackagedNetwork
from model.quantization.calibration import calibrate
from model.quantization.method import Method, Selection, select
from model.quantization.scaling import rescaled_network
from model.quantization.selection_file import dump_selection
from tests.graph.mixed_networks import odd_groups_network, write_images
from tests.graph.tiny_networks import residual_network
from tests.replay.replaying import call_replay
from verif.commands import sources as named_sources
from verif.commands.sources import Source
from verif.replay import __main__ as replay
from verif.replay import prepared
from verif.replay.prepared import prepared_network
from verif.replay.sources import fitting_selection, replay_source

INPUTS = {"MODEL": "1", "CALIBRATION": "2"}


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run a replay into a folder of its own; return status, summary (None without), output."""
    folder = tmp_path / "replay"
    monkeypatch.setattr(replay, "FOLDER", folder)
    return partial(call_replay, folder, capsys)


@pytest.fixture
def files(tmp_path, seed) -> tuple[Path, Path]:
    """Write a network and images for it."""
    model = odd_groups_network(tmp_path / "odd.onnx", seed)
    return model, write_images(tmp_path / "images.npz", seed)


@pytest.fixture
def selection(files) -> Selection:
    """Choose formats that a replay does not choose by itself: of 3 exponent bits."""
    network = load_network(files[0])
    method = Method(tuple(split for split in supported_splits(3) if split[1] == 3))
    return select(network, calibrate(network, read_images(files[1]).images), method)


@pytest.mark.parametrize("name", ["fashion_resnet8", "fashion_vgg"])
def test_committed_networks_have_committed_images(name):
    expected = Source(name, "fashion_mnist_test", "fashion_mnist_calibration", name)
    assert replay_source(name, None, None) == expected
    assert replay_source(name, "mine.npz", None) == replace(expected, data="mine.npz")
    assert replay_source(name, None, "mine.npz") == replace(expected, calibration="mine.npz")


@pytest.mark.parametrize("name", ["fashion_resnet8", "fashion_vgg"])
def test_all_images_are_those_of_debian_unless_others_are_named(name):
    source = replay_source(name, None, None, all_images=True)
    assert source == Source(name, named_sources.FASHION_DATA, "fashion_mnist_calibration", name)
    assert replay_source(name, "mine.npz", None, all_images=True).data == "mine.npz"


def test_a_replay_of_all_images_reads_all_that_there_are(run, monkeypatch):
    def read_test_images():
        raise ValueError("all test images are read")

    monkeypatch.setattr(named_sources, "read_test_images", read_test_images)
    status, _, output = run("--images", "all")
    assert (status, output) == (2, "replay: all test images are read\n")
    status, _, output = run("--images", 1001)
    assert (status, output) == (2, "replay: IMAGES=1001: fashion_mnist_test has 1000\n")


def test_packaged_networks_have_their_own_images(monkeypatch):
    paths = PackagedNetwork(Path("a.onnx"), Path("b.npz"), Path("c.npz"))
    monkeypatch.setattr(named_sources, "packaged", lambda name, folder: paths)
    assert replay_source("cifar10", None, None) == Source("a.onnx", "b.npz", "c.npz", "cifar10")
    assert replay_source("cifar10", "mine.npz", None) == Source(
        "a.onnx", "mine.npz", "c.npz", "cifar10"
    )


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ((), "DATA= and CALIBRATION="),
        (("--data", "images.npz"), "CALIBRATION="),
        (("--calibration", "images.npz"), "DATA="),
    ],
)
def test_other_networks_need_images(run, files, given, missing):
    status, summary, output = run("--model", files[0], *given)
    assert status == 2
    assert summary is None
    assert f"replay: MODEL={files[0]}: {missing} is needed with it" in output


@pytest.mark.sim
def test_formats_of_a_selection_replay(run, files, selection, tmp_path):
    model, images = files
    path = tmp_path / "selection.yaml"
    path.write_text(dump_selection(selection))
    given = ("--model", model, "--data", images, "--calibration", images, "--layers", "node_c1")
    status, summary, output = run(*given, "--rows", 4, "--cols", 4, "--selection", path)
    assert status == 0, output
    assert summary["selection"] == str(path)
    assert f"formats: {path}" in output
    (row,) = summary["layers"]
    assert row["formats"]["a"] == str(selection.tensors["h0"])
    assert row["formats"]["w"].startswith("s1e3f4b")
    status, summary, output = run(*given, "--rows", 4, "--cols", 4)
    assert status == 0, output
    assert summary["selection"] is None
    assert "formats:" not in output


def test_weights_of_a_selection_are_rounded_for_their_outputs(files, selection, tmp_path):
    network, images = load_network(files[0]), read_images(files[1]).images
    path = tmp_path / "selection.yaml"
    path.write_text(dump_selection(selection))
    prepare = partial(prepared_network, network, images, INPUTS, folder=tmp_path / "kept")
    quantized, _ = prepare(fitting_selection(network, path))
    path.write_text(dump_selection(replace(selection, objective="tensor")))
    nearest, _ = prepare(fitting_selection(network, path))
    rescaled = rescaled_network(network, selection.scales)
    nodes = {node.name: node for node in rescaled.nodes}
    for layer in nearest.layers:
        codes = selection.weights[layer.name].encode(nodes[layer.name].weights)
        np.testing.assert_array_equal(layer.w_codes, codes)
    assert any(
        (one.w_codes != other.w_codes).any()
        for one, other in zip(quantized.layers, nearest.layers, strict=True)
    )


def test_a_network_is_quantized_once_and_kept(files, selection, tmp_path, monkeypatch):
    network, images = load_network(files[0]), read_images(files[1]).images
    prepare = partial(prepared_network, network, images, folder=tmp_path / "kept")
    first, doubts = prepare(INPUTS)
    calls = []
    monkeypatch.setattr(prepared, "calibrate", lambda *given: calls.append(given))
    again, kept = prepare(INPUTS)
    assert (calls, kept) == ([], doubts)
    for one, other in zip(first.layers, again.layers, strict=True):
        np.testing.assert_array_equal(one.w_codes, other.w_codes)
        assert (one.fmt_a, one.fmt_w, one.fmt_y) == (other.fmt_a, other.fmt_w, other.fmt_y)
    for changed in (INPUTS | {"MODEL": "3"}, INPUTS | {"CALIBRATION": "3"}):
        with pytest.raises(AttributeError):  # nothing is calibrated any more
            prepare(changed)
    with pytest.raises(AttributeError):
        prepare(INPUTS, selection)
    assert len(calls) == 3


def with_biases(selection: Selection, count: int) -> Selection:
    """Give a layer another number of output channels."""
    chosen = selection.weights["node_c1"]
    chosen = replace(chosen, biases=np.resize(chosen.biases, count))
    return replace(selection, weights=selection.weights | {"node_c1": chosen})


REFUSED = {
    "exponent": (
        lambda selection: replace(selection, exp_max=6),
        "exp_max 6: the engine of a replay has at most 5",
    ),
    "sum": (
        lambda selection: replace(selection, k_max=32769),
        "k_max 32769: the engine of a replay has at most 32768",
    ),
    "short sum": (
        lambda selection: replace(selection, k_max=17),
        "layer 'node_c0' sums 18 products, this build at most 17",
    ),
    "channels": (
        lambda selection: with_biases(selection, 5),
        "layer 'node_c1': 5 biases in the selection, one for each of 6 channels",
    ),
    "tensor": (
        lambda selection: replace(selection, tensors={"h0": selection.tensors["h0"]}),
        "the selection for network 'odd' has no format for x, ",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_selection_that_does_not_fit_is_refused(run, files, selection, tmp_path, case):
    change, says = REFUSED[case]
    path = tmp_path / "selection.yaml"
    path.write_text(dump_selection(change(selection)))
    given = ("--model", files[0], "--data", files[1], "--calibration", files[1])
    status, summary, output = run(*given, "--selection", path)
    assert status == 2
    assert summary is None
    assert output.startswith(f"replay: {path}: {says}")


def test_a_selection_for_another_network_is_refused(run, files, selection, tmp_path, seed):
    path = tmp_path / "selection.yaml"
    path.write_text(dump_selection(selection))
    other = residual_network(tmp_path / "other.onnx", seed)
    images = tmp_path / "other.npz"
    np.savez(images, images=np.zeros((1, 2, 8, 9), np.float32))
    given = ("--model", other, "--data", images, "--calibration", images)
    status, summary, output = run(*given, "--selection", path)
    assert status == 2
    assert summary is None
    assert "the selection for network 'odd' has no format for" in output
    assert "of 'other'" in output


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "cannot be read"),
        ("a: [", "not a YAML file"),
        ("version: 1", "no key 'network'"),
    ],
)
def test_a_file_that_is_no_selection_is_refused(run, tmp_path, content, says):
    path = tmp_path / "selection.yaml"
    if content is not None:
        path.write_text(content)
    status, summary, output = run("--selection", path)
    assert status == 2
    assert summary is None
    assert output.startswith(f"replay: {path}: {says}")
