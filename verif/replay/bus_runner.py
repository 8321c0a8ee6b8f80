"""Computes a matrix product on the simulated engine through bus models, tile by tile.

Slow, and for verification: it is how a single tile is repeated with waves, and what the players are
compared to.
"""

from __future__ import annotations

import logging
import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from model.quantization.gemm_layer import GemmLayer
from verif.commands.processes import die_with_parent, kill_children
from verif.engine.tile import Tile
from verif.replay.build import Build
from verif.replay.job import configuration_of
from verif.replay.product import Product
from verif.replay.product_file import product_hash, save_product
from verif.replay.statistics import Statistics
from verif.simulator.simulation import SimulationError, simulate

TOPLEVEL = "ffp8_engine"
BENCH = "verif.replay.product_bench"


class MismatchError(Exception):
    """The RTL and the model differ in an output.

    Attributes
    ----------
    first
        First row and column, in the product, of the tile.
    place
        Row and column of the output in the tile.
    tile
        The operands as they were streamed.
    expected, actual
        Results and flags of the tile; the expected ones without padding.
    """

    def __init__(
        self,
        first: tuple[int, int],
        place: tuple[int, int],
        tile: Tile,
        expected: tuple[np.ndarray, np.ndarray],
        actual: tuple[np.ndarray, np.ndarray],
    ) -> None:
        super().__init__(f"output {place} of the tile at {first} differs")
        self.first, self.place, self.tile = first, place, tile
        self.expected, self.actual = expected, actual


def groups_together(group_width: int, k: int, build: Build) -> int:
    """Return how many groups a tile may lie within."""
    return max(min(build.cols // group_width, build.k_max // k), 1)


def layer_product(layer: GemmLayer, a_codes: np.ndarray, build: Build) -> Product:
    """Lay out a layer for the engine, with the model's answer to activations (M, groups * K)."""
    operands = (a_codes, layer.w_codes, layer.start, layer.biases_w)
    answer = layer.compute(a_codes, build.accumulator)
    together = groups_together(layer.group_width, layer.k, build)
    return Product(configuration_of(layer), *operands, *answer, together)


class BusRunner:
    """Runs products through the engine, one simulation each.

    Parameters
    ----------
    build
        The engine's parameters.
    folder
        Where operands, results and logs go, and with them, in ``run``, the waves.
    waves
        Whether to write the waves.
    """

    def __init__(self, build: Build, folder: Path, waves: bool = False) -> None:
        self.build, self.folder, self.waves = build, folder, waves
        self._process = ProcessPoolExecutor(1, initializer=die_with_parent)

    @property
    def waves_file(self) -> Path:
        """Where the waves of the last product are."""
        return self.folder / "run" / f"{TOPLEVEL}.fst"

    def close(self) -> None:
        """End the process, whatever it does."""
        kill_children()
        self._process.shutdown(cancel_futures=True)

    def run(self, product: Product) -> tuple[np.ndarray, np.ndarray, Statistics]:
        """Simulate a product, comparing every output.

        Returns
        -------
        results, flags
            As the RTL gave them, (M, N).
        statistics
            Of this run.

        Raises
        ------
        MismatchError
            At the first output that differs.
        SimulationError
            If the simulation fails for another reason.
        """
        path, answer = self.folder / "product.npz", self.folder / "answer.npz"
        save_product(product, path)
        answer.unlink(missing_ok=True)
        work = self.build.parameters, self.folder, path, answer, self.waves
        self._process.submit(_simulate, *work).result()
        with np.load(answer, allow_pickle=False) as file:
            arrays = dict(file)
        tiles = product.tiles(*self.build.shape)[: len(arrays["results"])]
        if arrays["mismatch"].size:
            raise self._mismatch(product, tiles[-1], arrays)
        if str(arrays["product"]) != product_hash(product):
            raise SimulationError(f"{answer}: results of other operands than were sent")
        results = np.zeros(product.expected.shape, product.expected.dtype)
        flags = np.zeros(product.flags.shape, np.uint8)
        for tile, *outputs in zip(tiles, arrays["results"], arrays["flags"], strict=True):
            where = product.part(tile, self.build.shape)
            height, width = results[where].shape
            results[where], flags[where] = (values[:height, :width] for values in outputs)
        statistics = _counts(arrays, len(tiles))
        statistics.count_results(results, flags)
        return results, flags, statistics

    def _mismatch(
        self, product: Product, first: tuple[int, int], arrays: dict[str, np.ndarray]
    ) -> MismatchError:
        alone = product.alone(first, self.build.shape)
        return MismatchError(
            first,
            tuple(arrays["mismatch"].tolist()),
            product.tile(first, self.build.shape),
            (alone.expected, alone.flags),
            (arrays["results"][-1], arrays["flags"][-1]),
        )


def _counts(arrays: dict[str, np.ndarray], tiles: int) -> Statistics:
    return Statistics(
        tiles=tiles,
        outputs=int(arrays["compared"]),
        macs=int(arrays["useful"]),
        offered=int(arrays["macs"]),
        gated=int(arrays["gated"]),
        busy=int(arrays["busy"]),
        stalled=int(arrays["stalled"]),
    )


def _simulate(
    parameters: dict[str, int], folder: Path, product: Path, answer: Path, waves: bool
) -> None:
    """Simulate in a process whose log, and all that it writes to stderr, goes to a file."""
    handler = logging.FileHandler(folder / "simulation.log", mode="w")
    os.dup2(handler.stream.fileno(), 2)
    logger = logging.getLogger("cocotb")
    logger.propagate = False
    logger.handlers = [handler]
    simulate(
        TOPLEVEL,
        BENCH,
        parameters,
        folder=folder / "run",
        seed=0,
        environment={"PRODUCT": str(product), "ANSWER": str(answer)},
        waves=waves,
    )
