"""A throw-away project: one small design, tests that fail when told to, and the runner."""

import json
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from verif.commands.folders import ROOT

SETTINGS = f"""
[tool.pytest.ini_options]
testpaths = ["tests"]
pythonpath = [".", "{ROOT}"]
markers = ["sim: runs a simulator", "guards(name): of a check"]
faulthandler_exit_on_timeout = true
"""
COUNTER = """
module counter (input wire clk, output reg [7:0] count);
    initial count = 8'd0;
    always @(posedge clk) count <= count + 8'd1;
endmodule
"""
BENCH = """
import os
import cocotb
from cocotb.triggers import Timer
from verif.simulator.simulation import bench_random

@cocotb.test()
async def counts(dut):
    cycles = int(os.environ.get("CYCLES") or bench_random().integers(1, 200))
    for _ in range(cycles):
        dut.clk.value = 0
        await Timer(5, "ns")
        dut.clk.value = 1
        await Timer(5, "ns")
    assert dut.count.value == cycles, f"count {int(dut.count.value)} after {cycles} cycles"
"""
SIMULATED = """
import pytest
from verif.commands.folders import simulation_folder
from verif.simulator.simulation import simulate

@pytest.mark.sim
def test_counter(seed):
    simulate("counter", "bench_counter", {}, folder=simulation_folder("counter"), seed=seed)
"""


class Project:
    """A project in `folder`, whose tests a test of the runner adds.

    Its variables are this process's, without those that decide how a test ends.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write("pyproject.toml", SETTINGS)
        self.write("tests/conftest.py", 'pytest_plugins = ["verif.regression.plugin"]\n')
        self.write("hdl/counter.v", COUNTER)
        self.write("bench_counter.py", BENCH)
        taken = ("PYTEST_", "SEED", "TEST_SEED", "SIM", "WAVES", "COCOTB_", "MAKE", "MFLAGS")
        kept = {name: text for name, text in os.environ.items() if not name.startswith(taken)}
        paths = {"PYTHONPATH": f"{ROOT}:{folder}", "HDL": "hdl", "BUILD": "built"}
        self.environment = kept | paths

    def write(self, name: str, text: str) -> Path:
        """Write a file of the project."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def run(self, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run the runner: ``python -m verif.regression`` and the words."""
        with self.start(*words, **variables) as process:
            output, _ = process.communicate(timeout=120)
        return subprocess.CompletedProcess(words, process.returncode, output)

    @contextmanager
    def start(self, *words: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
        """Start the runner; it is killed at the end of the block."""
        process = subprocess.Popen(
            [sys.executable, "-m", "verif.regression", *words],
            cwd=self.folder,
            env=self.environment | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        with process:
            try:
                yield process
            finally:
                process.kill()

    def paste(self, line: str) -> subprocess.CompletedProcess[str]:
        """Run a line in a shell in the project's root, as a person would."""
        paths = {"PYTHONPATH": self.environment["PYTHONPATH"], "PATH": os.environ["PATH"]}
        command = ["bash", "-c", line]
        return subprocess.run(command, cwd=self.folder, env=paths, capture_output=True, text=True)

    def summary(self, command: str = "sim") -> dict[str, object]:
        """Return what a command's summary.json holds."""
        return json.loads((self.folder / "built" / command / "summary.json").read_text())

    def outcomes(self, command: str = "sim") -> dict[str, str]:
        """Return the outcomes of a summary, by the tests' short names."""
        tests = self.summary(command)["per_test"]
        return {test["name"].partition("::")[2]: test["outcome"] for test in tests}

    def junit(self) -> dict[str, ElementTree.Element]:
        """Return the test cases of JUnit's file, by the tests' short names."""
        tree = ElementTree.parse(self.folder / "built" / "sim" / "results.xml")
        return {case.get("name", ""): case for case in tree.iter("testcase")}

    def simulators(self) -> list[int]:
        """Return the simulators that run in the project."""
        found = []
        for status in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                command = status.read_bytes()
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue
            if re.match(rb"vvp\0", command) and bytes(self.folder) in command:
                found.append(int(status.parent.name))
        return found

    def forget_waves(self) -> None:
        """Remove what simulations have left."""
        shutil.rmtree(self.folder / "built" / "sim" / "counter", ignore_errors=True)
