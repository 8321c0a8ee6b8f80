"""The seeds that once found a bug, before all other tests."""

import pytest

from verif.commands.folders import ROOT, simulation_folder
from verif.regression.known import KNOWN, KnownSeed, load_known_seeds, run_known_seed

KNOWN_SEEDS = load_known_seeds(KNOWN)


@pytest.mark.sim
@pytest.mark.known_seed
@pytest.mark.parametrize("entry", KNOWN_SEEDS, ids=str)
def test_known_seed(entry: KnownSeed) -> None:
    wrong = run_known_seed(entry, ROOT, simulation_folder(f"known_seeds-{entry}"))
    assert not wrong, wrong
