"""Guards of what a replay through the players compares, and sees at a job's end."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.replay.jobs import BUILD, activations, convolution, good_end, laid_out
from verif.replay.mapping import DENSE
from verif.replay.replayer import Comparison, LayerMismatchError
from verif.replay.workers import Done
from verif.simulator.checks import CheckError


def test_an_engine_that_is_as_it_has_to_be_passes():
    good_end().check_end(1)


ENDINGS = {
    "played.errors": {"registers": {"ERRORS": 4}},
    "played.rows": {"rows": 1},
    "played.answers": {"refused": 1},
    "played.tiles_done": {"registers": {"TILES_DONE": 2}},
    "played.flags": {"registers": {"FLAGS": 4}},
    "played.rules": {"broken": 16},
}


@pytest.mark.parametrize("name", [pytest.param(o, marks=pytest.mark.guards(o)) for o in ENDINGS])
def test_what_is_wrong_at_the_end_is_found_by(name):
    wrong = dict(ENDINGS[name])
    if "registers" in wrong:
        wrong["registers"] = good_end().registers | wrong["registers"]
    with pytest.raises(CheckError) as error:
        replace(good_end(), **wrong).check_end(1)
    assert error.value.name == name


@pytest.mark.guards("played.outputs")
def test_an_output_that_differs_is_found(rng):
    layer = convolution(rng, 1)
    work = laid_out(layer, activations(rng, layer, 1), DENSE, BUILD)
    results, flags = layer.multiply(work.codes)
    spread = [work.layout.spread(one).reshape(-1, 4, 6) for one in (results, flags)]
    ((span, make),) = work.jobs()
    for values in spread:
        place = tuple(np.argwhere(work.layout.spread(np.ones_like(results)).reshape(-1, 4, 6))[7])
        values[place] ^= 1
        with pytest.raises(LayerMismatchError) as error:
            Comparison(work, (results, flags)).compare(
                span, Done(make(), replace(good_end(), results=spread[0], flags=spread[1]))
            )
        assert error.value.place[3:] == place[1:]
        values[place] ^= 1
