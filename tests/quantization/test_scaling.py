"""Factors of tensors: which can have one, and that they change no answer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.comparison.measures import noise_ratio
from model.graph.importing.network import load_network
from model.quantization.calibration import FloatNetwork, calibrate
from model.quantization.emulation import Emulation
from model.quantization.method import Method, Plan, select, weight_codes
from model.quantization.quantize import apply_selection
from model.quantization.scaling import rescaled_network, shared_scales
from tests.graph.mixed_networks import KINDS, mixed_network
from tests.graph.tiny_networks import Operator, normal, operator, write_network

EVERY_KIND = pytest.mark.parametrize("kind", [*KINDS, "residual"])


@EVERY_KIND
def test_factors_change_no_answer(tmp_path, seed, kind):
    network = load_network(mixed_network(tmp_path / "net.onnx", kind, seed % 1000))
    draw = np.random.default_rng(seed)
    scales = {
        name: scale
        for group in shared_scales(network)
        for scale in [draw.uniform(1, 2)]
        for name in group
    }
    assert scales or kind in ("preactivated", "attentive")
    rescaled = rescaled_network(network, scales)
    seen: dict[bool, dict[str, np.ndarray]] = {False: {}, True: {}}

    def watch(name: str, is_rescaled: bool):
        def keep(values: np.ndarray) -> np.ndarray:
            seen[is_rescaled][name] = values
            return values

        return keep

    images = normal(seed, 5, *network.input_shape, scale=1)
    tensors = [network.input, *(node.output for node in network.nodes)]
    answers = [
        Emulation(one, {}, {name: watch(name, which) for name in tensors}).run(images)
        for which, one in enumerate((network, rescaled))
    ]
    assert noise_ratio(*answers) > 100
    for name in tensors:
        plain, divided = (seen[which][name] for which in (False, True))
        np.testing.assert_allclose(
            divided * scales.get(name, 1.0), plain, rtol=1e-3, atol=1e-4 * np.abs(plain).max()
        )


ONE = [operator("Conv", "x w", "c")]
CONSTANTS = {"w": normal(1, 4, 2, 3, 3), "u": normal(2, 3, 4, 1, 1), "m": normal(3, 4, 1, 1)}
SHARED: dict[str, tuple[list[Operator], list[set[str]]]] = {
    "layers alone": ([*ONE, operator("Conv", "c u", "y")], [{"c"}]),
    "the ends": ([operator("Conv", "x w", "y")], []),
    "added": (
        [*ONE, operator("Conv", "c v", "d"), operator("Add", "c d", "a"),
         operator("Conv", "a u", "y")],
        [{"c", "d", "a"}],
    ),
    "pooled": (
        [*ONE, operator("MaxPool", "c", "p", kernel_shape=[2, 2]), operator("Conv", "p u", "y")],
        [{"c", "p"}],
    ),
    "averaged and joined": (
        [*ONE, operator("AveragePool", "c", "p", kernel_shape=[1, 1]), operator("Conv", "x w", "e"),
         operator("Concat", "p e", "j", axis=1), operator("Conv", "j wide", "y")],
        [{"c", "p", "e", "j"}],
    ),
    "arranged": (
        [*ONE, operator("Transpose", "c", "t", perm=[0, 1, 3, 2]), operator("Conv", "t u", "y")],
        [{"c", "t"}],
    ),
    "no homogeneous operation": (
        [*ONE, operator("HardSwish", "c", "h"), operator("Conv", "h u", "y")],
        [],
    ),
    "times constants": (
        [*ONE, operator("Tanh", "c", "t"), operator("Mul", "t m", "p"),
         operator("Conv", "p u", "y")],
        [],
    ),
    "a product": (
        [*ONE, operator("Conv", "x w", "b"), operator("Transpose", "b", "t", perm=[0, 1, 3, 2]),
         operator("MatMul", "c t", "p"), operator("Conv", "p u", "y")],
        [],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", SHARED)
def test_who_shares_a_factor(tmp_path, case):
    operators, expected = SHARED[case]
    constants = CONSTANTS | {"v": normal(4, 4, 4, 1, 1), "wide": normal(5, 3, 8, 1, 1)}
    network = load_network(write_network(tmp_path / "net.onnx", operators, constants))
    assert [set(group) for group in shared_scales(network)] == expected


def scaled_selection(path: Path, seed: int):
    """Return a network with sums and a clip, what it held, and formats with factors."""
    network = load_network(mixed_network(path / "net.onnx", "residual", seed % 1000))
    calibration = calibrate(network, normal(seed, 30, *network.input_shape, scale=1))
    method = Method(plans=(Plan(scaled=True),))
    return network, calibration, select(network, calibration, method)


def test_scaled_codes_answer_like_the_float_network(tmp_path, seed):
    network, calibration, selection = scaled_selection(tmp_path, seed)
    selection = replace(
        selection, scales={name: 1.25 for group in shared_scales(network) for name in group}
    )
    codes = weight_codes(network, selection, calibration)
    quantized = apply_selection(network, selection, codes)
    assert quantized.scales.keys() == selection.scales.keys()
    images = normal(seed + 1, 10, *network.input_shape, scale=1)
    assert noise_ratio(FloatNetwork(network).run(images), quantized.run(images)) > 15


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": 1.5}, "a scale for x of 'net': no such tensor, or one that can have none"),
        ({"nothing": 1.5}, "a scale for nothing of 'net'"),
        ({"a1": 1.5}, "the scales of .*a1.* of 'net' differ: tensors that are added, joined"),
    ],
)
def test_factors_that_would_change_answers_are_refused(tmp_path, seed, change, message):
    network, calibration, selection = scaled_selection(tmp_path, seed)
    group = max(shared_scales(network), key=len)
    change = {group[0] if name == "a1" else name: scale for name, scale in change.items()}
    wrong = replace(selection, scales=change)
    with pytest.raises(ValueError, match=message.replace("a1", group[0])):
        weight_codes(network, wrong, calibration)
