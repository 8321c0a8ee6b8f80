"""cocotb test that serves jobs to the stream players of `ffp8_replay`: starts, waits, reads.

A request has accesses to the engine's registers before and after a job, and the job's settings;
see `verif.replay.player`. No Python runs in any cycle between a job's start and its end.
"""

from __future__ import annotations

import time
from typing import Any

import cocotb
from cocotb.triggers import Timer

from verif.simulator.live import requests

SETTINGS = ("tiles", "a_words", "w_words", "c_words", "raw", "patience", "seed", "pauses")
OUTCOMES = ("job_loaded", "rows", "broken")


@cocotb.test()
async def serve(dut):
    """Serve requests until there are no more."""
    await Timer(1, "ns")  # until all registers have their first values
    for request, answer in requests():
        before = [await access(dut, *one) for one in request["before"]]
        for name in SETTINGS:
            getattr(dut, name).value = request[name]
        started = time.perf_counter()
        dut.job_request.value = 1 - int(dut.job_done.value)
        await dut.job_done.value_change
        seconds = time.perf_counter() - started
        outcomes = {name: int(getattr(dut, name).value) for name in OUTCOMES}
        after = [await access(dut, *one) for one in request["after"]]
        answer({**outcomes, "seconds": seconds, "before": before, "after": after})


async def access(dut: Any, address: int, data: int | None) -> tuple[int, int]:
    """Write a register, or read it if there are no data; return the response and the word read."""
    dut.lite_write.value = int(data is not None)
    dut.lite_address.value = address
    dut.lite_data.value = data or 0
    dut.lite_request.value = 1 - int(dut.lite_done.value)
    await dut.lite_done.value_change
    return int(dut.lite_response.value), int(dut.lite_answer.value)
