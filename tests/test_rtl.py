"""The cocotb benches of the modules, each with the parameter sets it runs under."""

from pathlib import Path

import pytest

from verif.simulation import BUILD, simulate

BENCHES = [
    ("decode", {"EXP_MAX": 3}),
    ("decode", {"EXP_MAX": 5}),
    ("decode", {"EXP_MAX": 8}),
]


def case_name(case: tuple[str, dict[str, int]]) -> str:
    """Name of a case: the module, and its parameters."""
    module, parameters = case
    return "-".join([module, *(f"{name}{value}" for name, value in parameters.items())])


@pytest.mark.sim
@pytest.mark.parametrize("case", BENCHES, ids=case_name)
def test_bench(case: tuple[str, dict[str, int]], seed: int) -> None:
    module, parameters = case
    folder = BUILD / "sim" / case_name(case)
    simulate(f"ffp8_{module}", f"tests.benches.bench_{module}", parameters, folder=folder, seed=seed)
