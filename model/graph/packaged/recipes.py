"""Make ONNX and image files of networks that Python packages ship, on the user's machine.

Nothing of these is committed: the weights and images are other people's. `requirements.txt` beside
this file lists the packages.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np
import onnx

from ..files import written_whole
from ..images import Images
from . import cifar10, drawn, efficientnet, images, vgg16
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
    """What makes a network, its test images and its calibration images.

    ``images`` is what the files of images are called where networks share them.
    """

    model: Callable[[], onnx.ModelProto]
    data: Callable[[], Images]
    calibration: Callable[[], np.ndarray]
    images: str = ""


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
    **{
        name: _Recipe(
            partial(drawn.drawn, name),
            images.imagenet_unlabelled,
            images.imagenet_calibration,
            "onnx",
        )
        for name in drawn.FILES
    },
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
    recipe = RECIPES[name]
    images = recipe.images or name
    network = PackagedNetwork(
        folder / f"{name}.onnx", folder / f"{images}_test.npz", folder / f"{images}_calibration.npz"
    )
    _make(recipe, network)
    return network


def _make(recipe: _Recipe, network: PackagedNetwork) -> None:
    """Make what is missing or stale, everything first, then write it."""
    makers = {
        network.model: recipe.model,
        network.data: recipe.data,
        network.calibration: lambda: Images(recipe.calibration()),
    }
    made = {path: make() for path, make in makers.items() if not _is_fresh(path)}
    for path, content in made.items():
        with written_whole(path) as file:
            _write(file, content)


def _is_fresh(path: Path) -> bool:
    """Tell whether a file is there, and newer than what decides its contents."""
    sources = [REQUIREMENTS, *Path(__file__).parent.glob("*.py")]
    newest = max(source.stat().st_mtime_ns for source in sources)
    return path.is_file() and path.stat().st_mtime_ns > newest


def _write(file: BinaryIO, content: onnx.ModelProto | Images) -> None:
    if isinstance(content, onnx.ModelProto):
        file.write(content.SerializeToString())
    elif content.labels is None:
        np.savez(file, images=content.images)
    else:
        np.savez(file, images=content.images, labels=content.labels)
