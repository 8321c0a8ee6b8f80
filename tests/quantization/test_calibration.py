"""What calibration observes, and that the committed network fits and agrees."""

import math

import numpy as np
import onnx
import pytest

from model import accumulator_width, start_integer
from model.graph.images import read_images
from model.graph.importing.network import load_network
from model.quantization.calibration import FloatNetwork, calibrate
from model.quantization.gemm_layer import GemmLayer
from model.quantization.steps import quantize_network
from tests.graph.tiny_networks import normal, residual_network


def test_calibration_observes_every_tensor_of_its_own_format(path, seed):
    network = load_network(residual_network(path, seed % 1000))
    images = normal(seed, 100, *network.input_shape)
    calibration = calibrate(network, images)
    assert calibration.images == 100
    assert set(calibration.histograms) == {"x", "r0", "b1", "r1", "d2", "p3", "p4"}
    for name, histogram in calibration.histograms.items():
        assert histogram.size == 100 * math.prod(network.shapes[name])
    whole = calibration.histograms[network.input]
    assert whole.least == images.min() and whole.greatest == images.max()
    assert calibration.histograms["d2"].least == 0 and calibration.histograms["r1"].greatest <= 6


def test_patches_are_rows_of_the_layers(path, seed, monkeypatch):
    network = load_network(residual_network(path, seed % 1000))
    images = normal(seed, 9, *network.input_shape)
    monkeypatch.setattr("model.quantization.calibration.PATCHES", 40)
    monkeypatch.setattr("model.quantization.calibration.FEWEST_PATCHES", 1)
    calibration = calibrate(network, images)
    quantized = quantize_network(network, images)
    first = quantized.layers[0]
    rows = {row.tobytes() for row in first.im2col(images)}
    drawn = calibration.patches[first.name]
    assert 20 <= len(drawn) <= 60 and drawn.shape[1:] == (1, first.k)
    assert all(row.tobytes() in rows for row in drawn)
    assert set(calibration.patches) == {layer.name for layer in quantized.layers}
    again = calibrate(network, images).patches
    assert all(np.array_equal(calibration.patches[name], again[name]) for name in again)


@pytest.mark.parametrize("exp_max", [3, 4, 5])
def test_starts_of_the_committed_network_fit(exp_max):
    network = load_network("fashion_resnet8")
    images = read_images("fashion_mnist_calibration", network).images[:4]
    for layer in quantize_network(network, images, exp_max=exp_max, k_max=576).layers:
        grid = [layer.fmt_a.unit_exponent + fmt.unit_exponent for fmt in layer.fmts_w]
        start_integer(layer.start, grid, accumulator_width(exp_max, 576))


def test_macs_and_outputs_follow_from_inferred_shapes():
    network = load_network("fashion_resnet8")
    images = read_images("fashion_mnist_calibration", network).images[:4]
    quantized = quantize_network(network, images)
    model = onnx.shape_inference.infer_shapes(network.model)
    kernels = {tensor.name: tuple(tensor.dims) for tensor in model.graph.initializer}
    shapes = {
        info.name: [dim.dim_value for dim in info.type.tensor_type.shape.dim[1:]]
        for info in (*model.graph.value_info, *model.graph.output)
    }
    expected = [
        (
            math.prod(shapes[node.output[0]]),
            math.prod(shapes[node.output[0]]) * math.prod(kernels[node.input[1]][1:]),
        )
        for node in model.graph.node
        if node.op_type in ("Conv", "Gemm")
    ]
    assert [(layer.rows * layer.n, layer.macs) for layer in quantized.layers] == expected
    assert sum(layer.macs for layer in quantized.layers) == 9_345_920
    counted = []

    def count(layer: GemmLayer, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        a_codes = layer.im2col(codes)
        codes, flags = layer.multiply(codes)
        counted.append((codes.size, codes.size * a_codes.shape[1]))
        assert codes.shape == flags.shape
        return codes, flags

    quantized.run(images[:1], count)
    assert counted == expected


def test_committed_network_agrees_with_float():
    network = load_network("fashion_resnet8")
    test = read_images("fashion_mnist_test", network)
    calibration = read_images("fashion_mnist_calibration", network)
    assert len(test) == 1000 and test.labels is not None
    answers = quantize_network(network, calibration.images).run(test.images).argmax(axis=1)
    expected = FloatNetwork(network).run(test.images).argmax(axis=1)
    assert np.mean(expected == test.labels) >= 0.90
    assert np.mean(answers == expected) >= 0.97
