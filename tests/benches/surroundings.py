"""The environment around a design, for benches that run the scenarios of every design."""

from __future__ import annotations

from typing import Any

from verif.adapters import adapter_of
from verif.environment.environment import Environment, Listener
from verif.environment.sequences import Runner
from verif.simulator.simulation import bench_random


async def surround(dut: Any, *rules: Listener) -> Runner:
    """Return a runner on a design that has been reset, with listeners that judge it."""
    random = bench_random()
    environment = Environment(adapter_of(dut, random), *rules)
    await environment.start()
    return Runner(environment, random)
