"""Judges a mutant: its module's own bench, then the proof, then the benches of its users."""

from __future__ import annotations

import importlib.metadata
import shutil
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from verif.mutation import equivalence, netlist, people, runner, yosys
from verif.mutation.builds import Build, builds_of
from verif.mutation.cases import Case, built_values, fingerprint
from verif.mutation.design import Design
from verif.mutation.mutant import Mutant, MutationError, Parameters, Verdict, digest
from verif.mutation.runner import Outcome
from verif.mutation.store import Store
from verif.mutation.yosys import YosysKilled

KILLS = ("failed", "crash", "timeout")
UNMUTATED_SECONDS = 300.0
FACTOR, FLOOR = 3, 10.0
"""A case hangs after so many times the CPU time of the unmutated design, or so many seconds."""


class Judge:
    """Judges mutants of one design; several threads may use it at once.

    Parameters
    ----------
    design : Design
        The unmutated design.
    cases : Mapping
        Cases of each module's bench, in the order in which they are run.
    store : Store
        Where verdicts and times are kept and looked up.
    survivors : Path
        Folder for copies of the design with a survivor in it.
    large : Mapping
        Cases of larger builds, which judge mutants of the kinds that show at some sizes only.
    """

    def __init__(
        self,
        design: Design,
        cases: Mapping[str, Sequence[Case]],
        store: Store,
        survivors: Path,
        large: Mapping[str, Sequence[Case]] | None = None,
    ) -> None:
        self.design = design
        self.cases = cases
        self.large = large or {}
        self.store = store
        self.survivors = survivors
        self._locks: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()
        self._builds: dict[Case, dict[str, set[Build]]] = {}

    def recall(self, mutant: Mutant) -> Verdict | None:
        """Return the verdict that is kept, if nothing that decided it has changed since."""
        verdict = self.store.load(mutant)
        if verdict is None or verdict.evidence != self._evidence(verdict):
            return None
        return verdict

    def judge(self, mutant: Mutant) -> Verdict:
        """Judge a mutant and keep the verdict.

        Raises
        ------
        MutationError
            If a bench does not pass on the unmutated design.
        Stopped
            If the campaign has been stopped.
        """
        verdict, start = Verdict(mutant), time.monotonic()
        try:
            with self.design.folder(mutant) as hdl:
                self._decide(verdict, hdl)
        except YosysKilled as error:
            verdict.status, verdict.detail = "error", str(error)
        verdict.seconds = round(time.monotonic() - start, 2)
        verdict.evidence = self._evidence(verdict)
        if verdict.status == "survived":
            folder = self.survivors / f"{mutant.module}-{mutant.key}"
            shutil.rmtree(folder, ignore_errors=True)
            self.design.write(folder, mutant)
        self.store.save(verdict)
        return verdict

    def _decide(self, verdict: Verdict, hdl: Path) -> None:
        mutant = verdict.mutant
        first = self.own_cases(mutant)
        if mutant.operation in people.SIZED:  # a proof, of every build, takes longer than these
            large = self.large_cases(mutant)
            first += self.user_cases(mutant)
            first += [case for case in large if case.module == mutant.module]
        if any(self._is_decided(verdict, case, hdl) for case in first):
            return
        if self._is_equivalent(verdict):
            return
        others = self.user_cases(mutant) + self.large_cases(mutant)
        if any(self._is_decided(verdict, case, hdl) for case in others if case not in first):
            return
        self._is_equivalent_inside(verdict)

    def own_cases(self, mutant: Mutant) -> list[Case]:
        """Return the cases of the module's own bench that the mutant is good for."""
        cases = self.cases[mutant.module]
        if mutant.parameters is None:
            return list(cases)
        return [case for case in cases if case.parameters == mutant.parameters]

    def user_cases(self, mutant: Mutant) -> list[Case]:
        """Return the cases of modules that contain the mutated one, the nearest first.

        A netlist is good only for cases in which all instances of its module are built alike.
        """
        users = self.design.users(mutant.module)
        cases = [case for user in users for case in self.cases[user]]
        if mutant.parameters is None:
            return cases
        builds = self._all_builds()
        (build,) = builds[self.own_cases(mutant)[0]][mutant.module]
        return [case for case in cases if builds[case].get(mutant.module) == {build}]

    def large_cases(self, mutant: Mutant) -> list[Case]:
        """Return larger cases for kinds that small ones may miss, the nearest first.

        Each has a build of the module inside that no case before it has.
        """
        if mutant.operation not in people.SIZED:
            return []
        module, builds, cases = mutant.module, self._all_builds(), []
        judged = self.own_cases(mutant) + self.user_cases(mutant)
        met = {build for case in judged for build in builds[case].get(module, ())}
        for name in (module, *self.design.users(module)):
            for case in self.large.get(name, ()):
                if builds[case].get(module, set()) - met:
                    met |= builds[case][module]
                    cases.append(case)
        return cases

    def values(self, module: str) -> dict[str, list[int]]:
        """Return the values of each parameter that the benches of a module and its users build.

        A parameter has one name all the way down.
        """
        names = (module, *self.design.users(module))
        every = (case for name in names for case in self._every_case(name))
        return built_values(every)

    def _every_case(self, module: str) -> list[Case]:
        return [*self.cases.get(module, ()), *self.large.get(module, ())]

    def proof_sets(self, mutant: Mutant) -> list[Parameters]:
        """Return the parameter sets at which a mutant must be proven equivalent.

        What shows at some sizes only must be proven at every build of its module that any bench
        has inside, whatever its size.
        """
        if mutant.operation in people.SIZED:
            builds = {
                build
                for inside in self._all_builds().values()
                for build in inside.get(mutant.module, ())
            }
            return [dict(sorted(build)) for build in sorted(builds, key=sorted)]
        cases = self.own_cases(mutant)
        return [case.parameters for case in [one for one in cases if one.is_provable] or cases[:1]]

    def proofs_inside(self, mutant: Mutant) -> list[Case]:
        """Return the cases at which to prove a mutant equivalent inside the modules that use it.

        None, if one of these modules has no case for that.
        """
        cases = [case for case in self.user_cases(mutant) if case.is_provable]
        if mutant.operation in people.SIZED:
            cases = [
                case for user in self.design.users(mutant.module) for case in self._every_case(user)
            ]
        users = [
            name for name, children in self.design.children.items() if mutant.module in children
        ]
        used = [case for case in cases if case.module in users]
        return used if {case.module for case in used} == set(users) else []

    def _is_equivalent(self, verdict: Verdict) -> bool:
        for parameters in self.proof_sets(verdict.mutant):
            proof = equivalence.prove(verdict.mutant, self.design, parameters)
            verdict.proofs.append(proof)
            if proof.result != "equivalent":
                return False
        verdict.status = "equivalent"
        return True

    def _is_equivalent_inside(self, verdict: Verdict) -> None:
        """Try to prove that no module that uses the mutated one can tell."""
        proofs = []
        for case in self.proofs_inside(verdict.mutant):
            proofs.append(
                equivalence.prove(verdict.mutant, self.design, case.parameters, case.module)
            )
            if proofs[-1].result != "equivalent":
                break
        verdict.proofs += proofs
        if proofs and all(proof.result == "equivalent" for proof in proofs):
            verdict.status, verdict.proofs = "equivalent", proofs

    def _is_decided(self, verdict: Verdict, case: Case, hdl: Path) -> bool:
        """Run a case on the mutant; tell whether that decides what becomes of it."""
        limit = max(FLOOR, FACTOR * self._unmutated_seconds(case, verdict.mutant))
        outcome = runner.run(case, hdl, limit)
        verdict.simulated = round(verdict.simulated + outcome.seconds, 2)
        if outcome.status == "crash":  # is it the design, or the machine?
            outcome = self._confirmed(outcome, case, verdict.mutant)
        if outcome.status == "passed":
            return False
        verdict.detail = outcome.detail
        if outcome.status in KILLS:
            verdict.status, verdict.how, verdict.test = "killed", outcome.status, outcome.test
        else:
            verdict.status = "invalid" if outcome.status == "invalid" else "error"
        verdict.killed_by = case.name
        return True

    def _confirmed(self, crash: Outcome, case: Case, mutant: Mutant) -> Outcome:
        unmutated = self._run_unmutated(case, mutant)
        if unmutated.status == "passed":
            return crash
        return Outcome("broken", detail=f"{case.name} crashes on the unmutated design too")

    def _unmutated_seconds(self, case: Case, mutant: Mutant) -> float:
        """Return the CPU time of a case on the unmutated design, with a netlist if it is one."""
        replaced = None
        if mutant.parameters is not None:
            replaced = (mutant.module, sorted(mutant.parameters.items()))
        key = digest(fingerprint(case, self.design, ""), replaced)[:16]
        with self._lock:
            lock = self._locks.setdefault(key, threading.Lock())
        with lock:
            seconds = self.store.load_seconds(key)
            if seconds is None:
                outcome = self._run_unmutated(case, mutant)
                if outcome.status != "passed":
                    raise MutationError(
                        f"{case.name} does not pass on the unmutated design "
                        f"({outcome.status}: {outcome.detail}): mutants prove nothing"
                    )
                seconds = outcome.seconds
                self.store.save_seconds(key, case.name, seconds)
            return seconds

    def _run_unmutated(self, case: Case, mutant: Mutant) -> Outcome:
        replaced = None
        if mutant.parameters is not None:
            replaced = netlist.unmutated(mutant.module, self.design, mutant.parameters)
        with self.design.folder(replaced) as hdl:
            return runner.run(case, hdl, UNMUTATED_SECONDS)

    def _all_builds(self) -> dict[Case, dict[str, set[Build]]]:
        with self._lock:
            if not self._builds:
                every = [case for cases in self.cases.values() for case in cases]
                every += [case for cases in self.large.values() for case in cases]
                self._builds = builds_of(self.design, every)
            return self._builds

    def _evidence(self, verdict: Verdict) -> str:
        """Hash all that decided a verdict, the mutant itself apart."""
        mutant = verdict.mutant
        if verdict.status in ("killed", "invalid"):
            every = [case for cases in self.cases.values() for case in cases]
            every += [case for cases in self.large.values() for case in cases]
            deciding = [case for case in every if case.name == verdict.killed_by]
            return digest([fingerprint(case, self.design, mutant.module) for case in deciding])
        inside = self.proofs_inside(mutant)
        elaborated = {mutant.module, *(case.module for case in inside)}
        elaborated |= {name for top in elaborated for name in self.design.closure(top)}
        proof = digest(
            [(name, self.design.sources[name]) for name in sorted(elaborated)],
            sorted(self.design.headers.items()),
            self.proof_sets(mutant),
            [(case.module, case.settings) for case in inside],
            [Path(str(part.__file__)).read_text("utf-8") for part in (equivalence, yosys)],
            equivalence.ORDERED.read_text("utf-8"),
            importlib.metadata.version("pyosys"),
        )
        if verdict.status == "equivalent":
            return proof
        cases = self.own_cases(mutant) + self.user_cases(mutant) + self.large_cases(mutant)
        return digest(proof, [fingerprint(case, self.design, mutant.module) for case in cases])
