"""The cocotb benches of the modules, each with the parameter sets it runs under."""

import json
import os
import re
from pathlib import Path

import pytest

from model import ACCUMULATORS, supported_splits
from tests.benches.bench_unit_pairs import formats_of
from tests.benches.encoding import exhausted_splits
from verif.commands.folders import simulation_folder
from verif.simulator.simulation import CHECKS_FILE, simulate

BENCHES = [
    ("add32", {}),
    ("array", {"EXP_MAX": 3, "ROWS": 1, "COLS": 1, "ACC_WIDTH": 39, "SEGMENT": 7, "PIPELINE": 1}),
    ("array", {"EXP_MAX": 4, "ROWS": 2, "COLS": 3, "ACC_WIDTH": 53, "SEGMENT": 8, "PIPELINE": 1}),
    ("array", {"EXP_MAX": 4, "ROWS": 4, "COLS": 4, "ACC_WIDTH": 53, "SEGMENT": 64, "PIPELINE": 2}),
    ("array", {"EXP_MAX": 5, "ROWS": 3, "COLS": 2, "ACC_WIDTH": 83, "SEGMENT": 28, "PIPELINE": 2}),
    ("array", {"EXP_MAX": 5, "ROWS": 16, "COLS": 16, "ACC_WIDTH": 83, "SEGMENT": 28}),
    ("array", {"EXP_MAX": 1, "ROWS": 2, "COLS": 1, "ACC_WIDTH": 26, "SEGMENT": 1, "PIPELINE": 2}),
    ("array", {"EXP_MAX": 2, "ROWS": 1, "COLS": 2, "ACC_WIDTH": 30, "SEGMENT": 16, "PIPELINE": 1}),
    ("array", {"EXP_MAX": 6, "ROWS": 1, "COLS": 2, "ACC_WIDTH": 140, "SEGMENT": 1000}),
    ("array", {"EXP_MAX": 7, "ROWS": 2, "COLS": 1, "ACC_WIDTH": 264, "PIPELINE": 1}),
    ("array", {"EXP_MAX": 8, "ROWS": 2, "COLS": 2, "ACC_WIDTH": 524, "SEGMENT": 28, "PIPELINE": 2}),
    ("array", {"EXP_MAX": 3, "ROWS": 1, "COLS": 1, "PIPELINE": 2, "ACCUMULATOR": 1}),
    ("array", {"EXP_MAX": 4, "ROWS": 2, "COLS": 3, "PIPELINE": 1, "ACCUMULATOR": 1}),
    ("array", {"EXP_MAX": 5, "ROWS": 3, "COLS": 2, "PIPELINE": 2, "ACCUMULATOR": 1}),
    ("column", {"ACC_WIDTH": 39, "SEGMENT": 7, "SHIFT_WIDTH": 6}),
    ("column", {"ACC_WIDTH": 53, "SEGMENT": 52, "SHIFT_WIDTH": 6}),
    ("column", {"ACC_WIDTH": 53, "SEGMENT": 53, "SHIFT_WIDTH": 6}),
    ("column", {"ACC_WIDTH": 83, "SEGMENT": 28, "SHIFT_WIDTH": 7}),
    ("column", {"ACC_WIDTH": 524, "SEGMENT": 28, "SHIFT_WIDTH": 10}),
    ("column", {"SHIFT_WIDTH": 11, "ACCUMULATOR": 1}),
    ("context", {"EXP_MAX": 3, "COLS": 1, "ACC_WIDTH": 39, "SHIFT_WIDTH": 6, "SLOTS": 8}),
    ("context", {"EXP_MAX": 5, "COLS": 1, "ACC_WIDTH": 83, "SHIFT_WIDTH": 7, "SLOTS": 16}),
    ("context", {"EXP_MAX": 5, "COLS": 3, "ACC_WIDTH": 83, "SHIFT_WIDTH": 7, "SLOTS": 4}),
    ("context", {"EXP_MAX": 5, "COLS": 16, "ACC_WIDTH": 83, "SHIFT_WIDTH": 7, "SLOTS": 4}),
    ("context", {"EXP_MAX": 5, "COLS": 3, "SHIFT_WIDTH": 11, "SLOTS": 8, "ACCUMULATOR": 1}),
    ("context", {"EXP_MAX": 8, "COLS": 2, "ACC_WIDTH": 524, "SHIFT_WIDTH": 10, "SLOTS": 4}),
    ("decode", {"EXP_MAX": 3}),
    ("decode", {"EXP_MAX": 5}),
    ("decode", {"EXP_MAX": 8}),
    ("encode", {"ACC_WIDTH": 31}),
    ("encode", {"ACC_WIDTH": 39}),
    ("encode", {"ACC_WIDTH": 64}),
    ("encode", {"ACC_WIDTH": 83}),
    ("encode", {"ACC_WIDTH": 145}),
    ("encode", {"ACC_WIDTH": 271}),
    ("encode", {"ACC_WIDTH": 524}),
    ("engine", {"EXP_MAX": 3, "ROWS": 1, "COLS": 1, "K_MAX": 16}),
    ("engine", {"EXP_MAX": 4, "ROWS": 4, "COLS": 3, "K_MAX": 64, "PIPELINE": 1}),
    ("engine", {"EXP_MAX": 5, "ROWS": 2, "COLS": 5, "K_MAX": 50}),
    ("engine", {"EXP_MAX": 5, "ROWS": 4, "COLS": 4, "K_MAX": 8192}),
    ("engine", {"EXP_MAX": 5, "ROWS": 16, "COLS": 16, "K_MAX": 256}),
    ("engine", {"EXP_MAX": 3, "ROWS": 2, "COLS": 1, "K_MAX": 16, "PIPELINE": 1, "ACCUMULATOR": 1}),
    ("engine", {"EXP_MAX": 4, "ROWS": 3, "COLS": 4, "K_MAX": 64, "ACCUMULATOR": 1}),
    ("engine", {"EXP_MAX": 1, "ROWS": 1, "COLS": 17, "K_MAX": 20000, "SEGMENT": 16}),
    ("engine", {"EXP_MAX": 2, "ROWS": 1, "COLS": 5, "K_MAX": 1, "PIPELINE": 1}),
    ("engine", {"EXP_MAX": 2, "ROWS": 1, "COLS": 64, "K_MAX": 64, "SEGMENT": 1000, "PIPELINE": 1}),
    ("engine", {"EXP_MAX": 1, "ROWS": 64, "COLS": 1, "K_MAX": 64, "SEGMENT": 1}),
    ("engine", {"EXP_MAX": 3, "ROWS": 32, "COLS": 5, "K_MAX": 40}),
    ("engine", {"EXP_MAX": 1, "ROWS": 1, "COLS": 2, "K_MAX": 32768, "SEGMENT": 1}),
    ("engine", {"EXP_MAX": 2, "ROWS": 17, "COLS": 1, "K_MAX": 20, "SEGMENT": 7, "PIPELINE": 1}),
    ("control", {"PIPELINE": 1}),
    ("control", {"PIPELINE": 2}),
    ("fifo", {"WIDTH": 8, "DEPTH": 2}),
    ("fifo", {"WIDTH": 37, "DEPTH": 4}),
    ("judge", {"EXP_MAX": 3}),
    ("judge", {"EXP_MAX": 4}),
    ("judge", {"EXP_MAX": 5}),
    ("judge", {"EXP_MAX": 8}),
    ("pe", {"EXP_MAX": 4, "ACC_WIDTH": 49, "SEGMENT": 8, "PIPELINE": 1, "ACCUMULATOR": 0}),
    ("pe", {"EXP_MAX": 5, "ACC_WIDTH": 79, "SEGMENT": 28, "PIPELINE": 2, "ACCUMULATOR": 0}),
    ("pe", {"EXP_MAX": 3, "PIPELINE": 1, "ACCUMULATOR": 1}),
    ("pe", {"EXP_MAX": 5, "PIPELINE": 2, "ACCUMULATOR": 1}),
    ("pe_binary32", {"EXP_MAX": 3, "PIPELINE": 2}),
    ("pe_binary32", {"EXP_MAX": 5, "PIPELINE": 1}),
    ("pe_binary32", {"EXP_MAX": 5, "PIPELINE": 2}),
    ("pe_binary32", {"EXP_MAX": 8, "PIPELINE": 1}),
    ("pe_exact", {"EXP_MAX": 3, "ACC_WIDTH": 35, "SEGMENT": 1, "PIPELINE": 2}),
    ("pe_exact", {"EXP_MAX": 3, "ACC_WIDTH": 35, "SEGMENT": 7, "PIPELINE": 1}),
    ("pe_exact", {"EXP_MAX": 4, "ACC_WIDTH": 49, "SEGMENT": 49, "PIPELINE": 1}),
    ("pe_exact", {"EXP_MAX": 4, "ACC_WIDTH": 49, "SEGMENT": 8, "PIPELINE": 2}),
    ("pe_exact", {"EXP_MAX": 5, "ACC_WIDTH": 79, "SEGMENT": 28, "PIPELINE": 2}),
    ("pe_exact", {"EXP_MAX": 8, "ACC_WIDTH": 520, "SEGMENT": 28, "PIPELINE": 2}),
    ("registers", {"ROWS": 3, "COLS": 5, "K_MAX": 100, "PIPELINE": 1, "GATED_WIDTH": 4}),
    ("registers", {"EXP_MAX": 8, "ROWS": 32768, "COLS": 32767, "GATED_WIDTH": 30}),
    ("registers", {"EXP_MAX": 4, "ROWS": 2, "COLS": 3, "GATED_WIDTH": 3, "ACCUMULATOR": 1}),
    ("sequencer", {"K_MAX": 1}),
    ("sequencer", {"K_MAX": 5}),
    ("sequencer", {"K_MAX": 8}),
    ("start", {"ACC_WIDTH": 26, "SHIFT_WIDTH": 5, "USER_WIDTH": 1}),
    ("start", {"ACC_WIDTH": 39, "SHIFT_WIDTH": 6, "USER_WIDTH": 8}),
    ("start", {"ACC_WIDTH": 83, "SHIFT_WIDTH": 7, "USER_WIDTH": 41}),
    ("start", {"ACC_WIDTH": 524, "SHIFT_WIDTH": 10, "USER_WIDTH": 8}),
    ("start", {"SHIFT_WIDTH": 11, "USER_WIDTH": 8, "ACCUMULATOR": 1}),
    ("unit", {"EXP_MAX": 1, "K_MAX": 1, "PIPELINE": 1}),
    ("unit", {"EXP_MAX": 1, "K_MAX": 32768, "SEGMENT": 7}),
    ("unit", {"EXP_MAX": 2, "K_MAX": 20, "SEGMENT": 1, "PIPELINE": 1}),
    ("unit", {"EXP_MAX": 3, "K_MAX": 20, "SEGMENT": 16}),
    ("unit", {"EXP_MAX": 5, "K_MAX": 20000, "SEGMENT": 1000}),
    ("unit", {"EXP_MAX": 6, "K_MAX": 5, "SEGMENT": 7, "PIPELINE": 1}),
    ("unit", {"EXP_MAX": 7, "K_MAX": 3}),
    ("unit", {"EXP_MAX": 3, "K_MAX": 16, "PIPELINE": 1}),
    ("unit", {"EXP_MAX": 4, "K_MAX": 16, "PIPELINE": 2}),
    ("unit", {"EXP_MAX": 5, "K_MAX": 1, "PIPELINE": 2}),
    ("unit", {"EXP_MAX": 5, "K_MAX": 8192, "PIPELINE": 1}),
    ("unit", {"EXP_MAX": 8, "K_MAX": 16, "PIPELINE": 2}),
    ("unit", {"EXP_MAX": 4, "K_MAX": 16, "PIPELINE": 1, "ACCUMULATOR": 1}),
    ("unit", {"EXP_MAX": 5, "K_MAX": 8192, "PIPELINE": 2, "ACCUMULATOR": 1}),
    ("unit", {"EXP_MAX": 8, "K_MAX": 16, "PIPELINE": 2, "ACCUMULATOR": 1}),
]

UNIT_PAIRS = [  # what ffp8_unit multiplies all 65,536 pairs of codes of
    ("s1e3f4b3*s0e3f5b3=s1e3f4b0", {"EXP_MAX": 3, "PIPELINE": 1}),
    ("s1e4f3b70*s1e4f3b70=binary32", {"EXP_MAX": 4, "PIPELINE": 2}),
    ("s0e4f4b12*s1e7f0b63=s1e5f2b40", {"EXP_MAX": 8, "PIPELINE": 2}),
    ("s1e5f2b15*s1e5f2b15=s1e5f2b15", {"EXP_MAX": 5, "PIPELINE": 1}),
    ("s0e0f8b-3*s1e4f3b7=s1e4f3b6", {"EXP_MAX": 5, "PIPELINE": 1}),
    ("s1e5f2b100*s1e3f4b60=binary32", {"EXP_MAX": 5, "PIPELINE": 2}),
    ("s0e5f3b15*s1e0f7b0=s1e5f2b14", {"EXP_MAX": 5, "PIPELINE": 2}),
    ("s1e1f6b0*s1e2f5b1=s1e4f3b4", {"EXP_MAX": 5, "PIPELINE": 1, "ACCUMULATOR": 1}),
    ("s0e4f4b12*s1e5f2b15=s1e5f2b15", {"EXP_MAX": 5, "PIPELINE": 2, "ACCUMULATOR": 1}),
    ("s0e3f5b4*s0e2f6b1=s0e4f4b7", {"EXP_MAX": 5, "PIPELINE": 1, "ACCUMULATOR": 1}),
    ("s1e0f7b3*s0e1f7b100=s1e3f4b102", {"EXP_MAX": 5, "PIPELINE": 2, "ACCUMULATOR": 1}),
]
LONGEST = {"EXP_MAX": 5, "K_MAX": 8192}


def case_name(case: tuple[str, dict[str, int]]) -> str:
    """Name of a case: the module, and its parameters."""
    module, parameters = case
    return "-".join([module, *(f"{name}{value}" for name, value in parameters.items())])


def silent_checks(module: str, folder: Path) -> list[str]:
    """Return the checks of a module's bench that did not run once."""
    counts = json.loads((folder / CHECKS_FILE).read_text("utf-8"))["counts"]
    texts = (path.read_text("utf-8") for path in Path(__file__).parent.glob("*.py"))
    wanted = {name for text in texts for name in re.findall(rf'check\(\s*"({module}\.\w+)"', text)}
    return sorted(name for name in wanted if not counts.get(name))


@pytest.mark.sim
@pytest.mark.parametrize("case", BENCHES, ids=case_name)
def test_bench(case: tuple[str, dict[str, int]], seed: int) -> None:
    module, parameters = case
    folder = simulation_folder(case_name(case))
    simulate(
        f"ffp8_{module}", f"tests.benches.bench_{module}", parameters, folder=folder, seed=seed
    )
    if "COCOTB_TEST_FILTER" in os.environ:  # somebody looks at a part
        return
    silent = silent_checks(module, folder)
    if module == "engine" and parameters["K_MAX"] < 8:  # no packet has a middle
        silent.remove("engine.request")
    assert not silent, f"checks that never ran: {silent}"


def pairs_name(case: tuple[str, dict[str, int]]) -> str:
    """Name of a case of pairs: the formats of a, w and y."""
    return case[0].replace("*", "-").replace("=", "-")


@pytest.mark.sim
@pytest.mark.parametrize("case", UNIT_PAIRS, ids=pairs_name)
def test_unit_pairs(case: tuple[str, dict[str, int]], seed: int) -> None:
    formats, parameters = case
    simulate(
        "ffp8_unit",
        "tests.benches.bench_unit_pairs",
        parameters,
        folder=simulation_folder(f"unit_pairs-{pairs_name(case)}"),
        seed=seed,
        environment={"PAIR_FORMATS": formats},
    )


@pytest.mark.sim
@pytest.mark.parametrize("accumulator", range(2), ids=ACCUMULATORS)
def test_unit_longest(accumulator: int, seed: int) -> None:
    simulate(
        "ffp8_unit",
        "tests.benches.bench_unit_longest",
        LONGEST | {"ACCUMULATOR": accumulator},
        folder=simulation_folder(f"unit_longest-{ACCUMULATORS[accumulator]}"),
        seed=seed,
    )


def test_unit_pairs_are_of_every_exponent_width_and_sign() -> None:
    chosen = [formats_of(text)[:2] for text, build in UNIT_PAIRS if build["EXP_MAX"] == 5]
    assert len(set(chosen)) == len(chosen) >= 8
    assert {fmt.exponent for pair in chosen for fmt in pair} == set(range(6))
    assert {(a.sign, w.sign) for a, w in chosen} == {(0, 0), (0, 1), (1, 0), (1, 1)}


def test_encode_is_exhausted_for_every_split() -> None:
    widths = [parameters["ACC_WIDTH"] for module, parameters in BENCHES if module == "encode"]
    splits = [split for width in widths for split in exhausted_splits(width)]
    assert sorted(splits) == sorted(supported_splits(8)) and len(splits) == 17
