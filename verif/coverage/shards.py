"""The designs that close the coverage together: each is a process, each kind a group."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase


@dataclass(frozen=True)
class Shard:
    """A design with one parameter set.

    Attributes
    ----------
    group
        Kind of design, under whose name its bins are merged.
    toplevel, parameters
        Module and Verilog parameters.
    bench
        Cocotb module that closes it.
    """

    group: str
    toplevel: str
    parameters: Mapping[str, int]
    bench: str = "verif.coverage.closure_bench"

    @property
    def name(self) -> str:
        """Group and parameters, as a folder is named."""
        return "-".join([self.group, *(f"{key}{value}" for key, value in self.parameters.items())])


SHARDS = (
    Shard("unit", "ffp8_unit", {"EXP_MAX": 8, "K_MAX": 16, "PIPELINE": 2}),
    Shard("engine", "ffp8_engine", {"EXP_MAX": 5, "ROWS": 3, "COLS": 2, "K_MAX": 20}),
    Shard(
        "engine_binary32",
        "ffp8_engine",
        {"EXP_MAX": 4, "ROWS": 2, "COLS": 2, "K_MAX": 16, "ACCUMULATOR": 1},
    ),
    Shard(
        "engine",
        "ffp8_engine",
        {"EXP_MAX": 3, "ROWS": 4, "COLS": 3, "K_MAX": 64, "PIPELINE": 1},
    ),
    Shard("unit", "ffp8_unit", {"EXP_MAX": 5, "K_MAX": 8, "PIPELINE": 1}),
    Shard(
        "unit_binary32",
        "ffp8_unit",
        {"EXP_MAX": 5, "K_MAX": 16, "PIPELINE": 2, "ACCUMULATOR": 1},
    ),
    Shard("array", "ffp8_array", {"EXP_MAX": 5, "ROWS": 3, "COLS": 2, "ACC_WIDTH": 76}),
    Shard(
        "array",
        "ffp8_array",
        {"EXP_MAX": 4, "ROWS": 2, "COLS": 4, "ACC_WIDTH": 46, "SEGMENT": 8, "PIPELINE": 1},
    ),
    Shard(
        "engine_registers",
        "ffp8_engine",
        {"EXP_MAX": 4, "ROWS": 2, "COLS": 3, "K_MAX": 8, "PIPELINE": 1},
        "verif.coverage.registers.bench",
    ),
    Shard(
        "registers",
        "ffp8_registers",
        {"EXP_MAX": 3, "ROWS": 3, "COLS": 5, "K_MAX": 100, "PIPELINE": 1, "GATED_WIDTH": 4},
        "verif.coverage.registers.bench",
    ),
)
"""Longest first, so that two processes end together."""


def matching(pattern: str) -> list[Shard]:
    """Return the shards whose names match a pattern, as of a shell."""
    return [shard for shard in SHARDS if fnmatchcase(shard.name, pattern)]
