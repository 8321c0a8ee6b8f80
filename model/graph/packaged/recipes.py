"""Make ONNX and image files of networks that Python packages ship, on the user's machine.

Nothing of these is committed: the weights and images are other people's. `requirements.txt` beside
this file lists the packages.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np
import onnx

from ..files import written_whole
from ..images import Images
from . import cifar10, efficientnet, images, vgg16
from .sources import REQUIREMENTS

FOLDER = Path("build/networks")


@dataclass(frozen=True)
class PackagedNetwork:
    """Where a network's files are.

    ``model`` is ONNX; ``data`` is an .npz of ``images`` (N, C, H, W) float32, preprocessed, and,
    where they judge the network, ``labels`` (N,) int64; ``calibration`` is an .npz of ``images``
    alone, other ones.
    """

    model: Path
    data: Path
    calibration: Path


@dataclass(frozen=True)
class _Recipe:
    """What makes a network, its test images and its calibration images."""

    model: Callable[[], onnx.ModelProto]
    data: Callable[[], Images]
    calibration: Callable[[], np.ndarray]


RECIPES = {
    "cifar10": _Recipe(
        cifar10.cifar10,
        images.cifar10_test,
        images.cifar10_calibration,
    ),
    "efficientnet_lite0": _Recipe(
        efficientnet.efficientnet_lite0,
        images.imagenet_test,
        images.imagenet_calibration,
    ),
    "vgg16": _Recipe(
        vgg16.vgg16,
        images.vgg16_test,
        images.vgg16_calibration,
    ),
}


def packaged(name: str, folder: Path = FOLDER) -> PackagedNetwork:
    """Return a packaged network's files, which are made if they are missing or stale.

    Stale is what is older than the modules that make it, or than the list of the packages that it
    is made from. With fresh files the packages are not needed.

    Parameters
    ----------
    name
        One of ``RECIPES``.
    folder
        Where the files are, or go; a file gets its name only when it is complete.

    Raises
    ------
    ValueError
        If the name is not known, or if a package is missing, which names the one to install.
    """
    if name not in RECIPES:
        known = ", ".join(RECIPES)
        raise ValueError(f"{name}: no such packaged network (known: {known})")
    network = PackagedNetwork(
        folder / f"{name}.onnx", folder / f"{name}_test.npz", folder / f"{name}_calibration.npz"
    )
    if not _is_fresh(network):
        _make(RECIPES[name], network)
    return network


def _is_fresh(network: PackagedNetwork) -> bool:
    """Tell whether all files are there, and newer than what decides their contents."""
    sources = [REQUIREMENTS, *Path(__file__).parent.glob("*.py")]
    newest = max(path.stat().st_mtime_ns for path in sources)
    return all(path.is_file() and path.stat().st_mtime_ns > newest for path in astuple(network))


def _make(recipe: _Recipe, network: PackagedNetwork) -> None:
    """Make everything first, then write it."""
    model, data, calibration = recipe.model(), recipe.data(), recipe.calibration()
    with written_whole(network.model) as file:
        file.write(model.SerializeToString())
    arrays = {"images": data.images}
    if data.labels is not None:
        arrays["labels"] = data.labels
    with written_whole(network.data) as file:
        np.savez(file, **arrays)
    with written_whole(network.calibration) as file:
        np.savez(file, images=calibration)
