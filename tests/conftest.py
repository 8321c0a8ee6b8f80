"""What every test shares: the fixtures `seed` and `rng`, and the record of the run."""

pytest_plugins = ["verif.regression.plugin"]
