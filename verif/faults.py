"""Fault campaign: ``python -m verif.faults --seed 1 --faults 6 --jobs 2``.

Makes faults in a copy of the RTL, one at a time, and runs on each the module's own bench, then
those of the modules that instantiate it, the nearest first, until one fails. A fault that none of
them notices is a survivor, unless `equivalent_faults.yaml` shows it to be equivalent.
"""

from __future__ import annotations

import argparse
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
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import yaml
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from verif.mutation import Fault, apply, draw, make_faults

ROOT = Path(__file__).resolve().parent.parent
EQUIVALENTS = Path(__file__).with_name("equivalent_faults.yaml")
BENCHES = "tests/test_rtl.py"
MINIMUM = 3  # faults a module
# A run that takes this many times the unmutated one has hung; no run is judged sooner.
TIMEOUT_FACTOR, TIMEOUT_FLOOR = 10, 60.0
COMPILE_SECONDS = 60.0
STATUSES = ("killed", "equivalent", "survived", "error")


class CampaignError(Exception):
    """The campaign cannot go on; the message is meant for a person."""


class Stopped(Exception):
    """The campaign was interrupted."""


@dataclass(frozen=True)
class Bench:
    """The cases of one module's bench: pytest node ids, and their time in seconds."""

    module: str
    cases: tuple[str, ...]
    seconds: float = 0.0


class Run(NamedTuple):
    """What a bench said: passed, failed, timeout or broken; and the seconds of each case."""

    outcome: str
    cases: dict[str, float]
    detail: str = ""


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
        One of `STATUSES`.
    killed_by : str
        The module whose bench noticed it.
    timeout : bool
        Whether that bench noticed it by not coming to an end.
    detail : str
        The reason of an equivalent fault or of an error.
    seconds : float
        Time of all its runs.
    discarded : list of Fault
        Candidates drawn before it that do not compile.
    """

    module: str
    fault: Fault | None = None
    status: str = "survived"
    killed_by: str = ""
    timeout: bool = False
    detail: str = ""
    seconds: float = 0.0
    discarded: list[Fault] = field(default_factory=list)

    def as_dict(self) -> dict[str, object]:
        """Return what the summary says about it."""
        fault = self.fault
        place = {"file": fault.file, "line": fault.line, "kind": fault.kind} if fault else {}
        change = {"before": fault.before, "after": fault.after} if fault else {}
        return {"module": self.module, **place, **change} | {
            "status": self.status,
            "killed_by": self.killed_by,
            "timeout": self.timeout,
            "detail": self.detail,
            "seconds": round(self.seconds, 1),
        }


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


def find_benches() -> dict[str, Bench]:
    """Return the benches by module, as pytest collects them.

    Raises
    ------
    CampaignError
        If pytest cannot collect them.
    """
    command = [sys.executable, "-m", "pytest", BENCHES, "--collect-only", "-q"]
    process = subprocess.run(command, cwd=ROOT, env=_environment(), capture_output=True, text=True)
    cases: dict[str, list[str]] = {}
    for line in process.stdout.splitlines():
        if match := re.fullmatch(rf"{BENCHES}::test_bench\[([a-z_]+)[^\]]*\]", line):
            cases.setdefault(match[1], []).append(line)
    if process.returncode or not cases:
        raise CampaignError(f"{BENCHES}: no bench collected, run `{' '.join(command[1:])}`")
    return {module: Bench(module, tuple(found)) for module, found in cases.items()}


def case_parameters(case: str) -> dict[str, int]:
    """Return the Verilog parameters that the name of a case tells.

    Raises
    ------
    CampaignError
        If it does not name them as ``module-NAME1-OTHER2``.
    """
    parts = case[case.index("[") + 1 : -1].split("-")[1:]
    matches = [re.fullmatch(r"([A-Z_]+)(\d+)", part) for part in parts]
    if not all(matches):
        raise CampaignError(f"{case}: its name must be module-PARAMETERvalue-...")
    return {match[1]: int(match[2]) for match in matches if match}


def classify(exit_code: int | None, summary: Mapping[str, object], cases: Sequence[str]) -> Run:
    """Judge a pytest run of `cases`.

    Parameters
    ----------
    exit_code : int or None
        What pytest returned; None if it was stopped for its time.
    summary : Mapping
        What ``--summary`` wrote; empty if nothing.
    cases : Sequence of str
        The node ids it was to run.

    Returns
    -------
    Run
        Failed only if a test ran and failed, passed only if each case ran and passed; any other
        ending, such as a usage error or no test, is broken and says nothing about the design.
    """
    per_test = summary.get("per_test") or []
    seconds = {test["name"]: test["seconds"] for test in per_test}
    outcomes = Counter(test["outcome"] for test in per_test)
    if exit_code is None:
        return Run("timeout", seconds)
    if exit_code == 1 and outcomes["failed"] and set(seconds) <= set(cases):
        return Run("failed", seconds)
    if exit_code == 0 and outcomes == {"passed": len(cases)} and set(seconds) == set(cases):
        return Run("passed", seconds)
    return Run("broken", seconds, f"pytest ended with {exit_code} and {dict(outcomes)}")


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
        start = text.index(context) + context.index(before)
        matching = [
            fault
            for fault in make_faults(file, text)
            if (fault.start, fault.before, fault.after) == (start, before, after)
        ]
        if not matching:
            raise CampaignError(f"{path.name}: {file}: no fault {before!r} -> {after!r} is made")
        reasons |= dict.fromkeys(matching, str(entry["reason"]))
    return reasons


def _environment() -> dict[str, str]:
    return {name: text for name, text in os.environ.items() if not name.startswith("PYTEST_")}


class Campaign:
    """Runs benches on faulty copies of one snapshot of the design.

    Parameters
    ----------
    sources : Mapping
        Text by module, see `read_sources`.
    benches : Mapping
        See `find_benches`.
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
        benches: Mapping[str, Bench],
        equivalents: Mapping[Fault, str],
        seed: int,
        results: Path,
    ) -> None:
        self.sources = sources
        self.benches = dict(benches)
        self.equivalents = equivalents
        self.seed = seed
        self.results = results
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._stopped = False

    def order(self, module: str) -> list[Bench]:
        """Return the benches that meet a fault of a module, in their order."""
        distances = {module: 0} | users_of(module, self.sources)
        found = [self.benches[name] for name in distances if name in self.benches]
        return sorted(found, key=lambda bench: (distances[bench.module], bench.seconds))

    def measure(self, module: str) -> None:
        """Run a bench on the unmutated design and keep its times, fastest case first.

        Raises
        ------
        CampaignError
            If it does not pass.
        """
        bench = self.benches[module]
        with self._copy() as hdl:
            run = self._run(bench, hdl, None, f"unmutated-{module}")
        if run.outcome != "passed":
            raise CampaignError(
                f"the {module} bench does not pass on the unmutated design ({run.outcome}), see "
                f"{self.results / 'logs' / f'unmutated-{module}.log'}: faults prove nothing"
            )
        cases = tuple(sorted(bench.cases, key=lambda case: run.cases[case]))
        self.benches[module] = Bench(module, cases, sum(run.cases.values()))

    def judge(self, module: str, number: int, choices: Iterable[Fault]) -> Verdict:
        """Run the benches on the first of `choices` that compiles."""
        verdict = Verdict(module)
        for fault in choices:
            start = time.monotonic()
            verdict.fault = fault
            with self._copy(fault) as hdl:
                valid = self._judge_fault(verdict, hdl, f"{module}-{number}")
                if valid and verdict.status == "survived":
                    kept = self.results / "survivors" / f"{module}-{number}"
                    shutil.copytree(hdl, kept, dirs_exist_ok=True)
            verdict.seconds += time.monotonic() - start
            if valid:
                return verdict
            verdict.discarded.append(fault)
        verdict.fault, verdict.status, verdict.detail = None, "error", "no candidate compiles"
        return verdict

    def _judge_fault(self, verdict: Verdict, hdl: Path, name: str) -> bool:
        """Fill in the verdict of its fault; return False if the fault does not compile."""
        reason = self.equivalents.get(verdict.fault)
        for bench in self.order(verdict.module):
            if not all(self._compiles(bench.module, case, hdl) for case in bench.cases):
                return False
            limit = max(TIMEOUT_FLOOR, TIMEOUT_FACTOR * bench.seconds)
            run = self._run(bench, hdl, limit, name)
            if run.outcome in ("failed", "timeout"):
                verdict.status, verdict.killed_by = "killed", bench.module
                verdict.timeout = run.outcome == "timeout"
                if reason is not None:
                    verdict.status = "error"
                    verdict.detail = f"listed as equivalent, but the {bench.module} bench fails"
                return True
            if run.outcome == "broken":
                verdict.status, verdict.detail = "error", f"{bench.module} bench: {run.detail}"
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

    def _compiles(self, module: str, case: str, hdl: Path) -> bool:
        top = f"ffp8_{module}"
        settings = [f"-P{top}.{name}={value}" for name, value in case_parameters(case).items()]
        command = ["iverilog", "-g2005", "-o", str(hdl.parent / "compiled"), "-s", top, *settings]
        command += sorted(str(path) for path in hdl.glob("*.v"))
        log = hdl.parent / "compile.log"
        return self._execute(command, _environment(), log, COMPILE_SECONDS) == 0

    def _run(self, bench: Bench, hdl: Path, limit: float | None, name: str) -> Run:
        log = self.results / "logs" / f"{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        summary = hdl.parent / "summary.json"
        summary.unlink(missing_ok=True)
        command = [sys.executable, "-m", "pytest", *bench.cases, "-q", "-x"]
        command += ["-p", "no:cacheprovider", "--summary", str(summary)]
        variables = {"HDL": str(hdl), "BUILD": str(hdl.parent / "build"), "SEED": str(self.seed)}
        exit_code = self._execute(command, _environment() | variables | {"WAVES": "0"}, log, limit)
        text = summary.read_text(encoding="utf-8") if summary.exists() else "{}"
        return classify(exit_code, json.loads(text), bench.cases)

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


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and the ones that it started, a simulator for example."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def summarize(
    seed: int, verdicts: Sequence[Verdict], modules: Sequence[str], seconds: float, planned: int
) -> dict[str, object]:
    """Return the content of ``summary.json``."""
    verdicts = sorted(verdicts, key=lambda verdict: (verdict.module, str(verdict.fault)))
    made = [verdict for verdict in verdicts if verdict.fault is not None]
    counts = Counter(verdict.status for verdict in verdicts)
    return {
        "seed": seed,
        "faults": len(made),
        "complete": len(verdicts) == planned,
        **{status: counts[status] for status in ("killed", "equivalent", "error")},
        "survivors": [one.as_dict() for one in verdicts if one.status == "survived"],
        "invalid": sum(len(verdict.discarded) for verdict in verdicts),
        "seconds": round(seconds, 1),
        "modules": {
            module: count_module([one for one in verdicts if one.module == module])
            for module in modules
        },
        "per_fault": [verdict.as_dict() for verdict in verdicts],
    }


def count_module(verdicts: Sequence[Verdict]) -> dict[str, int]:
    """Return the counts of one module."""
    statuses = Counter(verdict.status for verdict in verdicts)
    killers = Counter(verdict.killed_by for verdict in verdicts if verdict.status == "killed")
    return {
        "faults": sum(verdict.fault is not None for verdict in verdicts),
        **{status: statuses[status] for status in STATUSES},
        "killed_by_own_bench": sum(killers[module] for module in {one.module for one in verdicts}),
        "timeouts": sum(verdict.timeout for verdict in verdicts),
        "invalid": sum(len(verdict.discarded) for verdict in verdicts),
    }


def is_clean(summary: Mapping[str, object]) -> bool:
    """Tell whether every fault was killed or is equivalent, and no module had too few."""
    enough = all(counts["faults"] >= MINIMUM for counts in summary["modules"].values())
    return enough and summary["complete"] and not (summary["survivors"] or summary["error"])


def write_summary(path: Path, summary: Mapping[str, object]) -> None:
    """Write the summary, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    part.replace(path)


def report(summary: Mapping[str, object], console: Console) -> None:
    """Print the counts by module, and each fault that needs a person."""
    columns = {
        "faults": "faults",
        "killed": "killed",
        "own bench": "killed_by_own_bench",
        "timeout": "timeouts",
        "equivalent": "equivalent",
        "survived": "survived",
        "invalid": "invalid",
    }
    table = Table("module", title=f"Faults, seed {summary['seed']}", box=box.SIMPLE)
    for title in columns:
        table.add_column(title, justify="right", no_wrap=True)
    for module, counts in summary["modules"].items():
        table.add_row(module, *(str(counts[key]) for key in columns.values()))
    console.print(table)
    for verdict in summary["per_fault"]:
        if verdict["status"] in ("survived", "error"):
            place = f"{verdict['file']}:{verdict['line']}" if "file" in verdict else "no place"
            change = f"{verdict.get('before', '')} -> {verdict.get('after', '')}"
            text = f"{verdict['status']}: {place}: {' '.join(change.split())} {verdict['detail']}"
            console.print(text.rstrip(), markup=False, highlight=False, soft_wrap=True)
    few = [name for name, counts in summary["modules"].items() if counts["faults"] < MINIMUM]
    if few:
        console.print(f"fewer than {MINIMUM} faults judged in: {', '.join(few)}")
    state = "complete" if summary["complete"] else "INCOMPLETE"
    console.print(
        f"{state}: {summary['killed']} of {summary['faults']} faults killed, "
        f"{summary['equivalent']} equivalent, {len(summary['survivors'])} survived"
    )


def run_campaign(
    campaign: Campaign, modules: Sequence[str], faults: int, jobs: int, console: Console
) -> dict[str, object]:
    """Measure the benches, judge all faults, and write the summary after each.

    Parameters
    ----------
    campaign : Campaign
        What to run on.
    modules : Sequence of str
        Modules to make faults in.
    faults : int
        How many in each.
    jobs : int
        Runs at a time.
    console : Console
        Where progress is shown.

    Returns
    -------
    dict
        The summary; not complete if the campaign was interrupted.
    """
    start = time.monotonic()
    verdicts: list[Verdict] = []
    planned = faults * len(modules)
    path = campaign.results / "summary.json"

    def summary() -> dict[str, object]:
        seconds = time.monotonic() - start
        return summarize(campaign.seed, verdicts, modules, seconds, planned)

    write_summary(path, summary())
    needed = list(dict.fromkeys(bench.module for name in modules for bench in campaign.order(name)))
    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()]
    columns += [TextColumn("{task.fields[note]}"), TimeRemainingColumn()]
    with ThreadPoolExecutor(jobs) as pool, Progress(*columns, console=console) as progress:
        try:
            task = progress.add_task("unmutated design", total=len(needed), note="")
            for done in as_completed([pool.submit(campaign.measure, name) for name in needed]):
                done.result()
                progress.advance(task)
            work: list[Future[Verdict]] = []
            for module in modules:
                file = f"ffp8_{module}.v"
                made = make_faults(file, campaign.sources[module])
                drawn = draw(made, faults, f"{campaign.seed}:{module}")
                work += [
                    pool.submit(campaign.judge, module, number, choices)
                    for number, choices in enumerate(drawn, start=1)
                ]
            task = progress.add_task("faults", total=len(work), note="")
            for done in as_completed(work):
                verdicts.append(done.result())
                killed = sum(verdict.status == "killed" for verdict in verdicts)
                progress.update(task, advance=1, note=f"{killed} killed")
                write_summary(path, summary())
        except KeyboardInterrupt:
            console.print("interrupted: what has been judged is kept")
        finally:
            campaign.stop()
            pool.shutdown(cancel_futures=True)
    write_summary(path, summary())
    return summary()


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the command line's settings.

    Raises
    ------
    CampaignError
        If a number is too small.
    """
    parser = argparse.ArgumentParser(prog="verif.faults", description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, default=1, help="what faults and benches depend on")
    parser.add_argument("--faults", type=int, default=6, help="how many a module, at least 3")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="runs at a time")
    parser.add_argument("--modules", help="comma-separated, as in decode,encode; all unless given")
    parser.add_argument("--hdl", type=Path, default=ROOT / "hdl", help="folder of the design")
    parser.add_argument("--results", type=Path, default=ROOT / "build" / "faults")
    settings = parser.parse_args(arguments)
    if settings.faults < MINIMUM:
        raise CampaignError(f"--faults {settings.faults}: a module gets at least {MINIMUM}")
    if settings.jobs < 1:
        raise CampaignError(f"--jobs {settings.jobs}: at least 1 run at a time")
    return settings


def prepare(settings: argparse.Namespace) -> tuple[Campaign, list[str]]:
    """Return the campaign of a command line and the modules to make faults in.

    Raises
    ------
    CampaignError
        If a tool, a module or a bench is missing, or the equivalents do not fit the design.
    """
    if shutil.which("iverilog") is None:
        raise CampaignError("iverilog: not on PATH, run `make setup`")
    sources = read_sources(settings.hdl)
    modules = settings.modules.split(",") if settings.modules else list(sources)
    for module in modules:
        if module not in sources:
            raise CampaignError(f"module {module}: unknown, choose of {', '.join(sources)}")
    benches = find_benches()
    without = [module for module in modules if module not in benches]
    if without:
        raise CampaignError(f"{', '.join(without)}: no bench of its own in {BENCHES}")
    results = settings.results.resolve()
    for old in ("logs", "survivors"):
        shutil.rmtree(results / old, ignore_errors=True)
    equivalents = load_equivalents(EQUIVALENTS, sources)
    return Campaign(sources, benches, equivalents, settings.seed, results), modules


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a campaign from the command line and return the exit status."""
    console = Console()
    try:
        settings = parse_arguments(arguments)
        campaign, modules = prepare(settings)
        summary = run_campaign(campaign, modules, settings.faults, settings.jobs, console)
    except CampaignError as error:
        print(f"faults: {error}", file=sys.stderr)
        return 2
    report(summary, console)
    return 0 if is_clean(summary) else 1


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
