"""Jobs through the players: the model's results however a layer lies, waits, or is built."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.benches.faulty import Fault
from tests.replay.jobs import BUILD, activations, convolution, good_end, laid_out
from verif.replay.bus_runner import BusRunner, layer_product
from verif.replay.job import LONGEST, Job, LayerJobs, spans
from verif.replay.mapping import DENSE, Geometry, candidates, choose_mapping
from verif.replay.player import RULES, Pauses, Played, Player
from verif.replay.replayer import Comparison, Replayer
from verif.replay.store import Store
from verif.replay.workers import Done, LocalSimulators, Workers
from verif.simulator.live import LostSimulatorError
from verif.simulator.simulation import SimulationError


@pytest.fixture
def player(tmp_path: Path) -> Iterator[Player]:
    """Start a simulator."""
    one = Player(BUILD, tmp_path / "player")
    yield one
    one.close()


def played(player: Player, work: LayerJobs, pauses: Pauses) -> tuple[np.ndarray, np.ndarray]:
    """Compute a layer; see that all is well, and return results and flags."""
    comparison = Comparison(work, work.layer.multiply(work.codes, player.build.accumulator))
    for span, make in work.jobs():
        job = make()
        comparison.compare(span, Done(job, player.run(job, pauses)))
    return comparison.results()


@pytest.mark.sim
@pytest.mark.parametrize("accumulator", ["exact", "binary32"])
@pytest.mark.parametrize("raw", [False, True])
@pytest.mark.parametrize("groups", [1, 5])
def test_every_mapping_gives_the_same_bytes(rng, tmp_path, accumulator, raw, groups):
    layer = convolution(rng, groups, raw)
    codes = activations(rng, layer, 3)
    expected = layer.multiply(codes, accumulator)
    geometry = Geometry.of_layer(layer, 3)
    player = Player(replace(BUILD, accumulator=accumulator), tmp_path / "player")
    mappings = list(candidates(geometry, 6, 512))
    assert len(mappings) > 20 and DENSE in mappings
    chosen = [DENSE, *(mappings[index] for index in rng.permutation(len(mappings))[:6])]
    for number, mapping in enumerate(chosen):
        pauses = Pauses(*rng.integers(0, 40_000, 4).tolist(), seed=number + 1)
        results = played(player, laid_out(layer, codes, mapping, BUILD), pauses)
        for ours, theirs in zip(expected, results, strict=True):
            np.testing.assert_array_equal(ours, theirs)
    player.close()


@pytest.mark.sim
def test_the_bus_models_and_the_players_agree_to_the_byte(rng, tmp_path):
    """Cycles apart: the bus models keep the streams waiting for Python now and then."""
    for raw in (False, True):
        layer = convolution(rng, 1, raw)
        codes = activations(rng, layer, 2)
        runner = BusRunner(BUILD, tmp_path / f"buses{raw}")
        product = layer_product(layer, layer.im2col(codes), BUILD)
        results, flags, statistics = runner.run(product)
        runner.close()
        work = laid_out(layer, codes, DENSE, BUILD)
        player = Player(BUILD, tmp_path / "player")
        own, own_flags = played(player, work, Pauses())
        player.close()
        assert own.tobytes() == results.tobytes() and own_flags.tobytes() == flags.tobytes()
        assert statistics.tiles == work.layout.row_tiles * work.layout.column_tiles


@pytest.mark.sim
def test_builds_that_hold_the_formats_give_the_same_bytes(rng, tmp_path):
    layer = convolution(rng, 2)
    codes = activations(rng, layer, 2)
    results = []
    for build in (BUILD, replace(BUILD, exp_max=5, k_max=64), replace(BUILD, rows=3, cols=2)):
        player = Player(build, tmp_path / "player")
        work = laid_out(layer, codes, choose_mapping(Geometry.of_layer(layer, 2), 4, 6, 64), build)
        results.append(played(player, work, Pauses()))
        player.close()
    for other in results[1:]:
        assert [one.tobytes() for one in other] == [one.tobytes() for one in results[0]]


@pytest.mark.sim
def test_the_order_of_tiles_changes_no_byte(rng, player):
    layer = convolution(rng, 2)
    work = laid_out(layer, activations(rng, layer, 2), DENSE, BUILD)
    for _, make in work.jobs():
        job = make()
        first = player.run(job)
        order = rng.permutation(len(job.program))
        other = player.run(replace(job, program=job.program[order]))
        assert first.results[order].tobytes() == other.results.tobytes()
        assert first.flags[order].tobytes() == other.flags.tobytes()
    assert len(order) > 5


@pytest.mark.sim
def test_verilator_gives_the_bytes_that_icarus_gives(rng, tmp_path, monkeypatch):
    layer = convolution(rng, 5)
    codes = activations(rng, layer, 2)
    geometry = Geometry.of_layer(layer, 2)
    work = laid_out(layer, codes, choose_mapping(geometry, *BUILD.shape, 512), BUILD)
    found = {}
    for simulator in ("icarus", "verilator"):
        monkeypatch.setenv("SIM", simulator)
        player = Player(BUILD, tmp_path / simulator)
        ((_, make),) = work.jobs()
        one = player.run(make(), Pauses(20_000, 9_000, 30_000, 10_000, seed=5))
        player.close()
        found[simulator] = one.results.tobytes(), one.flags.tobytes(), one.registers
    assert found["icarus"] == found["verilator"]  # cycles too: pauses come from the seed


@pytest.mark.sim
def test_back_to_back_tiles_take_their_beats_and_a_constant(rng, player):
    """Counted by the engine: no pair waits, but for the first of a job."""
    layer = convolution(rng, 1)
    for images in (1, 9):
        work = laid_out(layer, activations(rng, layer, images), DENSE, BUILD)
        stalled = []
        for _, make in work.jobs():
            job = make()
            registers = player.run(job).registers
            assert registers["busy"] == len(job.program) * work.layout.k == job.cycles
            assert registers["macs"] == registers["busy"] * 24
            stalled.append(registers["stalled"])
        assert max(stalled) < 60


def test_a_layer_is_cut_by_its_size_alone(rng):
    layer = convolution(rng, 5)
    for images in (1, 40):
        work = laid_out(layer, np.zeros((images, *layer.input_shape), np.uint8), DENSE, BUILD)
        seen = np.zeros((work.layout.row_tiles, work.layout.parts * work.layout.column_tiles), int)
        for span, make in work.jobs():
            job = make()
            assert len(job.program) == span.tiles
            assert job.cycles <= LONGEST
            seen[span.rows, span.columns] += 1
        assert (seen == 1).all()
    assert len(spans(work.layout)) > 1


def test_jobs_differ_in_their_names_if_in_anything(rng):
    layer = convolution(rng, 1)
    work = laid_out(layer, activations(rng, layer, 1), DENSE, BUILD)
    ((_, make),) = work.jobs()
    job = make()
    assert make().hash() == job.hash()
    others = [replace(job, configuration=replace(job.configuration, rounding="rtz"))]
    for name in ("a", "w", "c", "program"):
        changed = getattr(job, name).copy()
        changed.reshape(-1).view(np.uint8)[-1] ^= 1
        others.append(replace(job, **{name: changed}))
    assert len({one.hash() for one in (job, *others)}) == 6


@pytest.mark.sim
def test_a_lost_simulator_is_replaced_and_its_job_done_again(rng, tmp_path):
    simulators = LocalSimulators(BUILD, tmp_path / "simulators", 1)
    workers = Workers(simulators, Store(tmp_path / "store"))
    layer = convolution(rng, 5)
    replayer = Replayer(BUILD, workers, ["layer"], 512, lambda name, macs: None)
    codes = activations(rng, layer, 30)
    original, killed = Player.run, []

    def run(player: Player, job: Job) -> Played:
        if not killed:
            killed.append(player)
            player.kill()
        return original(player, job)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Player, "run", run)
        results = replayer(layer, codes)
    workers.close()
    counts = workers.counts
    assert (counts.lost, counts.reused) == (1, 0) and counts.simulated > 1
    for ours, theirs in zip(layer.multiply(codes), results, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    again = Workers(LocalSimulators(BUILD, tmp_path / "again", 2), Store(tmp_path / "store"))
    same = Replayer(BUILD, again, ["layer"], 512, lambda name, macs: None)(layer, codes)
    again.close()
    assert (again.counts.simulated, again.counts.reused) == (0, counts.simulated)
    assert [one.tobytes() for one in same] == [one.tobytes() for one in results]


@pytest.mark.sim
def test_simulators_that_are_always_lost_end_in_a_sentence(rng, tmp_path, monkeypatch):
    workers = Workers(LocalSimulators(BUILD, tmp_path / "simulators", 1), None)

    def run(player: Player, job: Job) -> Played:
        raise LostSimulatorError

    monkeypatch.setattr(Player, "run", run)
    replayer = Replayer(BUILD, workers, ["layer"], 512, lambda name, macs: None)
    layer = convolution(rng, 1)
    try:
        with pytest.raises(SimulationError, match="5 simulators were killed, one after the other"):
            replayer(layer, activations(rng, layer, 1))
    finally:
        workers.kill()


def test_a_result_is_kept_whole_or_not_taken(rng, tmp_path):
    store = Store(tmp_path)
    assert store.get("abc") is None
    one = good_end()
    store.put("abc", one)
    kept = store.get("abc")
    assert (kept.results == one.results).all() and (kept.flags == one.flags).all()
    assert (kept.registers, kept.rows, kept.seconds) == (one.registers, one.rows, one.seconds)
    assert Store(tmp_path, fresh=True).get("abc") is None
    path = tmp_path / "ab" / "abc.npz"
    content = path.read_bytes()
    path.rename(tmp_path / "ab" / "abd.npz")
    assert store.get("abd") is None  # of another job
    place = content.index(b"\1" * 6)  # the results
    flipped = content[:place] + b"\2" + content[place + 1 :]
    for damaged in (b"", content[: len(content) // 2], flipped):
        path.write_bytes(damaged)
        assert store.get("abc") is None


QUEUE = "        .out_valid(m_axis_y_tvalid), .out_ready(m_axis_y_tready),\n"
DATA = "        .out_data({m_axis_y_tlast, y_raw, m_axis_y_tuser, m_axis_y_tdata}));\n"
TURN = "    reg turn_q = 1'b0;\n    always @(posedge clk) turn_q <= !turn_q;\n"
KEPT = "assign m_axis_y_tkeep = {{3*COLS{y_raw}}"
FAULTS = {
    RULES[0]: (".in_data({foot_last_q[FOOT-1],", ".in_data({1'b1,"),
    RULES[1]: (KEPT, KEPT.replace("y_raw", "1'b1")),
    RULES[2]: ("packed_row = {32*COLS{1'b0}};", "packed_row = results;"),
    RULES[3]: (
        QUEUE + DATA,
        "        .out_valid(offered), .out_ready(m_axis_y_tready && turn_q),\n"
        + DATA
        + f"    wire offered;\n{TURN}    assign m_axis_y_tvalid = offered && turn_q;\n",
    ),
    RULES[4]: (
        DATA,
        "        .out_data({m_axis_y_tlast, y_raw, m_axis_y_tuser, held}));\n"
        f"    wire [32*COLS-1:0] held;\n{TURN}    assign m_axis_y_tdata = held ^ turn_q;\n",
    ),
    RULES[5]: (
        DATA,
        "        .out_data({m_axis_y_tlast, y_raw, held, m_axis_y_tdata}));\n"
        "    wire [3*COLS-1:0] held;\n    assign m_axis_y_tuser = held ^ 1'bx;\n",
    ),
}
"""What each rule of the bus is broken by, in the engine: a text, and what takes its place."""


@pytest.mark.sim
@pytest.mark.parametrize("rule", FAULTS)
def test_a_design_that_breaks_a_rule_of_the_bus_is_found(rng, tmp_path, monkeypatch, rule):
    fault = Fault("engine", *FAULTS[rule], "engine")
    monkeypatch.setenv("HDL", str(fault.write(tmp_path)))
    player = Player(BUILD, tmp_path / "player")
    layer = convolution(rng, 1)
    work = laid_out(layer, activations(rng, layer, 1), DENSE, BUILD)
    ((_, make),) = work.jobs()
    job = make()
    broken = player.run(job, Pauses(y=30_000)).broken
    assert broken >> RULES.index(rule) & 1
    player.close()
