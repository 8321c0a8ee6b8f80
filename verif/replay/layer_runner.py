"""Computes matrix products on the simulated engine, in parallel processes."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path

import numpy as np

from model.quantization.gemm_layer import GemmLayer
from verif.commands.folders import folder_name
from verif.commands.processes import die_with_parent, kill_children
from verif.engine.tile import Configuration, Tile
from verif.replay.build import Build
from verif.replay.product import Product
from verif.replay.product_file import load_product, product_hash, save_product
from verif.replay.statistics import Statistics
from verif.simulator.simulation import SimulationError, compile_design, simulate

TOPLEVEL = "ffp8_engine"
BENCH = "verif.replay.product_bench"


BEATS_OF_PART, MOST_PARTS = 2000, 16


def part_count(product: Product, tiles: int) -> int:
    """Return how many simulations share a product: by its size alone.

    Each counts the cycles in which its first tile fills the array, so that a number which depended
    on JOBS would change what a replay prints.
    """
    beats = tiles * product.k * product.together
    return max(1, min(-(-beats // BEATS_OF_PART), MOST_PARTS, tiles))


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
    path
        File with the product of this tile alone.
    """

    def __init__(
        self,
        first: tuple[int, int],
        place: tuple[int, int],
        tile: Tile,
        expected: tuple[np.ndarray, np.ndarray],
        actual: tuple[np.ndarray, np.ndarray],
        path: Path,
    ) -> None:
        super().__init__(f"output {place} of the tile at {first} differs")
        self.first, self.place, self.tile = first, place, tile
        self.expected, self.actual, self.path = expected, actual, path


def groups_together(group_width: int, k: int, build: Build) -> int:
    """Return how many groups a tile may lie within."""
    return max(min(build.cols // group_width, build.k_max // k), 1)


def layer_product(layer: GemmLayer, a_codes: np.ndarray, build: Build) -> Product:
    """Lay out a layer for the engine, with the model's answer to activations (M, groups * K)."""
    configuration = Configuration(
        layer.fmt_a, layer.fmt_w, layer.fmt_y, layer.rounding, layer.clamp
    )
    operands = (a_codes, layer.w_codes, layer.start, layer.biases_w)
    answer = layer.compute(a_codes, build.accumulator)
    together = groups_together(layer.group_width, layer.k, build)
    return Product(configuration, *operands, *answer, together)


class LayerRunner:
    """Keeps one compiled engine, and runs products through it.

    Parameters
    ----------
    build
        The engine's parameters.
    folder
        Where the compiled engine, operands, results and logs go.
    jobs
        Simulator processes at once.
    waves
        Write the waves of the simulation into the engine's folder, for `jobs` of 1.
    """

    def __init__(self, build: Build, folder: Path, jobs: int, waves: bool = False) -> None:
        self.build, self.folder, self.jobs, self.waves = build, folder, jobs, waves
        self.engine_folder = folder / "engine"
        self._pool = ProcessPoolExecutor(jobs, initializer=die_with_parent)
        log = folder / "compile.log"
        folder.mkdir(parents=True, exist_ok=True)
        self._pool.submit(_compile, build.parameters, self.engine_folder, log, waves).result()

    def close(self) -> None:
        """End the processes, whatever they do."""
        kill_children()
        self._pool.shutdown(cancel_futures=True)

    def run(
        self, name: str, product: Product, progress: Callable[[int], None]
    ) -> tuple[np.ndarray, np.ndarray, Statistics]:
        """Simulate a product, comparing every output.

        Parameters
        ----------
        name
            Of the layer, which names the folder of its files.
        product
            Operands and expectation.
        progress
            Called now and then with the number of tiles done.

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
            If a simulation fails for another reason.
        """
        started = time.monotonic()
        path = self.folder / "layers" / folder_name(name) / "product.npz"
        save_product(product, path)
        (path.parent / "stop").unlink(missing_ok=True)
        tiles = product.tiles(*self.build.shape)
        spans = np.array_split(np.arange(len(tiles)), part_count(product, len(tiles)))
        parts = {path.parent / f"part{span[0]}.npz": span.tolist() for span in spans}
        futures = [
            self._pool.submit(
                _simulate, self.build.parameters, self.engine_folder, path, part, span, self.waves
            )
            for part, span in parts.items()
        ]
        _wait(futures, list(parts), progress)
        results = np.zeros(product.expected.shape, product.expected.dtype)
        flags = np.zeros(product.flags.shape, np.uint8)
        statistics = Statistics(tiles=len(tiles))
        sent = product_hash(product)
        for part, span in parts.items():
            with np.load(part, allow_pickle=False) as file:
                arrays = dict(file)
            done = [tiles[index] for index in span[: len(arrays["results"])]]
            if arrays["mismatch"].size:
                raise self._mismatch(path, done[-1], arrays)
            about = str(arrays["product"]), arrays["tiles"].tolist()
            if about != (sent, [span[0], span[-1] + 1]):
                raise SimulationError(f"{part}: results of other operands than {name} was sent")
            for index, *outputs in zip(done, arrays["results"], arrays["flags"], strict=True):
                where = product.part(index, self.build.shape)
                height, width = results[where].shape
                results[where], flags[where] = (values[:height, :width] for values in outputs)
            statistics.add(_counts(arrays))
        statistics.count_results(results, flags)
        statistics.seconds = time.monotonic() - started
        return results, flags, statistics

    def _mismatch(
        self, path: Path, first: tuple[int, int], arrays: dict[str, np.ndarray]
    ) -> MismatchError:
        """Say where the mismatch of a part is, and save its tile alone."""
        streamed, _ = load_product(path)
        alone = streamed.alone(first, self.build.shape)
        where = self.folder / "mismatch.npz"
        save_product(alone, where, **asdict(self.build))
        return MismatchError(
            first,
            tuple(arrays["mismatch"].tolist()),
            streamed.tile(first, self.build.shape),
            (alone.expected, alone.flags),
            (arrays["results"][-1], arrays["flags"][-1]),
            where,
        )


def _counts(arrays: dict[str, np.ndarray]) -> Statistics:
    return Statistics(
        outputs=int(arrays["compared"]),
        macs=int(arrays["useful"]),
        offered=int(arrays["macs"]),
        gated=int(arrays["gated"]),
        busy=int(arrays["busy"]),
        stalled=int(arrays["stalled"]),
    )


def _wait(futures: list[Future], parts: list[Path], progress: Callable[[int], None]) -> None:
    """Wait for all simulations, reporting tiles done; raise what the first failure raised."""
    while not all(future.done() for future in futures):
        progress(sum(_tiles_done(part) for part in parts))
        time.sleep(0.1)
    for future in futures:
        future.result()
    progress(sum(_tiles_done(part) for part in parts))


def _tiles_done(part: Path) -> int:
    try:
        return int(part.with_suffix(".progress").read_text() or 0)
    except FileNotFoundError:
        return 0


def _log_to(path: Path) -> None:
    """Send to a file what cocotb and cocotb-test log in this process, and all of its stderr."""
    handler = logging.FileHandler(path, mode="w")
    os.dup2(handler.stream.fileno(), 2)
    logger = logging.getLogger("cocotb")
    logger.propagate = False
    logger.handlers = [handler]


def _compile(parameters: dict[str, int], folder: Path, log: Path, waves: bool) -> None:
    _log_to(log)
    compile_design(TOPLEVEL, parameters, folder, waves)


def _simulate(
    parameters: dict[str, int],
    folder: Path,
    product: Path,
    part: Path,
    span: list[int],
    waves: bool,
) -> None:
    _log_to(part.with_suffix(".log"))
    for leftover in (part, part.with_suffix(".progress")):
        leftover.unlink(missing_ok=True)
    simulate(
        TOPLEVEL,
        BENCH,
        parameters,
        folder=folder,
        seed=0,
        environment={
            "PRODUCT": str(product),
            "PART": str(part),
            "FIRST": str(span[0]),
            "LAST": str(span[-1] + 1),
        },
        waves=waves,
        compiled=True,
    )
