"""Image files, good and bad."""

import math

import numpy as np
import pytest

from model.graph.images import read_images
from model.graph.importing.network import load_network
from tests.graph.tiny_networks import (
    CONV,
    WEIGHTS,
    write_network,
)

IMAGES = np.linspace(0, 1, 3 * math.prod((2, 8, 9)), dtype=np.float32).reshape(3, 2, 8, 9)


def with_value(value: float) -> np.ndarray:
    """Return images of which one value is changed."""
    images = IMAGES.copy()
    images[1, 0, 7, 2] = value
    return images


BAD_IMAGES = {
    "no images": ({"pictures": IMAGES}, "no array 'images' (arrays: pictures)"),
    "float64": ({"images": IMAGES.astype(np.float64)}, "float64, float32 is expected"),
    "rank": ({"images": IMAGES[0]}, "shape (2, 8, 9), (N, C, H, W) is expected"),
    "shape": ({"images": IMAGES[:, :1]}, "shape (1, 8, 9) each, the network 'tiny' takes (2, 8"),
    "none": ({"images": IMAGES[:0]}, "there is no image"),
    "nan": ({"images": with_value(np.nan)}, "images[1, 0, 7, 2] is nan"),
    "infinity": ({"images": with_value(-np.inf)}, "images[1, 0, 7, 2] is -inf"),
    "label count": ({"images": IMAGES, "labels": np.zeros(2, int)}, "shape (2,), (3,) is expected"),
    "label type": ({"images": IMAGES, "labels": np.zeros(3)}, "float64, integers are expected"),
    "label": ({"images": IMAGES, "labels": np.array([0, 168, 1])}, "labels[1] is 168, below 168"),
    "object": ({"images": np.array([None])}, "array 'images' holds Python objects, numbers"),
}


@pytest.mark.parametrize("case", BAD_IMAGES)
def test_bad_images_are_refused(path, case):
    arrays, message = BAD_IMAGES[case]
    network = load_network(write_network(path, [CONV], WEIGHTS))
    np.savez(path.with_suffix(".npz"), **arrays)
    with pytest.raises(ValueError) as refusal:
        read_images(path.with_suffix(".npz"), network)
    assert message in str(refusal.value) and "tiny.npz" in str(refusal.value)


@pytest.mark.parametrize("change", ["truncated", "text", "npy"])
def test_unreadable_image_file(tmp_path, change):
    path = tmp_path / "images.npz"
    np.savez_compressed(path, images=IMAGES)
    content = path.read_bytes()
    path.write_bytes(content[:-30] if change == "truncated" else b"no archive\n")
    if change == "npy":
        np.save(path.open("wb"), IMAGES)
    with pytest.raises(ValueError, match=r"images\.npz: (not a readable \.npz|no array)"):
        read_images(path)


def test_images_and_labels(tmp_path):
    path = tmp_path / "images.npz"
    np.savez(path, images=IMAGES, labels=np.array([2, 0, 1], np.uint8))
    images = read_images(path)
    assert len(images) == 3 and images.labels.tolist() == [2, 0, 1]
    assert np.array_equal(images.first(2).images, IMAGES[:2]) and len(images.first(2).labels) == 2
    with pytest.raises(ValueError, match="no such file, nor a known .npz name"):
        read_images(tmp_path / "none.npz")
