"""The seeds that once found a bug, before all other tests."""

from pathlib import Path

import pytest

from verif.regression.known import KnownSeed, load_known_seeds, run_known_seed
from verif.simulation import BUILD, ROOT

KNOWN_SEEDS = load_known_seeds(Path(__file__).with_name("known_seeds.yaml"))


@pytest.mark.sim
@pytest.mark.known_seed
@pytest.mark.parametrize("entry", KNOWN_SEEDS, ids=str)
def test_known_seed(entry: KnownSeed) -> None:
    wrong = run_known_seed(entry, ROOT, BUILD / "known_seeds" / str(entry))
    assert not wrong, wrong
