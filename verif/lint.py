"""Lint of the whole tree: ``python -m verif.lint``.

Python is judged by ruff, and which rooms import which by import-linter, whose contracts stand in
`pyproject.toml`. The RTL must compile in silence, at several parameter sets, under Icarus
Verilog and under Verilator: one line of output from either is a failure. Yosys must find no latch,
no loop and no second driver in it.
"""

import importlib.metadata
import itertools
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from verif.commands.arguments import Parser
from verif.commands.files import write_json
from verif.commands.folders import ROOT, command_folder
from verif.commands.running import run_command
from verif.simulator.verilator import verilator_folder

FOLDER = command_folder("lint")
REPLAY = ROOT / "verif" / "replay" / "verilog"
SHOWN_LINES = 60

Parameters = dict[str, int]

EXPONENT_MAXIMA = (3, 4, 5)
ARRAY_SIZES = ((1, 1), (4, 4), (16, 16))
VARIANTS: tuple[Parameters, ...] = ({}, {"PIPELINE": 1}, {"ACCUMULATOR": 1})
EXTREMES: tuple[Parameters, ...] = (
    {"EXP_MAX": 1, "K_MAX": 1},
    {"EXP_MAX": 2, "K_MAX": 32768, "PIPELINE": 1},
    {"K_MAX": 20, "SEGMENT": 1},
    {"SEGMENT": 1000},
)
PARAMETER_SETS: dict[str, list[Parameters]] = {
    "ffp8_unit": [
        *(
            {"EXP_MAX": maximum} | variant
            for maximum, variant in itertools.product((*EXPONENT_MAXIMA, 8), VARIANTS)
        ),
        *({"EXP_MAX": maximum} for maximum in (6, 7)),
        *EXTREMES,
    ],
    "ffp8_engine": [
        *(
            {"EXP_MAX": maximum, "ROWS": rows, "COLS": cols}
            for maximum, (rows, cols) in itertools.product(EXPONENT_MAXIMA, ARRAY_SIZES)
        ),
        *({"EXP_MAX": 5, "ROWS": 4, "COLS": 3} | variant for variant in VARIANTS[1:]),
        *({"ROWS": 2, "COLS": 3} | extreme for extreme in EXTREMES),
        *({"EXP_MAX": 3, "ROWS": rows, "COLS": cols} for rows, cols in ((1, 64), (64, 1))),
    ],
    "ffp8_array": [{"EXP_MAX": 8, "ROWS": 4, "COLS": 4, "ACC_WIDTH": 524}],
}


YOSYS = """
import os, sys, tempfile
from pyosys import libyosys as ys
with tempfile.TemporaryFile("w+") as said:
    kept = os.dup(1)
    os.dup2(said.fileno(), 1)
    design, failed = ys.Design(), None
    try:
        for command in sys.argv[1:]:
            ys.run_pass(command, design)
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        said.seek(0)
        for line in said:
            if line.startswith(("Warning:", "ERROR:")) and "Replacing memory" not in line:
                print(line, end="")
"""
"""Runs Yosys' commands, and prints what it warns of; short arrays are meant to be registers."""


class LintError(Exception):
    """Something is missing that lint needs; the message is meant for a person."""


@dataclass(frozen=True)
class Check:
    """One run of one tool.

    Attributes
    ----------
    tool : str
        Name under which the summary adds up its runs.
    label : str
        What this run looks at.
    command : list of str
        Program and arguments, run in the project's root.
    silent : bool
        Whether output alone is a failure.
    environment : dict
        Variables set on top of the caller's.
    """

    tool: str
    label: str
    command: list[str]
    silent: bool = True
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What a check came to: pass or fail, the tool's output, its time in seconds."""

    check: Check
    passed: bool
    output: str
    seconds: float


def ruff_checks() -> list[Check]:
    """Return the checks of the Python files: rules, then layout."""
    ruff = [sys.executable, "-m", "ruff"]
    return [
        Check("ruff check", "all Python files", [*ruff, "check", "."], silent=False),
        Check("ruff format", "all Python files", [*ruff, "format", "--check", "."], silent=False),
    ]


def import_check() -> Check:
    """Return the check of which rooms import which."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"]
    return Check("import-linter", "contracts of pyproject.toml", command, silent=False)


def verilog_sources(hdl: Path) -> list[str]:
    """Return the Verilog files of a folder, sorted.

    Raises
    ------
    LintError
        If there is none: an empty folder must not pass.
    """
    sources = sorted(str(path) for path in hdl.glob("*.v"))
    if not sources:
        raise LintError(f"{hdl}: no Verilog file in it, expected the design's *.v")
    return sources


def icarus_check(hdl: Path, top: str, parameters: Parameters) -> Check:
    """Return the check that elaborates `top` in Icarus Verilog as Verilog-2005."""
    if shutil.which("iverilog") is None:
        raise LintError("iverilog: not on PATH, run `make setup`")
    settings = [f"-P{top}.{name}={value}" for name, value in parameters.items()]
    command = ["iverilog", "-g2005", "-Wall", "-t", "null", "-s", top, "-I", str(hdl), *settings]
    return Check("iverilog", describe(top, parameters), [*command, *verilog_sources(hdl)])


def verilator_check(hdl: Path, top: str, parameters: Parameters) -> Check:
    """Return the check that lints `top` in Verilator as Verilog-2005."""
    folder = verilator_folder()
    settings = [f"-G{name}={value}" for name, value in parameters.items()]
    command = [str(folder / "bin" / "verilator_bin"), "--lint-only", "-Wall"]
    command += [
        "--quiet-stats",
        "--language",
        "1364-2005",
        "--top-module",
        top,
        f"-I{hdl}",
        *settings,
    ]
    return Check(
        "verilator",
        describe(top, parameters),
        [*command, *settings, *verilog_sources(hdl)],
        environment={"VERILATOR_ROOT": str(folder)},
    )


def yosys_check(hdl: Path, top: str, parameters: Parameters) -> Check:
    """Return the check that elaborates `top` in Yosys, and looks for what no flip-flop is."""
    settings = " ".join(f"-chparam {name} {value}" for name, value in parameters.items())
    commands = [
        f"read_verilog -I{hdl} {' '.join(verilog_sources(hdl))}",
        f"hierarchy -check -top {top} {settings}",
        "proc",
        "flatten",
        "opt_clean",
        "select -assert-none t:$dlatch t:$_DLATCH_*",
        "check -assert",
    ]
    return Check("pyosys", describe(top, parameters), [sys.executable, "-c", YOSYS, *commands])


def replay_checks(hdl: Path) -> list[Check]:
    """Return the checks of what is around the engine in a replay, which no hardware is made of."""
    about = hdl, "ffp8_replay", {"ROWS": 3, "COLS": 5, "EXP_MAX": 3}
    sources = verilog_sources(REPLAY)
    return [
        replace(check, command=[*check.command, *options, *sources])
        for check, options in ((icarus_check(*about), []), (verilator_check(*about), ["--timing"]))
    ]


def describe(top: str, parameters: Parameters) -> str:
    """Return a top module and its parameters in one line."""
    return " ".join([top, *(f"{name}={value}" for name, value in parameters.items())])


def verilog_checks(hdl: Path, parameter_sets: dict[str, list[Parameters]]) -> list[Check]:
    """Return every check of the RTL, tool by tool.

    Parameters
    ----------
    hdl : Path
        Folder of the Verilog files.
    parameter_sets : dict
        Parameter sets to elaborate, by top module.
    """
    return [
        make_check(hdl, top, parameters)
        for make_check in (icarus_check, verilator_check)
        for top, sets in parameter_sets.items()
        for parameters in sets
    ] + [
        yosys_check(hdl, top, parameters)
        for top, sets in parameter_sets.items()
        for parameters in sets
        if is_small(parameters)
    ]


def is_small(parameters: Parameters) -> bool:
    """Tell whether an array is one that Yosys elaborates in a second; larger ones are unrolled."""
    return parameters.get("ROWS", 1) * parameters.get("COLS", 1) <= 16


def all_checks(hdl: Path, parameter_sets: dict[str, list[Parameters]]) -> list[Check]:
    """Return every check there is, see `verilog_checks`."""
    rtl = sorted(
        [*verilog_checks(hdl, parameter_sets), *replay_checks(hdl)], key=lambda check: check.tool
    )
    return [*ruff_checks(), import_check(), *rtl]


def run_check(check: Check) -> Outcome:
    """Run one check in the project's root."""
    start = time.monotonic()
    process = subprocess.run(
        check.command,
        cwd=ROOT,
        env={**os.environ, **check.environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    output = process.stdout.strip()
    if process.returncode != 0 and not output:
        output = f"exit status {process.returncode} and no output"
    passed = process.returncode == 0 and not (check.silent and output)
    return Outcome(check, passed, output, time.monotonic() - start)


def run_tools(checks: list[Check]) -> Iterator[tuple[str, list[Outcome]]]:
    """Run the checks, and yield each tool with its outcomes as soon as it is through."""
    for tool, group in itertools.groupby(checks, key=lambda check: check.tool):
        yield tool, [run_check(check) for check in group]


def report(tool: str, outcomes: list[Outcome]) -> None:
    """Print a tool's verdict and the first failed run's output; write all outputs to a log."""
    log = FOLDER / f"{tool.replace(' ', '-')}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    texts = [f"{outcome.check.label}:\n{outcome.output}\n" for outcome in outcomes]
    log.write_text("\n".join(texts), encoding="utf-8")
    failed = [outcome for outcome in outcomes if not outcome.passed]
    if not failed:
        print(f"{tool}: passed, runs: {len(outcomes)}", flush=True)
        return
    print(
        f"{tool}: FAILED in {len(failed)} of {len(outcomes)} runs, all in {log.relative_to(ROOT)}"
    )
    print(f"  the first, {failed[0].check.label}:")
    lines = failed[0].output.splitlines()
    shown = lines[:SHOWN_LINES] + ["..."] * (len(lines) > SHOWN_LINES)
    print("\n".join(f"    {line}" for line in shown), flush=True)


def summarize(tool: str, outcomes: list[Outcome]) -> dict[str, object]:
    """Return a tool's entry of the summary."""
    failed = [outcome.check.label for outcome in outcomes if not outcome.passed]
    return {
        "name": tool,
        "version": tool_version(tool.split()[0]),
        "status": "failed" if failed else "passed",
        "runs": len(outcomes),
        "failed": failed,
        "seconds": round(sum(outcome.seconds for outcome in outcomes), 3),
    }


def tool_version(program: str) -> str:
    """Return a tool's version: that of its Python package, or Icarus Verilog's own word."""
    if program != "iverilog":
        return importlib.metadata.version(program)
    process = subprocess.run(["iverilog", "-V"], capture_output=True, text=True, check=False)
    return process.stdout.partition("\n")[0]


def write_summary(tools: list[dict[str, object]], status: str, seconds: float) -> None:
    """Write ``build/lint/summary.json``."""
    summary = {"tools": tools, "status": status, "seconds": round(seconds, 3)}
    write_json(FOLDER / "summary.json", summary)


def lint(hdl: Path, parameter_sets: dict[str, list[Parameters]] = PARAMETER_SETS) -> bool:
    """Run every check, print the verdicts and write the summary.

    Parameters
    ----------
    hdl : Path
        Folder of the Verilog files, absolute or seen from the project's root.
    parameter_sets : dict, optional
        Parameter sets to elaborate, by top module.

    Returns
    -------
    bool
        Whether all passed.

    Raises
    ------
    LintError, FileNotFoundError
        If a tool or the RTL is missing.
    """
    start = time.monotonic()
    tools = []
    write_summary(tools, "failed", 0.0)  # stands if the run is cut short
    for tool, outcomes in run_tools(all_checks(ROOT / hdl, parameter_sets)):
        report(tool, outcomes)
        tools.append(summarize(tool, outcomes))
    passed = all(tool["status"] == "passed" for tool in tools)
    write_summary(tools, "passed" if passed else "failed", time.monotonic() - start)
    return passed


def main(arguments: Sequence[str] | None = None) -> int:
    """Run lint from the command line and return the exit status."""
    parser = Parser(prog="lint", description=__doc__.partition("\n")[0])
    parser.add_argument("--hdl", type=Path, default=Path("hdl"), help="folder of the Verilog files")
    try:
        return 0 if lint(parser.parse_args(arguments).hdl) else 1
    except (LintError, FileNotFoundError) as error:
        print(f"lint: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(run_command("lint", main))
