"""The steps from a float network to one on FFP8 codes, one call each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..format.splits import Split, supported_splits
from ..graph.importing.network import load_network
from ..graph.network import Network
from .calibration import Calibration, calibrate
from .method import Method, Selection, select, weight_codes
from .quantize import apply_selection
from .quantized import QuantizedNetwork


def choose_formats(
    network: Network,
    calibration: Calibration,
    *,
    exp_max: int = 5,
    k_max: int = 8192,
    splits: Sequence[Split] | None = None,
) -> Selection:
    """Choose sign, split and bias of every tensor of a network; see `select`.

    Parameters
    ----------
    network
        As `load_network` gives it.
    calibration
        What its tensors hold, as `calibrate` gives it.
    exp_max, k_max
        Exponent bits and longest sum of products of the engine's build.
    splits
        Sign, exponent and fraction bits that may be chosen; all that the build holds, unless given.

    Raises
    ------
    ValueError
        If the build holds no format for a tensor or layer, naming it.
    """
    allowed = supported_splits(exp_max) if splits is None else splits
    return select(network, calibration, Method(tuple(allowed), exp_max=exp_max, k_max=k_max))


def quantize_network(
    network: Network | str | Path,
    images: np.ndarray | Calibration,
    selection: Selection | None = None,
    *,
    exp_max: int = 5,
    k_max: int = 8192,
    rounding: str = "rne",
) -> QuantizedNetwork:
    """Quantize a network: import, calibrate, choose formats, encode weights and biases.

    Parameters
    ----------
    network
        What `load_network` gives or takes.
    images
        Calibration images, (N, C, H, W) float32; or what `calibrate` made of them.
    selection
        Formats chosen before, for which `exp_max` and `k_max` then stand already.
    exp_max, k_max
        Exponent bits and longest sum of products of the engine's build.
    rounding
        Of the results of layers.

    Raises
    ------
    ValueError
        If the network cannot be imported, the images do not fit it, or formats do not.
    """
    if not isinstance(network, Network):
        network = load_network(network)
    calibration = images if isinstance(images, Calibration) else calibrate(network, images)
    if selection is None:
        selection = choose_formats(network, calibration, exp_max=exp_max, k_max=k_max)
    codes = weight_codes(network, selection, calibration)
    return apply_selection(network, selection, codes, rounding)
