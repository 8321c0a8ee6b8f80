"""The environment's plain transactions on fp8_mac, a design that is not this project's."""

from tests.foreign.adapter import MacAdapter
from verif.coverage.model import Coverage
from verif.environment.environment import Environment
from verif.environment.sequences import Runner, plain_constraints
from verif.simulator.simulation import bench_random, bench_test

TRANSACTIONS = 400


@bench_test()
async def plain_transactions(dut):
    """Every outcome is right, and every one that moved at the boundary was compared."""
    random = bench_random()
    adapter = MacAdapter(dut, random)
    coverage = Coverage("fp8_mac", adapter.can)
    environment = Environment(adapter, coverage)
    await environment.start()
    runner = Runner(environment, random)
    for _ in range(TRANSACTIONS):
        await runner.run(plain_constraints(random, adapter.can))
    await environment.finish()
    board, streams = environment.scoreboard, adapter.streams
    assert runner.transactions == TRANSACTIONS < board.checked
    assert board.checked == board.results == streams["out"].beats < streams["in"].beats
    assert board.refused == 0 and board.flags == adapter.can.flags
    assert streams["in"].stalls == streams["out"].stalls == 0 < streams["in"].starvations
    assert environment.resets > 5 and board.dropped > 0
    assert coverage.covered() > 80
