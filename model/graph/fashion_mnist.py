"""Read Fashion-MNIST as Debian's package dataset-fashion-mnist installs it."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path
from typing import Literal

import numpy as np

from .images import Images

TEST_IMAGES_FOLDER = Path("/usr/share/datasets/fashion-mnist")
"""Where the Debian package puts the four files, those of the training images included."""

UNSIGNED_BYTE = 8
"""Element type of an IDX file, as its third byte has it."""


def read_test_images() -> Images:
    """Read all 10,000 test images.

    The committed ``fashion_mnist_test.npz`` holds the first 1,000 of them, bit for bit.

    Returns
    -------
    Images
        ``images`` (10000, 1, 28, 28) float32 in [0, 1] and ``labels`` (10000,) int64.

    Raises
    ------
    ValueError
        If the files are missing, which names the Debian package, or damaged.
    """
    return read_split("t10k", TEST_IMAGES_FOLDER)


def read_split(split: Literal["train", "t10k"], folder: Path = TEST_IMAGES_FOLDER) -> Images:
    """Read the 60,000 training images or the 10,000 test images.

    Returns
    -------
    Images
        ``images`` (N, 1, 28, 28) float32, the bytes over 255, and ``labels`` (N,) int64.

    Raises
    ------
    ValueError
        If the files are missing, which names the Debian package, or damaged.
    """
    images = _read_idx(folder / f"{split}-images-idx3-ubyte.gz", 3)
    labels = _read_idx(folder / f"{split}-labels-idx1-ubyte.gz", 1)
    if len(images) != len(labels):
        raise ValueError(f"{folder}: '{split}' has {len(images)} images, but {len(labels)} labels")
    return Images(images[:, None] / np.float32(255), labels.astype(np.int64))


def _read_idx(path: Path, dimensions: int) -> np.ndarray:
    """Read a gzipped IDX file of bytes: images (N, 28, 28) or labels (N,), uint8."""
    try:
        data = gzip.decompress(path.read_bytes())
    except FileNotFoundError as error:
        raise ValueError(
            f"{path}: no such file; it comes with 'apt-get install dataset-fashion-mnist'"
        ) from error
    except (EOFError, OSError, zlib.error) as error:
        raise ValueError(f"{path}: not readable as gzip, or truncated ({error})") from error
    start = 4 + 4 * dimensions
    magic = bytes((0, 0, UNSIGNED_BYTE, dimensions))
    if data[:4] != magic or len(data) < start:
        raise ValueError(
            f"{path}: starts with {data[:4].hex() or 'nothing'},"
            f" an IDX file of bytes with {dimensions} dimension(s) starts with {magic.hex()}"
        )
    shape = tuple(np.frombuffer(data, ">u4", dimensions, 4).tolist())
    if len(data) - start != math.prod(shape):
        raise ValueError(
            f"{path}: holds {len(data) - start} bytes of data, shape {shape} takes"
            f" {math.prod(shape)}"
        )
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)
