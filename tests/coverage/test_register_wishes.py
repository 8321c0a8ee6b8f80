"""What the registers' loop aims at, and the tiles that it sends for that."""

import numpy as np
import pytest

from verif.coverage.registers.moments import ANSWERED, DONE, FLAGS
from verif.coverage.registers.palette import Palette
from verif.coverage.registers.points import points, preset_points, tile_points
from verif.coverage.registers.rows import Row, plan_rows, rows_of
from verif.coverage.registers.wishes import Step, Wish
from verif.environment.capabilities import FAILURES, Capabilities

AIMS = 40
"""How often each bin is aimed at: every register comes up among the accesses that are drawn."""


def test_every_bin_can_be_aimed_at(seed: int) -> None:
    random, aims = np.random.default_rng(seed), 0
    for point in (*points(), *preset_points(), *tile_points()):
        for name in point.bins:
            for _ in range(AIMS):
                wish = point.aim(name, random)
                assert wish.steps or wish.reset or wish.wrap or wish.failing, name
                aims += 1
    assert aims > 500 * AIMS


def test_an_answer_comes_behind_a_last_row() -> None:
    wish = Wish((Step(0, event=FLAGS, bits=2), Step(0, event=DONE), Step(3, event=ANSWERED)))
    assert rows_of(wish) == {0: Row(2, True), 2: Row(0, True)}


@pytest.mark.parametrize("height", [1, 2, 3, 5])
def test_every_row_moves_in_its_cycle(height: int) -> None:
    rows = {-9: Row(4, False), 0: Row(2, True), 9: Row(0, True), 10: Row(1, False)}
    plan = plan_rows(rows, height)
    assert {len(tile) for tile in plan.tiles} == {height}
    flags = [flag for tile in plan.tiles for flag in tile][plan.first :]
    moved = {at: place + plan.first for place, at in enumerate(sorted(plan.cycles))}
    for at, row in rows.items():
        place = moved[at]
        assert flags[place - plan.first] == row.flags
        assert not row.last or place % height == height - 1


def test_rows_before_the_first_wanted_are_taken_before() -> None:
    plan = plan_rows({0: Row(1, True)}, 3)
    assert (plan.tiles, plan.first, plan.cycles) == ([[0, 0, 1]], 2, {0})
    assert plan_rows({}, 3).tiles == []


def test_a_palette_shows_the_flags_that_are_wanted(seed: int) -> None:
    can = Capabilities.of_build(
        exp_max=4, k_max=8, accumulator="exact", rows=4, cols=3, failures=FAILURES, resets=()
    )
    palette = Palette(can, np.random.default_rng(seed))
    shown = palette.rows([0, 1, 2, 4]).expected(can)[1]
    assert np.bitwise_or.reduce(shown, axis=1).tolist() == [0, 1, 3, 5]
    for bits, job in palette.failing.items():
        assert job.failure(can) is not None and bits in (1, 2, 4, 8)
