"""Wishes that go together become one job that meets both; others are told apart."""

import pytest

from verif.environment.combine import combined
from verif.environment.generator import Constraints

SPLITS = {"split_a": (1, 4), "split_w": (0, 3), "split_y": (1, 5), "output": "code"}


def test_what_goes_together_is_asked_for_together() -> None:
    one, other = Constraints(**SPLITS), Constraints(pair=("largest", "zero"), k=3)
    for both in (combined(one, other), combined(other, one)):
        assert both == Constraints(pair=("largest", "zero"), k=3, **SPLITS)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"split_a": (1, 4)}, {"split_a": (1, 3)}),
        ({"rates": {"a": 0.3}}, {"rates": {"a": 0.1}}),
        ({"failure": "a"}, {"k": 3}),
        ({"walk": "cancels to zero"}, {"shift": 2}),
        ({"walk": "cancels to zero"}, {"k": 1}),
        ({"walk": "cancels to zero"}, {"split_a": (0, 4)}),
        ({"landing": ("exact", "normal")}, {"bias_a": 3}),
        ({"pair": ("minus zero", "zero")}, {"split_a": (0, 4)}),
        ({"shift": 9}, {"split_a": (1, 2), "split_w": (1, 2)}),
        ({"output": "binary32"}, {"rounding": "rup"}),
    ],
)
def test_what_no_job_can_show_together_is_refused(one: dict, other: dict) -> None:
    assert combined(Constraints(**one), Constraints(**other)) is None
    assert combined(Constraints(**other), Constraints(**one)) is None


def test_a_wish_stays_what_it_is_beside_one_for_nothing() -> None:
    wish = Constraints(landing=("exact", "normal"), rates={"a": 0.3}, **SPLITS)
    assert combined(wish, Constraints()) == combined(Constraints(), wish) == wish
