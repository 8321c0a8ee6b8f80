"""Debian's Fashion-MNIST files: equal to what is committed, and refused where damaged."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from model.graph import fashion_mnist
from model.graph.fashion_mnist import TEST_IMAGES_FOLDER, read_split, read_test_images
from model.graph.images import read_images

NAMES = ("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz")
IMAGES = np.random.default_rng(1).integers(256, size=(3, 28, 28), dtype=np.uint8)
LABELS = np.array([9, 0, 4], np.uint8)


def idx(values: np.ndarray) -> bytes:
    """Return an IDX file of bytes, not yet compressed."""
    sizes = np.array(values.shape, ">u4").tobytes()
    return bytes((0, 0, 8, values.ndim)) + sizes + values.tobytes()


def write(folder: Path, images: bytes = idx(IMAGES), labels: bytes = idx(LABELS)) -> None:
    """Write both files of the test images."""
    for name, data in zip(NAMES, (images, labels), strict=True):
        (folder / name).write_bytes(gzip.compress(data))


@pytest.mark.skipif(not TEST_IMAGES_FOLDER.is_dir(), reason="no Debian dataset-fashion-mnist")
def test_committed_images_are_the_first_of_debians():
    everything, committed = read_test_images(), read_images("fashion_mnist_test")
    assert everything.images.shape == (10000, 1, 28, 28) and everything.labels.shape == (10000,)
    first = everything.first(len(committed))
    assert len(first) == 1000
    np.testing.assert_array_equal(first.images, committed.images, strict=True)
    np.testing.assert_array_equal(first.labels, committed.labels, strict=True)


def test_files_are_read_exactly(tmp_path):
    write(tmp_path)
    data = read_split("t10k", tmp_path)
    np.testing.assert_array_equal(data.images, IMAGES[:, None] / np.float32(255), strict=True)
    np.testing.assert_array_equal(data.labels, LABELS.astype(np.int64), strict=True)


def test_missing_files_name_the_debian_package(monkeypatch, tmp_path):
    monkeypatch.setattr(fashion_mnist, "TEST_IMAGES_FOLDER", tmp_path / "none")
    message = f"{NAMES[0]}: no such file; it comes with 'apt-get install dataset-fashion-mnist'$"
    with pytest.raises(ValueError, match=message):
        read_test_images()


DAMAGED = {
    "other type": (
        idx(IMAGES).replace(b"\x08\x03", b"\x09\x03", 1),
        "starts with 00000903, an IDX",
    ),
    "dimensions": (idx(LABELS), "starts with 00000801, .* 3 dimension.* starts with 00000803"),
    "short": (idx(IMAGES)[:-1], r"holds 2351 bytes of data, shape \(3, 28, 28\) takes 2352"),
    "empty": (b"", "starts with nothing"),
    "count": (idx(IMAGES[:2]), "'t10k' has 2 images, but 3 labels"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_damaged_files_are_refused(tmp_path, case):
    data, message = DAMAGED[case]
    write(tmp_path, images=data)
    with pytest.raises(ValueError, match=message):
        read_split("t10k", tmp_path)


@pytest.mark.parametrize("size", [0, 9, 200])
def test_truncated_gzip_is_refused(tmp_path, size):
    write(tmp_path)
    path = tmp_path / NAMES[0]
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(ValueError, match=f"{NAMES[0]}: "):
        read_split("t10k", tmp_path)
