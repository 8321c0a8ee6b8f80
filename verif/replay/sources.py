"""What a replay reads: a network, its images, and the formats of its tensors."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from model.graph.network import Network
from model.quantization.calibration import calibrate
from model.quantization.doubts import calibration_doubts
from model.quantization.method import Selection, check_selection
from model.quantization.quantized import QuantizedNetwork
from model.quantization.selection_file import read_selection
from model.quantization.steps import quantize_network
from verif.commands.sources import DEFAULT_MODELS, FASHION, Source, named_source
from verif.replay.layer_runner import Build

FASHION_DATA = "fashion_mnist_test"
"""The committed images, of which a replay takes a few; `make accuracy` takes all there are."""


def replay_source(model: str, data: str | None, calibration: str | None) -> Source:
    """Find what belongs to a known name; a user's own network needs all three.

    Raises
    ------
    ValueError
        If something is missing.
    """
    if model in FASHION:
        data = data or FASHION_DATA
    elif model not in DEFAULT_MODELS and not Path(model).is_file():
        known = ", ".join(DEFAULT_MODELS)
        raise ValueError(f"MODEL={model}: no such file, nor a network known by name ({known})")
    return named_source(model, data, calibration)


def quantized_network(
    network: Network, images: np.ndarray, build: Build, selection: Path | None
) -> tuple[QuantizedNetwork, list[str]]:
    """Quantize a network, with formats from a file or, without one, chosen now.

    Parameters
    ----------
    network
        The imported network.
    images
        Calibration images.
    build
        What the engine can hold.
    selection
        A file of `make accuracy`.

    Returns
    -------
    network
        On codes.
    doubts
        Why the calibration says little of the data, in sentences.

    Raises
    ------
    ValueError
        If the file is missing or malformed, or does not fit the network or the engine.
    """
    chosen = None if selection is None else _selection(network, build, selection)
    calibration = calibrate(network, images)
    sizes = {"exp_max": build.exp_max, "k_max": build.k_max}
    quantized = quantize_network(network, calibration, chosen, **sizes)
    return quantized, calibration_doubts(images, calibration)


def _selection(network: Network, build: Build, path: Path) -> Selection:
    chosen = read_selection(path)
    try:
        _check_build(chosen, build)
        check_selection(network, chosen)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return chosen


def _check_build(selection: Selection, build: Build) -> None:
    for name in ("exp_max", "k_max"):
        asked, given = getattr(selection, name), getattr(build, name)
        if asked > given:
            raise ValueError(f"{name} {asked}: the engine of a replay has {given}, no more fits it")
