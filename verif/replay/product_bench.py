"""cocotb test that computes the tiles of a product on the engine and compares every output.

Environment: PRODUCT (file), ANSWER (file to write). The run ends at the first mismatch. ``ANSWER``
holds the results of the tiles in order, (tiles, ROWS, COLS), with flags, counters, the number of
outputs compared, and the hash of the product that it is about. If there was a mismatch in the last
tile, it has its place.
"""

from __future__ import annotations

import os
from collections import deque
from pathlib import Path

import cocotb
import numpy as np
from cocotb.triggers import ClockCycles, Event, with_timeout

from verif.commands.files import write_arrays
from verif.engine.driver import EngineDriver
from verif.engine.mismatch import first_difference
from verif.engine.registers import REGISTERS
from verif.replay.product import Product
from verif.replay.product_file import load_product, product_hash
from verif.simulator.checks import CheckError, check

AHEAD = 3  # tiles queued beyond the one that streams, so that the buses never wait for Python


@cocotb.test()
async def product(dut):
    """Stream the tiles, collect the rows, compare, write."""
    matrices, _ = load_product(Path(os.environ["PRODUCT"]))
    engine = EngineDriver(dut)
    await engine.reset()
    await engine.configure(matrices.configuration)
    tiles = matrices.tiles(engine.rows, engine.cols)
    comparison = Comparison(engine, matrices)
    sending = cocotb.start_soon(comparison.send(tiles))
    await comparison.compare()
    if comparison.mismatch is None:
        await sending
        await comparison.finish(len(tiles))
    counters = await engine.read_counters()
    write_arrays(
        Path(os.environ["ANSWER"]),
        results=np.array(comparison.results),
        flags=np.array(comparison.flags),
        compared=comparison.compared,
        useful=comparison.useful,
        mismatch=np.array(comparison.mismatch or (), int),
        product=product_hash(matrices),
        **counters,
    )


class Comparison:
    """Sends tiles, and compares what comes back with the product's expectation."""

    def __init__(self, engine: EngineDriver, matrices: Product) -> None:
        self.engine, self.matrices = engine, matrices
        self.shape = engine.rows, engine.cols
        self.in_flight: deque[tuple[int, int]] = deque()
        self.sent_all = False
        self.taken = Event()  # a tile's results have come
        self.results: list[np.ndarray] = []
        self.flags: list[np.ndarray] = []
        self.compared = self.useful = 0
        self.mismatch: tuple[int, int] | None = None

    async def send(self, tiles: list[tuple[int, int]]) -> None:
        """Queue the tiles, some ahead of the one that streams."""
        for first in tiles:
            while self.engine.sources["a"].count() > AHEAD:
                self.taken.clear()
                await self.taken.wait()
            tile = self.matrices.tile(first, self.shape)
            self.engine.send_start(tile)
            self.engine.send_operands(tile)
            self.in_flight.append(first)
        self.sent_all = True

    async def compare(self) -> None:
        """Take the tiles' results until all are there or one differs."""
        beats = self.matrices.k * self.matrices.together
        patience = 10 * (10_000 + 10 * beats)  # ten cycles a beat, and time to fill: else it hangs
        while self.in_flight or not self.sent_all:
            results, flags = await with_timeout(self.engine.receive(), patience, "ns")
            self.taken.set()
            first = self.in_flight.popleft()
            part = self.matrices.part(first, self.shape)
            expected = self.matrices.expected[part], self.matrices.flags[part]
            height, width = expected[0].shape
            actual = results[:height, :width], flags[:height, :width]
            self.results.append(results)
            self.flags.append(flags)
            place = first_difference(expected, actual)
            try:
                check("replay.outputs", place is None, f"tile {first}, output {place}")
            except CheckError:  # what differs is for the layer's run to say, outside
                self.mismatch = place
                return
            self.compared += expected[0].size
            self.useful += expected[0].size * self.matrices.k

    async def finish(self, tiles: int) -> None:
        """See that nothing but the tiles has come, and no error been raised."""
        await ClockCycles(self.engine.dut.clk, 20)
        assert not self.in_flight and len(self.results) == tiles
        rows = self.engine.sink.count()
        check("replay.nothing_left", not rows, f"{rows} packets after the last tile")
        done = await self.engine.read("TILES_DONE")
        check("replay.tiles_done", done == tiles, f"TILES_DONE {done} after {tiles} tiles")
        errors = REGISTERS["ERRORS"].unpack(await self.engine.read("ERRORS"))
        check("replay.errors", not any(errors.values()), f"the engine reports {errors}")
        sticky = int(np.bitwise_or.reduce(np.array(self.flags), axis=None))
        shown = await self.engine.read("FLAGS")
        check("replay.flags", shown == sticky, f"FLAGS {shown:#b}, results had {sticky:#b}")
