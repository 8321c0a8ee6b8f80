"""The regression's front door: ``python -m verif.regression sim``, in the root.

`make` calls it for the commands of these names; SEED, SIM, HDL, BUILD and WAVES come from the
environment.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from dataclasses import replace

from _pytest.mark.expression import Expression

from verif.commands.arguments import JOBS, Parser, positive
from verif.commands.folders import command_folder
from verif.commands.processes import Run
from verif.commands.running import run_command
from verif.regression.record import read_record
from verif.regression.seeds import session_seed
from verif.regression.session import NO_TESTS, Session
from verif.regression.soak import Soak
from verif.simulator.simulation import check_simulator, chosen_simulator

NAMES = {
    "sim": "the simulator regression",
    "test": "all tests",
    "soak": "random simulations under new seeds until time is up",
    "judges": "the codec before its complete judges",
    "light": "the nine networks that ONNX carries, tiles of their layers on the array",
    "malformed": "malformed files and options, all of them",
    "runs": "every command disturbed: two at once, killed, on full and read-only disks",
}
SIMULATED = ["-m", "sim"]
LINT = sys.executable, "-m", "verif", "lint"
CAMPAIGNS = {
    "judges": "tests/format/test_codec_judges.py",
    "light": "tests/light",
    "malformed": "tests/malformed",
    "runs": "tests/runs",
}
"""Tests that `make test` has a part of; whole, with the variable of their name set to complete."""

CAMPAIGN_LIMIT = 3600
"""Seconds of one test of these: one may disturb a command forty times."""


def jobs(text: str) -> str:
    """Return the number of processes that an option asks for."""
    return text if text == "auto" else str(JOBS(text))


def pattern(text: str) -> str:
    """Return a pattern that pytest takes; its workers would fail at another without a word."""
    try:
        Expression.compile(text)
    except SyntaxError as error:
        raise argparse.ArgumentTypeError(f"={text}: no pattern, {error}") from None
    return text


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the command line's settings; a wrong one ends the program."""
    parser = Parser(prog="regression", description=__doc__.partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    for name, text in NAMES.items():
        command = commands.add_parser(name, help=text, prog=name)
        command.add_argument("--tests", type=pattern, help="pattern, as pytest's -k takes it")
        command.add_argument("--jobs", type=jobs, default="auto", help="tests at a time")
        command.add_argument(
            "--limit",
            type=positive,
            help="seconds after which a test has hung; pyproject.toml has the default",
        )
        if name == "soak":
            command.add_argument("--minutes", type=positive, default=10.0, help="how long")
        else:
            command.add_argument("--failed", action="store_true", help="what failed the last time")
        command.set_defaults(lint=False)
        if name == "test":
            command.add_argument("--lint", action="store_true", help="before the tests, or none")
    return parser.parse_args(arguments)


def regress(session: Session, name: str, failed: bool) -> int:
    """Run a regression and return the exit status."""
    if failed:
        text = session.rerun()
        if not text:
            tests = read_record(session.last)["tests"]
            print(f"{name}: nothing to run again, the last run passed ({tests} tests)")
            return 0
        print(f"{name}: {text}", flush=True)
    run = Run()
    status = session.start(run)
    if missing := session.missing(status):
        print(f"{name}: {missing}", file=sys.stderr)
        return 1
    if status == NO_TESTS:
        print(f"{name}: no test was run", file=sys.stderr)
    if status < 0 or (run.interrupted and status):
        tests = read_record(session.summary)["tests"]
        print(
            f"{name}: ended early, {tests} tests had finished: {session.summary}; FAILED=1 goes on"
        )
    return status if status >= 0 else 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return the exit status."""
    chosen = parse(arguments)
    options = SIMULATED if chosen.command in ("sim", "soak") else []
    if chosen.tests:
        options = [*options, "-k", chosen.tests]
    if limit := chosen.limit or (CAMPAIGN_LIMIT if chosen.command in CAMPAIGNS else 0):
        options = [*options, "-o", f"faulthandler_timeout={limit}"]
    folder = command_folder(chosen.command)
    os.environ.pop("RUN", None)  # it is of this run, not of those that tests make
    if chosen.command in ("sim", "test") and not (chosen.tests or chosen.failed):
        options = [*options, "--checks", str(folder / "checks")]
    session = Session(folder, options, chosen.jobs)
    if tests := CAMPAIGNS.get(chosen.command):
        whole = {chosen.command.upper(): "complete"}
        session = replace(session, tests=tests, variables=whole)
    try:
        session_seed()
        check_simulator(chosen_simulator())
        if chosen.lint and (status := Run()(LINT)):
            print(f"test: no test was run, since lint ended with {status}", file=sys.stderr)
            return status if status > 0 else 1
        if chosen.command == "soak":
            return Soak(session, chosen.minutes).run()
        return regress(session, chosen.command, chosen.failed)
    except ValueError as error:
        print(f"{chosen.command}: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    asked = sys.argv[1] if sys.argv[1:] else ""
    sys.exit(run_command(asked, main) if asked in NAMES else main())
