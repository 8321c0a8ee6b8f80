"""The networks that ONNX carries: imported, quantized, and tiles of their layers on the RTL.

Those that are small run with every other test. ``make light`` sets LIGHT=complete: all nine of
them, one at a time. Formats are chosen among a few, of least error of each tensor: it is tiles that
are tested here, and the whole method takes minutes for each of the large ones.
"""

import os
from pathlib import Path

import numpy as np
import onnx
import pytest

from model.graph.importing.network import load_network
from model.graph.network import Network
from model.graph.packaged.drawn import FILES, FOLDER, drawn
from model.quantization.calibration import calibrate
from model.quantization.depths import fitting_k_max
from model.quantization.method import Method, select, weight_codes
from model.quantization.quantize import apply_selection
from tests.light.sampled import SampledLayers
from verif.replay.build import Build
from verif.replay.bus_runner import BusRunner

COMPLETE = os.environ.get("LIGHT") == "complete"
SMALL = ("onnx_shufflenet", "onnx_squeezenet")
SPLITS = ((0, 3, 5), (1, 2, 5), (1, 4, 3))
NOTE = (
    "its weights are drawn at random, not trained: what the network answers means nothing, nor does"
    " its accuracy"
)
TILES = 4
"""Simulated of each chosen layer: on an array of 4 by 4, 64 outputs."""

DEEPEST = {"onnx_alexnet": 9216, "onnx_vgg19": 25088, "onnx_zfnet512": 18432}
K_MAX = {"onnx_alexnet": 16384, "onnx_vgg19": 32768, "onnx_zfnet512": 32768}


def written_and_loaded(path: Path, model: onnx.ModelProto) -> Network:
    """Import a network by way of a file, which is removed."""
    onnx.save(model, path)
    network = load_network(path)
    path.unlink()
    return network


def test_all_of_them_are_there():
    assert set(FILES.values()) == {path.name for path in FOLDER.glob("*.onnx")}
    assert {*SMALL, *DEEPEST} < set(FILES) and len(FILES) == 9


@pytest.mark.parametrize("name", FILES if COMPLETE else sorted({*FILES} - {*DEEPEST}))
def test_the_file_is_imported_as_it_is(name):
    network = load_network(FOLDER / FILES[name])
    assert network.notes == ()
    assert network.input_shape == (3, 224, 224)
    assert np.prod(network.shapes[network.output]) == 1000
    assert fitting_k_max(network) == K_MAX.get(name, 8192)


@pytest.mark.sim
@pytest.mark.parametrize("name", FILES if COMPLETE else SMALL)
def test_tiles_of_its_layers_replay(tmp_path, seed, name):
    network = written_and_loaded(tmp_path / f"{name}.onnx", drawn(name, seed))
    assert network.notes == (NOTE,)
    images = np.random.default_rng(seed).normal(0, 1, (2, 3, 224, 224)).astype(np.float32)
    method = Method(SPLITS, "tensor", k_max=fitting_k_max(network))
    calibration = calibrate(network, images)
    selection = select(network, calibration, method)
    codes = weight_codes(network, selection, calibration)
    quantized = apply_selection(network, selection, codes)
    longest = max(quantized.layers, key=lambda layer: layer.k)
    assert longest.k == DEEPEST.get(name, longest.k) <= method.k_max
    chosen = {quantized.layers[0].name, quantized.layers[-1].name, longest.name}
    build = Build(rows=4, cols=4, k_max=method.k_max)
    runner = BusRunner(build, tmp_path / "replay")
    try:
        sampled = SampledLayers(runner, chosen, TILES, np.random.default_rng(seed))
        answers = quantized.run(images[:1], sampled)
    finally:
        runner.close()
    assert set(sampled.outputs) == chosen
    assert all(TILES <= outputs <= TILES * 16 for outputs in sampled.outputs.values())
    assert np.ptp(answers) > 0
