"""What the tests of mutation share."""

from collections.abc import Iterator

import pytest

from verif.mutation import processes


@pytest.fixture
def running() -> Iterator[None]:
    processes.restart()
    yield
    processes.restart()
