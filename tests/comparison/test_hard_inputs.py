"""Tensors at the ends of what a network may hold: right answers all the same."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from model.comparison.compare import ffp8_variants, other_systems
from model.comparison.measures import noise_ratio
from model.graph.importing.network import load_network
from model.graph.network import Network
from model.quantization.calibration import FloatNetwork, calibrate
from model.quantization.emulation import Emulation
from model.quantization.method import Method, emulated, select, weight_codes
from model.quantization.quantize import apply_selection
from tests.graph.tiny_networks import normal, operator, write_network

OPERATORS = [
    operator("Conv", "x w v", "c", pads=[1, 1, 1, 1]),
    operator("Relu", "c", "r"),
    operator("Conv", "r u", "e", group=2),
    operator("HardSwish", "e", "h"),
    operator("Flatten", "h", "f"),
    operator("MatMul", "f d", "y"),
]
Constants = dict[str, np.ndarray]
Change = Callable[[Constants, np.ndarray], None]


def network_of(path: Path, constants: Constants) -> Network:
    """Import the network with these constants."""
    return load_network(write_network(path, OPERATORS, constants))


@pytest.fixture
def parts(seed) -> tuple[Constants, np.ndarray]:
    """Return constants of the network, and images."""
    constants = {
        "w": normal(seed, 8, 2, 3, 3),
        "v": normal(seed + 1, 8),
        "u": normal(seed + 2, 6, 4, 1, 1),
        "d": normal(seed + 3, 6 * 8 * 9, 5, scale=0.1),
    }
    return constants, normal(seed + 4, 24, 2, 8, 9, scale=1)


def answers_of(network: Network, images: np.ndarray, calibration_images: np.ndarray) -> np.ndarray:
    """Choose formats, compute on codes, and check that emulation is near."""
    calibration = calibrate(network, calibration_images)
    selection = select(network, calibration, Method(exp_max=5))
    codes = weight_codes(network, selection, calibration)
    answers = apply_selection(network, selection, codes).run(images)
    emulation = Emulation(*emulated(network, selection, codes))
    assert np.isfinite(answers).all() and noise_ratio(emulation.run(images), answers) > 35
    return answers


def constant_images(constants: Constants, images: np.ndarray) -> None:
    """Let all pixels be one number."""
    images[:] = 0.7


def zero_images(constants: Constants, images: np.ndarray) -> None:
    """Let all pixels be zero; the biases are left."""
    images[:] = 0


def dead_channels(constants: Constants, images: np.ndarray) -> None:
    """Let channels of images, of weights and of results be zero."""
    images[:, 1] = 0
    constants["w"][[0, 5]] = 0
    constants["v"][5] = -3
    constants["u"][1] = 0


def dead_group(constants: Constants, images: np.ndarray) -> None:
    """Let all that the second group reads be zero."""
    constants["w"][4:] = 0
    constants["v"][4:] = -1


def constant_weights(constants: Constants, images: np.ndarray) -> None:
    """Let all weights of a layer be one number."""
    constants["u"][:] = 0.3


def tiny_weights(constants: Constants, images: np.ndarray) -> None:
    """Let results be of 1e-30, until the last layer makes more of them."""
    constants["w"] *= 1e-30
    constants["v"] *= 1e-30
    constants["d"] *= 1e30


def huge_weights(constants: Constants, images: np.ndarray) -> None:
    """Let results be of 1e30, which the last layer takes back."""
    constants["w"] *= 1e30
    constants["v"] *= 1e30
    constants["d"] *= 1e-30


def mixed_weights(constants: Constants, images: np.ndarray) -> None:
    """Let channels of one layer be of 1e-30, 1 and 1e30; what reads them makes them alike."""
    scale = np.repeat(np.float32([1e-30, 1e30]), 4)
    constants["w"] *= scale[:, None, None, None]
    constants["v"] *= scale
    constants["u"][3:] *= 1e-30


def subnormal_results(constants: Constants, images: np.ndarray) -> None:
    """Let a layer read numbers of 1e-39, below those that binary32 holds in full."""
    constants["w"] *= 1e-39
    constants["v"] *= 1e-39
    constants["d"] *= 1e38


HARD = {
    constant_images: 25,
    zero_images: 25,
    dead_channels: 25,
    dead_group: 25,
    constant_weights: 25,
    tiny_weights: 25,
    huge_weights: 25,
    mixed_weights: 25,
    subnormal_results: 15,
}
"""And by how many dB an answer exceeds its noise; 32, and 22 for the last, in 12 seeds."""


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("change", HARD, ids=lambda change: change.__name__)
def test_answers_are_near_float(tmp_path, parts, change):
    constants, images = parts
    change(constants, images)
    network = network_of(tmp_path / "net.onnx", constants)
    expected = FloatNetwork(network).run(images)
    assert np.isfinite(expected).all()
    assert noise_ratio(expected, answers_of(network, images, images)) > HARD[change]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("change", HARD, ids=lambda change: change.__name__)
def test_every_system_takes_them(tmp_path, parts, change):
    constants, images = parts
    change(constants, images)
    network = network_of(tmp_path / "net.onnx", constants)
    calibration = calibrate(network, images[:2])
    method = Method(exp_max=5)
    every = [*other_systems(network, calibration), *ffp8_variants(network, calibration, method)]
    for quantized in every:
        answers = Emulation(*quantized.emulated()).run(images)
        assert np.isfinite(answers).all(), quantized.name
    assert len(every) == 15


def test_one_calibration_image(tmp_path, parts):
    constants, images = parts
    network = network_of(tmp_path / "net.onnx", constants)
    expected = FloatNetwork(network).run(images)
    assert noise_ratio(expected, answers_of(network, images, images[:1])) > 15


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("scale", [1e-30, 1, 1e30])
def test_moments_of_batches_of_any_size(tmp_path, parts, scale, monkeypatch):
    """Zeros, small and large values in this order: their mean products are as of all at once."""
    constants, images = parts
    images *= np.float32(scale)
    images[:8] = 0
    images[8:16] *= np.float32(1e-6)
    network = network_of(tmp_path / "net.onnx", constants)
    monkeypatch.setattr("model.quantization.calibration.WAITING_VALUES", 1)
    monkeypatch.setattr("model.quantization.calibration.PATCH_VALUES", 2**30)
    monkeypatch.setattr("model.quantization.calibration.BATCH_BYTES", 1)
    calibration = calibrate(network, images)
    patches = calibration.patches["node_c"][:, 0].astype(np.float64)
    expected = patches.T @ patches / len(patches)
    moments = calibration.moments["node_c"][0].astype(np.float64)
    moments /= np.trace(moments)
    np.testing.assert_allclose(moments, expected / np.trace(expected), rtol=0, atol=1e-5)
