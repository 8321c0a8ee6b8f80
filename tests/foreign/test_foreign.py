"""The environment meets a design that is not ours: it closes, and finds what is wrong with it."""

import os
import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from model import dot
from model.format import rational
from tests.foreign.adapter import CAN, OPERANDS, RESULT
from verif.commands.folders import ROOT, simulation_folder
from verif.coverage import exclusions
from verif.coverage.exclusions import ExclusionError
from verif.coverage.result_points import positions
from verif.lint import icarus_check, run_check, verilator_check
from verif.own_design import FoundError, OwnDesign, main, verify
from verif.simulator.simulation import simulate

HERE = Path(__file__).parent
ADAPTER, EXCLUSIONS = "tests.foreign.adapter:MacAdapter", HERE / "exclusions.yaml"
PAGE = (ROOT / "docs" / "your-design.md").read_text(encoding="utf-8")
FAULTS = {
    **dict.fromkeys((1, 2, 3, 4, 5, 6, 10, 11, 13), ("differs",)),
    7: ("X", "differs", "time"),
    8: ("unasked", "differs", "time"),
    9: ("time",),
    12: ("differs", "time", "stuck"),
    **dict.fromkeys(range(14, 34), ("differs",)),
    30: ("X", "differs", "unasked", "time"),
    31: ("X", "differs"),
}
"""How each planted fault can show; which way is first depends on the seed."""

STATEFUL = {3, 8, 10, 12, 18, 19, 20, 26, 27, 29, 30, 31}
"""Those that depend on what came before: operations, pairs, idle cycles, a reset."""

SEEDS = range(int(os.environ.get("FOREIGN_SEEDS", "1")))
"""Under how many seeds each fault has to be found."""

KINDS = {
    "X": r"(z_vld_o|z_o|sat_o|nx_o) is [01X]*X",
    "unasked": r"an outcome that no job asked for: "
    r"(0x.. of s1e5f2b16 = .*\nthe last job that was|\[\[\d+\]\], before any job)",
    "time": r"an outcome \d+ cycles after its job's last beat, expected 4\na s1e4f3b7, w s1e4f3b7",
    "stuck": r"stuck: (\d+) of \1 jobs taken, \d outcomes due",
    "differs": r"row 0, column 0 of \(1, 1\)\nexpected: ",
}

RESULTS = re.compile(
    r"row 0, column 0 of \(1, 1\)\n"
    r"expected: (0x..) of s1e5f2b16 = .*, (.+)\n"
    r"actual: (0x..) of s1e5f2b16 = .*, (.+)\n"
    r"a s1e4f3b7, w s1e4f3b7, K = (\d+), y s1e5f2b16, rne\n"
)
PAIR = re.compile(r"k = \d+: a (0x..) of s1e4f3b7 = .*; w (0x..) of s1e4f3b7 = ")


def design(fault: int = 0, excluding: Path | None = EXCLUSIONS) -> OwnDesign:
    return OwnDesign("fp8_mac", HERE, ADAPTER, excluding, {"FAULT": fault})


def folder(name: str) -> Path:
    return simulation_folder(f"foreign-{name}")


@pytest.mark.sim
def test_plain_transactions(seed: int) -> None:
    bench = "tests.benches.bench_foreign"
    assert simulate("fp8_mac", bench, {}, folder=folder("plain"), seed=seed, hdl=HERE) == 1


@pytest.mark.sim
def test_the_coverage_closes(seed: int) -> None:
    rows, counts = verify(design(), seed, folder("closed"))
    assert not [row for row in rows if row.open]
    assert sum(row.excluded for row in rows) == 4
    assert counts["bins"] == sum(row.bins for row in rows) - 4 > 100
    assert counts["results"] > counts["transactions"] > 300
    for row in rows:  # the page's table is of this run, whatever the seed
        cells = row.point, row.bins, row.excluded, row.hit, len(row.open)
        assert re.search(rf" {' +'.join(map(str, cells))}$", PAGE, re.MULTILINE), row


@pytest.mark.sim
def test_the_page_shows_what_seed_1_gives() -> None:
    _, counts = verify(design(), 1, folder("page"))
    told = "{bins} bins hit with {transactions} transactions, {results} results compared, seed 1,"
    assert told.format(**counts) in PAGE
    with pytest.raises(FoundError) as found:
        verify(design(fault=1), 1, folder("page-fault"))
    block = "".join(f"    {line}\n" for line in str(found.value).splitlines())
    assert block in PAGE, block


@pytest.mark.sim
def test_what_is_excluded_stays_open_and_nothing_else(seed: int) -> None:
    rows, counts = verify(design(excluding=None), seed, folder("open"), extra=0)
    (row,) = (row for row in rows if row.open)
    assert row.point == "rounding"
    assert set(row.open) == {"rne: below tie, subnormal", "rne: above tie, subnormal"}
    assert counts["results"] > 0


@pytest.mark.sim
@pytest.mark.parametrize(
    ("bins", "message"),
    [
        ("[ba]*, normal", r"'rne: .*, normal' of fp8_mac was hit \d+ times"),
        ("[ba]*, none", "'rne: .*, none' in groups 'fp8_mac': matches no bin"),
    ],
)
def test_a_stale_exclusion_is_an_error(seed: int, tmp_path: Path, bins: str, message: str) -> None:
    stale, text = tmp_path / "exclusions.yaml", EXCLUSIONS.read_text(encoding="utf-8")
    assert "[ba]*, subnormal" in text
    stale.write_text(text.replace("[ba]*, subnormal", bins), encoding="utf-8")
    with pytest.raises(ExclusionError, match=message):
        verify(design(excluding=stale), seed, folder(f"stale-{bins[7:]}"), extra=0)


def test_a_sum_is_never_near_a_tie_of_subnormals() -> None:
    """The sum's unit is half a step of z where z is subnormal; above, it is a finer part of one."""
    unit = Fraction(2) ** (2 * OPERANDS.unit_exponent)
    step, normal = Fraction(2) ** RESULT.unit_exponent, 1 << RESULT.fraction
    assert step == 2 * unit
    found: dict[str, set[str]] = {}
    for number in range(64):
        for total in (number * unit, -number * unit):
            fields = RESULT.sign, RESULT.exponent, RESULT.fraction, RESULT.bias
            for position, region in positions(RESULT, total, *rational.encode(fields, total)):
                assert (region == "subnormal") == (abs(total) < normal * step)
                found.setdefault(region, set()).add(position)
    assert found["subnormal"] == {"exact", "tie to even down", "tie to even up", "next binade"}
    assert found["normal"] == found["subnormal"] | {"below tie", "above tie"}


def test_every_exclusion_of_the_design_names_a_proof_that_exists() -> None:
    (one,) = exclusions.load(EXCLUSIONS)
    path, _, name = one.proof.partition("::")
    assert (ROOT / path).samefile(__file__) and callable(globals()[name])


def judged(message: str) -> tuple[int, int, str, str]:
    """Return expected and actual, codes then flags, after computing the expected one again."""
    found = RESULTS.match(message)
    assert found, message
    expected, actual = int(found[1], 16), int(found[3], 16)
    if "and 0 more products" in message:
        codes = [tuple(int(code, 16) for code in pair) for pair in PAIR.findall(message)]
        a_codes, w_codes = np.array(codes, np.uint8).reshape(-1, 2).T
        total = dot(a_codes, w_codes, OPERANDS, OPERANDS)
        fields = RESULT.sign, RESULT.exponent, RESULT.fraction, RESULT.bias
        assert rational.encode(fields, total)[0] == expected, message
    return expected, actual, found[2], found[4]


@pytest.mark.sim
@pytest.mark.parametrize("number", SEEDS)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found_and_described(fault: int, number: int, seed: int) -> None:
    with pytest.raises(FoundError) as caught:
        verify(design(fault), seed, folder(f"fault{fault}-{number}"))
    message = str(caught.value).partition("] ")[2]
    (kind,) = (name for name, text in KINDS.items() if re.match(text, message))
    assert kind in FAULTS[fault], message
    if kind != "differs":
        return
    expected, actual, *flags = judged(message)
    assert (expected, flags[0]) != (actual, flags[1])
    if fault == 1:
        assert actual & 0x7F == (expected & 0x7F) + 1 and "inexact" in flags[0]
    elif fault == 2:
        assert expected & 0x7F == 0x7F and actual & 0x7F < 0x7F and "overflow" in flags[0]
    elif fault == 5:
        assert (expected, actual) == (0, 0x80)
    elif fault in (6, 13):
        lacking = {6: "inexact", 13: "overflow"}[fault]
        assert expected == actual and flags == ["inexact overflow", lacking]


@pytest.mark.sim
def test_the_command_says_what_is_wrong(
    capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("verif.own_design.command_folder", lambda name: tmp_path / name)
    monkeypatch.setattr("verif.own_design.logging.disable", lambda level: None)
    arguments = ["fp8_mac", "--hdl", str(HERE), "--adapter", ADAPTER, "--seed", "1"]
    assert main([*arguments, "--parameters", "FAULT=9", "--extra", "0"]) == 1
    assert "an outcome 5 cycles after its job's last beat, expected 4" in capsys.readouterr().out
    assert '"exit_status": 1' in (tmp_path / "own" / "fp8_mac" / "summary.json").read_text()
    assert main([*arguments, "--extra", "0"]) == 1
    text = capsys.readouterr().out
    assert "open: fp8_mac rounding: rne: " in text and " results compared, seed 1" in text


def test_the_command_refuses_what_it_cannot_use(capsys: pytest.CaptureFixture) -> None:
    given = {"--hdl": str(HERE), "--adapter": ADAPTER}
    for name, value, text in (
        ("--hdl", "nowhere", "--hdl nowhere: no Verilog file in it"),
        ("--adapter", "tests.foreign", "--adapter tests.foreign: module:Class is needed"),
        ("--parameters", "FAULT=x", "--parameters FAULT=x: NAME=integer is needed"),
    ):
        with pytest.raises(SystemExit):
            main(["fp8_mac", *(part for pair in (given | {name: value}).items() for part in pair)])
        assert text in capsys.readouterr().err


@pytest.mark.sim
@pytest.mark.parametrize("make_check", [icarus_check, verilator_check])
def test_it_compiles_silently(make_check) -> None:
    outcomes = [run_check(make_check(HERE, "fp8_mac", {"FAULT": n})) for n in (0, *FAULTS)]
    assert len(outcomes) == 34 and all(outcome.passed for outcome in outcomes), outcomes


def test_the_adapter_is_short_and_the_page_quotes_it() -> None:
    text = (HERE / "adapter.py").read_text(encoding="utf-8")
    assert len(text.splitlines()) < 50
    assert f"```python\n{text}```\n" in PAGE
    assert EXCLUSIONS.read_text(encoding="utf-8").partition("\n\n")[2] in PAGE
    assert CAN.flags == 5 and CAN.exact_latency
