"""What a campaign came to: summary for scripts, table for a person, report for the documents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rich import box
from rich.console import Console
from rich.table import Table

from verif.mutation.known import Known
from verif.mutation.mutant import NETLIST, SOURCE, Verdict
from verif.mutation.people import KINDS

WANTED_PERCENT, WANTED_OF_KIND = 99.5, 98
FEW = 20
"""Mutants of a kind below which one survivor would say nothing about its share."""

COLUMNS = {
    "mutants": "valid",
    "own bench": "killed_by_own_bench",
    "users": "killed_by_users",
    "combinational": "proven_combinational",
    "inductive": "proven_inductive",
    "survivors": "survived",
}


@dataclass(frozen=True)
class Result:
    """All that a campaign has found out.

    Attributes
    ----------
    seed : int
        What mutants and benches depend on.
    verdicts : Sequence of Verdict
        What was judged.
    drawn : int
        How many mutants were to be judged.
    modules : Sequence of str
        Modules that were mutated.
    known : Sequence of Known
        Survivors that are known.
    stale : Sequence of str
        Why some of these no longer hold.
    is_full : bool
        Whether the share decides, and not each survivor.
    seconds : float
        Time that it took.
    jobs : int
        Mutants that were judged at a time.
    recalled : int
        Verdicts that an earlier campaign has left.
    """

    seed: int
    verdicts: Sequence[Verdict]
    drawn: int
    modules: Sequence[str]
    known: Sequence[Known] = ()
    stale: Sequence[str] = field(default=())
    is_full: bool = False
    seconds: float = 0.0
    jobs: int = 1
    recalled: int = 0

    @property
    def is_complete(self) -> bool:
        """Whether every mutant was judged."""
        return len(self.verdicts) == self.drawn

    @property
    def survivors(self) -> list[Verdict]:
        """Mutants that are neither killed nor proven equivalent."""
        return [verdict for verdict in self.verdicts if verdict.status == "survived"]

    @property
    def unknown_survivors(self) -> list[Verdict]:
        """Survivors that are not listed."""
        return [
            verdict
            for verdict in self.survivors
            if not any(entry.matches(verdict.mutant) for entry in self.known)
        ]

    @property
    def percent(self) -> float:
        """Share of the valid mutants that is killed or proven equivalent."""
        return percent(self.verdicts)

    @property
    def kinds(self) -> dict[str, list[Verdict]]:
        """Verdicts by kind: what was done in the source, or any change of a netlist."""
        found: dict[str, list[Verdict]] = {}
        for verdict in self.verdicts:
            mutant = verdict.mutant
            kind = NETLIST if mutant.kind == NETLIST else mutant.operation
            found.setdefault(kind, []).append(verdict)
        return dict(sorted(found.items()))

    def failures(self) -> list[str]:
        """Return why the campaign fails, a sentence each; none if it does not."""
        counts = count(self.verdicts)
        reasons = [
            f"{verdict.mutant}: error: {verdict.detail}"
            for verdict in self.verdicts
            if verdict.status == "error"
        ]
        if not self.is_complete:
            reasons.append(f"incomplete: {len(self.verdicts)} of {self.drawn} mutants judged")
        if not counts["valid"]:
            reasons.append("no valid mutant was judged")
        reasons += self.stale
        if self.is_full and self.percent < WANTED_PERCENT:
            reasons.append(
                f"{self.percent:.2f} % of the valid mutants are killed or proven equivalent, "
                f"wanted are {WANTED_PERCENT} %"
            )
        if self.is_full:
            reasons += [
                f"{percent(verdicts):.2f} % of the mutants of kind {kind} are killed or proven "
                f"equivalent, wanted are {WANTED_OF_KIND} %"
                for kind, verdicts in self.kinds.items()
                if percent(verdicts) < WANTED_OF_KIND and count(verdicts)["valid"] >= FEW
            ]
        else:
            reasons += [f"survivor, not listed: {one.mutant}" for one in self.unknown_survivors]
        return reasons


def percent(verdicts: Sequence[Verdict]) -> float:
    """Return the share of the valid mutants that is killed or proven equivalent, in percent."""
    counts = count(verdicts)
    decided = counts["killed"] + counts["equivalent"]
    return 100 * decided / counts["valid"] if counts["valid"] else 0.0


def count(verdicts: Sequence[Verdict]) -> dict[str, int]:
    """Return how many mutants came to what."""
    statuses = Counter(verdict.status for verdict in verdicts)
    killed = [verdict for verdict in verdicts if verdict.status == "killed"]
    own = sum(verdict.by_own_bench for verdict in killed)
    equivalent = [verdict for verdict in verdicts if verdict.status == "equivalent"]
    combinational = sum(
        all(proof.method.startswith("combinational") for proof in verdict.proofs)
        for verdict in equivalent
    )
    return {
        "valid": len(killed) + statuses["equivalent"] + statuses["survived"],
        "source": sum(verdict.mutant.kind == SOURCE for verdict in verdicts),
        "netlist": sum(verdict.mutant.kind == NETLIST for verdict in verdicts),
        "killed": len(killed),
        "killed_by_own_bench": own,
        "killed_by_users": len(killed) - own,
        "crashes": sum(verdict.how == "crash" for verdict in killed),
        "timeouts": sum(verdict.how == "timeout" for verdict in killed),
        "equivalent": statuses["equivalent"],
        "proven_combinational": combinational,
        "proven_inductive": len(equivalent) - combinational,
        "survived": statuses["survived"],
        "invalid": statuses["invalid"],
        "errors": statuses["error"],
    }


def summarize(result: Result) -> dict[str, object]:
    """Return the content of ``summary.json``."""
    verdicts = sorted(result.verdicts, key=lambda verdict: str(verdict.mutant))
    survivors = [verdict.as_dict() for verdict in verdicts if verdict.status == "survived"]
    return {
        "seed": result.seed,
        "full": result.is_full,
        "complete": result.is_complete,
        "passed": not result.failures(),
        "failures": result.failures(),
        "drawn": result.drawn,
        "recalled": result.recalled,
        "percent": round(result.percent, 2),
        **count(verdicts),
        "seconds": round(result.seconds, 1),
        "jobs": result.jobs,
        "seconds_per_mutant": round(mean_seconds(verdicts), 2),
        "simulated_seconds_per_mutant": round(mean_simulated(verdicts), 2),
        "modules": {name: count(of_module(verdicts, name)) for name in result.modules},
        "kinds": {name: count(found) for name, found in result.kinds.items()},
        "survivors": survivors,
        "per_mutant": [verdict.as_dict() for verdict in verdicts],
    }


def of_module(verdicts: Sequence[Verdict], module: str) -> list[Verdict]:
    """Return the verdicts on mutants of a module."""
    return [verdict for verdict in verdicts if verdict.mutant.module == module]


def mean_seconds(verdicts: Sequence[Verdict]) -> float:
    """Return the time of one mutant, in seconds, proofs included."""
    return sum(verdict.seconds for verdict in verdicts) / max(1, len(verdicts))


def mean_simulated(verdicts: Sequence[Verdict]) -> float:
    """Return the CPU time of one mutant's simulations, in seconds."""
    return sum(verdict.simulated for verdict in verdicts) / max(1, len(verdicts))


def show(result: Result, console: Console) -> None:
    """Print the counts by module, and what the campaign came to."""
    for title, rows in (("module", _rows(result)), ("kind", _counted(result.kinds))):
        table = Table(title, title=f"Mutants, seed {result.seed}", box=box.SIMPLE)
        for heading in COLUMNS:
            table.add_column(heading, justify="right")
        for cells in rows:
            table.add_row(*cells)
        console.print(table)
    for failure in result.failures():
        console.print(failure, markup=False, highlight=False, soft_wrap=True)
    counts = count(result.verdicts)
    verdict = "FAILED" if result.failures() else "passed"
    console.print(
        f"{verdict}: of {counts['valid']} valid mutants {counts['killed']} killed, "
        f"{counts['equivalent']} proven equivalent, {counts['survived']} survived "
        f"({result.percent:.1f} % decided); {counts['invalid']} do not compile; "
        f"{mean_seconds(result.verdicts):.1f} s a mutant ({mean_simulated(result.verdicts):.1f} s "
        f"of CPU time in its simulations), {result.seconds:.0f} s in all with "
        f"{result.jobs} at a time, {result.recalled} kept from before",
        highlight=False,
        soft_wrap=True,
    )


def _rows(result: Result) -> list[list[str]]:
    parts = {name: of_module(result.verdicts, name) for name in result.modules}
    return _counted(parts | {"all": list(result.verdicts)})


def _counted(parts: Mapping[str, Sequence[Verdict]]) -> list[list[str]]:
    counted = {name: count(part) for name, part in parts.items()}
    return [
        [name, *(str(counts[key]) for key in COLUMNS.values())] for name, counts in counted.items()
    ]


def markdown(result: Result) -> str:
    """Return the report: what was done, a table by module, the survivors."""
    counts = count(result.verdicts)
    lines = ["# Mutation campaign", ""]
    if not result.is_complete:
        lines += [f"**Incomplete: {len(result.verdicts)} of {result.drawn} judged.**", ""]
    lines += [
        f"Seed {result.seed}: {len(result.verdicts)} mutants, {counts['source']} in the source and "
        f"{counts['netlist']} in netlists; {counts['invalid']} of them do not compile. Of the "
        f"{counts['valid']} valid ones {counts['killed']} were killed ({counts['timeouts']} by a "
        f"hang, {counts['crashes']} by a crash), {counts['equivalent']} proven equivalent by SAT, "
        f"{counts['survived']} survived: {result.percent:.2f} % are decided. "
        f"{mean_seconds(result.verdicts):.1f} s a mutant, of which its simulations took "
        f"{mean_simulated(result.verdicts):.1f} s of CPU time.",
        "",
        "| module | " + " | ".join(COLUMNS) + " |",
        "| --- " + "| --: " * len(COLUMNS) + "|",
        *("| " + " | ".join(cells) + " |" for cells in _rows(result)),
        "",
        "| kind | " + " | ".join(COLUMNS) + " | decided |",
        "| --- " + "| --: " * (len(COLUMNS) + 1) + "|",
        *(
            f"| {' | '.join(cells)} | {percent(result.kinds[cells[0]]):.2f} % |"
            for cells in _counted(result.kinds)
        ),
        "",
        "Kinds that people make: "
        + "; ".join(f"{name}: {text}" for name, text in KINDS.items())
        + ".",
        "",
        "Own bench and users: killed by the module's bench, by one of a module that contains it. "
        "Combinational and inductive: proven equivalent, for all inputs, or for all times by "
        "induction or reachability.",
    ]
    for title, status in (("Survivors", "survived"), ("Proven equivalent", "equivalent")):
        found = [verdict for verdict in result.verdicts if verdict.status == status]
        lines += ["", f"## {title}", ""]
        lines += [_item(verdict, result.known) for verdict in found] or ["None."]
    return "\n".join(lines) + "\n"


def _item(verdict: Verdict, known: Sequence[Known]) -> str:
    mutant = verdict.mutant
    build = f" of {_settings(mutant.parameters)}" if mutant.parameters else ""
    text = f"- `ffp8_{mutant.module}.v:{mutant.line}`, {mutant.kind}{build}: "
    text += f"`{mutant.source}`, `{mutant.change}`. "
    if verdict.status == "equivalent":
        proofs = [f"{proof.method} at {_settings(proof.parameters)}" for proof in verdict.proofs]
        return f"{text}Proven: {'; '.join(proofs)}."
    proofs = [
        f"{proof.result} at {_settings(proof.parameters)}, {proof.method}, no difference in "
        f"{proof.depth} cycles"
        for proof in verdict.proofs
        if proof.result != "equivalent"
    ]
    reasons = [entry.reason for entry in known if entry.matches(mutant)]
    return text + "; ".join(proofs) + "." + "".join(f" {reason}" for reason in reasons)


def _settings(parameters: Mapping[str, int] | None) -> str:
    shown = ", ".join(f"{name} {value}" for name, value in (parameters or {}).items())
    return shown or "its only build"
