"""Emulated networks against onnxruntime on the file, and networks on codes against emulation."""

from pathlib import Path

import numpy as np
import pytest

from model.comparison.measures import noise_ratio
from model.format.format import Format
from model.format.splits import supported_splits
from model.graph.archive import read_arrays
from model.graph.images import read_images
from model.graph.importing.network import load_network
from model.graph.network import Network
from model.graph.runtime import onnxruntime
from model.quantization.calibration import FloatNetwork, calibrate
from model.quantization.emulation import Emulation
from model.quantization.method import Method, Selection, emulated, select, weight_codes
from model.quantization.quantize import apply_selection
from model.quantization.quantized import QuantizedNetwork
from model.quantization.selection_file import read_selection
from tests.graph.mixed_networks import KINDS, mixed_network
from tests.graph.tiny_networks import normal, operator, write_network
from verif.replay.committed import FOLDER

EVERY_KIND = pytest.mark.parametrize("kind", [*KINDS, "residual"])
SIGNED = tuple(split for split in supported_splits(4) if split[0])


def images_for(network: Network, seed: int, count: int = 20) -> np.ndarray:
    """Draw images of a network's shape."""
    return normal(seed, count, *network.input_shape, scale=1)


@EVERY_KIND
def test_nothing_quantized_is_the_file(tmp_path, seed, kind):
    path = mixed_network(tmp_path / "net.onnx", kind, seed % 1000)
    images = images_for(network := load_network(path), seed)
    runtime = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (expected,) = runtime.run(None, {network.input: images})
    expected = expected.reshape(len(images), -1)
    answers = Emulation(network, {}, {}).run(images)
    assert answers.shape == expected.shape and answers.dtype == np.float32
    assert np.abs(answers - expected).max() <= 1e-5 * np.abs(expected).max()
    assert np.ptp(expected) > 1e-3


@EVERY_KIND
def test_weights_given_are_used(tmp_path, seed, kind):
    """Twice the weights of the last layer is an answer as if the file had them."""
    network = load_network(mixed_network(tmp_path / "net.onnx", kind, seed % 1000))
    node = next(n for n in reversed(network.nodes) if hasattr(n, "weights"))
    images = images_for(network, seed)
    plain = Emulation(network, {}, {}).run(images)
    np.testing.assert_array_equal(
        Emulation(network, {node.name: node.weights}, {}).run(images), plain
    )
    zero = Emulation(network, {node.name: 0 * node.weights}, {}).run(images)
    assert not np.array_equal(zero, plain) and (zero == zero[0]).all()


@EVERY_KIND
def test_every_tensor_passes_its_quantizer_once(tmp_path, seed, kind):
    network = load_network(mixed_network(tmp_path / "net.onnx", kind, seed % 1000))
    images = images_for(network, seed)
    seen: dict[str, list[np.ndarray]] = {}

    def watch(name: str):
        def quantize(values: np.ndarray) -> np.ndarray:
            seen.setdefault(name, []).append(values)
            return values

        return quantize

    tensors = [network.input, *(node.output for node in network.nodes)]
    Emulation(network, {}, {name: watch(name) for name in tensors}).run(images)
    assert set(seen) == set(tensors) and all(len(found) == 1 for found in seen.values())
    for name, (values,) in seen.items():
        assert values.shape == (len(images), *network.shapes[name]) and values.dtype == np.float32
    for node in network.nodes:
        if node.activation:
            assert seen[node.output][0].min() >= 0
            assert seen[node.output][0].max() <= node.activation.upper


def test_what_a_quantizer_makes_goes_on(tmp_path, seed):
    network = load_network(mixed_network(tmp_path / "net.onnx", "grouped", seed % 1000))
    images = images_for(network, seed)
    stuck = Emulation(network, {}, {"r0": lambda values: np.zeros_like(values)}).run(images)
    assert (stuck == stuck[0]).all()
    answer = Emulation(network, {}, {"y": lambda values: values + 1}).run(images)
    np.testing.assert_array_equal(answer, Emulation(network, {}, {}).run(images) + 1)


@EVERY_KIND
def test_batches_do_not_change_answers(tmp_path, seed, kind, monkeypatch):
    network = load_network(mixed_network(tmp_path / "net.onnx", kind, seed % 1000))
    images = images_for(network, seed, 7)
    fmt = Format(1, 3, 4, 4)
    emulation = Emulation(network, {}, {"x": fmt.quantize})
    together = emulation.run(images)
    monkeypatch.setattr("model.quantization.emulation.batch_size", lambda network: 3)
    np.testing.assert_allclose(emulation.run(images), together, rtol=1e-5, atol=1e-6)


def chosen(network: Network, seed: int, method: Method) -> tuple[Selection, dict[str, np.ndarray]]:
    """Choose formats on 30 images, and round the weights."""
    calibration = calibrate(network, images_for(network, seed, 30))
    selection = select(network, calibration, method)
    return selection, weight_codes(network, selection, calibration)


def both_ways(
    network: Network, selection: Selection, codes: dict[str, np.ndarray], rounding: str = "rne"
) -> tuple[QuantizedNetwork, Emulation]:
    """Return the network on codes, and its emulation."""
    on_codes = apply_selection(network, selection, codes, rounding)
    return on_codes, Emulation(*emulated(network, selection, codes))


@EVERY_KIND
@pytest.mark.parametrize("splits", [tuple(supported_splits(4)), SIGNED], ids=["all", "signed"])
def test_network_on_codes_is_near_its_emulation(tmp_path, seed, kind, splits):
    """All but last places: 47 dB or more in 150 networks, and 29 dB or more to float.

    Among others where the format of a rectified tensor has a sign bit, so that it is not the
    format that makes negative values zero.
    """
    network = load_network(mixed_network(tmp_path / "net.onnx", kind, seed % 1000))
    selection, codes = chosen(network, seed, Method(splits, exp_max=4, k_max=256))
    on_codes, emulation = both_ways(network, selection, codes)
    images = images_for(network, seed + 1)
    answers = on_codes.run(images)
    assert answers.dtype == np.float32 and answers.shape == (len(images), network.classes)
    assert noise_ratio(emulation.run(images), answers) > 38
    assert noise_ratio(FloatNetwork(network).run(images), answers) > 18


@pytest.mark.parametrize("name", ["fashion_resnet8", "fashion_vgg"])
def test_the_emulation_of_a_committed_network_is_the_network_on_codes(name):
    """Bit for bit, biases as the accumulator holds them: its sums fit float32."""
    network = load_network(name)
    selection = read_selection(FOLDER / f"{name}.yaml")
    codes = read_arrays(FOLDER / f"{name}.npz", [node.name for node in network.linears])
    on_codes, emulation = both_ways(network, selection, codes)
    images = read_images("fashion_mnist_test", network).images[:200]
    np.testing.assert_array_equal(emulation.run(images), on_codes.run(images))


@pytest.mark.parametrize("size", [1, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_fixed_batch(tmp_path, seed, kind, size):
    """Networks whose file fixes the batch answer any number of images, as if it did not."""
    free = load_network(mixed_network(tmp_path / "free.onnx", kind, seed % 1000))
    fixed = load_network(mixed_network(tmp_path / "fixed.onnx", kind, seed % 1000, batch=size))
    assert (free.batch, fixed.batch) == (None, size)
    images = images_for(free, seed, 7)
    calibrations = [calibrate(network, images) for network in (free, fixed)]
    for name, histogram in calibrations[0].histograms.items():
        assert calibrations[1].histograms[name].size == histogram.size
    expected = FloatNetwork(free).run(images)
    close = {"rtol": 1e-4, "atol": 1e-5 * np.abs(expected).max()}
    np.testing.assert_allclose(FloatNetwork(fixed).run(images), expected, **close)
    np.testing.assert_allclose(Emulation(fixed, {}, {}).run(images), expected, **close)
    selection, codes = chosen(free, seed, Method(exp_max=5))
    answers = [apply_selection(network, selection, codes).run(images) for network in (free, fixed)]
    assert noise_ratio(*answers) > 38


def test_images_of_another_shape(tmp_path, seed):
    network = load_network(mixed_network(tmp_path / "net.onnx", "grouped", seed % 1000))
    images = images_for(network, seed)
    for wrong in (images[:, :1], images[:0], images[0], images[..., 1:]):
        with pytest.raises(ValueError, match=r"at least one of \(2, 8, 9\) is expected"):
            Emulation(network, {}, {}).run(wrong)


@pytest.fixture
def logarithm(tmp_path) -> Network:
    """Import a network that takes the logarithm of its input, NaN for negative values."""
    operators = [operator("Log", "x", "l"), operator("Conv", "l w", "y")]
    constants = {"w": normal(1, 3, 2, 2, 2)}
    return load_network(write_network(tmp_path / "net.onnx", operators, constants))


def test_nan_inside_names_the_tensor(logarithm, seed):
    """On a calibration image, emulated, and on codes."""
    images = np.abs(images_for(logarithm, seed)) + np.float32(0.1)
    calibration = calibrate(logarithm, images)
    selection = select(logarithm, calibration, Method())
    codes = weight_codes(logarithm, selection, calibration)
    on_codes, emulation = both_ways(logarithm, selection, codes)
    assert noise_ratio(emulation.run(images), on_codes.run(images)) > 38
    images[3, 1, 2, 4] = -1
    with pytest.raises(ValueError, match="tensor 'l' on a calibration image: a value is NaN"):
        calibrate(logarithm, images)
    for run in (emulation.run, on_codes.run):
        with pytest.raises(ValueError, match=r"tensor 'l': .*3, 1, 2, 4.* is NaN"):
            run(images)


def test_another_rounding_shows(tmp_path: Path, seed):
    """The bounds above are no formality: with another rounding than the emulation's they fail."""
    network = load_network(mixed_network(tmp_path / "net.onnx", "grouped", seed % 1000))
    selection, codes = chosen(network, seed, Method(exp_max=5))
    on_codes, emulation = both_ways(network, selection, codes, rounding="rtz")
    images = images_for(network, seed + 1)
    assert noise_ratio(emulation.run(images), on_codes.run(images)) < 38
