"""Keeps the record of a session: the part of the plugin that only the controlling process has."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Sequence

import pytest

from verif.commands.processes import kill_children
from verif.regression.record import Record
from verif.regression.replay import replay_line
from verif.simulator.checks import kept_counts
from verif.simulator.named_checks import read_checks

# What a bench logs at its end: how much it has compared.
CHECKED = re.compile(r"INFO\s+cocotb\.\S+\s+checked (.*)")
INTERRUPTED = "interrupted before it finished"
Location = tuple[str, int | None, str]


class Recorder:
    """Enters every test as it finishes, and judges the session at its end.

    Parameters
    ----------
    record
        What to enter them in.
    config
        Of the session.
    """

    def __init__(self, record: Record, config: pytest.Config) -> None:
        self.record = record
        self.config = config
        self.replays: dict[str, str] = {}
        self.lost_workers: list[str] = []
        self._running: dict[str, Location] = {}
        self._nodes: dict[str, object] = {}
        self._crashed: set[str] = set()
        self._known: set[str] = set()
        self._interrupted = False

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Enter what is to run, in a session without workers."""
        self._collected(item.nodeid for item in session.items)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: object, ids: Sequence[str]) -> None:
        """Enter what is to run, as a worker found it."""
        self._collected(ids)

    def pytest_runtest_logstart(self, nodeid: str, location: Location) -> None:
        """Remember what is running."""
        self._running[nodeid] = location

    @pytest.hookimpl(trylast=True)  # behind JUnit's, for a report that follows on this one
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take a phase of a test into account: set-up, call or tear-down."""
        if self._interrupted:
            return
        name = report.nodeid
        self._nodes[name] = getattr(report, "node", None)
        self._add_replay(name, dict(report.user_properties).get("replay", ""))
        outcome = report.outcome
        if outcome == "failed" and report.when in ("setup", "teardown"):
            outcome = "error"
        entry = self.record.entry(name)
        entry.add(outcome, report.duration)
        if report.when == "call":
            entry.checked = CHECKED.findall(report.caplog)
        if report.when == "teardown":
            self._running.pop(name, None)
            self.record.finish(name)
        elif name in self._crashed:
            self._crashed.remove(name)
            self._report(name, report.location, "teardown", "passed", report.user_properties)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Enter a file that cannot be collected as an error."""
        if report.failed:
            self._add_replay(
                report.nodeid, replay_line(report.nodeid, self.config.rootpath, waves=False)
            )
            self.record.entry(report.nodeid).add("error", 0.0)
            self.record.finish(report.nodeid)

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, crashitem: str, report: pytest.TestReport) -> None:
        """Tell how to replay a test whose worker is gone; its call failed."""
        self._crashed.add(crashitem)
        report.when = "call"
        line = replay_line(crashitem, self.config.rootpath, waves=True)
        report.sections.append(("Replay", line))
        report.user_properties.append(("replay", line))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: object, error: object | None) -> None:
        """Remember a worker that did not end in good order: no such session is a success."""
        if error:
            self.lost_workers.append(f"worker {node.gateway.id}: {error}")

    @pytest.hookimpl(tryfirst=True)
    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Stop what is running, and have the other reports say that it did not finish."""
        # pytest cannot show a frame that was interrupted before its first line
        excinfo.traceback = excinfo.traceback[-1:]
        kill_children()
        self._interrupted = True

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> Generator[None]:
        """Judge the session, and close the record when all other reports are written."""
        if self._interrupted:
            for name, location in self._running.items():
                # JUnit's file is not to hold half a test as passed
                self._report(name, location, "call", "failed")
                self._report(name, location, "teardown", "passed")
        if folder := self.config.option.checks:
            counts = kept_counts(folder)
            names = read_checks(self.config.rootpath)
            self.record.checks = {name: counts[name] for name in names}
        if session.exitstatus == pytest.ExitCode.OK:
            if not self.record.executed:
                session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED
            elif self.record.unfinished or self.lost_workers or self.record.idle_checks:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED
        yield
        ended = session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
        complete = ended and not self.record.unfinished
        self.record.write(int(session.exitstatus), complete)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> Generator[None]:
        """Print what was compared, and after all else the lines that replay the failures."""
        checked = {name: one.checked for name, one in self.record.phases.items() if one.checked}
        if checked:
            terminalreporter.section("Compared in simulation")
        for name, counts in sorted(checked.items()):
            terminalreporter.write_line(f"{name.partition('::')[2]}: {'; '.join(counts)}")
        yield
        if names := self.record.idle_checks:
            terminalreporter.write_line(f"{len(names)} checks never ran: {', '.join(names)}")
        for text in self.lost_workers:
            terminalreporter.write_line(text)
        gone = [name for name in self.record.unfinished if name not in self._known]
        cut = [name for name in self.record.unfinished if name in self._known]
        for text, names in (("did not finish", cut), ("not found, or not among TESTS", gone)):
            if names:
                shown = ", ".join(names[:3]) + ", ..." * (len(names) > 3)
                terminalreporter.write_line(f"{len(names)} {text}: {shown}")
        if self.replays:
            terminalreporter.section("Replay")
        for line in self.replays.values():
            terminalreporter.write_line(line)

    def _collected(self, names: Iterable[str]) -> None:
        self._known.update(names)
        self.record.expect(sorted(self._known))

    def _add_replay(self, name: str, line: str) -> None:
        if line:
            self.replays[name] = self.record.entry(name).replay = line

    def _report(
        self,
        name: str,
        location: Location,
        when: str,
        outcome: str,
        properties: Sequence[tuple[str, object]] = (),
    ) -> None:
        """Report a phase in the place of a process that is gone."""
        text = INTERRUPTED if outcome == "failed" else None
        report = pytest.TestReport(
            name, location, {}, outcome, text, when, user_properties=properties
        )
        if node := self._nodes.get(name):
            report.node = node
        self.config.hook.pytest_runtest_logreport(report=report)
