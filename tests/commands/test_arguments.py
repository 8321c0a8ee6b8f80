"""Command lines: what is wrong is one sentence in terms of make's variables, and status 2."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from verif.commands.arguments import Parser
from verif.commands.folders import ROOT

MAINS = {
    "cover": "verif.coverage.cover",
    "cover-compare": "verif.coverage.compare",
    "code-coverage": "verif.code_coverage.__main__",
    "mutate": "verif.mutation.command",
    "checks": "verif.checks.__main__",
    "bench": "verif.bench",
    "replay": "verif.replay.__main__",
    "layers": "verif.replay.layers",
    "accuracy": "verif.accuracy.__main__",
    "vectors": "verif.vectors.__main__",
    "sim": "verif.regression.__main__",
    "soak": "verif.regression.__main__",
}
WRONG = [
    *((name, "jobs", "0") for name in ("cover", "cover-compare", "code-coverage", "mutate")),
    *((name, "seed", "one") for name in ("checks", "cover", "code-coverage", "mutate", "vectors")),
    ("checks", "jobs", "0"),
    ("checks", "sample", "0"),
    ("cover-compare", "seeds", "0"),
    ("mutate", "mutants", "-1"),
    ("bench", "repeats", "0"),
    ("bench", "values", "10"),
    ("replay", "rows", "1.5"),
    ("replay", "images", "0"),
    ("replay", "jobs", "0"),
    ("replay", "shape", "1,3,x,4"),
    ("accuracy", "shape", "1,3,0"),
    ("accuracy", "shape", "7"),
    ("accuracy", "images", "0"),
    ("accuracy", "images", "many"),
    ("vectors", "dots", "0"),
    ("sim", "limit", "0"),
    ("soak", "minutes", "inf"),
    ("sim", "jobs", "none"),
    ("cover", "only", "tree*"),
    ("cover-compare", "only", "tree*"),
]


@pytest.fixture
def only_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a command line that is taken fail the test, instead of running the command."""
    parse = Parser.parse_args

    def parse_and_stop(self: Parser, *arguments: object) -> argparse.Namespace:
        settings = parse(self, *arguments)
        if getattr(settings, "only", None) != "tree*":  # which is looked at later
            pytest.fail(f"taken: {settings}")
        return settings

    monkeypatch.setattr(Parser, "parse_args", parse_and_stop)


@pytest.mark.parametrize(("name", "option", "text"), WRONG)
@pytest.mark.usefixtures("only_parsed")
def test_a_wrong_option_is_one_sentence(
    name: str, option: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, error = refused(name, [f"--{option}", text], capsys)
    assert error.startswith(f"{name}: {option.upper()}={text}: ") and status == 2


@pytest.mark.parametrize("name", MAINS)
@pytest.mark.usefixtures("only_parsed")
def test_an_option_without_a_value_or_meaning_is_one_sentence(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    option = {
        "bench": "values",
        "replay": "rows",
        "layers": "rows",
        "accuracy": "images",
        "vectors": "dots",
    }
    named = option.get(name, "jobs")
    status, error = refused(name, [f"--{named}"], capsys)
    assert (status, error) == (2, f"{name}: {named.upper()}: expected one argument\n")
    status, error = refused(name, ["--colour", "red"], capsys)
    assert status == 2 and "unrecognized arguments: --colour red" in error


def refused(
    name: str, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> tuple[object, str]:
    """Run a command; return its status, and the one line that it says."""
    main = importlib.import_module(MAINS[name]).main
    try:
        status = main([name, *arguments] if name in ("sim", "soak") else arguments)
    except SystemExit as stop:
        status = stop.code
    error = capsys.readouterr().err
    assert error.count("\n") == 1, error
    return status, error


@pytest.mark.parametrize("name", ["sim", "soak", "test", "judges"])
def test_variables_stand_for_options_once(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    parse = importlib.import_module("verif.regression.__main__").parse
    for variable, text in {"JOBS": "3", "TESTS": "one or two", "SEED": "7", "LIMIT": ""}.items():
        monkeypatch.setenv(variable, text)
    monkeypatch.setattr("sys.argv", ["verif", name])
    settings = parse(None)
    assert (settings.jobs, settings.tests, settings.limit) == ("3", "one or two", None)
    assert "JOBS" not in os.environ and "TESTS" not in os.environ and os.environ["SEED"] == "7"
    assert parse([name]).tests is None
    monkeypatch.setenv("JOBS", "3")
    monkeypatch.setattr("sys.argv", ["verif", name, "--jobs", "2"])
    assert parse(None).jobs == "2"
    monkeypatch.setenv("JOBS", "none")
    monkeypatch.setattr("sys.argv", ["verif", name])
    with pytest.raises(SystemExit):
        parse(None)


def test_a_command_that_starts_over_keeps_its_variables(tmp_path: Path) -> None:
    small = {"VALUES": "1000", "REPEATS": "1", "ONLY": "encode s1e4", "BUILD": str(tmp_path)}
    unset = {"OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"}
    kept = {name: text for name, text in os.environ.items() if name not in unset}
    command = [sys.executable, "-m", "verif", "bench"]
    subprocess.run(command, cwd=ROOT, env=kept | small, check=True, stdout=subprocess.DEVNULL)
    summary = json.loads((tmp_path / "bench" / "summary.json").read_text())
    assert summary["values"] == 1000
    assert {case["name"][:11] for case in summary["cases"]} == {"encode s1e4"}
