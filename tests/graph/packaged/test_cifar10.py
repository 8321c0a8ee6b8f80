"""The graph of the Keras network, before a computation with channels last."""

import numpy as np
import pytest

from model.graph.packaged.cifar10 import build as build_keras
from model.graph.packaged.cifar10 import channels_first
from tests.graph.float_execution import run_model
from tests.graph.tiny_networks import normal

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
    np.testing.assert_allclose(run_model(model, images), expected, rtol=1e-4, atol=1e-4)


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
