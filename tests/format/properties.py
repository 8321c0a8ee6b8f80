"""Runs a property on examples that hypothesis finds, repeatable from the run's seed."""

from collections.abc import Callable
from pathlib import Path

import hypothesis
import hypothesis.configuration
from hypothesis import strategies

EXAMPLES = 150

hypothesis.configuration.set_hypothesis_home_dir(Path("build/hypothesis"))


def try_all(seed: int, check: Callable, **arguments: strategies.SearchStrategy) -> None:
    """Call `check` with drawn arguments, `EXAMPLES` times; the seed decides which."""
    calls = 0

    def counted(**drawn) -> None:
        nonlocal calls
        calls += 1
        check(**drawn)

    settings = hypothesis.settings(max_examples=EXAMPLES, deadline=None, database=None)
    hypothesis.seed(seed)(settings(hypothesis.given(**arguments)(counted)))()
    assert calls >= EXAMPLES
