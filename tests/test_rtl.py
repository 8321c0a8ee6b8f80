"""The cocotb benches of the modules, each with the parameter sets it runs under."""

from pathlib import Path

import pytest

from verif.simulation import BUILD, simulate

BENCHES = [
    ("context", {"EXP_MAX": 3, "COLS": 1, "ACC_WIDTH": 39, "SHIFT_WIDTH": 6, "SLOTS": 8}),
    ("context", {"EXP_MAX": 5, "COLS": 1, "ACC_WIDTH": 83, "SHIFT_WIDTH": 7, "SLOTS": 16}),
    ("context", {"EXP_MAX": 5, "COLS": 3, "ACC_WIDTH": 83, "SHIFT_WIDTH": 7, "SLOTS": 4}),
    ("context", {"EXP_MAX": 5, "COLS": 16, "ACC_WIDTH": 83, "SHIFT_WIDTH": 7, "SLOTS": 4}),
    ("decode", {"EXP_MAX": 3}),
    ("decode", {"EXP_MAX": 5}),
    ("decode", {"EXP_MAX": 8}),
    ("engine", {"EXP_MAX": 3, "ROWS": 1, "COLS": 1, "K_MAX": 16}),
    ("engine", {"EXP_MAX": 4, "ROWS": 4, "COLS": 3, "K_MAX": 64, "PIPELINE": 1}),
    ("engine", {"EXP_MAX": 5, "ROWS": 2, "COLS": 5, "K_MAX": 50}),
    ("engine", {"EXP_MAX": 5, "ROWS": 4, "COLS": 4, "K_MAX": 8192}),
    ("engine", {"EXP_MAX": 5, "ROWS": 16, "COLS": 16, "K_MAX": 256}),
    ("sequencer", {"K_MAX": 1}),
    ("sequencer", {"K_MAX": 5}),
    ("sequencer", {"K_MAX": 8}),
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
