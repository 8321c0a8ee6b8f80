"""Networks on codes, ready to be replayed: committed, kept from an earlier run, or made now."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from model.graph.archive import read_arrays
from model.graph.network import Network
from model.quantization.calibration import calibrate
from model.quantization.depths import fitting_k_max
from model.quantization.doubts import calibration_doubts
from model.quantization.method import Selection, weight_codes
from model.quantization.quantize import apply_selection
from model.quantization.quantized import QuantizedNetwork
from model.quantization.selection_file import read_selection, write_selection
from model.quantization.steps import choose_formats
from verif.commands.fingerprint import sources
from verif.commands.folders import BUILD
from verif.simulator.build_cache import cached, digest

FOLDER = BUILD / "quantized"
SELECTION, CODES, DOUBTS = "selection.yaml", "codes.npz", "doubts.json"


def prepared_network(
    network: Network,
    images: np.ndarray,
    inputs: Mapping[str, str],
    selection: Selection | None = None,
    folder: Path = FOLDER,
) -> tuple[QuantizedNetwork, list[str]]:
    """Quantize a network, unless that was done before with the same inputs and model.

    Parameters
    ----------
    network
        The imported network.
    images
        Calibration images.
    inputs
        Hashes of network and calibration images.
    selection
        Formats that were chosen; None chooses them, for an engine that holds any format and the
        network's sums.
    folder
        Where formats and weight codes are kept.

    Returns
    -------
    network
        On codes.
    doubts
        Why the calibration says little of the data, in sentences.
    """
    names = [node.name for node in network.linears]

    def make(room: Path) -> None:
        calibration = calibrate(network, images)
        chosen = selection or choose_formats(network, calibration, k_max=fitting_k_max(network))
        write_selection(chosen, room / SELECTION)
        made = weight_codes(network, chosen, calibration)
        np.savez(room / CODES, *(made[name] for name in names))  # whatever layers are called
        doubts = calibration_doubts(images, calibration)
        (room / DOUBTS).write_text(json.dumps(doubts), encoding="utf-8")

    about = [inputs["MODEL"], inputs["CALIBRATION"], str(network.shapes), sources()["model"]]
    key = digest([*about, repr(selection), Path(__file__).read_bytes()])
    room = cached(folder, "network", key, make)
    chosen = read_selection(room / SELECTION)
    arrays = read_arrays(room / CODES, [f"arr_{place}" for place in range(len(names))])
    codes = dict(zip(names, arrays.values(), strict=True))
    doubts = json.loads((room / DOUBTS).read_text(encoding="utf-8"))
    return apply_selection(network, chosen, codes), doubts
