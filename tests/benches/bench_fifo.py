"""ffp8_fifo: every word once and in order, at any rhythm, and nothing combinational."""

from collections import deque
from itertools import product
from typing import Any

from cocotb.triggers import Timer

from tests.benches.common import integer, start_clock
from tests.benches.control import known
from verif.simulator.checks import check
from verif.simulator.simulation import bench_random, bench_test

# Probabilities of in_valid and out_ready: full rate, each side the slower one, both slow.
RHYTHMS = ((1.0, 1.0), (1.0, 0.3), (0.3, 1.0), (0.6, 0.6), (0.9, 0.9), (1.0, 0.0), (0.0, 1.0))


class FifoBench:
    """A queue that does what the design is to do, compared with it in every cycle."""

    def __init__(self, dut: Any) -> None:
        self.dut = dut
        self.random = bench_random()
        self.width, self.depth = int(dut.WIDTH.value), int(dut.DEPTH.value)
        self.queue: deque[int] = deque()
        self.sent = self.checked = self.dropped = self.full = self.empty = self.through = 0
        self.edge = start_clock(dut)

    async def reset(self) -> None:
        """Reset for one cycle, whatever goes on; the queue is then empty and its word known."""
        self.dut.rst.value = 1
        await self.edge
        self.dropped += len(self.queue)
        self.queue.clear()
        self.dut.rst.value = 0

    async def cycle(self, offer: int, take: int) -> None:
        """Run one cycle, with a word offered and one taken, or not."""
        dut, data = self.dut, integer(self.random, self.width)
        dut.in_valid.value, dut.in_data.value, dut.out_ready.value = offer, data, take
        await self.edge
        room, filled = len(self.queue) < self.depth, bool(self.queue)
        inside = len(self.queue)
        ready, valid, shown = (known(pin) for pin in (dut.in_ready, dut.out_valid, dut.out_data))
        check("fifo.ready", ready == room, lambda: f"{ready}, {inside} of {self.depth} inside")
        check("fifo.valid", valid == filled, lambda: f"{valid}, {inside} of {self.depth} inside")
        if filled:
            check("fifo.data", shown == self.queue[0], lambda: f"{shown}, not {self.queue[0]}")
        self.full += not room
        self.empty += not filled
        self.through += bool(offer and room and take and filled)
        if take and filled:
            self.queue.popleft()
            self.checked += 1
        if offer and room:
            self.queue.append(data)
            self.sent += 1

    def finish(self) -> None:
        """Assert that all words were compared or reset, and that the queue was full and empty."""
        assert not self.queue and self.checked + self.dropped == self.sent
        assert self.checked > 0 and self.full > 0 and self.empty > 0
        self.dut._log.info("checked %d of %d sent", self.checked, self.sent)


@bench_test()
async def words_in_order(dut):
    """At many rhythms, a word every cycle among them, and with resets in between."""
    bench = FifoBench(dut)
    await bench.reset()
    for offer, take in RHYTHMS * 3:
        before, cycles = bench.checked, 400
        for _ in range(cycles):
            await bench.cycle(int(bench.random.random() < offer), int(bench.random.random() < take))
        if (offer, take) == (1.0, 1.0):
            assert bench.checked - before >= cycles - 1
        if bench.random.random() < 0.3 or (offer, take) == (1.0, 0.0):
            dut.in_valid.value = dut.out_ready.value = 1
            await bench.reset()
    for _ in range(bench.depth + 1):
        await bench.cycle(0, 1)
    assert bench.dropped > 0 and bench.through > 0
    bench.finish()


@bench_test()
async def no_combinational_path(dut):
    """In each state, no input changes an output before the clock does."""
    bench = FifoBench(dut)
    await bench.reset()
    outputs = dut.in_ready, dut.out_valid, dut.out_data
    states = 0
    for words in range(bench.depth + 1):
        held = []
        for offer, take, data in product((0, 1), (0, 1), (0, 2**bench.width - 1)):
            dut.in_valid.value, dut.out_ready.value, dut.in_data.value = offer, take, data
            await Timer(100, "ps")
            held.append([int(signal.value) for signal in outputs])
        assert len(bench.queue) == words
        check("fifo.registered", held == held[:1] * 8, f"{held} with {words} words inside")
        states += 1
        await bench.cycle(1, 0)
    assert states == bench.depth + 1
    for _ in range(bench.depth):
        await bench.cycle(0, 1)
    bench.finish()
