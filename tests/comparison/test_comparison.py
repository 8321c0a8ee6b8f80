"""What the number systems of a comparison are: their values, formats and bytes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.comparison.compare import (
    Quantized,
    ffp8_variants,
    in_parts,
    other_systems,
    stored_bytes,
    with_nearest,
)
from model.comparison.schemes import OTHER_SCHEMES
from model.format.format import Format
from model.format.splits import supported_splits
from model.graph.importing.network import load_network
from model.graph.network import Linear, Network
from model.quantization.activations import choose_activations
from model.quantization.calibration import Calibration, calibrate
from model.quantization.compensation import Compensation
from model.quantization.emulation import Emulation
from model.quantization.method import Method, select
from model.quantization.storage import plan_storage
from tests.graph.mixed_networks import KINDS, mixed_network
from tests.graph.tiny_networks import normal, operator, write_network

METHOD = Method(tuple(supported_splits(4)), exp_max=4, k_max=256)
NAMES = [
    "FFP8 one format for all layers",
    "FFP8 default bias",
    "FFP8 signed only",
    "FFP8 per tensor",
    "FFP8 per channel",
    "FFP8",
]


def calibrated(path: Path, kind: str, seed: int) -> tuple[Network, Calibration]:
    """Import a network and observe it on 20 images."""
    network = load_network(mixed_network(path / "net.onnx", kind, seed % 1000))
    return network, calibrate(network, normal(seed, 20, *network.input_shape, scale=1))


@pytest.fixture(params=[*KINDS, "residual"])
def observed(request, tmp_path, seed) -> tuple[Network, Calibration]:
    """Return a network and what it holds."""
    return calibrated(tmp_path, request.param, seed)


def variants(network: Network, calibration: Calibration, method: Method) -> dict[str, Quantized]:
    """Return what FFP8 makes of a network, by name."""
    return {found.name: found for found in ffp8_variants(network, calibration, method)}


def formats(quantized: Quantized) -> list[Format]:
    """Return the formats of all activations, and of all columns of weights."""
    split = [(c.fmt, bias) for c in quantized.selection.weights.values() for bias in c.biases]
    return [*quantized.selection.tensors.values(), *(replace(f, bias=int(b)) for f, b in split)]


def test_all_values_are_those_of_the_formats(observed):
    network, calibration = observed
    found = variants(network, calibration, METHOD)
    assert list(found) == NAMES
    for quantized in found.values():
        selection = quantized.selection
        assert set(quantized.quantizers) == set(plan_storage(network).own)
        for name, quantize in quantized.quantizers.items():
            values = normal(1, 500, scale=3)
            fmt = selection.tensors[name]
            np.testing.assert_array_equal(quantize(values), fmt.decode(fmt.encode(values)))
        for node in quantized.network.nodes:
            if isinstance(node, Linear):
                weights, chosen = quantized.weights[node.name], selection.weights[node.name]
                np.testing.assert_array_equal(weights, chosen.decode(quantized.codes[node.name]))
                np.testing.assert_array_equal(chosen.quantize(weights), weights)
                worst = np.abs(weights - node.weights).max() / np.abs(node.weights).max()
                assert worst < 0.25
    assert set(found["FFP8"].weights) == {n.name for n in network.nodes if isinstance(n, Linear)}


def test_each_variant_has_its_freedom_and_no_more(observed):
    network, calibration = observed
    found = variants(network, calibration, METHOD)
    uniform = found["FFP8 one format for all layers"]
    assert len(set(uniform.selection.tensors.values())) == 1
    weights = {(c.fmt, *set(c.biases.tolist())) for c in uniform.selection.weights.values()}
    assert len(weights) == 1
    for fmt in formats(found["FFP8 default bias"]):
        assert fmt.bias == (2 ** (fmt.exponent - 1) - 1 if fmt.exponent else 0)
    assert all(fmt.sign for fmt in formats(found["FFP8 signed only"]))
    for name in NAMES[2:4]:
        for chosen in found[name].selection.weights.values():
            assert len(set(chosen.biases.tolist())) == 1
    tensors = found["FFP8 per tensor"].selection.tensors
    assert found["FFP8 per channel"].selection.tensors == tensors
    for name, fmt in tensors.items():
        assert fmt.sign == (calibration.histograms[name].least < 0)
    last = select(network, calibration, METHOD)
    assert found["FFP8"].selection.tensors == last.tensors


def squared_error(quantized: Quantized) -> float:
    """Squared error of all weights, relative to each layer's."""
    layers = quantized.network.linears
    return sum(
        np.square(quantized.weights[node.name] - node.weights).sum() / np.square(node.weights).sum()
        for node in layers
    )


def test_more_freedom_is_less_error(observed):
    network, calibration = observed
    method = replace(METHOD, objective="tensor")
    errors = {
        name: squared_error(quantized)
        for name, quantized in variants(network, calibration, method).items()
    }
    per_tensor = errors["FFP8 per tensor"] * (1 + 1e-9)
    assert errors["FFP8 per channel"] <= per_tensor
    assert per_tensor <= min(errors[name] for name in NAMES[:3]) * (1 + 1e-8)


def test_one_format_is_the_best_for_all(tmp_path, seed):
    """No other bias or split is better, whichever of all."""
    network, calibration = calibrated(tmp_path, "grouped", seed)
    uniform = next(ffp8_variants(network, calibration, METHOD))

    def cost(fmt: Format) -> float:
        total = 0.0
        for histogram in calibration.histograms.values():
            errors = fmt.decode(fmt.encode(histogram.values)) - histogram.values
            power = histogram.counts @ np.square(histogram.values)
            total += histogram.counts @ np.square(errors) / power
        return total

    (chosen,) = set(uniform.selection.tensors.values())
    least = min(cost(Format(*s, bias)) for s in METHOD.splits for bias in range(-12, 20) if s[0])
    assert cost(chosen) == pytest.approx(least, rel=1e-12)


def test_splits_without_a_sign(tmp_path, seed):
    network, calibration = calibrated(tmp_path, "grouped", seed)
    method = replace(METHOD, splits=((0, 3, 5), (0, 4, 4)))
    with pytest.raises(ValueError, match="'x': a tensor has negative values, and none of the"):
        list(ffp8_variants(network, calibration, method))


def test_splits_with_a_sign_only(tmp_path, seed):
    network, calibration = calibrated(tmp_path, "grouped", seed)
    method = replace(METHOD, splits=((1, 3, 4), (1, 2, 5)))
    for quantized in ffp8_variants(network, calibration, method):
        splits = {(fmt.sign, fmt.exponent, fmt.fraction) for fmt in formats(quantized)}
        assert splits <= set(method.splits)


def test_other_systems_have_the_same_means(observed):
    """The same search over the outputs, and the same rounding, as FFP8 itself has."""
    network, calibration = observed
    found = list(other_systems(network, calibration))
    assert [quantized.name for quantized in found] == [scheme.name for scheme in OTHER_SCHEMES]
    values, storage = normal(2, 100, scale=2), plan_storage(network)
    for quantized, scheme in zip(found, OTHER_SCHEMES, strict=True):
        for node in quantized.network.linears:
            round_row = scheme.weight_quantizer(node.weights.astype(np.float32))
            expected = Compensation(calibration.moments[node.name]).round(
                node.weights, lambda row, rounds=round_row: rounds(row.astype(np.float32))
            )
            np.testing.assert_array_equal(quantized.weights[node.name], expected)
        plans = []
        for plan in scheme.plans:
            chosen = choose_activations(network, calibration, scheme.candidates, plan)
            same = [
                np.array_equal(quantized.quantizers[name](values), one.quantize(values))
                for name, one in chosen.candidates.items()
            ]
            plans.append(all(same) and len(same) == len(quantized.quantizers))
        assert any(plans), scheme.name
        nearest = with_nearest(network, calibration, METHOD, quantized)
        assert nearest.quantizers == quantized.quantizers
        for node in quantized.network.linears:
            expected = scheme.weights(node.weights)
            np.testing.assert_array_equal(nearest.weights[node.name], expected)
    assert set(storage.own) == set(found[0].quantizers)


def test_nearest_weights_are_those_of_least_error(observed):
    """Activations and factors are those of the method; the weights are nobody's but their own."""
    network, calibration = observed
    ours = variants(network, calibration, METHOD)["FFP8"]
    nearest = with_nearest(network, calibration, METHOD, ours)
    assert nearest.selection.tensors == ours.selection.tensors
    assert nearest.selection.scales == ours.selection.scales
    for node in nearest.network.linears:
        chosen = nearest.selection.weights[node.name]
        expected = chosen.decode(chosen.encode(node.weights))
        np.testing.assert_array_equal(nearest.weights[node.name], expected)


def test_parts_leave_the_rest_in_float(observed):
    network, calibration = observed
    ours = variants(network, calibration, METHOD)["FFP8"]
    weights, activations = in_parts(ours)
    assert not weights.quantizers and weights.weights == ours.weights
    assert not activations.weights and activations.quantizers == ours.quantizers
    images = normal(3, 6, *network.input_shape, scale=1)
    answers = [Emulation(*one.emulated()).run(images) for one in (ours, weights, activations)]
    assert not np.array_equal(answers[0], answers[1]) and not np.array_equal(*answers[1:])


def test_stored_bytes_by_hand(tmp_path, seed):
    """Weights 4 * 18 and 64 * 3 with 4 + 3 biases; images of 144 values, then 4 * 4 * 4 twice.

    The second time they are flattened, and before that the activation takes numbers; three answers
    stay numbers too. Formats are those of the input, of what is activated and of two layers.
    """
    operators = [
        operator("Conv", "x w", "c", strides=[2, 2], pads=[1, 1, 1, 0]),
        operator("HardSwish", "c", "h"),
        operator("Flatten", "h", "f"),
        operator("MatMul", "f d", "y"),
    ]
    weights = normal(seed, 4, 2, 3, 3)
    weights[0] /= 1000
    constants = {"w": weights, "d": normal(seed + 1, 64, 3)}
    network = load_network(write_network(tmp_path / "net.onnx", operators, constants))
    assert network.shapes["c"] == (4, 4, 4)
    calibration = calibrate(network, normal(seed, 20, *network.input_shape))
    coded, numbers = 144 + 64 + 64, 64 + 3
    assert stored_bytes(network, None) == (4 * (72 + 192 + 7), 4 * (coded + numbers))
    every = [*other_systems(network, calibration), *ffp8_variants(network, calibration, METHOD)]
    overheads = {}
    for quantized in every:
        stored, activations = stored_bytes(network, quantized)
        assert activations == coded + 4 * numbers
        overheads[quantized.name] = stored - (72 + 192) - 4 * 7
    assert overheads == {
        "FP8 (1,5,2,15)": 0,
        "HFP8 (1,4,3,11)": 0,
        "OCP E4M3": 2 + 7,
        "OCP E5M2": 2 + 7,
        "LLVM E3M4": 2 + 7,
        "S2FP8 (1,5,2)": 32,
        "Flexpoint 8+5": 4,
        "INT8 per tensor": 2 * 5 + 2 * 4,
        "INT8 per channel": 2 * 5 + 4 * 7,
        "FFP8 one format for all layers": 4 * 2,
        "FFP8 default bias": 4 * 2,
        "FFP8 signed only": 4 * 2,
        "FFP8 per tensor": 4 * 2,
        "FFP8 per channel": 4 * 2 + 3 + 2,
        "FFP8": 4 * 2 + 3 + 2,
    }
