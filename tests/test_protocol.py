"""The protocol checker can fail: each rule that it checks, broken by a small design."""

from pathlib import Path

import pytest

from verif.simulation import BUILD, simulate


@pytest.mark.sim
@pytest.mark.parametrize("fault", range(5))
def test_stream_checker(fault: int, seed: int) -> None:
    simulate(
        "misbehaving_stream",
        "tests.benches.bench_protocol",
        {"FAULT": fault},
        folder=BUILD / "sim" / f"protocol-{fault}",
        seed=seed,
        hdl=Path(__file__).parent / "designs",
    )
