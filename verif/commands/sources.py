"""What MODEL=, DATA= and CALIBRATION= name: networks and images, by name or the user's own."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

from model.graph.fashion_mnist import read_test_images
from model.graph.files import existing_file
from model.graph.images import Images, read_images
from model.graph.importing.network import load_network
from model.graph.network import Network
from model.graph.packaged.recipes import RECIPES, packaged
from verif.commands.fingerprint import DIGITS
from verif.commands.folders import BUILD, folder_name

FASHION = ("fashion_resnet8", "fashion_vgg")
FASHION_DATA, FASHION_CALIBRATION = "all 10,000 test images", "fashion_mnist_calibration"
KNOWN_MODELS = (*FASHION, *RECIPES)
DEFAULT_MODELS = (*FASHION, "cifar10", "efficientnet_lite0")
"""What `make accuracy` compares by itself: the networks of which there are labelled images."""


@dataclass(frozen=True)
class Source:
    """Names or paths of a network, its images, and its calibration images.

    Attributes
    ----------
    folder
        Name of the folder of results: the known name, or for a file's one of that file's own.
    """

    model: str
    data: str
    calibration: str
    folder: str

    def read(self, shape: tuple[int, ...] | None = None) -> tuple[Network, Images, Images]:
        """Read all three; ValueError if one is missing or does not fit the others.

        ``shape`` is the input's where the network leaves sizes open, see `load_network`.
        """
        network = load_network(self.model, shape)
        if self.data == FASHION_DATA:
            images = read_test_images()
        else:
            images = read_images(self.data, network)
        return network, images, read_images(self.calibration, network)

    def hashes(self) -> dict[str, str]:
        """Return hashes of the contents of all three, by the variables of `make`."""
        if self.data == FASHION_DATA:
            data = hashlib.sha256(read_test_images().images).hexdigest()[:DIGITS]
        else:
            data = content_hash(self.data, ".npz")
        return {
            "MODEL": content_hash(self.model, ".onnx"),
            "DATA": data,
            "CALIBRATION": content_hash(self.calibration, ".npz"),
        }


def content_hash(name: str, suffix: str) -> str:
    """Return a hash of the content of a file, which a path or a known name means."""
    content = existing_file(name, suffix).read_bytes()
    return hashlib.sha256(content).hexdigest()[:DIGITS]


def named_source(model: str, data: str | None, calibration: str | None) -> Source:
    """Find what belongs to a known name; a user's own network needs all three.

    Raises
    ------
    ValueError
        If something is missing.
    """
    if model in RECIPES:
        files = packaged(model, BUILD / "networks")
        default = Source(str(files.model), str(files.data), str(files.calibration), model)
    elif model in FASHION:
        default = Source(model, FASHION_DATA, FASHION_CALIBRATION, model)
    elif data and calibration:
        path = Path(model)
        own = folder_name(path.stem, digest_of=str(path.resolve()))
        default = Source(model, data, calibration, own)
    else:
        missing = " and ".join(
            name for name, value in (("DATA=", data), ("CALIBRATION=", calibration)) if not value
        )
        known = ", ".join(KNOWN_MODELS)
        raise ValueError(f"MODEL={model}: {missing} is needed with it (known by name: {known})")
    return replace(
        default, data=data or default.data, calibration=calibration or default.calibration
    )
