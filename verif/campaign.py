"""Judges faults: benches run on faulty copies of the design until one of them fails."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import yaml

from verif.mutation import Fault, apply, make_faults

ROOT = Path(__file__).resolve().parent.parent
BENCHES = "tests/test_rtl.py"
# A case that takes this many times the unmutated one has hung; none is judged sooner.
TIMEOUT_FACTOR, TIMEOUT_FLOOR = 10, 60.0
COMPILE_SECONDS = 60.0


class CampaignError(Exception):
    """The campaign cannot go on; the message is meant for a person."""


class Stopped(Exception):
    """The campaign was interrupted."""


@dataclass(frozen=True)
class Case:
    """A bench with one parameter set: pytest's node id, and its time in seconds."""

    node_id: str
    seconds: float = 0.0

    @property
    def module(self) -> str:
        """Name of the module, without ``ffp8_``."""
        return self._parts[0]

    @property
    def parameters(self) -> dict[str, int]:
        """Verilog parameters, as the name of the case tells them.

        Raises
        ------
        CampaignError
            If the name is not ``module-NAME1-OTHER2``.
        """
        matches = [re.fullmatch(r"([A-Z_]+)(\d+)", part) for part in self._parts[1:]]
        if not all(matches):
            raise CampaignError(f"{self.node_id}: not named module-PARAMETERvalue-...")
        return {match[1]: int(match[2]) for match in matches if match}

    @property
    def _parts(self) -> list[str]:
        return self.node_id[self.node_id.index("[") + 1 : -1].split("-")


@dataclass
class Verdict:
    """What became of a fault.

    Attributes
    ----------
    module : str
        The module it is in.
    fault : Fault or None
        The fault; None if no candidate compiled.
    status : str
        killed, equivalent, survived or error.
    killed_by : str
        Node id of the case that noticed it.
    timeout : bool
        Whether that case noticed it by not coming to an end.
    detail : str
        The reason of an equivalent fault or of an error.
    seconds : float
        Time of all its runs.
    invalid : list of Fault
        Candidates drawn before it that do not compile.
    """

    module: str
    fault: Fault | None = None
    status: str = "survived"
    killed_by: str = ""
    timeout: bool = False
    detail: str = ""
    seconds: float = 0.0
    invalid: list[Fault] = field(default_factory=list)


def read_sources(hdl: Path) -> dict[str, str]:
    """Return the text of each module of the design by its name without ``ffp8_``.

    Raises
    ------
    CampaignError
        If the folder has none.
    """
    paths = sorted(hdl.glob("ffp8_*.v"))
    if not paths:
        raise CampaignError(f"{hdl}: no ffp8_*.v in it, expected the folder of the design")
    return {path.stem.removeprefix("ffp8_"): path.read_text(encoding="utf-8") for path in paths}


def users_of(module: str, sources: Mapping[str, str]) -> dict[str, int]:
    """Return the modules that instantiate `module`, by how many levels above it they are."""
    distances, level = {module: 0}, 0
    while level in distances.values():
        inside = {name for name, distance in distances.items() if distance == level}
        level += 1
        for name, text in sources.items():
            used = set(re.findall(r"^\s*ffp8_(\w+)\s*(?:#\s*\(|\w+\s*\()", text, re.MULTILINE))
            if used & inside:
                distances.setdefault(name, level)
    del distances[module]
    return distances


def find_benches() -> dict[str, list[Case]]:
    """Return the cases of each module's bench, as pytest collects them.

    Raises
    ------
    CampaignError
        If pytest collects none.
    """
    command = [sys.executable, "-m", "pytest", BENCHES, "--collect-only", "-q"]
    process = subprocess.run(command, cwd=ROOT, env=_environment(), capture_output=True, text=True)
    benches: dict[str, list[Case]] = {}
    for line in process.stdout.splitlines():
        if re.fullmatch(rf"{BENCHES}::test_bench\[.+\]", line):
            benches.setdefault(Case(line).module, []).append(Case(line))
    if process.returncode or not benches:
        raise CampaignError(f"{BENCHES}: no bench collected, see `pytest {BENCHES} --collect-only`")
    return benches


def load_equivalents(path: Path, sources: Mapping[str, str]) -> dict[Fault, str]:
    """Return the faults shown equivalent, each with its reason.

    Raises
    ------
    CampaignError
        If an entry is incomplete, or names no fault that is made in the design as it is.
    """
    reasons = {}
    for entry in yaml.safe_load(path.read_text(encoding="utf-8")) or []:
        keys = ("file", "context", "before", "after", "reason")
        if not isinstance(entry, dict) or set(entry) != set(keys) or not entry["reason"]:
            raise CampaignError(f"{path.name}: {entry}: an entry has {', '.join(keys)}")
        file, context, before, after = (str(entry[key]) for key in keys[:-1])
        text = sources.get(file.removeprefix("ffp8_").removesuffix(".v"), "")
        if text.count(context) != 1 or context.count(before) != 1:
            raise CampaignError(
                f"{path.name}: {file}: {context!r} is stale or unclear: it must be once in the "
                f"file and hold {before!r} once"
            )
        change = (text.index(context) + context.index(before), before, after)
        made = make_faults(file, text)
        matching = [fault for fault in made if (fault.start, fault.before, fault.after) == change]
        if not matching:
            raise CampaignError(f"{path.name}: {file}: no fault {before!r} -> {after!r} is made")
        reasons |= dict.fromkeys(matching, str(entry["reason"]))
    return reasons


def classify(exit_code: int | None, summary: Mapping[str, object], node_id: str) -> tuple[str, str]:
    """Judge a pytest run of one test.

    Parameters
    ----------
    exit_code : int or None
        What pytest returned; None if it was stopped for its time.
    summary : Mapping
        What ``--summary`` wrote; empty if nothing.
    node_id : str
        The test.

    Returns
    -------
    tuple of str
        The outcome and a detail. Failed only if the test ran and failed, passed only if it ran
        and passed; any other ending, such as a usage error or no test, is broken and says
        nothing about the design.
    """
    outcomes = {test["name"]: test["outcome"] for test in summary.get("per_test") or []}
    if exit_code is None:
        return "timeout", ""
    expected = {0: "passed", 1: "failed"}.get(exit_code)
    if expected and outcomes == {node_id: expected}:
        return expected, ""
    return "broken", f"{node_id}: pytest ended with {exit_code} and {outcomes}"


def _environment() -> dict[str, str]:
    return {name: text for name, text in os.environ.items() if not name.startswith("PYTEST_")}


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and the ones that it started, a simulator for example."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


class Campaign:
    """Runs benches on faulty copies of one snapshot of the design.

    Parameters
    ----------
    sources : Mapping
        Text by module, see `read_sources`.
    benches : Mapping
        Cases by module, see `find_benches`.
    equivalents : Mapping
        See `load_equivalents`.
    seed : int
        Of the benches.
    results : Path
        Folder for logs and for the design copies of survivors.
    """

    def __init__(
        self,
        sources: Mapping[str, str],
        benches: Mapping[str, Sequence[Case]],
        equivalents: Mapping[Fault, str],
        seed: int,
        results: Path,
    ) -> None:
        self.sources = sources
        self.benches = {module: list(cases) for module, cases in benches.items()}
        self.equivalents = equivalents
        self.seed = seed
        self.results = results
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._stopped = False

    def order(self, module: str) -> list[Case]:
        """Return the cases that meet a fault of a module: nearest bench first, then fastest."""
        distances = {module: 0} | users_of(module, self.sources)
        cases = [case for name in distances for case in self.benches.get(name, ())]
        return sorted(cases, key=lambda case: (distances[case.module], case.seconds))

    def measure(self, case: Case) -> None:
        """Run a case on the unmutated design and keep its time.

        Raises
        ------
        CampaignError
            If it does not pass.
        """
        start = time.monotonic()
        with self._copy() as hdl:
            outcome, _ = self._run(case, hdl, None, f"unmutated-{case.module}")
        if outcome != "passed":
            raise CampaignError(
                f"{case.node_id} does not pass on the unmutated design ({outcome}), see "
                f"{self.results / 'logs' / f'unmutated-{case.module}.log'}: faults prove nothing"
            )
        cases = self.benches[case.module]
        cases[cases.index(case)] = replace(case, seconds=time.monotonic() - start)

    def judge(self, module: str, number: int, choices: Iterable[Fault]) -> Verdict:
        """Run the benches on the first of `choices` that compiles."""
        verdict = Verdict(module)
        start = time.monotonic()
        for fault in choices:
            verdict.fault = fault
            with self._copy(fault) as hdl:
                valid = self._judge_fault(verdict, hdl, f"{module}-{number}")
                if valid and verdict.status == "survived":
                    kept = self.results / "survivors" / f"{module}-{number}"
                    shutil.copytree(hdl, kept, dirs_exist_ok=True)
            verdict.seconds = round(time.monotonic() - start, 1)
            if valid:
                return verdict
            verdict.invalid.append(fault)
        verdict.fault, verdict.status, verdict.detail = None, "error", "no candidate compiles"
        return verdict

    def _judge_fault(self, verdict: Verdict, hdl: Path, name: str) -> bool:
        """Fill in the verdict of its fault; return False if the fault does not compile."""
        reason = self.equivalents.get(verdict.fault)
        for case in self.order(verdict.module):
            if not self._compiles(case, hdl):
                return False
            limit = max(TIMEOUT_FLOOR, TIMEOUT_FACTOR * case.seconds)
            outcome, detail = self._run(case, hdl, limit, name)
            if outcome == "passed":
                continue
            if outcome == "broken":
                verdict.status, verdict.detail = "error", detail
            elif reason is not None:
                verdict.status = "error"
                verdict.detail = f"listed as equivalent, but {case.node_id}: {outcome}"
            else:
                verdict.status, verdict.killed_by = "killed", case.node_id
                verdict.timeout = outcome == "timeout"
            return True
        if reason is not None:
            verdict.status, verdict.detail = "equivalent", reason
        return True

    @contextmanager
    def _copy(self, fault: Fault | None = None) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(prefix="ffp8-fault-") as folder:
            hdl = Path(folder) / "hdl"
            hdl.mkdir()
            for module, text in self.sources.items():
                file = f"ffp8_{module}.v"
                faulty = apply(fault, text) if fault and fault.file == file else text
                (hdl / file).write_text(faulty, encoding="utf-8")
            yield hdl

    def _compiles(self, case: Case, hdl: Path) -> bool:
        top = f"ffp8_{case.module}"
        settings = [f"-P{top}.{name}={value}" for name, value in case.parameters.items()]
        command = ["iverilog", "-g2005", "-o", str(hdl.parent / "compiled"), "-s", top, *settings]
        command += sorted(str(path) for path in hdl.glob("*.v"))
        log = hdl.parent / "compile.log"
        return self._execute(command, _environment(), log, COMPILE_SECONDS) == 0

    def _run(self, case: Case, hdl: Path, limit: float | None, name: str) -> tuple[str, str]:
        log = self.results / "logs" / f"{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        summary = hdl.parent / "summary.json"
        summary.unlink(missing_ok=True)
        command = [sys.executable, "-m", "pytest", case.node_id, "-q", "-p", "no:cacheprovider"]
        command += ["--summary", str(summary)]
        variables = {"HDL": str(hdl), "BUILD": str(hdl.parent / "build"), "SEED": str(self.seed)}
        exit_code = self._execute(command, _environment() | variables | {"WAVES": "0"}, log, limit)
        text = summary.read_text(encoding="utf-8") if summary.exists() else "{}"
        return classify(exit_code, json.loads(text), case.node_id)

    def _execute(
        self, command: list[str], environment: dict[str, str], log: Path, limit: float | None
    ) -> int | None:
        """Run a command and return its exit status, or None if it was stopped for its time."""
        with log.open("ab") as output:
            with self._lock:
                if self._stopped:
                    raise Stopped
                process = subprocess.Popen(
                    command,
                    cwd=ROOT,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
                self._running.add(process)
            try:
                exit_code = process.wait(limit)
            except subprocess.TimeoutExpired:
                exit_code = None
                _end(process)
            with self._lock:
                self._running.discard(process)
        if self._stopped:
            raise Stopped
        return exit_code

    def stop(self) -> None:
        """End what is running; what is under way raises `Stopped`."""
        with self._lock:
            self._stopped = True
            for process in self._running:
                _end(process)
