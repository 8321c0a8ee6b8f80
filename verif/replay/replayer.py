"""Puts the simulated engine in the place of a network's layers."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from model.quantization.gemm_layer import GemmLayer
from verif.commands.interrupts import completed
from verif.engine.mismatch import first_difference
from verif.replay.build import Build
from verif.replay.job import LayerJobs, Span
from verif.replay.layout import Layout
from verif.replay.mapping import Geometry, choose_mapping
from verif.replay.statistics import Statistics
from verif.replay.workers import Done, Workers
from verif.simulator.checks import CheckError, check, keeping_counts
from verif.simulator.simulation import SimulationError


class LayerMismatchError(Exception):
    """The RTL and the model differ in an output of a layer.

    Attributes
    ----------
    work
        The layer and what it read.
    place
        Row tile, part, column tile, row and column of the first output that differs in the first
        job that has one.
    done
        That job as it was streamed, and its results.
    tile
        Which of its tiles.
    expected
        Results and flags of that tile, (ROWS, COLS) each, 0 where it has no output.
    """

    def __init__(
        self,
        work: LayerJobs,
        place: tuple[int, int, int, int, int],
        done: Done,
        tile: int,
        expected: tuple[np.ndarray, np.ndarray],
    ) -> None:
        super().__init__(f"layer {work.layer.name}: an output differs")
        self.work, self.place, self.done = work, place, done
        self.tile, self.expected = tile, expected


@dataclass
class Replayer:
    """Computes layers on the RTL in place of the model, and keeps account.

    Attributes
    ----------
    build
        The engine.
    workers
        Who simulates it.
    names
        Layers to simulate; the model computes the others.
    k_max
        Products that a sum may have in a mapping.
    progress
        Called with the name of the layer in work, and MACs simulated since the last call.
    statistics
        Of each simulated layer, by name, in the order of the network.
    """

    build: Build
    workers: Workers
    names: list[str]
    k_max: int
    progress: Callable[[str, float], None]
    statistics: dict[str, Statistics] = field(default_factory=dict)

    def __call__(self, layer: GemmLayer, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return a layer's results and flags, (M, N), by the RTL."""
        if layer.name not in self.names:
            return layer.multiply(codes, self.build.accumulator)
        self.progress(layer.name, 0)
        geometry = Geometry.of_layer(layer, len(codes))
        mapping = choose_mapping(geometry, *self.build.shape, self.k_max)
        return self.run(LayerJobs(layer, codes, Layout(geometry, mapping, *self.build.shape)))

    def run(self, work: LayerJobs) -> tuple[np.ndarray, np.ndarray]:
        """Simulate a layer as it is laid out, comparing every output.

        Raises
        ------
        LayerMismatchError
            At the first output that differs.
        SimulationError
            If the engine does anything else that it should not.
        """
        layer, layout, started = work.layer, work.layout, time.monotonic()
        futures = {self.workers.submit(make): span for span, make in work.jobs()}
        comparison = Comparison(work, layer.multiply(work.codes, self.build.accumulator))
        statistics = Statistics(mapping=str(layout.mapping), bound=layout.cycles)
        each = layout.geometry.macs / sum(span.tiles for span in futures.values())
        with keeping_counts():
            for future in completed(list(futures)):
                span, done = futures.pop(future), future.result()  # whose operands nobody holds
                comparison.compare(span, done)
                statistics.count_job(done)
                self.progress(layer.name, each * span.tiles)
        results, flags = comparison.results()
        statistics.macs, statistics.outputs = layout.geometry.macs, results.size
        statistics.count_results(results, flags)
        statistics.wall = time.monotonic() - started
        self.statistics.setdefault(layer.name, Statistics()).add(statistics)
        return results, flags


class Comparison:
    """Compares the results of a layer's jobs with the model's, and puts them together.

    Parameters
    ----------
    work
        The layer.
    expected
        Results and flags by the model, (M, N) each.
    """

    def __init__(self, work: LayerJobs, expected: tuple[np.ndarray, np.ndarray]) -> None:
        layout = work.layout
        self._work = work
        shape = layout.row_tiles, layout.parts * layout.column_tiles, layout.rows, layout.cols
        codes, flags = expected
        there = np.ones(codes.shape, bool)
        self._expected, self._expected_flags, self._there = (
            layout.spread(values).reshape(shape) for values in (codes, flags, there)
        )
        self._results, self._flags = np.zeros(shape, codes.dtype), np.zeros(shape, np.uint8)

    def compare(self, span: Span, done: Done) -> None:
        """Take a job's results; LayerMismatchError if one differs."""
        where = span.rows, span.columns
        there, shape = self._there[where], self._expected[where].shape
        actual = [
            values.reshape(shape) * there for values in (done.played.results, done.played.flags)
        ]
        expected = self._expected[where], self._expected_flags[where]
        same = all((ours == theirs).all() for ours, theirs in zip(expected, actual, strict=True))
        same = same and actual[0].dtype.itemsize == expected[0].dtype.itemsize
        try:
            check("played.outputs", same)
        except CheckError:  # what differs is for whoever runs the layer to say
            raise self._mismatch(span, done, expected, actual) from None
        try:
            done.played.check_end(span.tiles)
        except CheckError as error:
            raise SimulationError(f"layer {self._work.layer.name}: {error}") from None
        self._results[where], self._flags[where] = actual

    def _mismatch(
        self,
        span: Span,
        done: Done,
        expected: tuple[np.ndarray, np.ndarray],
        actual: list[np.ndarray],
    ) -> LayerMismatchError:
        differ = (expected[0] != actual[0]) | (expected[1] != actual[1])
        row_tile, column_tile = map(int, np.argwhere(differ)[0][:2])
        tile = row_tile * differ.shape[1] + column_tile
        own = tuple(values[row_tile, column_tile] for values in expected)
        theirs = tuple(values[row_tile, column_tile] for values in actual)
        row, column = first_difference(own, theirs)
        part, column_tile = divmod(column_tile + span.columns.start, self._work.layout.column_tiles)
        place = row_tile + span.rows.start, part, column_tile, row, column
        return LayerMismatchError(self._work, place, done, tile, own)

    def results(self) -> tuple[np.ndarray, np.ndarray]:
        """Return results and flags as the RTL gave them, (M, N) each."""
        layout = self._work.layout
        shape = layout.row_tiles, layout.parts, layout.column_tiles, layout.rows, layout.cols
        results, flags = (layout.gather(one.reshape(shape)) for one in (self._results, self._flags))
        return results, flags
