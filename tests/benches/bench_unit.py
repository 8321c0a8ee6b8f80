"""ffp8_unit: what every design is put through, and the rules of its own pins in every cycle."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tests.benches.control import known
from tests.benches.surroundings import surround
from verif.environment import disturbances, scenarios
from verif.environment.environment import Environment
from verif.environment.scoreboard import Record
from verif.environment.sequences import Runner
from verif.simulator.checks import check
from verif.simulator.simulation import bench_test

ERRORS = ("config", "start", "length", "packet")
OUTPUTS = ("in_ready", "out_valid", "out_result", "out_flags", *(f"{one}_error" for one in ERRORS))


class UnitRules:
    """Listens in every cycle: outputs are known, pairs wait for a result only, errors stick.

    By the header of ffp8_unit: "The whole pipeline moves in lockstep, and stands still only while
    the output queue is full." "Sticky errors, cleared by rst only". "Synchronous: nothing inside,
    no error, outputs zero."

    Attributes
    ----------
    seen
        How often the rules met what they are about.
    """

    def __init__(self, dut: Any) -> None:
        self.seen: Counter[str] = Counter()
        self._pins = {name: getattr(dut, name) for name in OUTPUTS}
        self._shown: set[str] = set()
        self._fresh = True  # nothing has moved since reset

    def on_cycle(self, environment: Environment) -> None:
        """Judge a cycle."""
        streams, values = environment.adapter.streams, {}
        for name, pin in self._pins.items():
            values[name] = known(pin)
        if self._fresh:
            cleared = not any(values[name] for name in OUTPUTS if name != "in_ready")
            check("unit.reset", cleared, f"after reset: {values}")
            self.seen["reset"] += 1
        self._fresh = False
        free = values["in_ready"] or values["out_valid"]
        check("unit.in_ready", free, "not ready, and no result waits")
        self.seen["not ready"] += not values["in_ready"]
        shown = {name for name in ERRORS if values[f"{name}_error"]}
        most = set(ERRORS) if streams["in"].open else environment.scoreboard.errors
        told = f"errors {self._shown} became {shown}, {most} may show"
        check("unit.errors", self._shown <= shown <= most, told)
        self.seen.update(shown - self._shown)
        self._shown = shown

    def on_record(self, record: Record) -> None:
        """Nothing is to be said about a single job."""

    def on_reset(self, kind: str, states: set[str]) -> None:
        """Expect zero."""
        self._shown, self._fresh = set(), True


async def start(dut: Any) -> tuple[Runner, UnitRules]:
    """Surround the unit, with its rules."""
    rules = UnitRules(dut)
    return await surround(dut, rules), rules


@bench_test()
async def results_of_every_format(dut):
    """Results and flags equal the exact definition, in order, whatever stalls."""
    runner, rules = await start(dut)
    await scenarios.random_jobs(runner, 100)
    await scenarios.changes(runner, 4)
    await scenarios.lengths(runner)
    await runner.environment.finish()
    assert rules.seen["not ready"] and rules.seen["reset"] == 1


@bench_test()
async def a_result_every_cycle(dut):
    """Dot products come and go without a gap, and each takes as long as promised."""
    runner, _ = await start(dut)
    await scenarios.full_rate(runner)
    await scenarios.mixed_rate(runner, 40)
    await runner.environment.finish()


@bench_test()
async def longest_sums(dut):
    """K_MAX of the largest products and start values come out whole; one more is an error."""
    runner, rules = await start(dut)
    await scenarios.longest(runner)
    await runner.environment.finish()
    assert rules.seen["length"] == 1


@bench_test()
async def errors_of_every_kind(dut):
    """Errors cost the result of their own dot product, set their own bit, and nothing else."""
    runner, rules = await start(dut)
    await disturbances.failures(runner, 2)
    await runner.environment.finish()
    assert all(rules.seen[name] for name in ("config", "start", "packet"))


@bench_test()
async def reset_empties_the_unit(dut):
    """After rst nothing is left of what was inside, errors included."""
    runner, rules = await start(dut)
    await disturbances.resets(runner, 25)
    await runner.environment.finish()
    assert rules.seen["reset"] > 25 and len(rules.seen) > 3
