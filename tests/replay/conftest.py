"""Replays of a test keep their results to themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from verif.commands import measured
from verif.replay import __main__ as replay


@pytest.fixture(autouse=True)
def own_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no run of a test take up what another one has simulated."""
    monkeypatch.setattr(replay, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(measured, "FOLDER", tmp_path / "measured")
