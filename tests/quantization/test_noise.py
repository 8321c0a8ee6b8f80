"""Noise of a tensor that no layer reads: relative to itself, or to the sum that it goes into."""

from __future__ import annotations

import numpy as np
import pytest

from model.graph.importing.network import load_network
from model.quantization.calibration import calibrate
from model.quantization.noise import Candidate, TensorNoise
from model.quantization.storage import plan_storage
from tests.graph.tiny_networks import normal, operator, write_network


@pytest.mark.parametrize("of_sums", [False, True])
def test_noise_of_a_summand(tmp_path, seed, of_sums):
    """A summand a tenth as large as the other adds a hundredth of its own noise to the sum."""
    operators = [
        operator("Conv", "x w", "large"),
        operator("Conv", "x v", "small"),
        operator("Add", "large small", "sum"),
        operator("Conv", "sum u", "y"),
    ]
    constants = {
        "w": normal(seed, 4, 2, 3, 3),
        "v": normal(seed + 1, 4, 2, 3, 3, scale=0.05),
        "u": normal(seed + 2, 3, 4, 1, 1),
    }
    network = load_network(write_network(tmp_path / "net.onnx", operators, constants))
    calibration = calibrate(network, normal(seed, 20, 2, 8, 9, scale=1))
    noise = TensorNoise("small", plan_storage(network), calibration, of_sums)
    whole = calibration.histograms["sum" if of_sums else "small"]
    assert whole.size == noise.histogram.size
    way = Candidate(None, lambda values: values, 3.0, np.inf)
    expected = 3.0 / (whole.counts @ np.square(whole.values))
    assert noise.best([way])[0] == pytest.approx(expected, rel=1e-9)
