"""A quantized network as plain arrays, for other tools."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..graph.files import written_whole
from .quantized import QuantizedNetwork


def export_network(network: QuantizedNetwork, path: str | Path) -> None:
    """Write the arrays of `export_arrays` to an .npz file, whole or not at all."""
    with written_whole(Path(path)) as file:
        np.savez(file, **export_arrays(network))


def export_arrays(network: QuantizedNetwork) -> dict[str, np.ndarray]:
    """Return what an .npz file of a quantized network holds; it needs no pickle.

    Returns
    -------
    dict
        ``tensors`` and ``tensor_formats``, texts, for every tensor kept as codes; ``layers``, names
        of the convolutions and fully connected layers in order; and for each of these
        ``<name>/codes`` (K, N) uint8, ``<name>/format`` (the format of column 0),
        ``<name>/biases`` (N,) int64 exponent biases, ``<name>/start`` (N,) float32.
    """
    coded = {name: str(fmt) for name, fmt in network.formats.items() if fmt}
    arrays = {
        "tensors": np.array(list(coded)),
        "tensor_formats": np.array(list(coded.values())),
        "layers": np.array([layer.name for layer in network.layers]),
    }
    for layer in network.layers:
        arrays[f"{layer.name}/codes"] = layer.w_codes
        arrays[f"{layer.name}/format"] = np.array(str(layer.fmts_w[0]))
        arrays[f"{layer.name}/biases"] = layer.biases_w
        arrays[f"{layer.name}/start"] = layer.start
    return arrays
