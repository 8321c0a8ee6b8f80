"""A stream that keeps the rules, and one that breaks each of them, watched in both ways."""

from __future__ import annotations

from typing import Any

from cocotb.triggers import ClockCycles, RisingEdge

from tests.benches.common import start_clock
from verif.engine.protocol import StreamChecker
from verif.engine.streams import Port, Stream
from verif.simulator.checks import CheckError
from verif.simulator.simulation import bench_test

MESSAGES = {
    1: "m_axis_y_tvalid fell before the beat was taken",
    2: "the payload changed while it waited",
    3: "m_axis_y_tdata is XXXXXXXX",
    4: "m_axis_y_tvalid is X",
}
CYCLES = 120
NAMES = [f"m_axis_y_{name}" for name in ("tvalid", "tready", "tdata", "tlast")]


async def start(dut: Any) -> int:
    """Reset the design; return its fault."""
    start_clock(dut)
    dut.rst.value = 1
    await ClockCycles(dut.clk, 3)
    dut.rst.value = 0
    return int(dut.FAULT.value)


def judge(fault: int, stream: Stream, error: CheckError | None) -> None:
    """Assert that the error is the one of the fault, and that all was seen if there is none."""
    if fault:
        assert error is not None, "the fault was not seen"
        assert MESSAGES[fault] in str(error), error
    else:
        assert error is None, error
        assert (stream.beats, stream.stalls, stream.starvations) == (30, 90, 0)


@bench_test()
async def the_checker_finds_the_fault(dut):
    """Raise the error of the fault that the design has, and none if it has none."""
    fault, error = await start(dut), None
    checker = StreamChecker(dut, "m_axis_y")
    try:
        await checker.watch(CYCLES)
    except CheckError as raised:
        error = raised
    judge(fault, checker, error)


@bench_test()
async def a_sampled_stream_finds_the_fault(dut):
    """Likewise, and every payload is returned in the cycle in which it moves, once."""
    fault, error = await start(dut), None
    stream, moved = Stream(dut, Port(*NAMES[:2], tuple(NAMES[2:]), NAMES[3])), []
    edge = RisingEdge(dut.clk)
    try:
        for _ in range(CYCLES):
            await edge
            if (payload := stream.sample()) is not None:
                moved.append(payload["m_axis_y_tdata"])
                assert stream.moved == payload
                assert stream.open == (payload["m_axis_y_tlast"] == 0)
    except CheckError as raised:
        error = raised
    judge(fault, stream, error)
    assert moved == list(range(len(moved))) and moved
    assert len(moved) == stream.beats
