"""Format selection against brute force, and quantized networks against plain arithmetic."""

from dataclasses import replace

import numpy as np
import pytest

from model import Format, accumulator_width, gemm, start_integer, supported_splits
from model.graph.importing.network import load_network
from model.quantization.calibration import FloatNetwork, calibrate
from model.quantization.gemm_layer import GemmLayer
from model.quantization.method import Method, select, weight_codes
from model.quantization.quantize import apply_selection
from model.quantization.quantized import AddLayer, AveragePoolLayer, MaxPoolLayer, QuantizedNetwork
from model.quantization.selection import (
    select_column_formats,
)
from model.quantization.steps import quantize_network
from tests.graph.tiny_networks import normal, operator, residual_network, write_network


def test_large_bias_on_tiny_weights_fits_the_accumulator(path):
    weights = normal(1, 3, 2, 1, 1)
    weights[1] *= 2.0**-60
    constants = {"w": weights, "v": np.array([0.1, 1000, 0], np.float32)}
    write_network(path, [operator("Conv", "x w v", "y")], constants)
    network = load_network(path)
    images = normal(2, 4, *network.input_shape)
    method = Method(tuple(supported_splits(3)), "tensor", exp_max=3, k_max=64)
    calibration = calibrate(network, images)
    selection = select(network, calibration, method)
    codes = weight_codes(network, selection, calibration)
    layer = apply_selection(network, selection, codes).layers[0]
    width = accumulator_width(3, 64)
    a_codes = layer.im2col(layer.fmt_a.encode(images))
    arguments = layer.fmt_a, layer.fmts_w, layer.start, None
    words, _ = gemm(a_codes, layer.w_codes, *arguments, width=width)
    assert (words[:, 1].view(np.float32) == 1000).all()
    free = select_column_formats(network.nodes[0].weights, supported_splits(3))
    formats = [Format(1, free.fmt.exponent, free.fmt.fraction, int(b)) for b in free.biases]
    with pytest.raises(ValueError, match=r"start\[1\]"):
        start_integer(
            layer.start, [layer.fmt_a.unit_exponent + f.unit_exponent for f in formats], width
        )
    assert layer.biases_w[0] == free.biases[0] and layer.biases_w[1] < free.biases[1]


@pytest.mark.parametrize(
    ("bias", "message"),
    [
        (3e38, "layer 'node_y': the bias .* of channel 1 fits no weight format"),
        (1e39, "layer 'node_y': the bias .*e.39 of channel 1 is beyond binary32"),
    ],
)
def test_bias_that_fits_nowhere(path, bias, message):
    constants = {"w": normal(1, 3, 2, 1, 1), "v": np.array([0, bias, 0])}
    constants = {name: value.astype(np.float64) for name, value in constants.items()}
    write_network(path, [operator("Conv", "x w", "y")], {"w": constants["w"].astype(np.float32)})
    network = load_network(path)
    network.nodes[0].bias[:] = constants["v"]
    with pytest.raises(ValueError, match=message):
        quantize_network(
            network, normal(2, 4, *network.input_shape, scale=1e-36), exp_max=3, k_max=64
        )


def test_sums_longer_than_the_build_allows(path):
    network = load_network(
        write_network(path, [operator("Conv", "x w", "y")], {"w": normal(1, 4, 2, 3, 3)})
    )
    with pytest.raises(ValueError, match="layer 'node_y' sums 18 products, this build at most 17"):
        quantize_network(network, normal(2, 4, *network.input_shape), k_max=17)
    with pytest.raises(ValueError, match="no calibration images"):
        quantize_network(network, normal(2, 0, *network.input_shape))


@pytest.fixture
def residual(path, seed) -> tuple[QuantizedNetwork, np.ndarray, np.ndarray]:
    """Quantize the network that has every kind of layer; its images and float answers."""
    network = load_network(residual_network(path, seed % 1000))
    images = normal(seed, 40, *network.input_shape, scale=1)
    return quantize_network(network, images), images, FloatNetwork(network).run(images)


def test_quantized_network_approximates_float(residual):
    quantized, images, expected = residual
    answers = quantized.run(images)
    assert answers.dtype == np.float32 and answers.shape == expected.shape
    noise = np.square(answers - expected).mean() / np.square(expected - expected.mean(0)).mean()
    assert noise < 0.15  # 0.04 at most in 60 seeds, median 0.003


def test_relu_is_an_unsigned_format_and_clip_a_clamp(residual):
    quantized, images, _ = residual
    assert [layer.fmt_y and layer.fmt_y.sign for layer in quantized.layers] == [0, 1, 0, None]
    added = next(node for node in quantized.nodes if isinstance(node, AddLayer))
    assert added.fmt_y.sign == 0
    six = 6.0 / quantized.scales.get(added.output, 1.0)
    assert added.fmt_y.decode(added.clamp) == added.fmt_y.decode(added.fmt_y.encode(six))
    high = np.full((1, *added.input_shape), 0x7F, np.uint8)
    assert (added.apply(high, high) == added.clamp).all()


CLIPPED = {
    "convolution": [operator("Conv", "x w", "c"), operator("Clip", "c zero upper", "y")],
    "sum": [
        operator("Conv", "x w", "c"),
        operator("Add", "c c", "a"),
        operator("Clip", "a zero upper", "y"),
    ],
    "mean": [
        operator("Conv", "x w", "c"),
        operator("AveragePool", "c", "p", kernel_shape=[1, 2]),
        operator("Clip", "p zero upper", "y"),
    ],
}


@pytest.mark.parametrize("kind", CLIPPED)
def test_clip_bounds_what_the_format_could_hold(path, seed, kind):
    constants = {
        "w": normal(seed, 4, 2, 3, 3),
        "zero": np.float32(0),
        "upper": np.float32(0.3),
    }
    network = load_network(write_network(path, CLIPPED[kind], constants))
    images = normal(seed, 20, *network.input_shape, scale=1)
    quantized = quantize_network(network, images)
    fmt, clamp = quantized.formats["y"], quantized.nodes[-1].clamp
    assert fmt.sign == 0 and clamp == fmt.encode(np.float32(0.3)) < fmt.max_code
    answers = quantized.run(images)
    assert answers.min() == 0 and answers.max() == np.float32(fmt.decode(clamp))


def test_every_layer_against_plain_arithmetic(residual):
    """Sums of so few products of so few bits are exact in float64."""
    quantized, images, _ = residual
    seen = []

    def plain(layer: GemmLayer, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        a_codes = layer.im2col(codes)
        seen.append((layer.name, *a_codes.shape))
        grid = [layer.fmt_a.unit * fmt.unit for fmt in layer.fmts_w]
        weights = np.stack(
            [fmt.decode(c) for fmt, c in zip(layer.fmts_w, layer.w_codes.T, strict=True)], 1
        )
        sums = layer.fmt_a.decode(a_codes) @ weights + np.rint(layer.start / grid) * grid
        if layer.fmt_y is None:
            return sums.astype(np.float32).view(np.uint32), np.zeros(sums.shape, np.uint8)
        return layer.fmt_y.encode_flags(sums)

    assert np.array_equal(quantized.run(images, plain), quantized.run(images))
    assert seen == [(layer.name, len(images) * layer.rows, layer.k) for layer in quantized.layers]


def test_result_of_the_given_function_is_used(residual):
    quantized, images, _ = residual

    def constant(layer: GemmLayer, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        kind = np.uint8 if layer.fmt_y else np.uint32
        codes = np.full((len(codes) * layer.rows, layer.n), 3, kind)
        return codes, np.zeros(codes.shape, np.uint8)

    assert (quantized.run(images, constant).view(np.uint32) == 3).all()


def test_batches_do_not_change_answers(residual, monkeypatch):
    quantized, images, _ = residual
    together = quantized.run(images)
    monkeypatch.setattr("model.quantization.quantized.BATCH_BYTES", 1)
    assert np.array_equal(quantized.run(images), together)


def test_images_of_a_wrong_shape(residual):
    quantized, images, _ = residual
    for wrong in (images[:, :1], images[:0], images[0]):
        with pytest.raises(ValueError, match=r"at least one of \(2, 8, 9\) is expected"):
            quantized.run(wrong)


@pytest.mark.parametrize("text", ["s1e3f4b5", "s0e2f6b1", "s1e7f0b9"])
def test_pools_on_codes(residual, seed, text):
    quantized, _, _ = residual
    fmt = Format.parse(text)
    largest = next(node for node in quantized.nodes if isinstance(node, MaxPoolLayer))
    average = next(node for node in quantized.nodes if isinstance(node, AveragePoolLayer))
    codes = np.random.default_rng(seed).integers(0, 256, (3, *largest.input_shape), np.uint8)
    codes[codes == 0x80] = 0
    picked = MaxPoolLayer(**{**vars(largest), "fmt": fmt}).apply(codes)
    values = fmt.decode(codes)
    expected = largest.window.patches(values, fill=-np.inf).max(axis=(4, 5))
    assert picked.shape[1:] == largest.output_shape and np.array_equal(fmt.decode(picked), expected)
    means = AveragePoolLayer(**{**vars(average), "fmt_a": fmt, "fmt_y": fmt}).apply(codes)
    expected = average.window.patches(values).mean(axis=(4, 5))
    assert expected.std() > 0 and np.array_equal(means, fmt.encode(expected))


LAST_OPERATORS = {
    "linear": ([operator("Conv", "x w", "y")], True),
    "reshaped": ([operator("Conv", "x w", "c"), operator("Flatten", "c", "y")], True),
    "relu": ([operator("Conv", "x w", "c"), operator("Relu", "c", "y")], False),
    "pooled": ([operator("Conv", "x w", "c"), operator("GlobalAveragePool", "c", "y")], False),
    "added": ([operator("Conv", "x w", "c"), operator("Add", "c c", "y")], False),
}


@pytest.mark.parametrize("case", LAST_OPERATORS)
def test_only_a_linear_answer_is_raw(path, seed, case):
    operators, raw = LAST_OPERATORS[case]
    network = load_network(write_network(path, operators, {"w": normal(seed, 4, 2, 3, 3)}))
    images = normal(seed, 20, *network.input_shape)
    quantized = quantize_network(network, images)
    assert (quantized.layers[0].fmt_y is None) == raw
    assert (quantized.formats[network.output] is None) == raw
    answers, expected = quantized.run(images), FloatNetwork(network).run(images)
    assert answers.shape == expected.shape and answers.dtype == np.float32
    assert np.square(answers - expected).mean() < 0.003 * np.square(expected).mean()


def test_answer_that_another_layer_reads_is_not_raw(path, seed):
    """In a file nothing reads it, or what does is dropped; a network may be made otherwise."""
    operators = [operator("Conv", "x w", "c"), operator("Conv", "c u", "y")]
    constants = {"w": normal(seed, 4, 2, 3, 3), "u": normal(seed, 4, 4, 1, 1)}
    network = replace(load_network(write_network(path, operators, constants)), output="c")
    images = normal(seed, 20, *network.input_shape)
    assert quantize_network(network, images).layers[0].fmt_y is not None


def test_rounding_applies_to_results_in_codes(path, seed):
    operators = [operator("Conv", "x w", "c"), operator("Conv", "c u", "y")]
    constants = {"w": normal(seed, 4, 2, 3, 3), "u": normal(seed, 4, 4, 1, 1)}
    network = load_network(write_network(path, operators, constants))
    images = normal(seed, 20, *network.input_shape)
    quantized = quantize_network(network, images, rounding="rtz")
    assert [layer.rounding for layer in quantized.layers] == ["rtz", "rne"]
    assert not np.array_equal(quantized.run(images), quantize_network(network, images).run(images))
