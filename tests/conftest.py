"""What every test shares: the fixtures `seed`, `rng` and `path`, and the record of the run."""

from pathlib import Path

import pytest

pytest_plugins = ["verif.regression.plugin"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where a test may write a network."""
    return tmp_path / "tiny.onnx"
