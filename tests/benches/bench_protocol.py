"""The protocol checker on a stream that keeps the rules, and on one that breaks each of them."""

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles

from verif.protocol import ProtocolError, StreamChecker
from verif.simulation import bench_test

MESSAGES = {
    1: "m_axis_y_tvalid fell before the beat was taken",
    2: "the payload changed while it waited",
    3: "m_axis_y_tdata is XXXXXXXX",
    4: "m_axis_y_tvalid is X",
}


@bench_test()
async def the_checker_finds_the_fault(dut):
    """Raise the error of the fault that the design has, and none if it has none."""
    fault = int(dut.FAULT.value)
    cocotb.start_soon(Clock(dut.clk, 10, unit="ns").start())
    dut.rst.value = 1
    await ClockCycles(dut.clk, 3)
    dut.rst.value = 0
    checker = StreamChecker(dut, "m_axis_y")
    try:
        await checker.watch(120)
    except ProtocolError as error:
        assert fault and MESSAGES[fault] in str(error), error
        return
    assert fault == 0, "the checker has seen nothing"
    assert checker.beats == 30
    assert checker.stalls == 90
