"""What every test shares: one printed seed, and a summary that a script can judge."""

import os
import re
import time
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from verif.files import write_json
from verif.simulation import check_simulator

DEFAULT_SEED = 1
# What a bench logs at its end: how much it has compared.
CHECKED = re.compile(r"INFO\s+cocotb\.\S+\s+checked (.*)")
# A test's worst phase is its outcome.
SEVERITY = ("passed", "skipped", "failed", "error")


def session_seed() -> int:
    """Return the one seed that everything random in a run comes from: SEED, or 1."""
    text = os.environ.get("SEED") or str(DEFAULT_SEED)
    try:
        return int(text)
    except ValueError:
        raise pytest.UsageError(f"SEED={text}: a seed is a whole number, as in SEED=7") from None


def derive_seed(seed: int, node_id: str) -> int:
    """Return a test's own seed, 0 to 2**32 - 1: the same in any order and any process."""
    return zlib.crc32(f"{seed}:{node_id}".encode())


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """Seed of this test, derived from the session's seed and the test's node id."""
    return derive_seed(session_seed(), request.node.nodeid)


@pytest.fixture
def rng(seed: int) -> np.random.Generator:
    """Random source of this test."""
    return np.random.default_rng(seed)


class Summary:
    """Collects the outcome of every test and writes it when the session ends.

    Parameters
    ----------
    path : Path or None
        Where the JSON goes, if anywhere. A run that executed no test fails in either case.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.start = time.monotonic()
        self.outcomes: dict[str, str] = {}
        self.seconds: Counter[str] = Counter()
        self.checked: dict[str, list[str]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take a phase of a test into account: set-up, call or tear-down."""
        outcome = report.outcome
        if outcome == "failed" and report.when in ("setup", "teardown"):
            outcome = "error"
        self._record(report.nodeid, outcome, report.duration)
        counts = CHECKED.findall(report.caplog) if report.when == "call" else []
        if counts:
            self.checked[report.nodeid] = counts

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print how much each bench compared."""
        if self.checked:
            terminalreporter.section("Compared in simulation")
        for name, counts in sorted(self.checked.items()):
            terminalreporter.write_line(f"{name.partition('::')[2]}: {'; '.join(counts)}")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Count a file that cannot be collected as an error."""
        if report.failed:
            self._record(report.nodeid, "error", 0.0)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail a run in which nothing ran, and write the summary."""
        executed = set(self.outcomes.values()) - {"skipped"}
        if session.exitstatus == pytest.ExitCode.OK and not executed:
            session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED
        if self.path is not None:
            write_json(self.path, self._as_dict(int(session.exitstatus)))

    def _record(self, node_id: str, outcome: str, seconds: float) -> None:
        worst = max(outcome, self.outcomes.get(node_id, outcome), key=SEVERITY.index)
        self.outcomes[node_id] = worst
        self.seconds[node_id] += seconds

    def _as_dict(self, exit_status: int) -> dict[str, object]:
        counts = Counter(self.outcomes.values())
        return {
            "seed": session_seed(),
            "tests": len(self.outcomes),
            "failures": counts["failed"],
            "errors": counts["error"],
            "skipped": counts["skipped"],
            "seconds": round(time.monotonic() - self.start, 3),
            "exit_status": exit_status,
            "per_test": [
                {
                    "name": name,
                    "outcome": outcome,
                    "seconds": round(self.seconds[name], 3),
                    "checked": self.checked.get(name, []),
                }
                for name, outcome in sorted(self.outcomes.items())
            ],
        }


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--summary PATH``."""
    parser.addoption("--summary", type=Path, metavar="PATH", help="write a JSON summary there")


def pytest_configure(config: pytest.Config) -> None:
    """Reject a bad seed or simulator at once, and have the controlling process keep the summary."""
    session_seed()
    try:
        check_simulator(os.environ.get("SIM") or "icarus")
    except ValueError as error:
        raise pytest.UsageError(str(error)) from None
    is_worker = hasattr(config, "workerinput")
    if not is_worker and not config.option.collectonly:
        config.pluginmanager.register(Summary(config.option.summary), "ffp8-summary")


def pytest_report_header() -> str:
    """Print the seed, so that any run can be repeated."""
    return f"seed: {session_seed()} (set SEED= for another)"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> pytest.TestReport:
    """Add to a failure the command that replays exactly this test, with waves if simulated."""
    report = yield
    if report.failed:
        report.sections.append(("Replay", replay_command(item)))
    return report


def replay_command(item: pytest.Item) -> str:
    """Return the shell command that runs one test again as it just ran."""
    variables = {"SEED": str(session_seed())}
    if "SIM" in os.environ:
        variables["SIM"] = os.environ["SIM"]
    if item.get_closest_marker("sim"):
        variables["WAVES"] = "1"
    settings = " ".join(f"{name}={value}" for name, value in variables.items())
    return f"{settings} .venv/bin/python -m pytest '{item.nodeid}'"
