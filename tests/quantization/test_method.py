"""The choice of formats against direct computation, and what may be chosen at all."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model import Format, accumulator_width, start_integer, supported_splits
from model.graph.importing.network import load_network
from model.graph.network import Add, Linear, Network
from model.quantization.activations import PLANS, Plan
from model.quantization.calibration import Calibration, FloatNetwork, calibrate
from model.quantization.compensation import Compensation
from model.quantization.emulation import Emulation
from model.quantization.method import (
    Method,
    Selection,
    emulated,
    select,
    start_values,
    weight_codes,
)
from model.quantization.noise import NEAR_LEAST, Candidate, TensorNoise
from model.quantization.scaling import rescaled_network
from model.quantization.selection import (
    candidate_column_formats,
    candidate_formats,
    select_column_formats,
    select_format,
    start_bias_limits,
)
from model.quantization.storage import plan_storage
from tests.graph.mixed_networks import KINDS, mixed_network
from tests.graph.tiny_networks import normal, operator, write_network

SPLITS = tuple(supported_splits(4))
METHOD = Method(SPLITS, exp_max=4, k_max=256)
EVERY_KIND = pytest.mark.parametrize("kind", [*KINDS, "residual"])


def calibrated(path: Path, kind: str, seed: int) -> tuple[Network, Calibration]:
    """Import a network and observe it on 30 images."""
    network = load_network(mixed_network(path / "net.onnx", kind, seed % 1000))
    return network, calibrate(network, normal(seed, 30, *network.input_shape, scale=1))


def layers(network: Network) -> list[Linear]:
    """Return the convolutions and fully connected layers."""
    return [node for node in network.nodes if isinstance(node, Linear)]


def limits_of(node: Linear, fmt_a: Format, method: Method) -> dict[int, np.ndarray]:
    """Greatest biases of a layer's weights, by fraction bits."""
    width = accumulator_width(method.exp_max, method.k_max)
    start = start_values(node)
    return {f: start_bias_limits(start, fmt_a, f, width) for _, _, f in method.splits}


def contents(selection: Selection) -> tuple:
    """Everything that a selection holds, to compare."""
    weights = {name: (c.fmt, c.biases.tolist()) for name, c in selection.weights.items()}
    return (*[getattr(selection, name) for name in ("network", "exp_max", "k_max")],) + (
        selection.objective,
        selection.tensors,
        weights,
        selection.scales,
    )


@EVERY_KIND
def test_least_error_of_each_tensor(tmp_path, seed, kind):
    network, calibration = calibrated(tmp_path, kind, seed)
    method = replace(METHOD, objective="tensor")
    selection = select(network, calibration, method)
    storage = plan_storage(network)
    assert set(selection.tensors) == set(storage.own)
    for name, fmt in selection.tensors.items():
        histogram = calibration.histograms[name]
        assert fmt == select_format(histogram.values, SPLITS, histogram.counts), name
    for node in layers(network):
        fmt_a = selection.tensors[storage.source(node.inputs[0])]
        expected = select_column_formats(node.weights, SPLITS, limits_of(node, fmt_a, method))
        chosen = selection.weights[node.name]
        assert chosen.fmt == expected.fmt
        assert chosen.biases.tolist() == expected.biases.tolist()
        codes = weight_codes(network, selection, calibration)[node.name]
        np.testing.assert_array_equal(codes, expected.encode(node.weights))


def relative_output_noise(
    node: Linear, patches: np.ndarray, fmt: Format, scale: float = 1.0
) -> float:
    """Noise of a layer's outputs, without its bias, if its input is rounded to a format.

    The input is divided by a factor before, and multiplied after.
    """
    width = node.weights.shape[1] // node.groups
    noise = power = 0.0
    for column in range(node.weights.shape[1]):
        seen = patches[:, column // width].astype(np.float64)
        weights = node.weights[:, column]
        rounded = fmt.decode(fmt.encode(seen / scale)) * scale
        noise += np.square((rounded - seen) @ weights).sum()
        power += np.square(seen @ weights).sum()
    return noise / power


def still_to_come(largest: np.ndarray, reach: float) -> float:
    """Squared error of values beyond a reach that so many further images will have, as documented.

    Half of the images exceed the median of their largest magnitudes, by an exponential law.
    """
    median = np.median(largest)
    if reach < median or not (largest > median).any():
        return 0.0
    mean = (largest[largest > median] - median).mean(dtype=np.float64)
    beyond = 0.5 * np.exp((median - reach) / mean) * 2 * mean**2 * len(largest)
    return max(beyond - np.square(np.maximum(largest - reach, 0)).sum(dtype=np.float64), 0.0)


@EVERY_KIND
@pytest.mark.parametrize("plan", PLANS, ids=str)
def test_least_noise_of_the_outputs(tmp_path, seed, kind, plan):
    """For each tensor the choice costs no more than any other near candidate, within float32."""
    network, calibration = calibrated(tmp_path, kind, seed)
    selection = select(network, calibration, replace(METHOD, plans=(plan,)))
    assert plan.scaled or not selection.scales
    storage = plan_storage(network)
    for name, histogram in calibration.histograms.items():
        readers, scale = storage.readers[name], selection.scales.get(name, 1.0)
        own = [node for node in readers if isinstance(node, Linear)]
        power = histogram.counts @ np.square(histogram.values)
        shares = 0.0
        for node in readers:
            total = calibration.histograms.get(storage.source(node.output))
            if plan.of_sums and isinstance(node, Add) and total is not None:
                whole = total.counts @ np.square(total.values) / total.size
                shares += power / histogram.size / whole
            else:
                shares += not isinstance(node, Linear)
        shares = shares if readers else 1.0
        found = []
        for fmt, error in candidate_formats(histogram.values / scale, SPLITS, histogram.counts):
            tail = still_to_come(calibration.largest[name], fmt.max * scale)
            found.append((fmt, error * scale**2 + tail, tail))
        least = min(error for _, error, _ in found)
        costs = {
            fmt: shares * error / power
            + len(own) * tail / power
            + sum(relative_output_noise(n, calibration.patches[n.name], fmt, scale) for n in own)
            for fmt, error, tail in found
            if error <= NEAR_LEAST * least
        }
        assert costs[selection.tensors[name]] <= min(costs.values()) * (1 + 1e-4), name


def test_factors_are_those_of_least_noise(tmp_path, seed):
    """Better than none and than most, of the sixteen that there are of a tensor between layers."""
    operators = [
        operator("Conv", "x w", "c"),
        operator("Relu", "c", "r"),
        operator("Conv", "r u", "y"),
    ]
    constants = {"w": normal(seed, 6, 2, 3, 3), "u": normal(seed + 1, 3, 6, 1, 1)}
    network = load_network(write_network(tmp_path / "net.onnx", operators, constants))
    calibration = calibrate(network, normal(seed, 30, 2, 8, 9, scale=1))
    selection = select(network, calibration, replace(METHOD, plans=(Plan(scaled=True),)))
    assert set(selection.scales) <= {"r"}
    noise = TensorNoise("r", plan_storage(network), calibration)
    costs = []
    for step in range(16):
        scale = 2.0 ** (step / 16)
        found = candidate_formats(noise.histogram.values / scale, SPLITS, noise.histogram.counts)
        ways = [Candidate(f, f.quantize, e * scale**2, f.max * scale) for f, e in found]
        costs.append(noise.best(ways, scale)[0])
    chosen = round(16 * np.log2(selection.scales.get("r", 1.0)))
    assert costs[chosen] <= costs[0] and costs[chosen] <= np.median(costs)


@EVERY_KIND
def test_the_plan_that_answers_best_is_taken(tmp_path, seed, kind):
    """By the mean noise in dB of the images that were kept."""
    network, calibration = calibrated(tmp_path, kind, seed)
    expected = FloatNetwork(network).run(calibration.sample)
    found = [select(network, calibration, replace(METHOD, plans=(plan,))) for plan in PLANS]
    noise = []
    for selection in found:
        codes = weight_codes(network, selection, calibration)
        answers = Emulation(*emulated(network, selection, codes)).run(calibration.sample)
        noise.append(np.log(np.square(answers - expected).sum(axis=1)).mean())
    best = found[int(np.argmin(noise))]
    assert contents(select(network, calibration, METHOD)) == contents(best)


def test_outputs_choose_otherwise_than_tensors(tmp_path, seed):
    """A layer that is after the small values of its input wants them to be precise."""
    weights = normal(seed, 4, 2, 3, 3) * np.float32([2.0**-12, 1])[:, None, None]
    path = write_network(tmp_path / "net.onnx", [operator("Conv", "x w", "y")], {"w": weights})
    network = load_network(path)
    images = np.clip(normal(seed, 30, 2, 8, 9, scale=1), -1, 1)
    images *= np.float32([1, 2.0**-8])[:, None, None]
    calibration = calibrate(network, images)
    plain = select(network, calibration, replace(METHOD, objective="tensor"))
    chosen = select(network, calibration, METHOD)
    assert plain.tensors["x"].exponent < chosen.tensors["x"].exponent


def test_weights_are_rounded_for_outputs_where_activations_are_alike(tmp_path, seed):
    weights = {"w": normal(seed, 16, 2, 3, 3)}
    path = write_network(tmp_path / "net.onnx", [operator("Conv", "x w", "y")], weights)
    network = load_network(path)
    flat = np.broadcast_to(normal(seed, 30, 2, 1, 1), (30, 2, 8, 9))
    calibration = calibrate(network, flat + normal(seed, 30, 2, 8, 9, scale=0.01))
    chosen = select(network, calibration, METHOD)
    nearest = chosen.weights["node_y"].encode(network.nodes[0].weights)
    codes = weight_codes(network, chosen, calibration)["node_y"]
    assert np.mean(codes != nearest) > 0.05
    plain = weight_codes(network, replace(chosen, objective="tensor"), calibration)["node_y"]
    np.testing.assert_array_equal(plain, nearest)


@EVERY_KIND
def test_least_output_error_of_rounded_weights(tmp_path, seed, kind):
    network, calibration = calibrated(tmp_path, kind, seed)
    selection = select(network, calibration, METHOD)
    codes = weight_codes(network, selection, calibration)
    storage = plan_storage(network)
    for node in layers(rescaled_network(network, selection.scales)):
        fmt_a = selection.tensors[storage.source(node.inputs[0])]
        found = candidate_column_formats(node.weights, SPLITS, limits_of(node, fmt_a, METHOD))
        compensation = Compensation(calibration.moments[node.name])
        rounded = [compensation.round(node.weights, each.quantize) for each in found]
        errors = [
            compensation.output_error(values - node.weights)
            for values, each in zip(rounded, found, strict=True)
            if each.error <= NEAR_LEAST * found[0].error
        ]
        best = int(np.argmin(errors))
        assert selection.weights[node.name].fmt == found[best].fmt
        assert selection.weights[node.name].biases.tolist() == found[best].biases.tolist()
        np.testing.assert_array_equal(codes[node.name], found[best].encode(rounded[best]))


@EVERY_KIND
@pytest.mark.parametrize("objective", ["tensor", "output"])
def test_sign_bits_are_where_negative_values_are(tmp_path, seed, kind, objective):
    network, calibration = calibrated(tmp_path, kind, seed)
    selection = select(network, calibration, replace(METHOD, objective=objective))
    for name, fmt in selection.tensors.items():
        assert fmt.sign == (calibration.histograms[name].least < 0), name
    for node in layers(network):
        assert selection.weights[node.name].fmt.sign == (node.weights < 0).any()


def test_weights_without_a_sign(tmp_path, seed):
    constants = {"w": np.abs(normal(seed, 4, 2, 3, 3)), "u": -np.abs(normal(seed, 3, 4, 1, 1))}
    operators = [operator("Conv", "x w", "c"), operator("Conv", "c u", "y")]
    network = load_network(write_network(tmp_path / "net.onnx", operators, constants))
    selection = select(network, calibrate(network, normal(seed, 9, 2, 8, 9)), METHOD)
    assert [chosen.fmt.sign for chosen in selection.weights.values()] == [0, 1]


@pytest.mark.parametrize("objective", ["tensor", "output"])
def test_only_the_splits_given(tmp_path, seed, objective):
    network, calibration = calibrated(tmp_path, "residual", seed)
    for splits in (((1, 3, 4),), ((0, 4, 4), (1, 4, 3)), ((1, 0, 7), (1, 2, 5))):
        method = Method(splits, objective, exp_max=4, k_max=256)
        selection = select(network, calibration, method)
        chosen = [*selection.tensors.values(), *(c.fmt for c in selection.weights.values())]
        assert {(fmt.sign, fmt.exponent, fmt.fraction) for fmt in chosen} <= set(splits)


def test_negative_values_without_a_signed_split(tmp_path, seed):
    network, calibration = calibrated(tmp_path, "residual", seed)
    method = Method(((0, 3, 5),), exp_max=4, k_max=256)
    with pytest.raises(ValueError, match="tensor 'x': a tensor has negative values, and none"):
        select(network, calibration, method)
    positive = calibrate(network, np.abs(normal(seed, 9, *network.input_shape)))
    histograms = {name: positive.histograms["x"] for name in positive.histograms}
    with pytest.raises(ValueError, match="layer 'node_c0': a tensor has negative values"):
        select(network, replace(positive, histograms=histograms), method)


@pytest.mark.parametrize("exp_max", [3, 4, 5])
@pytest.mark.parametrize("per_channel", [False, True])
def test_start_values_fit_the_accumulator(tmp_path, seed, exp_max, per_channel):
    """Also those of layers whose weights and activations alone would want a finer grid."""
    tiny = (
        normal(seed, 4, 2, 3, 3)
        * np.exp2(-10 * np.arange(4, dtype=np.float32))[:, None, None, None]
    )
    constants = {"w": tiny, "v": np.array([1e3, 0, -7e-3, 60], np.float32)}
    network = load_network(
        write_network(tmp_path / "net.onnx", [operator("Conv", "x w v", "y")], constants)
    )
    calibration = calibrate(network, normal(seed, 9, 2, 8, 9, scale=1e-6))
    splits = tuple(supported_splits(exp_max))
    method = Method(splits, per_channel=per_channel, exp_max=exp_max, k_max=64)
    selection = select(network, calibration, method)
    (node,) = layers(network)
    chosen = selection.weights[node.name]
    grid = [
        selection.tensors["x"].unit_exponent + chosen.fmt.unit_exponent - int(bias)
        for bias in chosen.biases
    ]
    start_integer(start_values(node), grid, accumulator_width(exp_max, 64))
    free = select_column_formats(node.weights, splits)
    assert exp_max == 5 or not np.array_equal(chosen.biases, free.biases)


@pytest.mark.parametrize("objective", ["tensor", "output"])
def test_one_bias_for_a_layer(tmp_path, seed, objective):
    weights = normal(seed, 4, 2, 3, 3)
    weights[1:3] *= 2.0**-5
    constants = {"w": weights, "v": normal(seed, 4)}
    path = write_network(tmp_path / "net.onnx", [operator("Conv", "x w v", "y")], constants)
    network = load_network(path)
    calibration = calibrate(network, normal(seed, 9, 2, 8, 9))
    method = replace(METHOD, objective=objective)
    several = select(network, calibration, method).weights["node_y"]
    assert len(set(several.biases.tolist())) > 1
    one = select(network, calibration, replace(method, per_channel=False)).weights["node_y"]
    expected = select_format(weights, SPLITS)
    assert one.biases.tolist() == [expected.bias] * 4
    assert replace(one.fmt, bias=expected.bias) == expected


@EVERY_KIND
def test_the_same_every_time(tmp_path, seed, kind):
    first, second = (
        (select(network, calibration, METHOD), network, calibration)
        for network, calibration in (calibrated(tmp_path, kind, seed) for _ in range(2))
    )
    assert contents(first[0]) == contents(second[0])
    codes, again = (weight_codes(n, s, c) for s, n, c in (first, second))
    assert all(np.array_equal(codes[name], again[name]) for name in codes)
