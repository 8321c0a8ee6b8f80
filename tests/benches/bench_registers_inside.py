"""The loop of the engine's registers beside what happens inside, at which it does not look itself.

A bin that the boundary has shown has to have happened, and one that is excluded not, but for those
of which the exclusion says that they do not show. The loop aims at those that are excluded for this
build, too.
"""

from collections import Counter
from types import SimpleNamespace

from verif.coverage import exclusions
from verif.coverage.registers import bench
from verif.coverage.registers.engine import EngineRegisters
from verif.coverage.registers.moments import ANSWERED, ASK, DONE, ERROR, FLAGS, Course
from verif.coverage.registers.points import status_bin
from verif.engine.register_model import RegisterModel

__all__ = ["close_registers"]

close_registers = bench.close_registers
INSIDE = ("resume", "halted", "errors_set", "flags_set", "tile_done", "occupied", "gated")
HIDDEN = {
    ("events_together", f"{ASK} with {ANSWERED}"),
    ("events_next", f"{ANSWERED} then {ANSWERED}"),
}
OFTEN = 20
"""How often each event of the engine has to come before that says something."""
BY_DEFINITION = [one for one in exclusions.load() if one.category == "impossible by definition"]


class Inside(EngineRegisters):
    """The engine with its inner signals, which the model follows as they are."""

    def __init__(self, dut, random, tally):
        super().__init__(dut, random, tally)
        self._inner = {name: getattr(dut, name) for name in INSIDE}
        self._inner["pair"] = dut.beat_valid
        self._course = Course(RegisterModel(self.parameters))
        self._events = Counter()
        self._happened, self._shown = set(), set()

    def on_reset(self, kind, states):
        self._course = Course(RegisterModel(self.parameters))

    def on_cycle(self, environment):
        engine = {name: int(signal.value) for name, signal in self._inner.items()}
        super().on_cycle(environment)
        course = self._course
        course.model.show(engine)
        self._happened.add(("status", status_bin(course.model.words["STATUS"])))
        self._happened |= course.step(self._seen, engine)
        self._events.update(course.moments[-1].events)

    def sample(self, hits):
        self._shown |= set(hits)
        super().sample(hits)

    async def finish(self):
        await super().finish()
        looked_at = {point for point, _ in self._happened}
        assert looked_at == {"events_together", "events_next", "sticky_bits", "interrupt", "status"}
        never = {(p, n) for p, n in self._shown if p in looked_at} - self._happened
        assert never == set(), f"shown, but not of what happened: {sorted(never)}"
        points = {name: point.bins for name, point in self.tally.points.items()}
        out = exclusions.excluded(exclusions.load(), self.tally.group, points)
        excluded = {(p, n) for p, names in out.items() for n in names}
        assert len(excluded) > 100
        wrong = excluded & self._happened - HIDDEN
        assert wrong == set(), f"excluded, and happens: {sorted(wrong)}"
        assert HIDDEN.issubset(excluded) and HIDDEN.issubset(self._happened)
        counts = {event: self._events[event] for event in (ANSWERED, DONE, ERROR, FLAGS, ASK)}
        assert min(counts.values()) >= OFTEN, f"too few to say something: {counts}"


bench.EngineRegisters = Inside
bench.exclusions = SimpleNamespace(load=lambda: BY_DEFINITION, excluded=exclusions.excluded)
