"""Test and calibration images from files that Python packages ship, by Pillow.

``foolbox`` holds 20 images of each of several data sets, with the label at the end of the file's
name; ``scikit-image`` holds photographs without labels, which calibrate the ImageNet networks.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..images import Images
from .sources import library, package_path

if TYPE_CHECKING:
    from PIL.Image import Image

Size = tuple[int, int]
Box = tuple[int, int, int, int]

LABELLED = 20
"""Images that foolbox holds of each data set."""
PHOTOGRAPHS = (
    "astronaut.png",
    "brick.png",
    "camera.png",
    "chelsea.png",
    "coffee.png",
    "grass.png",
    "motorcycle_left.png",
    "rocket.jpg",
)
CROPS = 4
"""Of each photograph, each with its mirror image: 64 images in all."""
SEED = 1
VGG_MEAN = np.array([104.00699, 116.66877, 122.67892], np.float32)
"""Of blue, green and red over ImageNet, as the package of VGG-16 subtracts it."""
SIDE = 224
"""Rows and columns of an ImageNet image."""
SHORTER_SIDE = 256
"""What a test image is scaled to before its centre is cut out."""


def imagenet_test() -> Images:
    """Read foolbox's ImageNet images: (20, 3, 224, 224), (RGB - 127) / 128.

    Raises
    ------
    ValueError
        If foolbox or Pillow is missing.
    """
    images, labels = _imagenet()
    return Images(_normalised(images), labels)


def imagenet_unlabelled() -> Images:
    """Read the images of `imagenet_test` for a network whose answers the labels do not judge.

    Raises
    ------
    ValueError
        If foolbox or Pillow is missing.
    """
    return Images(imagenet_test().images)


def imagenet_calibration() -> np.ndarray:
    """Cut (64, 3, 224, 224) images out of scikit-image's photographs, (RGB - 127) / 128.

    Raises
    ------
    ValueError
        If scikit-image or Pillow is missing.
    """
    return _normalised(_photographs())


def vgg16_test() -> Images:
    """Read foolbox's ImageNet images as VGG-16 takes them: (20, 3, 224, 224), BGR - `VGG_MEAN`.

    Raises
    ------
    ValueError
        If foolbox or Pillow is missing.
    """
    images, _ = _imagenet()
    return Images(_for_vgg(images))


def vgg16_calibration() -> np.ndarray:
    """Cut the images of `imagenet_calibration` as VGG-16 takes them: BGR - `VGG_MEAN`.

    Raises
    ------
    ValueError
        If scikit-image or Pillow is missing.
    """
    return _for_vgg(_photographs())


def cifar10_test() -> Images:
    """Read foolbox's CIFAR-10 images: (20, 3, 32, 32), RGB from 0 to 255.

    Raises
    ------
    ValueError
        If foolbox or Pillow is missing.
    """
    paths, labels = _labelled("cifar10")
    return Images(_stacked(_array(_open(path)) for path in paths), labels)


def cifar10_calibration() -> np.ndarray:
    """Read foolbox's CIFAR-100 images and their mirror images: (40, 3, 32, 32), RGB 0 to 255.

    They are pictures of the same kind, but in neither half of CIFAR-10.

    Raises
    ------
    ValueError
        If foolbox or Pillow is missing.
    """
    paths, _ = _labelled("cifar100")
    images = _stacked(_array(_open(path)) for path in paths)
    return np.concatenate([images, images[..., ::-1]])


def scaled_size(size: Size, shorter_side: int) -> Size:
    """(Width, height) with the same aspect ratio and a given shorter side, rounded."""
    factor = shorter_side / min(size)
    return round(size[0] * factor), round(size[1] * factor)


def centre_box(size: Size, side: int) -> Box:
    """(Left, top, right, bottom) of the square in the middle of (width, height)."""
    left, top = (size[0] - side) // 2, (size[1] - side) // 2
    return left, top, left + side, top + side


def random_box(random: np.random.Generator, size: Size) -> Box:
    """Draw (left, top, right, bottom) of a part of an image of (width, height).

    Its area is a quarter of the image's or more, its width 3/4 to 4/3 of its height, but for a
    side that would not fit into the image.
    """
    area = size[0] * size[1] * random.uniform(0.25, 1)
    ratio = np.exp(random.uniform(-1, 1) * np.log(4 / 3))
    width = min(round(np.sqrt(area * ratio)), size[0])
    height = min(round(np.sqrt(area / ratio)), size[1])
    left = int(random.integers(size[0] - width + 1))
    top = int(random.integers(size[1] - height + 1))
    return left, top, left + width, top + height


def label(path: Path) -> int:
    """Class of an image of foolbox: 243 for "imagenet_00_243.jpg"."""
    return int(path.stem.rpartition("_")[2])


def _imagenet() -> tuple[list[np.ndarray], np.ndarray]:
    """Read foolbox's ImageNet images, bytes (3, 224, 224) each, and their labels (20,) int64."""
    paths, labels = _labelled("imagenet")
    images = []
    for path in paths:
        picture = _open(path)
        picture = _scaled(picture, scaled_size(picture.size, SHORTER_SIDE))
        images.append(_array(picture.crop(centre_box(picture.size, SIDE))))
    return images, labels


def _photographs() -> list[np.ndarray]:
    """Cut images, bytes (3, 224, 224) each, out of scikit-image's photographs."""
    random = np.random.default_rng(SEED)
    folder = package_path("scikit-image", "skimage/data")
    images = []
    for name in PHOTOGRAPHS:
        photograph = _open(folder / name)
        for _ in range(CROPS):
            box = random_box(random, photograph.size)
            image = _array(_scaled(photograph.crop(box), (SIDE, SIDE)))
            images += [image, image[..., ::-1]]
    return images


def _labelled(data_set: str) -> tuple[list[Path], np.ndarray]:
    """Find foolbox's images of a data set, and their labels (20,) int64."""
    folder = package_path("foolbox", "foolbox/data")
    paths = sorted(folder.glob(f"{data_set}_*"))
    if len(paths) != LABELLED:
        raise ValueError(f"{folder}: {len(paths)} images of {data_set}, {LABELLED} are expected")
    return paths, np.array([label(path) for path in paths], np.int64)


def _open(path: Path) -> Image:
    """Read an image file as RGB."""
    return library("PIL.Image", "Pillow").open(path).convert("RGB")


def _scaled(picture: Image, size: Size) -> Image:
    return picture.resize(size, library("PIL.Image", "Pillow").Resampling.BICUBIC)


def _array(picture: Image) -> np.ndarray:
    """Turn a picture into bytes (3, H, W)."""
    return np.asarray(picture).transpose(2, 0, 1)


def _stacked(images: Iterable[np.ndarray]) -> np.ndarray:
    return np.stack(list(images)).astype(np.float32)


def _normalised(images: Iterable[np.ndarray]) -> np.ndarray:
    return (_stacked(images) - np.float32(127)) / np.float32(128)


def _for_vgg(images: Iterable[np.ndarray]) -> np.ndarray:
    """Turn bytes (3, H, W) of RGB into BGR without its mean."""
    return _stacked(images)[:, ::-1] - VGG_MEAN[:, None, None]
