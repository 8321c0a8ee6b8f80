"""INT8 networks as ONNX files, in onnxruntime, against their emulation."""

from dataclasses import replace

import numpy as np
import onnx
import pytest

from model.comparison.compare import Quantized, other_systems
from model.comparison.measures import noise_ratio
from model.comparison.qdq import export_qdq, qdq_model
from model.graph.importing.network import load_network
from model.graph.runtime import onnxruntime
from model.quantization.calibration import calibrate
from model.quantization.emulation import Emulation
from tests.graph.mixed_networks import KINDS, mixed_network
from tests.graph.tiny_networks import normal


def quantized_by(name: str, path, seed: int) -> tuple[Quantized, np.ndarray]:
    """Return a network as INT8, and images."""
    network = load_network(path)
    calibration = calibrate(network, normal(seed, 12, *network.input_shape, scale=1))
    (found,) = (one for one in other_systems(network, calibration) if one.name == name)
    return found, normal(seed + 1, 4, *network.input_shape, scale=1)


def arguments(found: Quantized) -> tuple:
    """Return what an export takes."""
    scales = {name: held.scale for name, held in found.weight_quantizers.items()}
    return found.network, found.weights, scales, found.choices


def answers(model: onnx.ModelProto, images: np.ndarray, fused: bool) -> np.ndarray:
    """Run a model, operator by operator as it is written, or as onnxruntime joins them."""
    options, levels = onnxruntime.SessionOptions(), onnxruntime.GraphOptimizationLevel
    if not fused:
        options.graph_optimization_level = levels.ORT_DISABLE_ALL
    text = model.SerializeToString()
    runner = onnxruntime.InferenceSession(text, options, providers=["CPUExecutionProvider"])
    return runner.run(None, {model.graph.input[0].name: images})[0].reshape(len(images), -1)


@pytest.mark.parametrize("name", ["INT8 per channel", "INT8 per tensor"])
@pytest.mark.parametrize("kind", [*KINDS, "residual"])
def test_the_file_answers_as_the_row_does(tmp_path, seed, name, kind):
    path = mixed_network(tmp_path / "net.onnx", kind, seed % 1000)
    found, images = quantized_by(name, path, seed)
    export_qdq(*arguments(found), tmp_path / "int8.onnx")
    model = onnx.load(tmp_path / "int8.onnx")
    expected = Emulation(*found.emulated()).run(images)
    near = answers(model, images, fused=False)
    assert noise_ratio(expected, near) > 60
    joined = answers(model, images, fused=True)  # integer kernels may saturate within a sum
    assert joined.shape == expected.shape and noise_ratio(expected, joined) > 3
    operators = [node.op_type for node in model.graph.node]
    assert operators.count("QuantizeLinear") == len(found.choices)
    stored = [one for one in model.graph.initializer if one.data_type == onnx.TensorProto.INT8]
    assert len(stored) == len(found.network.linears) > 1
    assert {node.domain for node in model.graph.node} == {""}


def test_weights_that_are_on_no_grid_are_refused(tmp_path, seed):
    path = mixed_network(tmp_path / "net.onnx", "grouped", seed % 1000)
    found, _ = quantized_by("INT8 per channel", path, seed)
    first = found.network.linears[0].name
    for factor in (1.01, 300):
        off = replace(found, weights=found.weights | {first: factor * found.weights[first]})
        with pytest.raises(ValueError, match=f"layer '{first}': weights that are no integers"):
            qdq_model(*arguments(off))
