"""Read image files: an .npz of ``images`` and, optionally, ``labels``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .archive import read_arrays
from .files import existing_file
from .network import Network

BLOCK = 64
"""Images looked at at a time, so that those of a large file are never in memory all at once."""


@dataclass(frozen=True, eq=False)
class Images:
    """``images`` (N, C, H, W) float32, or of other axes, and ``labels`` (N,) int64 or None."""

    images: np.ndarray
    labels: np.ndarray | None = None

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.images)

    def first(self, count: int) -> Images:
        """Return the first ``count`` images, or all if there are fewer."""
        return Images(self.images[:count], None if self.labels is None else self.labels[:count])


def read_images(name: str | Path, network: Network | None = None) -> Images:
    """Read and check an image file; large arrays stay in a file, see `read_arrays`.

    Parameters
    ----------
    name
        A known name (the stem of an .npz in ``model/networks``) or a path.
    network
        If given, the images must have the shape of its input, and labels must be below its
        number of classes.

    Raises
    ------
    ValueError
        If the file is missing, truncated or not an .npz, if ``images`` is missing, empty, not
        float32, of a wrong shape or not finite, or if ``labels`` do not fit.
    """
    path = existing_file(name, ".npz")
    try:
        arrays = read_arrays(path, ["images"], ["labels"])
        images, labels = arrays["images"], arrays.get("labels")
        _check_images(images, network)
        if labels is not None:
            _check_labels(labels, len(images), network)
            labels = labels.astype(np.int64)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return Images(images, labels)


def check_kind(images: np.ndarray, network: Network | None = None) -> None:
    """Check that images are float32 (N, C, H, W), or (N, ...) of the sizes that a network takes.

    Raises
    ------
    ValueError
        If they are not.
    """
    if not isinstance(images, np.ndarray):
        kind = type(images).__name__
        raise ValueError(f"images are a {kind}, an array (N, C, H, W) of float32 is expected")
    if images.dtype != np.float32:
        raise ValueError(f"images are {images.dtype}, float32 is expected")
    sizes = network.input_shape if network else ("C", "H", "W")
    if images.ndim != 1 + len(sizes):
        wanted = ", ".join(map(str, sizes if len(sizes) != 3 else ("C", "H", "W")))
        raise ValueError(f"images have shape {images.shape}, (N, {wanted}) is expected")
    if network and images.shape[1:] != network.input_shape:
        raise ValueError(
            f"images have shape {images.shape[1:]} each,"
            f" the network '{network.name}' takes {network.input_shape}"
        )


def blocks(images: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the images a `BLOCK` at a time, each with the number of its first."""
    for first in range(0, len(images), BLOCK):
        yield first, images[first : first + BLOCK]


def _check_images(images: np.ndarray, network: Network | None) -> None:
    check_kind(images, network)
    if not images.size:
        raise ValueError(f"images of shape {images.shape}: there is no image")
    for first, block in blocks(images):
        finite = np.isfinite(block)
        if not finite.all():
            index, *place = (int(i) for i in np.argwhere(~finite)[0])
            where = ", ".join(map(str, (first + index, *place)))
            raise ValueError(f"images[{where}] is {images[first + index, *place]}")


def _check_labels(labels: np.ndarray, count: int, network: Network | None) -> None:
    if labels.dtype.kind not in "iu":
        raise ValueError(f"labels are {labels.dtype}, integers are expected")
    if labels.shape != (count,):
        raise ValueError(f"labels have shape {labels.shape}, ({count},) is expected")
    wrong = (labels < 0) | (labels >= (network.classes if network else np.inf))
    if wrong.any():
        index = int(np.argmax(wrong))
        limit = f"below {network.classes}" if network else "0 or more"
        raise ValueError(f"labels[{index}] is {labels[index]}, {limit} is expected")
