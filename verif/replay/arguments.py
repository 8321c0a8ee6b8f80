"""The variables of a replay."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from model import ACCUMULATORS
from verif.commands.arguments import JOBS, SHAPE_HELP, Parser, sizes, whole
from verif.commands.sources import KNOWN_MODELS
from verif.replay.legal import check_limits
from verif.replay.names import LAYERS_HELP
from verif.simulator.simulation import check_simulator

MODEL = "fashion_resnet8"


def parse_arguments(arguments: list[str] | None) -> argparse.Namespace:
    """Parse the command line; each option says which make variable sets it."""
    parser = Parser(prog="replay", description="a quantized CNN through the simulated engine")
    parser.add_argument(
        "--model", default=MODEL, help=f"MODEL=: an ONNX file or one of {', '.join(KNOWN_MODELS)}"
    )
    parser.add_argument("--data", help="DATA=: .npz with images and, perhaps, labels")
    parser.add_argument("--calibration", help="CALIBRATION=: .npz with images")
    parser.add_argument(
        "--selection", type=Path, help="SELECTION=: a selection.yaml of make accuracy (choose now)"
    )
    parser.add_argument("--shape", type=sizes, help=SHAPE_HELP)
    parser.add_argument("--images", type=_images, default=1, help="IMAGES=: how many, or all (1)")
    parser.add_argument("--layers", help=LAYERS_HELP)
    parser.add_argument(
        "--sim", help="SIM=: icarus or verilator (whichever is done first, compilation included)"
    )
    parser.add_argument("--rows", type=whole(), default=16, help="ROWS=: of the array (16)")
    parser.add_argument("--cols", type=whole(), default=16, help="COLS=: of the array (16)")
    parser.add_argument(
        "--exp_max", type=whole(), help="EXP_MAX=: of the engine (the least that holds the network)"
    )
    parser.add_argument("--k_max", type=whole(), help="K_MAX=: of the engine (the least likewise)")
    parser.add_argument(
        "--accumulator", default="exact", help="ACCUMULATOR=: exact or binary32 (exact)"
    )
    parser.add_argument(
        "--jobs", type=JOBS, default=os.cpu_count() or 1, help="JOBS=: simulators at once"
    )
    parser.add_argument(
        "--scheduler", help="SCHEDULER=: of a Dask cluster that simulates, as tcp://host:8786"
    )
    parser.add_argument(
        "--fresh", action="store_true", help="FRESH=1: simulate what an earlier run has, too"
    )
    parser.add_argument("--tile", type=Path, help="TILE=: simulate only a saved tile, with waves")
    return parser.parse_args(arguments)


def _images(text: str) -> int | None:
    """Turn an option's text into a number of images, None for all."""
    return None if text == "all" else whole(1)(text)


def check_arguments(arguments: argparse.Namespace) -> None:
    """Refuse what cannot be simulated, before anything is read or written."""
    if arguments.sim:
        check_simulator(arguments.sim)
    if arguments.accumulator not in ACCUMULATORS:
        choices = " or ".join(ACCUMULATORS)
        raise ValueError(f"ACCUMULATOR={arguments.accumulator}: choose {choices}")
    check_limits(
        **{name: getattr(arguments, name) for name in ("rows", "cols", "exp_max", "k_max")}
    )
