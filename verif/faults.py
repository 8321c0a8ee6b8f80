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
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

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


def summarize(
    seed: int, verdicts: Sequence[Verdict], modules: Sequence[str], seconds: float, complete: bool
) -> dict[str, object]:
    """Return the content of ``summary.json``."""
    per_fault = [asdict(one) for one in sorted(verdicts, key=lambda one: str(one.fault))]
    by_module = {name: [one for one in verdicts if one.module == name] for name in modules}
    return {
        "seed": seed,
        "complete": complete,
        **_count(verdicts),
        "survivors": [one for one in per_fault if one["status"] == "survived"],
        "seconds": round(seconds, 1),
        "modules": {name: _count(found) for name, found in by_module.items()},
        "per_fault": per_fault,
    }


def _count(verdicts: Sequence[Verdict]) -> dict[str, int]:
    statuses = Counter(one.status for one in verdicts)
    killed = [one for one in verdicts if one.status == "killed"]
    return {
        "faults": sum(one.fault is not None for one in verdicts),
        "killed": len(killed),
        "killed_by_own_bench": sum(Case(one.killed_by).module == one.module for one in killed),
        "timeouts": sum(one.timeout for one in killed),
        "equivalent": statuses["equivalent"],
        "survived": statuses["survived"],
        "errors": statuses["error"],
        "invalid": sum(len(one.invalid) for one in verdicts),
    }


def is_clean(summary: Mapping[str, object]) -> bool:
    """Tell whether every fault was killed or is equivalent, and no module had too few."""
    enough = all(counts["faults"] >= MINIMUM for counts in summary["modules"].values())
    return enough and summary["complete"] and not (summary["survived"] or summary["errors"])


def write_summary(path: Path, summary: Mapping[str, object]) -> None:
    """Write the summary, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    part.replace(path)


def report(summary: Mapping[str, object], console: Console) -> None:
    """Print the counts by module, and a sentence."""
    columns = {"faults": "faults", "killed": "killed", "own bench": "killed_by_own_bench"}
    columns |= {"timeout": "timeouts", "equivalent": "equivalent", "survived": "survived"}
    table = Table("module", title=f"Faults, seed {summary['seed']}", box=box.SIMPLE)
    for title in columns:
        table.add_column(title, justify="right", no_wrap=True)
    for module, counts in summary["modules"].items():
        table.add_row(module, *(str(counts[key]) for key in columns.values()))
    console.print(table)
    few = [name for name, counts in summary["modules"].items() if counts["faults"] < MINIMUM]
    if few:
        console.print(f"fewer than {MINIMUM} faults judged in: {', '.join(few)}")
    console.print(
        f"{'' if summary['complete'] else 'INCOMPLETE: '}{summary['killed']} of "
        f"{summary['faults']} faults killed, {summary['equivalent']} equivalent, "
        f"{summary['survived']} survived, {summary['errors']} errors, {summary['invalid']} "
        "that did not compile"
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

    def save(complete: bool = False) -> dict[str, object]:
        seconds = time.monotonic() - start
        summary = summarize(campaign.seed, verdicts, modules, seconds, complete)
        write_summary(campaign.results / "summary.json", summary)
        return summary

    save()
    cases = dict.fromkeys(case for module in modules for case in campaign.order(module))
    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()]
    columns += [TextColumn("{task.fields[note]}"), TimeRemainingColumn()]
    with ThreadPoolExecutor(jobs) as pool, Progress(*columns, console=console) as progress:
        try:
            task = progress.add_task("unmutated design", total=len(cases), note="")
            for done in as_completed([pool.submit(campaign.measure, case) for case in cases]):
                done.result()
                progress.advance(task)
            work = []
            for module in modules:
                made = make_faults(f"ffp8_{module}.v", campaign.sources[module])
                drawn = draw(made, faults, f"{campaign.seed}:{module}")
                for number, choices in enumerate(drawn, start=1):
                    work.append(pool.submit(campaign.judge, module, number, choices))
            task = progress.add_task("faults", total=len(work), note="")
            for done in as_completed(work):
                verdict = done.result()
                verdicts.append(verdict)
                killed = sum(one.status == "killed" for one in verdicts)
                progress.update(task, advance=1, note=f"{killed} killed")
                if verdict.status in ("survived", "error"):
                    text = f"{verdict.status}: {verdict.fault or verdict.module} {verdict.detail}"
                    console.print(text, markup=False, highlight=False, soft_wrap=True)
                save()
            return save(complete=True)
        except KeyboardInterrupt:
            console.print("interrupted: what has been judged is kept")
            return save()
        finally:
            campaign.stop()
            pool.shutdown(cancel_futures=True)


def parse_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the command line's settings.

    Raises
    ------
    CampaignError
        If a number is too small.
    """
    parser = argparse.ArgumentParser(prog="verif.faults", description=__doc__.partition("\n")[0])
    parser.add_argument("--seed", type=int, default=1, help="what faults and benches depend on")
    parser.add_argument("--faults", type=int, default=4, help="how many a module, at least 3")
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
