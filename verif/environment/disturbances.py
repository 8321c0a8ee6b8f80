"""Failing jobs and resets that every design is put through, whatever is behind the adapter.

Each scenario asserts at its end that what it is there for did occur.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import cocotb

from verif.environment import wishes
from verif.environment.draw import MODERATE, choose
from verif.environment.generator import Constraints
from verif.environment.scenarios import TRIES, watched
from verif.environment.sequences import Runner
from verif.simulator.checks import check

RESETS_EACH = 3
"""How often the design is reset in each cycle behind a job: for one cycle most often."""

ROWS_EACH_END = 4
"""Rows at either end of a job's outcome that a reset meets in the cycle in which they leave."""


async def failures(runner: Runner, times: int) -> None:
    """Have jobs refused for each reason; those before and after give their results."""
    environment, tally = runner.environment, watched(runner)
    can, adapter = environment.can, environment.adapter
    kinds = wishes.brief_failures(can)
    for failure in runner.shuffled(kinds * times):
        if adapter.halts:
            await runner.run(Constraints(failure=failure, alone=True))
            await behind_another(runner, failure)
            continue
        runner.pace()
        for wanted in [None, *runner.shuffled([None] * 6 + [failure] * 4), None]:
            k = choose(runner.random, (1, None, min(can.k_max, MODERATE)))
            await runner.send(Constraints(failure=wanted, k=k))
        await environment.drained()
        await environment.check_errors()
        await environment.reset()
    if can.opens and "config a" in kinds:
        for before in (None, next(name for name in kinds if "packet" in name)):
            await refused_behind_another(runner, before)
    for failure in kinds:
        alone, behind = tally.failures[failure, False], tally.failures[failure, True]
        assert alone + behind, f"{failure} did not occur"
        assert (alone and behind) or not adapter.halts, f"{failure} alone {alone}, behind {behind}"


async def behind_another(runner: Runner, failure: str) -> None:
    """Have a job refused while the outcome of the one before it is kept from leaving."""
    environment = runner.environment
    runner.pace(dict.fromkeys(environment.can.sinks, 0))
    await runner.send(Constraints(k=1))
    await runner.send(Constraints(failure=failure))
    assert await environment.until(lambda: environment.scoreboard.failed is not None)
    runner.pace()
    await runner.follow()


async def refused_behind_another(runner: Runner, before: str | None) -> None:
    """Have a job wait behind a refused configuration until that is gone, then be taken whole.

    The job before the refused one is still inside. It fails, if `before` names a failure, and the
    design is recovered from that alone, by the book; or else a soft reset is asked for meanwhile.
    Neither lets the waiting job in while the configuration is not mended.
    """
    environment, can = runner.environment, runner.environment.can
    adapter, board, k = environment.adapter, environment.scoreboard, min(8, can.k_max)
    await environment.drained()
    refused, checked = board.refused, board.checked
    operands = dict.fromkeys((name for name in can.sources if name != can.opens), 0)
    adapter.pace(operands)
    await runner.send(Constraints(k=k, failure=before))
    bad = runner.generator.job(Constraints(k=k, failure="config a"))
    good = runner.generator.job(Constraints(k=k))
    waiting = replace(good, settings=bad.settings)  # it is sent while these stand
    sending = cocotb.start_soon(environment.send_all([bad, waiting]))
    opens = adapter.streams[can.opens]
    assert await environment.until(lambda: opens.waiting and not opens.open)
    taken = board.taken
    adapter.pace(dict.fromkeys(operands, wishes.CRAWL) if k == 1 else {})  # one beat, and no more
    if before is None:
        resetting = cocotb.start_soon(environment.reset("soft reset"))
    assert await environment.until(lambda: board.taken > taken)
    adapter.pace(operands)  # the refused one is not to end before the design is asked again
    await (environment.recover() if before else resetting)
    adapter.pace({})
    assert await environment.until(lambda: board.failed is not None)
    await adapter.configure(good.settings)
    await environment.recover()
    await sending
    await environment.drained()
    await environment.check_errors()
    taken = board.refused - refused, board.checked - checked
    wanted = (1, 2) if before is None else (2, 1)
    text = f"the waiting job was refused, too: {taken} jobs refused and not, {wanted} are"
    check("environment.waiting_job", taken == wanted, text)


async def resets(runner: Runner, anywhere: int) -> None:
    """Reset in every state and at random moments; the next job finds nothing of what was."""
    environment, tally = runner.environment, watched(runner)
    can = environment.can
    wanted = list(product(can.resets, wishes.states(can)))
    for kind, state in wanted:
        for _ in range(TRIES):
            if tally.resets[kind, state]:
                break
            await runner.run(wishes.reset(can, runner.random, kind, state))
    for _ in range(anywhere):
        await runner.interrupted()
    await resets_behind_a_job(runner)
    for kind, state in wanted:
        assert tally.resets[kind, state], f"{kind} did not meet {state}"
    assert environment.scoreboard.dropped > 0, "nothing was lost to a reset"


async def resets_behind_a_job(runner: Runner) -> None:
    """Reset in each cycle behind a job's last beat, until its outcome has left, a few times each.

    What a cycle does to a job meets the reset in that cycle alone. Of many rows those in the
    middle, which leave in the same way as their neighbours, are passed over.
    """
    environment, can = runner.environment, runner.environment.can
    board, adapter = environment.scoreboard, environment.adapter
    await environment.drained()
    adapter.pace({})
    last = can.latency + can.rows
    first = min(last, can.latency + ROWS_EACH_END)
    cycles = sorted({*range(first + 1), *range(max(0, last - ROWS_EACH_END), last + 1)})
    for behind in cycles * RESETS_EACH:
        taken = board.taken
        await runner.send(Constraints(k=1))
        assert await environment.until(lambda taken=taken: board.taken > taken)
        for _ in range(behind):
            await adapter.edge
        await environment.reset()
        for _ in range(can.rows + 2):  # nothing may come of what was inside
            await adapter.edge
    await runner.send(Constraints())
    await environment.drained()
