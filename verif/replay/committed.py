"""Formats and weight codes of the committed networks: ``python -m verif.replay.committed``.

Choosing formats and rounding weights compute in floating point, whose last bits differ between
processors. What the default replay prints is to be the same everywhere, so it takes these files:
``<network>.yaml``, which names its inputs by hash, and the codes in ``<network>.npz``.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from model.graph.archive import read_arrays
from model.graph.files import COMMITTED, written_whole
from model.graph.network import Network
from model.quantization.calibration import calibrate
from model.quantization.method import Selection, weight_codes
from model.quantization.quantize import apply_selection
from model.quantization.quantized import QuantizedNetwork
from model.quantization.selection_file import read_selection, write_selection
from model.quantization.steps import choose_formats
from verif.commands.sources import FASHION, Source
from verif.replay.sources import replay_source

FOLDER = COMMITTED / "quantized"


def committed_network(
    network: Network, name: str, inputs: Mapping[str, str]
) -> QuantizedNetwork | None:
    """Return a network as it was quantized once, None if it never was, or from other inputs.

    Parameters
    ----------
    network
        As it is imported.
    name
        Of the network, or the path of its file.
    inputs
        Hashes of it and its calibration images, see `Source.hashes`.
    """
    if name not in FASHION:
        return None
    selection = read_selection(FOLDER / f"{name}.yaml")
    if any(selection.inputs[what] != inputs[what] for what in ("MODEL", "CALIBRATION")):
        return None
    names = [node.name for node in network.linears]
    codes = read_arrays(FOLDER / f"{name}.npz", names)
    return apply_selection(network, selection, codes)


def choose(source: Source) -> tuple[Selection, dict[str, np.ndarray]]:
    """Choose the formats of a network and round its weights."""
    network, _, calibration_images = source.read()
    calibration = calibrate(network, calibration_images.images)
    selection = replace(choose_formats(network, calibration), inputs=source.hashes())
    return selection, weight_codes(network, selection, calibration)


def main() -> int:
    """Make the files of all committed networks anew."""
    for name in FASHION:
        selection, codes = choose(replay_source(name, None, None))
        write_selection(selection, FOLDER / f"{name}.yaml")
        with written_whole(FOLDER / f"{name}.npz") as file:
            np.savez_compressed(file, **codes)
        print(f"{name}.yaml and {name}.npz in {FOLDER}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
