"""The protocol checker can fail: each rule that it checks, broken by a small design."""

from pathlib import Path

import pytest

from verif.commands.folders import simulation_folder
from verif.simulator.simulation import chosen_simulator, simulate

UNKNOWN = (3, 4)
"""Faults that drive X."""


@pytest.mark.sim
@pytest.mark.parametrize("fault", range(5))
def test_stream_checker(fault: int, seed: int) -> None:
    if fault in UNKNOWN and chosen_simulator() == "verilator":
        pytest.skip("X is no value in Verilator, which has two states")
    simulate(
        "misbehaving_stream",
        "tests.benches.bench_protocol",
        {"FAULT": fault},
        folder=simulation_folder(f"protocol-{fault}"),
        seed=seed,
        hdl=Path(__file__).parent / "designs",
    )
