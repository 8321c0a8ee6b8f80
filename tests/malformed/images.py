"""Images that are none: ``DATA=`` and ``CALIBRATION=``."""

from __future__ import annotations

import io
import pickle
import zipfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np

from tests.malformed.case import Case
from tests.malformed.payload import Payload

IMAGES = np.linspace(0, 1, 2 * 784, dtype=np.float32).reshape(2, 1, 28, 28)


def with_value(value: float) -> np.ndarray:
    """Return images of which the last value is another."""
    images = IMAGES.copy()
    images[1, 0, 27, 27] = value
    return images


ARRAYS: Mapping[str, tuple[dict[str, object], str]] = {
    "no images": ({"pictures": IMAGES}, "no array 'images' (arrays: pictures)"),
    "no array": ({}, "no array 'images' (arrays: none)"),
    "float64": ({"images": IMAGES.astype(float)}, "images are float64, float32 is expected"),
    "bytes": ({"images": IMAGES.astype(np.uint8)}, "images are uint8, float32 is expected"),
    "big-endian": ({"images": IMAGES.astype(">f8")}, "images are >f8, float32 is expected"),
    "text": ({"images": np.array("images")}, "float32 is expected"),
    "dates": ({"images": np.zeros(2, "M8[s]")}, "float32 is expected"),
    "one image": ({"images": IMAGES[0]}, "images have shape (1, 28, 28), (N, C, H, W) is"),
    "five dimensions": ({"images": IMAGES[None]}, "(N, C, H, W) is expected"),
    "a number": ({"images": np.float32(1)}, "images have shape (), (N, C, H, W) is expected"),
    "channels": (
        {"images": IMAGES.repeat(3, 1)},
        "images have shape (3, 28, 28) each, the network",
    ),
    "channels last": (
        {"images": IMAGES.transpose(0, 2, 3, 1)},
        "images have shape (28, 28, 1) each",
    ),
    "other size": ({"images": IMAGES[..., 1:]}, "images have shape (1, 28, 27) each, the network"),
    "none": ({"images": IMAGES[:0]}, "images of shape (0, 1, 28, 28): there is no image"),
    "NaN": ({"images": with_value(np.nan)}, "images[1, 0, 27, 27] is nan"),
    "infinity": ({"images": with_value(np.inf)}, "images[1, 0, 27, 27] is inf"),
    "objects": ({"images": np.array([Payload()])}, "array 'images' holds Python objects"),
    "records": ({"images": np.zeros(2, "f4,f4")}, "array 'images' holds records"),
    "labels real": ({"images": IMAGES, "labels": np.zeros(2)}, "labels are float64, integers are"),
    "label missing": (
        {"images": IMAGES, "labels": np.zeros(1, int)},
        "labels have shape (1,), (2,)",
    ),
    "labels twice": (
        {"images": IMAGES, "labels": np.zeros((2, 2), int)},
        "labels have shape (2, 2)",
    ),
    "label too large": (
        {"images": IMAGES, "labels": np.array([0, 10])},
        "labels[1] is 10, below 10",
    ),
    "label negative": (
        {"images": IMAGES, "labels": np.array([-1, 0])},
        "labels[0] is -1, below 10",
    ),
    "labels objects": (
        {"images": IMAGES, "labels": np.array([Payload(), 1])},
        "array 'labels' holds Python objects",
    ),
}


def header(shape: tuple[int, ...]) -> bytes:
    """Return the header of an array of float32, whatever shape it claims."""
    file = io.BytesIO()
    described = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, described)
    return file.getvalue()


def archive(content: bytes, compression: int = zipfile.ZIP_STORED) -> bytes:
    """Return an archive whose member images.npy has this content."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as members:
        members.writestr("images.npy", content)
    return file.getvalue()


def good() -> bytes:
    """Return an archive of good images."""
    file = io.BytesIO()
    np.savez_compressed(file, images=IMAGES)
    return file.getvalue()


UNREADABLE = "not a readable .npz file, or truncated"
CONTENTS: Mapping[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", UNREADABLE),
    "no archive": (lambda: b"no archive", UNREADABLE),
    "cut short": (lambda: good()[:-30], UNREADABLE),
    "half": (lambda: good()[: len(good()) // 2], UNREADABLE),
    "damaged": (
        lambda: archive(header((2, 1, 28, 28)) + IMAGES.tobytes()).replace(
            IMAGES.tobytes()[-40:], b"x" * 40
        ),
        UNREADABLE,
    ),
    "a pickle": (lambda: pickle.dumps(Payload()), UNREADABLE),
    "a pickle inside": (lambda: archive(pickle.dumps(Payload())), UNREADABLE),
    "terabytes": (lambda: archive(header((2**30, 1, 28, 28))), "bytes, and has 0"),
    "terabytes, compressed": (
        lambda: archive(header((2**30, 1, 28, 28)), zipfile.ZIP_DEFLATED),
        "array 'images' is said to be float32 of shape (1073741824, 1, 28, 28), 3,367,",
    ),
    "beyond any size": (lambda: archive(header((2**60, 2**60))), "bytes, and has 0"),
    "too few values": (lambda: archive(header((2, 1, 28, 28)) + bytes(8)), "bytes, and has 8"),
    "too many values": (lambda: archive(header((1, 1)) + bytes(8)), "4 bytes, and has 8"),
    "negative": (lambda: archive(header((-1, -1)) + bytes(4)), "of shape (-1, -1)"),
    "a bomb": (
        lambda: archive(header((22000, 1, 28, 28)) + bytes(22000 * 784 * 4), zipfile.ZIP_DEFLATED),
        "at most 100 times as many are unpacked",
    ),
    "header no dictionary": (
        lambda: archive(b"\x93NUMPY\x01\x00\x08\x00print(1)"),
        "the header of array 'images' is damaged",
    ),
}


def _arrays(variable: str, arrays: dict[str, object], folder: Path) -> Mapping[str, object]:
    np.savez(folder / "images.npz", **arrays)
    return {variable: folder / "images.npz"}


def _content(variable: str, make: Callable[[], bytes], folder: Path) -> Mapping[str, object]:
    (folder / "images.npz").write_bytes(make())
    return {variable: folder / "images.npz"}


def _cases(command: str, variable: str) -> list[Case]:
    """Return all cases for a variable of a command, on a committed network."""
    written = [
        (name, partial(_arrays, variable, how), says) for name, (how, says) in ARRAYS.items()
    ]
    written += [
        (name, partial(_content, variable, how), says) for name, (how, says) in CONTENTS.items()
    ]
    written.append(("a folder", lambda folder: {variable: folder}, "is a folder, nor a known .npz"))
    written.append(("missing", lambda folder: {variable: folder / "no.npz"}, "no such file, nor a"))

    def on_network(write: Callable, folder: Path) -> Mapping[str, object]:
        return {"MODEL": "fashion_resnet8", "DATA": "fashion_mnist_test", **write(folder)}

    return [
        Case(f"{variable}, {name}", command, partial(on_network, write), says)
        for name, write, says in written
    ]


CASES = [
    *_cases("replay", "DATA"),
    *_cases("replay", "CALIBRATION"),
    *_cases("accuracy", "CALIBRATION"),
]
