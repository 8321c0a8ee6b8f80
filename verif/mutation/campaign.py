"""Carries a campaign out: draws, judges several mutants at a time, keeps what it learns."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from verif.commands.files import write_json, write_text
from verif.commands.interrupts import completed
from verif.mutation import known, plan, processes
from verif.mutation.judge import Judge
from verif.mutation.mutant import Mutant, Verdict
from verif.mutation.report import Result, markdown, summarize

NOTED = ("survived", "error")


class Campaign:
    """One campaign.

    Parameters
    ----------
    judge : Judge
        What judges.
    modules : Sequence of str
        Modules to mutate.
    mutants : int
        How many to draw of them all, by operators, constants and netlists.
    people : int
        How many to draw of each of the kinds that people make.
    seed : int
        What they depend on.
    jobs : int
        Mutants at a time.
    folder : Path
        For summary and report.
    is_full : bool
        Whether the share of decided mutants is what counts.
    retry : bool
        Whether survivors that are kept are judged once more: a busy machine may have cut a
        proof short.
    """

    def __init__(
        self,
        judge: Judge,
        modules: Sequence[str],
        *,
        mutants: int,
        seed: int,
        jobs: int,
        folder: Path,
        is_full: bool = False,
        retry: bool = False,
        people: int = 0,
    ) -> None:
        self.judge = judge
        self.modules = modules
        self.mutants = mutants
        self.people = people
        self.seed = seed
        self.jobs = jobs
        self.folder = folder
        self.is_full = is_full
        self.retry = retry
        self._recalled: list[Verdict] = []
        self._futures: list[Future[Verdict]] = []

    def run(self, console: Console) -> Result:
        """Run it to its end, or to an interruption, and return what is known then.

        Raises
        ------
        MutationError
            If a mutant cannot be made, or a bench fails on the unmutated design.
        """
        start = time.monotonic()
        self._write(self._result(0.0, drawn=-1))  # stands if the campaign is cut short
        drawn: list[Mutant] = []
        columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()]
        columns += [TextColumn("{task.fields[note]}"), TimeRemainingColumn()]
        stale: Sequence[str] = ()
        pool = ThreadPoolExecutor(self.jobs)
        with Progress(*columns, console=console) as progress:
            try:
                drawn = self._draw(pool, progress)
                self._judge(drawn, pool, progress, console)
                stale = known.stale(
                    known.load(), self.verdicts, self.judge.design, self.judge.values
                )
            except KeyboardInterrupt:
                console.print("interrupted: what has been judged is kept, run it again to go on")
                stale = ["interrupted before the known survivors were compared"]
            finally:
                processes.stop()
                pool.shutdown(cancel_futures=True)
                processes.restart()
        # only now is nothing under way that could still be judged, and kept, after an interruption
        result = self._result(time.monotonic() - start, len(drawn) or -1, stale)
        self._write(result)
        return result

    @property
    def verdicts(self) -> list[Verdict]:
        """What is judged so far, by this campaign or an earlier one."""
        done = [one for one in self._futures if one.done() and not one.cancelled()]
        return self._recalled + [one.result() for one in done if one.exception() is None]

    def _draw(self, pool: ThreadPoolExecutor, progress: Progress) -> list[Mutant]:
        design, cases = self.judge.design, self.judge.cases
        sizes = {name: design.size(name) for name in self.modules}
        counts = plan.shares(sizes, self.mutants) if self.mutants else {}
        task = progress.add_task("modules drawn from", total=len(counts), note="")
        futures = [
            pool.submit(plan.draw, name, design, cases[name], number, self.seed)
            for name, number in counts.items()
        ]
        for _ in completed(futures):
            progress.advance(task)
        drawn = [mutant for future in futures for mutant in future.result()]
        values = {name: self.judge.values(name) for name in self.modules}
        drawn += plan.draw_people(design, values, self.people, self.seed)
        return list({mutant.key: mutant for mutant in drawn}.values())

    def _judge(
        self,
        drawn: Sequence[Mutant],
        pool: ThreadPoolExecutor,
        progress: Progress,
        console: Console,
    ) -> None:
        kept = [self._recall(mutant) for mutant in drawn]
        self._recalled = [verdict for verdict in kept if verdict is not None]
        left = [mutant for mutant, verdict in zip(drawn, kept, strict=True) if verdict is None]
        task = progress.add_task("mutants judged", total=len(drawn), note="")
        progress.update(task, completed=len(self._recalled))
        for mutant in left:
            self._futures.append(pool.submit(self.judge.judge, mutant))
        killed = sum(verdict.status == "killed" for verdict in self._recalled)
        for future in completed(self._futures):
            verdict = future.result()
            killed += verdict.status == "killed"
            progress.update(task, advance=1, note=f"{killed} killed")
            if verdict.status in NOTED:
                text = f"{verdict.status}: {verdict.mutant} {verdict.detail}"
                console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _recall(self, mutant: Mutant) -> Verdict | None:
        verdict = self.judge.recall(mutant)
        again = self.retry and verdict is not None and verdict.status == "survived"
        return None if again else verdict

    def _result(self, seconds: float, drawn: int, stale: Sequence[str] = ()) -> Result:
        return Result(
            seed=self.seed,
            verdicts=sorted(self.verdicts, key=lambda verdict: str(verdict.mutant)),
            drawn=drawn,
            modules=self.modules,
            known=known.load(),
            stale=stale,
            is_full=self.is_full,
            seconds=seconds,
            jobs=self.jobs,
            recalled=len(self._recalled),
        )

    def _write(self, result: Result) -> None:
        write_json(self.folder / "summary.json", summarize(result))
        write_text(self.folder / "report.md", markdown(result))
