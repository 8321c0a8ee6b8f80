"""The graph of EfficientNet-Lite0, made from a state."""

import numpy as np
import onnx
import pytest

from model.graph.packaged import recipes as packaged_module
from model.graph.packaged.efficientnet import build as build_efficientnet
from tests.graph.float_execution import run_model
from tests.graph.tiny_networks import normal


def norm_state(channels: int, prefix: str) -> dict[str, np.ndarray]:
    """Return a BatchNormalization with the names of PyTorch."""
    random = np.random.default_rng(channels)
    return {
        f"{prefix}.{part}": random.uniform(0.5, 1.5, channels).astype(np.float32)
        for part in ("weight", "bias", "running_mean", "running_var")
    }


def efficientnet_state(seed: int) -> dict[str, np.ndarray]:
    """Return a state dict of EfficientNet-Lite0 with few channels, 4 inside each block."""
    state = {"_conv_stem.weight": normal(seed, 4, 3, 3, 3), **norm_state(4, "_bn0")}
    kernels = [3, 3, 3, 5, 5, 3, 3, 3, 5, 5, 5, 5, 5, 5, 5, 3]
    widths = [1, 1, 1, 3, 3, 4, 4, 4, 5, 5, 5, 6, 6, 6, 6, 7]
    for index, (kernel, width) in enumerate(zip(kernels, widths, strict=True)):
        block = f"_blocks.{index}"
        if index:
            state[f"{block}._expand_conv.weight"] = normal(seed + index, 4, widths[index - 1], 1, 1)
            state |= norm_state(4, f"{block}._bn0")
        state[f"{block}._depthwise_conv.weight"] = normal(seed + index, 4, 1, kernel, kernel)
        state[f"{block}._project_conv.weight"] = normal(seed + index, width, 4, 1, 1)
        state |= norm_state(4, f"{block}._bn1") | norm_state(width, f"{block}._bn2")
    head = {"_conv_head.weight": normal(seed, 6, 7, 1, 1), **norm_state(6, "_bn1")}
    return state | head | {"_fc.weight": normal(seed, 5, 6), "_fc.bias": normal(seed, 5)}


def test_efficientnet_has_its_structure():
    model = build_efficientnet(efficientnet_state(1))
    nodes = model.graph.node
    kinds = [node.op_type for node in nodes]
    assert {kind: kinds.count(kind) for kind in ("Conv", "BatchNormalization", "Clip", "Add")} == {
        "Conv": 49,
        "BatchNormalization": 49,
        "Clip": 33,
        "Add": 9,
    }
    attributes = {
        node.name: {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        for node in nodes
    }
    assert attributes["stem/Conv"]["pads"] == [0, 0, 1, 1]
    strided = attributes["blocks.3/depthwise/Conv"]
    assert (strided["pads"], strided["strides"], strided["group"]) == ([1, 1, 2, 2], [2, 2], 4)
    assert attributes["blocks.4/depthwise/Conv"]["pads"] == [2, 2, 2, 2]
    epsilons = [a["epsilon"] for a in attributes.values() if "epsilon" in a]
    np.testing.assert_allclose(epsilons, 49 * [1e-3], rtol=1e-6)
    answer = run_model(model, normal(1, 2, 3, 224, 224))
    assert answer.shape == (2, 5) and np.isfinite(answer).all() and answer[0].std() > 0


def test_efficientnet_without_a_tensor_is_refused(monkeypatch, tmp_path):
    state = efficientnet_state(1)
    del state["_blocks.7._bn2.running_var"]
    module = packaged_module.efficientnet
    monkeypatch.setattr(module, "package_path", lambda *_: tmp_path)
    monkeypatch.setattr(module, "read_state_dict", lambda _: state)
    with pytest.raises(ValueError, match="no tensor '_blocks.7._bn2.running_var', Efficient"):
        module.efficientnet_lite0()
