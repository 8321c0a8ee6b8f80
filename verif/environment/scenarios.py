"""Good jobs that every design is put through, whatever is behind the adapter.

Each scenario asserts at its end that what it is there for did occur.
"""

from __future__ import annotations

from verif.environment import wishes
from verif.environment.draw import MODERATE, choose
from verif.environment.extremes import largest_job
from verif.environment.generator import Constraints
from verif.environment.sequences import Runner
from verif.environment.watchers import Tally, Timing
from verif.simulator.checks import check

TRIES = 8
"""How often a situation is tried before it counts as out of reach."""

KINDS_OF_FLAGS = 4
"""How many of the sums of flags random jobs are to show at least."""

LEAVING, PER_COLUMN = 40, 2
"""Cycles, about, that an outcome takes to leave if the next job is to come behind it, and cycles
for each column if those are more: a tile's start values come at one a beat."""

SLOWEST = 0.2
"""Share of cycles in which a stream moves that random jobs are to wait for."""


def watched(runner: Runner) -> Tally:
    """Return a tally of what the design is put through from now on."""
    tally = Tally()
    runner.environment.listeners.append(tally)
    return tally


async def random_jobs(runner: Runner, count: int, alike: int = 20) -> Tally:
    """Send jobs at full rate, with each stream slow, and with all of them slow.

    At each pace `count` jobs of configurations of their own, and `alike` of the same one.
    """
    environment, tally = runner.environment, watched(runner)
    streams = environment.adapter.streams
    paces = [{}, dict.fromkeys(streams, 0.7)]
    paces += [{name: SLOWEST} for name in streams]
    for pace in paces:
        environment.adapter.pace(pace)
        for _ in range(count):
            await runner.send(Constraints())
        await environment.send_all(runner.batch(Constraints(), alike, alike=True))
        await environment.drained()
    can = environment.can
    # what opens jobs never waits where its packets take longer than anything behind them
    slowest = can.opens if can.cols >= max(can.k_max, can.rows / SLOWEST) else None
    for name, stream in streams.items():
        if name in can.stallable and name != slowest:
            assert stream.stalls > 0, f"{name} never waited"
        assert stream.starvations > 0, f"{name} was never waited for"
    if "sums" not in environment.can.outputs:
        for _ in range(TRIES * len(paces)):  # a few configurations may lack one by chance
            if len(tally.flags) >= KINDS_OF_FLAGS:
                break
            await runner.send(Constraints())
            await environment.drained()
        assert len(tally.flags) >= KINDS_OF_FLAGS, f"flags {dict(tally.flags)} alone"
        assert tally.flags[0] > 0 < tally.flags[1]
    return tally


async def full_rate(runner: Runner) -> None:
    """N jobs of K take N * K cycles and a constant, and each result comes when it is promised.

    The constant is the same for every N, if K is long enough for jobs back to back. Jobs have
    formats of their own, where these come with the job.
    """
    environment, can = runner.environment, runner.environment.can
    timing = Timing()
    environment.listeners.append(timing)
    environment.adapter.pace({})
    stalls = {name: environment.adapter.streams[name].stalls for name in can.sinks}
    shortest, exact = can.back_to_back, 0
    for k in sorted({shortest, shortest + 1, max(shortest, min(can.k_max, MODERATE))}):
        if k > can.k_max:
            continue
        overheads = set()
        for count in (1, 2) if k > 40 else (1, 2, 3, 5):
            await environment.drained()
            timing.clear()
            wish = Constraints(k=k)
            await environment.send_all(runner.batch(wish, count, alike=not can.seamless))
            await environment.drained()
            overheads.add(timing.last[-1] - timing.begun + 1 - count * k)
            text = f"rows take {timing.durations} cycles"
            check("environment.rate_of_rows", set(timing.durations) == {can.rows - 1}, text)
            if k >= can.exact_from:
                text = f"K {k}: {timing.latencies} cycles, {can.latency} are promised"
                check("environment.full_rate", set(timing.latencies) == {can.latency}, text)
                exact += count
        promised = {can.latency + can.rows - 1} if can.seamless else overheads
        text = f"K {k}: {overheads} cycles and N * K, for different N"
        check("environment.back_to_back", len(overheads) == 1 and overheads == promised, text)
    for name in can.sinks:
        assert environment.adapter.streams[name].stalls == stalls[name]
    measured = max(shortest, can.exact_from) <= can.k_max
    assert (exact > 0) == measured, f"{exact} latencies were measured"
    environment.listeners.remove(timing)


async def mixed_rate(runner: Runner, count: int) -> None:
    """Jobs of different lengths and formats at full rate take the promised latency, each."""
    environment, can = runner.environment, runner.environment.can
    timing = Timing()
    environment.listeners.append(timing)
    environment.adapter.pace({})
    await environment.drained()
    timing.clear()
    shortest = max(can.back_to_back, can.exact_from)
    if shortest > can.k_max:  # then no latency is promised
        return
    lengths = range(shortest, min(shortest + 30, can.k_max) + 1)
    for _ in range(count):
        await runner.send(Constraints(k=choose(runner.random, lengths)))
    await environment.drained()
    text = f"{timing.latencies} cycles, {can.latency} are promised"
    check("environment.mixed_rate", timing.latencies == [can.latency] * count, text)
    environment.listeners.remove(timing)


async def changes(runner: Runner, times: int) -> None:
    """Change each thing of the configuration alone, while the job before is inside."""
    environment, tally = runner.environment, watched(runner)
    can = environment.can
    leaving = min(wishes.SLOW, can.rows / max(LEAVING, PER_COLUMN * can.cols))
    environment.adapter.pace(dict.fromkeys(can.sinks, leaving))
    things = wishes.changing(can)
    wanted = runner.shuffled(things * times)
    for _ in range(TRIES):
        for what in wanted:
            await runner.send(Constraints(change=what))
        await environment.drained()
        wanted = [one for what in things if not tally.changes[what] for one in (None, what)]
    for what in things:
        assert tally.changes[what], f"{what} did not change behind another job"


async def lengths(runner: Runner) -> None:
    """Send jobs of 1, 2, about ROWS and K_MAX pairs after each other, fast and slowly."""
    environment, can, tally = runner.environment, runner.environment.can, watched(runner)
    wanted = {1, 2, can.rows - 1, can.rows, can.rows + 1} | (
        {can.k_max} if can.k_max <= MODERATE else set()
    )
    wanted = [k for k in wanted if 1 <= k <= can.k_max]
    for rate in (1.0, 0.7):
        environment.adapter.pace(dict.fromkeys(environment.adapter.streams, rate))
        for k in runner.shuffled(wanted * 3):
            await runner.send(Constraints(k=k))
    await environment.drained()
    assert all(tally.lengths[k] >= 6 for k in wanted), f"only {dict(tally.lengths)}"


async def longest(runner: Runner) -> None:
    """K_MAX of the largest products come out whole, of both signs; one pair more is refused."""
    environment, can, tally = runner.environment, runner.environment.can, watched(runner)
    environment.adapter.pace({})
    for negative in (False, True):
        await environment.send(largest_job(runner.generator, negative, can.k_max))
        await runner.send(Constraints(k=1))
        await environment.drained()
    if refuses := "too long" in can.failures:
        await environment.send(largest_job(runner.generator, False, can.k_max + 1))
        await runner.follow()
    await environment.drained()
    assert tally.lengths[can.k_max] >= 2
    assert sum(tally.failures.values()) == int(refuses)
