"""A design with a fault in it, and what a bench says of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from verif.commands.folders import ROOT
from verif.simulator.simulation import CHECKS_FILE, SimulationError, simulate

DONE_WHEN_OFFERED = (
    "engine",
    "assign tile_done = delivered && m_axis_y_tlast;",
    "reg offered_q;\n"
    "    wire offers = m_axis_y_tvalid && m_axis_y_tlast;\n"
    "    always @(posedge clk) offered_q <= !rst && offers && !m_axis_y_tready;\n"
    "    assign tile_done = offers && !offered_q;",
)
EMPTY_WHEN_HALTED = (
    "engine",
    "assign occupied = context_occupied || !quiet;",
    "assign occupied = !halted && (context_occupied || !quiet);",
)
"""Module, text and fault of what benches and the registers' loops both have to notice."""


@dataclass(frozen=True)
class Fault:
    """A change of one module's text, and where it has to show.

    Attributes
    ----------
    module, old, new
        The module without its prefix; the text that is there once, and what takes its place.
    bench, parameters
        The bench that has to see it, without its prefix, and the parameters of its toplevel.
    test
        The one test of the bench that runs, as a regular expression; all of them unless given.
    toplevel
        The module that is built, without its prefix; the one that the bench is named after unless
        given.
    environment
        Variables for the bench.
    """

    module: str
    old: str
    new: str
    bench: str
    parameters: Mapping[str, int] = field(default_factory=dict)
    test: str = ""
    toplevel: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)

    def write(self, folder: Path) -> Path:
        """Write the design with the fault into a folder, and return where its sources are."""
        hdl = shutil.copytree(ROOT / "hdl", folder / "hdl")
        path = hdl / f"ffp8_{self.module}.v"
        text = path.read_text("utf-8")
        assert text.count(self.old) == 1, f"{self.old} is there {text.count(self.old)} times"
        path.write_text(text.replace(self.old, self.new), "utf-8")
        return hdl

    def failed_checks(self, folder: Path, seed: int) -> list[str]:
        """Simulate the design in a folder; the bench has to fail. Return the checks that did."""
        chosen = {"COCOTB_TEST_FILTER": self.test} if self.test else {}
        with pytest.raises(SimulationError, match=r"FAILED \d+ tests"):
            simulate(
                f"ffp8_{self.toplevel or self.bench}",
                f"tests.benches.bench_{self.bench}",
                self.parameters,
                folder=folder / "run",
                seed=seed,
                environment=chosen | self.environment,
                hdl=self.write(folder),
            )
        return json.loads((folder / "run" / CHECKS_FILE).read_text("utf-8"))["failed"]
