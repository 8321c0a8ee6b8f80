"""What the campaign came to: summary for scripts, table for a person, page for the documents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rich import box
from rich.console import Console
from rich.table import Table

from verif.checks.campaign import FAILED, Check, Verdict
from verif.simulator.named_checks import Place

FULL = "make checks DOCUMENT=docs/checks.md"


@dataclass
class Result:
    """All that is known of a campaign.

    Attributes
    ----------
    checks
        What is to be judged.
    existing
        How many checks there are.
    seed, jobs
        What the campaign was run with.
    verdicts
        What was judged.
    seconds
        Time that it took.
    """

    checks: Sequence[Check]
    existing: int
    seed: int
    jobs: int
    verdicts: list[Verdict] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def is_complete(self) -> bool:
        """Whether everything chosen was judged."""
        return len(self.verdicts) == len(self.checks)

    @property
    def is_whole(self) -> bool:
        """Whether that was every check that there is."""
        return self.is_complete and len(self.checks) == self.existing

    @property
    def failures(self) -> list[str]:
        """Why the campaign fails, a sentence each."""
        faults = [fault for verdict in self.sorted for fault in verdict.faults]
        if not self.is_complete:
            faults.append(f"incomplete: {len(self.verdicts)} of {len(self.checks)} judged")
        if not self.checks:
            faults.append("no check was taken out")
        return faults

    @property
    def sorted(self) -> list[Verdict]:
        """The verdicts by the checks' names."""
        return sorted(self.verdicts, key=lambda verdict: verdict.check.name)


def summarize(result: Result) -> dict[str, object]:
    """Return the content of ``summary.json``."""
    return {
        "seed": result.seed,
        "jobs": result.jobs,
        "complete": result.is_complete,
        "passed": not result.failures,
        "failures": result.failures,
        "existing": result.existing,
        "checks": len(result.checks),
        "proved": sum(verdict.is_proved for verdict in result.verdicts),
        "guards": sum(len(verdict.check.guards) for verdict in result.verdicts),
        "seconds": round(result.seconds, 1),
        "per_check": [
            {
                "name": verdict.check.name,
                "place": verdict.check.place,
                "proved": verdict.is_proved,
                "guards": dict(zip(verdict.check.guards, verdict.endings, strict=False)),
                "seconds": round(verdict.seconds, 1),
            }
            for verdict in result.sorted
        ],
    }


def show(result: Result, console: Console) -> None:
    """Print the guards of each check and how they ended, and what the campaign came to."""
    table = Table("check", "guard", "without the check", box=box.SIMPLE)
    table.add_column("seconds", justify="right")
    for verdict in result.sorted:
        rows = list(zip(verdict.check.guards, verdict.endings, strict=False)) or [("none", "")]
        for number, (guard, ending) in enumerate(rows):
            first = (verdict.check.name, f"{verdict.seconds:.1f}") if number == 0 else ("", "")
            table.add_row(first[0], _short(guard), ending, first[1])
    console.print(table, markup=False)
    for failure in result.failures:
        console.print(failure, markup=False, highlight=False, soft_wrap=True)
    proved = sum(verdict.is_proved for verdict in result.verdicts)
    console.print(
        f"{'FAILED' if result.failures else 'passed'}: without each of {len(result.verdicts)} "
        f"checks, of {result.existing}, its guards were run; {proved} are proved. "
        f"{result.seconds:.0f} s with {result.jobs} at a time",
        highlight=False,
        soft_wrap=True,
    )


def _short(guard: str) -> str:
    """Return a guard without what all of them have before their names."""
    return guard.removeprefix("tests/checks/")


def show_list(checks: Sequence[Check], asserts: Sequence[Place], console: Console) -> None:
    """Print the checks with their guards, and apart from them the asserts."""
    lines = [f"{len(checks)} checks, which compare something of a design with what it has to be:"]
    for check in checks:
        guards = ", ".join(_short(guard) for guard in check.guards) or "no guard"
        lines.append(f"  {check.name}  {check.place}  {guards}")
    lines.append(f"{len(asserts)} asserts on the stimulus:")
    lines += [f"  {place}  {place.name}" for place in asserts]
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def markdown(result: Result, asserts: Sequence[Place]) -> str:
    """Return the page: each check and the guards that failed without it; asserts by file."""
    lines = [
        "# Checks",
        "",
        "Each check of a simulation, where it is, and the guards of `tests/checks` that failed",
        "when it was taken out. What a check is, [verification.md](verification.md) says;",
        f"`{FULL}` remakes this page.",
        "",
        f"Seed {result.seed}: {len(result.verdicts)} checks, "
        f"{sum(verdict.is_proved for verdict in result.verdicts)} of them proved: without one "
        "of them each of its guards fails.",
        "",
        "| check | in | guard that failed without it |",
        "| --- | --- | --- |",
    ]
    for verdict in result.sorted:
        check = verdict.check
        ended = zip(check.guards, verdict.endings, strict=False)
        texts = [
            f"`{_short(guard)}`" + ("" if ending == FAILED else f" **{ending}**")
            for guard, ending in ended
        ]
        path = check.place.rpartition(":")[0]
        lines.append(f"| {check.name} | `{path}` | {'<br>'.join(texts) or '**none**'} |")
    lines += [
        "",
        "## Asserts",
        "",
        "What the sources assert of their own stimulus, so many in each file; `make checks LIST=1`",
        "names them with their lines.",
        "",
        "| in | asserts |",
        "| --- | --: |",
        *(f"| `{path}` | {count} |" for path, count in sorted(_by_file(asserts).items())),
    ]
    return "\n".join(lines) + "\n"


def _by_file(asserts: Sequence[Place]) -> Mapping[str, int]:
    return Counter(place.path for place in asserts)
