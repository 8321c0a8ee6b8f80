"""pytest plugin of the regression: seeds, replay lines, the choice of tests, and the record."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Generator
from pathlib import Path
from types import FrameType

import numpy as np
import pytest

from verif.commands.interrupts import heeded, unblock
from verif.commands.processes import die_with_parent
from verif.regression.known import KNOWN, yaml_entry
from verif.regression.record import Record
from verif.regression.recorder import Recorder
from verif.regression.replay import replay_line, settings
from verif.regression.seeds import seed_of, session_seed
from verif.simulator.named_checks import CheckNameError, read_checks
from verif.simulator.simulation import check_simulator, chosen_simulator


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    """Seed of this test, derived from the session's seed and the test's node id."""
    return seed_of(request.node.nodeid)


@pytest.fixture
def rng(seed: int) -> np.random.Generator:
    """Random source of this test."""
    return np.random.default_rng(seed)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the runner's options."""
    group = parser.getgroup("regression")
    group.addoption("--summary", type=Path, metavar="PATH", help="keep a JSON summary there")
    group.addoption("--only", type=Path, metavar="PATH", help="run the tests that a file lists")
    group.addoption("--seeded", action="store_true", help="run the tests that have a seed")
    group.addoption(
        "--checks", type=Path, metavar="PATH", help="want every check to run; keep counts there"
    )
    group.addoption("--until", type=float, metavar="TIME", help="skip tests after this time")


def pytest_configure(config: pytest.Config) -> None:
    """Reject bad settings at once, and have the controlling process keep the record."""
    config.addinivalue_line("markers", "known_seed: runs before all others")
    try:
        seed_of("")
        check_simulator(chosen_simulator())
    except ValueError as error:
        raise pytest.UsageError(str(error)) from None
    if hasattr(config, "workerinput"):
        die_with_parent()
        return
    if config.option.collectonly:
        unblock()
        return
    for number in heeded():
        signal.signal(number, _interrupt)
    unblock()
    if config.option.xmlpath:  # a file of an earlier run must not outlive the start of this one
        Path(config.option.xmlpath).unlink(missing_ok=True)
    if config.option.checks:
        _count_checks(config.option.checks, config.rootpath)
    record = Record(config.option.summary, settings())
    record.expect(_listed(config) or ())
    config.pluginmanager.register(Recorder(record, config), "regression-recorder")


def _count_checks(folder: Path, root: Path) -> None:
    """Have every simulation that passes leave its counts in a folder that holds no others."""
    try:
        read_checks(root)
    except CheckNameError as error:
        raise pytest.UsageError(str(error)) from None
    if name := os.environ.get("WITHOUT_CHECK"):
        raise pytest.UsageError(f"WITHOUT_CHECK={name}: a whole regression needs every check")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ["CHECKS_PASSED"] = str(folder.absolute())


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt(signal.Signals(number).name)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Pass over signals from now on: all is done, and the results are written."""
    if not hasattr(session.config, "workerinput") and not session.config.option.collectonly:
        for number in heeded():
            signal.signal(number, signal.SIG_IGN)


def pytest_report_header() -> str:
    """Print the seed, so that any run can be repeated."""
    names = ("TEST_SEED", "WITHOUT_CHECK")
    others = [f", {name}={os.environ[name]}" for name in names if os.environ.get(name)]
    return f"seed: {session_seed()} (set SEED= for another){''.join(others)}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what was not asked for, and put known seeds first."""
    listed = _listed(config)
    kept = [
        item
        for item in items
        if (listed is None or {item.nodeid, item.nodeid.partition("::")[0]} & listed)
        and (not config.option.seeded or _has_seed(item))
    ]
    if len(kept) < len(items):
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = sorted(kept, key=lambda item: item.get_closest_marker("known_seed") is None)


def _listed(config: pytest.Config) -> set[str] | None:
    path = config.option.only
    return None if path is None else set(path.read_text(encoding="utf-8").splitlines())


def _has_seed(item: pytest.Item) -> bool:
    return "seed" in getattr(item, "fixturenames", ())


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test that would begin after ``--until``."""
    until = item.config.option.until
    if until is not None and time.time() > until:
        pytest.skip("time is up")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport]:
    """Add to a failure the line that replays exactly this test, with waves if simulated."""
    report = yield
    if report.failed and "replay" not in dict(item.user_properties):
        waves = item.get_closest_marker("sim") is not None
        line = replay_line(item.nodeid, item.config.rootpath, waves)
        report.sections.append(("Replay", line))
        if _has_seed(item):
            entry = yaml_entry(item.nodeid, seed_of(item.nodeid))
            title = f"Did this seed find a bug? {KNOWN.name} of verif/regression has it run first"
            report.sections.append((title, entry))
        item.user_properties.append(("replay", line))
        report.user_properties.append(("replay", line))
    return report
