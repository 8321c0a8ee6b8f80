"""The steps from a float network to one on FFP8 codes, one call each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..format.rounding import check_rounding
from ..format.splits import Split, supported_splits
from ..graph.importing.network import load_network
from ..graph.network import Linear, Network
from .calibration import Calibration, calibrate
from .depths import check_depths, fitting_k_max
from .method import Method, Selection, select, weight_codes
from .quantize import apply_selection
from .quantized import QuantizedNetwork
from .selection_file import read_selection


def choose_formats(
    network: Network,
    calibration: Calibration,
    *,
    exp_max: int = 5,
    k_max: int | None = None,
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
        Exponent bits and longest sum of products of the engine's build; without `k_max`, of one
        that holds the network, see `fitting_k_max`.
    splits
        Sign, exponent and fraction bits that may be chosen; all that the build holds, unless given.

    Raises
    ------
    ValueError
        If the build holds no format for a tensor or layer, naming it, if the calibration is that of
        another network, or there is no split to choose.
    """
    allowed = supported_splits(exp_max) if splits is None else splits
    if not allowed:
        raise ValueError("splits: none is given, at least one is needed to choose of")
    for node in network.nodes:
        if isinstance(node, Linear) and node.name not in calibration.patches:
            raise ValueError(
                f"calibration without layer '{node.name}' of '{network.name}': it is that of "
                "another network"
            )
    k_max = k_max or fitting_k_max(network)
    return select(network, calibration, Method(tuple(allowed), exp_max=exp_max, k_max=k_max))


def quantize_network(
    network: Network | str | Path,
    images: np.ndarray | Calibration,
    selection: Selection | str | Path | None = None,
    *,
    exp_max: int = 5,
    k_max: int | None = None,
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
        Formats chosen before, or their file; they say `exp_max` and `k_max` themselves.
    exp_max, k_max
        As `choose_formats` takes them.
    rounding
        Of the results of layers.

    Raises
    ------
    ValueError
        If the network cannot be imported, the images do not fit it, or formats do not.
    """
    check_rounding(rounding)
    if isinstance(selection, (str, Path)):
        selection = read_selection(selection)
    if not isinstance(network, Network):
        network = load_network(network)
    k_max = k_max or fitting_k_max(network)
    check_depths(network, selection.k_max if selection else k_max)
    calibration = images if isinstance(images, Calibration) else calibrate(network, images)
    if selection is None:
        selection = choose_formats(network, calibration, exp_max=exp_max, k_max=k_max)
    codes = weight_codes(network, selection, calibration)
    return apply_selection(network, selection, codes, rounding)
