"""What a replay reads: a network, its images, and the formats of its tensors."""

from __future__ import annotations

from pathlib import Path

from model.graph.network import Network
from model.quantization.depths import LARGEST_K_MAX
from model.quantization.method import Selection, check_selection
from model.quantization.selection_file import read_selection
from verif.commands.sources import FASHION, KNOWN_MODELS, Source, named_source
from verif.replay.legal import LEGAL

FASHION_DATA = "fashion_mnist_test"
"""The committed images, which are enough for a replay of a few."""


def replay_source(
    model: str, data: str | None, calibration: str | None, all_images: bool = False
) -> Source:
    """Find what belongs to a known name; a user's own network needs all three.

    ``all_images`` takes those of Fashion-MNIST from Debian's package, for the committed images are
    its first 1,000.

    Raises
    ------
    ValueError
        If something is missing.
    """
    if model in FASHION and not all_images:
        data = data or FASHION_DATA
    elif model not in KNOWN_MODELS and not Path(model).is_file():
        known = ", ".join(KNOWN_MODELS)
        raise ValueError(f"MODEL={model}: no such file, nor a network known by name ({known})")
    return named_source(model, data, calibration)


def fitting_selection(network: Network, path: Path, model: str = "") -> Selection:
    """Read formats that `make accuracy` has chosen for a network.

    ``model`` is the hash of the network's file, to be compared with that in the selection's.

    Raises
    ------
    ValueError
        If the file is missing or malformed, or does not fit the network or any engine.
    """
    chosen = read_selection(path)
    try:
        for name, most in (("exp_max", LEGAL["exp_max"][1]), ("k_max", LARGEST_K_MAX)):
            if getattr(chosen, name) > most:
                raise ValueError(
                    f"{name} {getattr(chosen, name)}: the engine of a replay has at most {most}"
                )
        check_selection(network, chosen)
        if model and chosen.inputs.get("MODEL", model) != model:
            raise ValueError(
                f"chosen for MODEL {chosen.inputs['MODEL']}, the network is {model}: choose anew"
            )
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return chosen
