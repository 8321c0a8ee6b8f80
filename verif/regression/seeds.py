"""Seeds: one for a session, and from it one for each test."""

from __future__ import annotations

import argparse
import os
import zlib

from verif.commands.arguments import whole

DEFAULT_SEED = 1
TEST_SEEDS = range(2**32)


def session_seed() -> int:
    """Return the one seed that everything random in a run comes from: SEED, or 1.

    Raises
    ------
    ValueError
        If SEED is not a whole number.
    """
    return _whole_number("SEED", os.environ.get("SEED") or str(DEFAULT_SEED))


def derive_seed(seed: int, node_id: str) -> int:
    """Return a test's own seed, 0 to 2**32 - 1: the same in any order and any process."""
    return zlib.crc32(f"{seed}:{node_id}".encode())


def seed_of(node_id: str) -> int:
    """Return the seed that a test gets: TEST_SEED if it is set, else derived from the session's.

    Raises
    ------
    ValueError
        If SEED or TEST_SEED is none.
    """
    if text := os.environ.get("TEST_SEED"):
        seed = _whole_number("TEST_SEED", text)
        if seed not in TEST_SEEDS:
            raise ValueError(f"TEST_SEED={text}: a test's own seed is 0 to {TEST_SEEDS[-1]}")
        return seed
    return derive_seed(session_seed(), node_id)


def _whole_number(variable: str, text: str) -> int:
    try:
        return whole()(text)
    except argparse.ArgumentTypeError:
        example = f"{variable}=7"
        raise ValueError(f"{variable}={text}: a seed is a whole number, as in {example}") from None
