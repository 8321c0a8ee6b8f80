"""The exported ONNX file in onnxruntime: its quantizer, its layers one by one, its answers."""

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from model.format.format import Format
from model.format.splits import supported_splits
from model.graph.archive import read_arrays
from model.graph.images import read_images
from model.graph.importing.network import load_network
from model.graph.runtime import onnxruntime
from model.quantization.calibration import session
from model.quantization.gemm_layer import GemmLayer
from model.quantization.onnx_export import DOMAIN, FUNCTION, export_onnx, onnx_model
from model.quantization.product_layer import ProductLayer
from model.quantization.quantize import apply_selection
from model.quantization.quantized import FloatLayer, QuantizedNetwork
from model.quantization.selection_file import read_selection
from model.quantization.steps import quantize_network
from tests.graph.mixed_networks import KINDS, mixed_network
from tests.graph.tiny_networks import normal, operator, write_network
from verif.replay.committed import FOLDER

EVERY_KIND = pytest.mark.parametrize("kind", [*KINDS, "residual"])
FASHION = ("fashion_resnet8", "fashion_vgg")
IMAGES = 1000


def quantized_by_file(model: onnx.ModelProto, fmt: Format, values: np.ndarray) -> np.ndarray:
    """Run the quantizer of an exported model alone, with what the exporter says of a format."""
    operator = next(
        node
        for node in model.graph.node
        if node.op_type == FUNCTION
        and next(a.s for a in node.attribute if a.name == "format") == str(fmt).encode()
    )
    alone = onnx.NodeProto()
    alone.CopyFrom(operator)
    alone.input[:], alone.output[:] = ["x"], ["y"]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N"]) for name in "xy"]
    small = helper.make_model(
        helper.make_graph([alone], "quantizer", ends[:1], ends[1:]),
        functions=model.functions,
        opset_imports=model.opset_import,
        ir_version=model.ir_version,
    )
    return session(small).run(None, {"x": values})[0]


def telling_values(fmt: Format, seed: int) -> np.ndarray:
    """Return every value of a format, what lies between each two, and what is beyond its ends."""
    values = np.unique(fmt.decode(np.arange(256)))
    ties = np.array([(low + high) / 2 for low, high in pairwise(values)], np.float32)
    assert len(ties) > 100
    near = [np.nextafter(ties, np.float32(limit)) for limit in (-np.inf, np.inf)]
    beyond = np.float32(fmt.max) * np.array([1.01, 1.5, 7, np.inf], np.float32)
    spread = np.exp2(np.random.default_rng(seed).uniform(-40, 40, 4000)).astype(np.float32)
    some = np.concatenate([values.astype(np.float32), ties, *near, beyond, spread])
    return np.concatenate([some, -some])


@pytest.mark.parametrize("split", [split for split in supported_splits(5) if split[2]])
@pytest.mark.parametrize("bias", [-20, 0, 3, 40])
def test_the_quantizer_rounds_like_the_format(split, bias, seed):
    fmt = Format(*split, bias)
    network = QuantizedNetwork("empty", (), "x", "x", (4,), {"x": fmt}, 5, 64)
    model = onnx_model(network)
    values = telling_values(fmt, seed)
    np.testing.assert_array_equal(quantized_by_file(model, fmt, values), fmt.quantize(values))
    steps = [node for node in model.functions[0].node if node.op_type == "Where"]
    assert len(steps) == split[1]  # no more than its exponent bits need


def run_file(
    model: onnx.ModelProto, network: QuantizedNetwork, images: np.ndarray
) -> dict[str, np.ndarray]:
    """Run an exported model, and return every tensor of the network, as nodes read it."""
    exposed = onnx.ModelProto()
    exposed.CopyFrom(model)
    read = f"{network.input}/codes" if network.formats[network.input] else network.input
    for name in (read, *(layer.output for layer in network.nodes)):
        if name not in (network.input, network.output):
            exposed.graph.output.append(onnx.ValueInfoProto(name=name))
    runner = session(exposed)
    order = [output.name for output in runner.get_outputs()]
    tensors = dict(zip(order, runner.run(None, {network.input: images}), strict=True))
    return tensors | {network.input: tensors.get(read, images)}


def encoded(network: QuantizedNetwork, name: str, values: np.ndarray) -> np.ndarray:
    """Return the codes of values, each of which has one; or the values of a tensor of numbers."""
    fmt = network.formats[name]
    if not fmt:
        return values
    codes = fmt.encode(values)
    np.testing.assert_array_equal(fmt.decode(codes), values, name)
    return codes


def compare_layers(network: QuantizedNetwork, tensors: dict[str, np.ndarray]) -> tuple[int, int]:
    """Compute each layer on what the file's layer read; results, and how many have another code.

    A code may differ only by one, and a number only in its last places.
    """
    results = different = 0
    for layer in network.nodes:
        operands = [encoded(network, name, tensors[name]) for name in layer.inputs]
        found = encoded(network, layer.output, tensors[layer.output])
        if isinstance(layer, GemmLayer):
            expected = layer.fold(layer.multiply(operands[0])[0])
        elif isinstance(layer, ProductLayer):
            bound, codes = layer.bind(*operands)
            expected = layer.fold(bound, bound.multiply(codes)[0])
        else:
            expected = layer.apply(*operands)
        if fmt := network.formats[layer.output]:
            order = np.argsort(np.argsort(fmt.decode(np.arange(256)), kind="stable"))
            steps = np.abs(order[found].astype(int) - order[expected])
            assert steps.max() <= 2, (
                layer.name
            )  # from -0, which has a code too, 2 to the other side
            results += steps.size
            different += np.count_nonzero(steps)
        else:
            scale = np.abs(expected).max()
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6 * scale)
    return results, different


@EVERY_KIND
@pytest.mark.parametrize("batch", ["N", 3])
def test_each_layer_of_a_file_is_that_of_the_codes(tmp_path, seed, kind, batch):
    path = mixed_network(tmp_path / "net.onnx", kind, seed % 1000, batch)
    network = load_network(path)
    calibration = normal(seed, 30, *network.input_shape, scale=1)
    quantized = quantize_network(network, calibration, exp_max=4, k_max=256)
    images = normal(seed + 1, 3 if batch == 3 else 8, *network.input_shape, scale=1)
    model = onnx_model(quantized)
    results, different = compare_layers(quantized, run_file(model, quantized, images))
    assert different <= 1e-4 * results
    assert {one.domain for one in model.opset_import} == {"", DOMAIN}


@pytest.fixture(scope="module", params=FASHION)
def fashion(request) -> tuple[QuantizedNetwork, onnx.ModelProto, np.ndarray]:
    """Return a committed network on codes, what is exported of it, and test images."""
    network = load_network(request.param)
    selection = read_selection(FOLDER / f"{request.param}.yaml")
    codes = read_arrays(FOLDER / f"{request.param}.npz", [node.name for node in network.linears])
    quantized = apply_selection(network, selection, codes)
    images = read_images("fashion_mnist_test", network).images[:IMAGES]
    assert len(images) == IMAGES
    return quantized, onnx_model(quantized), images


def test_each_tensor_of_a_fashion_network_is_that_of_the_codes(fashion):
    quantized, model, images = fashion
    results, different = compare_layers(quantized, run_file(model, quantized, images[:50]))
    assert results > 10**6 and different == 0


def test_the_file_answers_as_the_codes_do(fashion):
    """Bit for bit: all sums of these two networks fit the 24 bits of float32's significand."""
    quantized, model, images = fashion
    (found,) = session(model).run(None, {quantized.input: images})
    np.testing.assert_array_equal(found, quantized.run(images))


def test_the_file_says_its_formats(fashion):
    quantized, model, _ = fashion
    found = {entry.key: json.loads(entry.value) for entry in model.metadata_props}
    assert found["ffp8.tensors"] == {n: str(f) for n, f in quantized.formats.items() if f}
    assert found["ffp8.scales"] == quantized.scales
    for layer in quantized.layers:
        about = found["ffp8.weights"][layer.name]
        assert about == {"format": str(layer.fmt_w), "biases": layer.biases_w.tolist()}
        (weights,) = (
            onnx.numpy_helper.to_array(one)
            for one in model.graph.initializer
            if one.name == f"{layer.name}/weights"
        )
        columns = weights.reshape(len(weights), -1).T if layer.window else weights
        for column, fmt, codes in zip(columns.T, layer.fmts_w, layer.w_codes.T, strict=True):
            np.testing.assert_array_equal(column, fmt.decode(codes))


def tiny(tmp_path: Path, seed: int, **changes: str) -> QuantizedNetwork:
    """Return a small network on codes."""
    network = load_network(mixed_network(tmp_path / "net.onnx", "grouped", seed % 1000))
    calibration = normal(seed, 8, *network.input_shape, scale=1)
    return quantize_network(network, calibration, exp_max=3, k_max=256, **changes)


def test_a_file_is_written_whole_and_runs(tmp_path, seed):
    quantized = tiny(tmp_path, seed)
    path = tmp_path / "folder" / "quantized.onnx"
    export_onnx(quantized, path)
    images = normal(seed, 4, *quantized.input_shape, scale=1)
    runner = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (found,) = runner.run(None, {quantized.input: images})
    np.testing.assert_allclose(found.reshape(4, -1), quantized.run(images), atol=0.1)
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_a_name_that_is_taken_stays_its_own(tmp_path, seed):
    """A tensor of the file may be called as the export would call one."""
    path = mixed_network(tmp_path / "net.onnx", "grouped", seed % 1000)
    model, first = onnx.load(path), load_network(path).nodes[0].output
    for node in model.graph.node:
        node.input[:] = ["x/codes" if name == first else name for name in node.input]
        node.output[:] = ["x/codes" if name == first else name for name in node.output]
    onnx.save(model, path)
    network = load_network(path)
    quantized = quantize_network(network, normal(seed, 8, *network.input_shape, scale=1))
    images = normal(seed + 1, 4, *network.input_shape, scale=1)
    (found,) = session(onnx_model(quantized)).run(None, {network.input: images})
    np.testing.assert_allclose(found.reshape(4, -1), quantized.run(images), atol=0.1)


def test_what_a_file_cannot_say_is_refused(tmp_path, seed):
    with pytest.raises(ValueError, match=r"layer '.+': rounding rtz, ONNX has rne alone"):
        onnx_model(tiny(tmp_path, seed, rounding="rtz"))
    for fmt in (Format(1, 7, 0, 3), Format(1, 4, 3, 200)):
        network = QuantizedNetwork("empty", (), "x", "x", (4,), {"x": fmt}, 5, 64)
        with pytest.raises(ValueError, match=f"tensor 'x': format {fmt}, one with fraction bits"):
            onnx_model(network)


def test_an_activation_in_float_is_in_the_file(tmp_path, seed):
    """A Clip, not at the end of a format: what is above it is not held by the quantizer."""
    operators = [
        operator("Conv", "x w", "c"),
        operator("LeakyRelu", "c", "l"),
        operator("Clip", "l zero upper", "r"),
        operator("Conv", "r v", "y"),
    ]
    constants = {
        "w": normal(seed, 4, 2, 3, 3),
        "v": normal(seed + 1, 3, 4, 1, 1),
        "zero": np.float32(0),
        "upper": np.float32(0.3),
    }
    network = load_network(write_network(tmp_path / "net.onnx", operators, constants))
    images = normal(seed, 8, *network.input_shape, scale=1)
    quantized = quantize_network(network, images, exp_max=4, k_max=256)
    (floating,) = (node for node in quantized.nodes if isinstance(node, FloatLayer))
    assert floating.activation.upper == pytest.approx(0.3 / quantized.scales.get("r", 1.0))
    coarse = replace(floating, fmt_y=Format(0, 3, 5, 3))  # up to 31.5
    assert floating.output == "r"
    quantized = replace(
        quantized,
        nodes=tuple(coarse if node is floating else node for node in quantized.nodes),
        formats=quantized.formats | {"r": coarse.fmt_y},
    )
    tensors = run_file(onnx_model(quantized), quantized, images)
    found, expected = tensors["r"], coarse.apply(*(tensors[name] for name in coarse.inputs))
    np.testing.assert_array_equal(found, coarse.fmt_y.decode(expected))
    assert found.max() < 0.4
