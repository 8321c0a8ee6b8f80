"""Builds are shared and never stale or half; each simulator runs a bench and can fail it."""

import logging
import multiprocessing
import os
import shutil
import signal
import time
from pathlib import Path

import pytest

from verif.simulator import build_cache, simulation
from verif.simulator.build_cache import cached
from verif.simulator.designs import Design
from verif.simulator.icarus import is_whole
from verif.simulator.simulation import SimulationError, build_design, compile_design, simulate

SOURCE = """module counter #(parameter WIDTH = 4) (input wire clk, output reg [WIDTH-1:0] value);
    initial value = 0;
    always @(posedge clk) value <= value + 1;
endmodule
"""
BENCH = """import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles

@cocotb.test()
async def counts(dut):
    Clock(dut.clk, 10, unit="ns").start()
    await ClockCycles(dut.clk, 5)
    first = int(dut.value.value)
    await ClockCycles(dut.clk, 3)
    assert (int(dut.value.value) - first) % 2 ** int(dut.WIDTH.value) == 3
"""


@pytest.fixture
def hdl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder with a counter and its bench, an empty cache, and Icarus Verilog."""
    monkeypatch.setenv("SIM", "icarus")
    monkeypatch.delenv("CODE_COVERAGE", raising=False)
    monkeypatch.setattr(simulation, "DESIGNS", tmp_path / "designs")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("HDL", str(tmp_path / "hdl"))
    (tmp_path / "hdl").mkdir()
    (tmp_path / "hdl" / "counter.v").write_text(SOURCE)
    (tmp_path / "counter_bench.py").write_text(BENCH)
    return tmp_path / "hdl"


def build(hdl: Path, width: int = 4, waves: bool = False) -> Path:
    return build_design(Design("counter", {"WIDTH": width}, sorted(hdl.glob("*.v")), waves))


def run(hdl: Path, width: int = 4, **options: bool) -> int:
    folder = hdl.parent / "results"
    return simulate("counter", "counter_bench", {"WIDTH": width}, folder=folder, seed=1, **options)


@pytest.mark.sim
def test_a_second_build_is_the_first(hdl: Path, caplog: pytest.LogCaptureFixture) -> None:
    first = build(hdl)
    assert "iverilog" in caplog.text
    caplog.clear()
    compiled = (first / "counter.vvp").stat().st_mtime_ns
    assert build(hdl) == first
    assert not caplog.records
    assert (first / "counter.vvp").stat().st_mtime_ns == compiled


@pytest.mark.sim
def test_sources_of_new_content_are_built_anew(hdl: Path) -> None:
    first, source = build(hdl), hdl / "counter.v"
    os.utime(source, (0, 0))
    assert build(hdl) == first, "the time of a file is not its content"
    source.write_text(SOURCE.replace("value + 1", "value + 2"))
    os.utime(source, (0, 0))
    second = build(hdl)
    assert second != first
    source.write_text(SOURCE)
    assert build(hdl) == first
    (hdl / "other.v").write_text("module other;\nendmodule\n")
    assert build(hdl) not in (first, second)


@pytest.mark.sim
def test_other_parameters_and_flags_are_built_apart(hdl: Path) -> None:
    folders = {build(hdl), build(hdl, width=5), build(hdl, waves=True)}
    assert len(folders) == 3
    assert all((folder / "counter.vvp").exists() for folder in folders)


def test_the_order_of_parameters_is_no_matter(hdl: Path) -> None:
    sources = sorted(hdl.glob("*.v"))
    orders = ({"A": 1, "B": 2}, {"B": 2, "A": 1})
    labels = {Design("counter", parameters, sources).label for parameters in orders}
    assert labels == {"counter-A1-B2"}


@pytest.mark.sim
def test_a_faulty_counter_fails_and_a_mended_one_passes(hdl: Path) -> None:
    source = hdl / "counter.v"
    assert run(hdl) == 1
    source.write_text(SOURCE.replace("value + 1", "value + 2"))
    with pytest.raises(SimulationError, match="counter_bench on counter"):
        run(hdl)
    source.write_text(SOURCE)
    assert run(hdl) == 1


@pytest.mark.sim
def test_a_bench_without_tests_fails(hdl: Path) -> None:
    (hdl.parent / "counter_bench.py").write_text("import cocotb\n")
    with pytest.raises(SimulationError, match="counter_bench on counter.* without a result"):
        run(hdl)


@pytest.mark.sim
def test_waves_go_to_the_results(hdl: Path) -> None:
    assert run(hdl, waves=True) == 1
    waves = (hdl.parent / "results" / "counter.fst").read_bytes()
    assert waves[:1] == b"\0" and len(waves) > 100, "not the header of an FST file"


@pytest.mark.sim
def test_a_compiled_design_stays_what_it_was(hdl: Path) -> None:
    folder = hdl.parent / "results"
    compile_design("counter", {"WIDTH": 4}, folder)
    (folder / "kept").touch()
    (hdl / "counter.v").write_text(SOURCE.replace("value + 1", "value + 2"))
    assert run(hdl, compiled=True) == 1
    assert (folder / "kept").exists()


@pytest.mark.sim
def test_what_does_not_compile_is_named_and_not_kept(hdl: Path) -> None:
    (hdl / "counter.v").write_text(SOURCE.replace("input wire", "input wore"))
    for _ in range(2):
        with pytest.raises(SimulationError, match=r"counter-WIDTH4 does not build(.|\n)*syntax"):
            build(hdl)
    assert [path.name for path in simulation.DESIGNS.iterdir() if path.is_dir()] == []


def _never_ends(folder: Path) -> None:
    (folder / "half").touch()
    time.sleep(600)


def test_a_killed_build_is_not_used(tmp_path: Path) -> None:
    process = multiprocessing.Process(
        target=cached, args=(tmp_path, "design", "key", _never_ends), daemon=True
    )
    process.start()
    while not list(tmp_path.glob(".design-key.unfinished-*/half")):
        assert process.is_alive()
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    folder = cached(tmp_path, "design", "key", lambda folder: (folder / "whole").touch())
    assert {path.name for path in folder.iterdir()} == {"whole", build_cache.LIST}
    assert not list(tmp_path.glob("*unfinished*")) + list(tmp_path.glob(".*unfinished*"))


@pytest.mark.parametrize("text", ["cut", "", "as long", None], ids=str)
def test_a_build_that_is_not_as_it_was_is_built_anew(tmp_path: Path, text: str | None) -> None:
    builds = []

    def build(folder: Path) -> None:
        builds.append(folder)
        (folder / "program").write_text("as whole")

    program = cached(tmp_path, "design", "key", build) / "program"
    assert cached(tmp_path, "design", "key", build) == program.parent and len(builds) == 1
    if text is None:
        program.unlink()
    else:
        program.write_text(text)
    assert cached(tmp_path, "design", "key", build) == program.parent and len(builds) == 2
    assert program.read_text() == "as whole"


def test_a_file_that_icarus_has_cut_off_is_no_build(
    hdl: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = next(build(hdl).glob("*.vvp")).read_text()
    assert is_whole(whole)
    assert not any(is_whole(whole[:length]) for length in range(len(whole)))
    programs = tmp_path / "programs"
    programs.mkdir()
    for cut in (len(whole) - 1, len(whole) // 2, 0):
        cutting = programs / "iverilog"
        cutting.write_text(
            f'#!/bin/sh\n{shutil.which("iverilog")} "$@" && truncate -s {cut} *.vvp\n'
        )
        cutting.chmod(0o755)
        with monkeypatch.context() as patch:
            patch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
            with pytest.raises(OSError, match="cut off"):
                build(hdl)
    assert next(build(hdl).glob("*.vvp")).read_text() == whole


def _slow_build(folder: Path) -> None:
    with (folder.parent / "builds").open("a") as log:
        log.write(f"{os.getpid()}\n")
    time.sleep(0.5)
    (folder / "whole").touch()


def test_processes_share_one_build(tmp_path: Path) -> None:
    processes = [
        multiprocessing.Process(target=cached, args=(tmp_path, "design", "key", _slow_build))
        for _ in range(4)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 4
    assert len((tmp_path / "builds").read_text().split()) == 1


def test_old_versions_that_nobody_uses_are_removed(tmp_path: Path) -> None:
    def add(label: str, key: str) -> Path:
        return cached(tmp_path, label, key, lambda folder: (folder / key).touch())

    old, used, other = add("counter", "key1"), add("counter", "key2"), add("counter-wide", "key1")
    long_ago = time.time() - build_cache.UNUSED_SECONDS - 60
    for folder in (old, used, other):
        os.utime(folder, (long_ago, long_ago))
    add("counter", "key2")
    add("counter", "key3")
    assert [folder.exists() for folder in (old, used, other)] == [False, True, True]


def test_coverage_needs_verilator(hdl: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODE_COVERAGE", "1")
    with pytest.raises(ValueError, match="CODE_COVERAGE with SIM=icarus: choose SIM=verilator"):
        run(hdl)


def test_a_missing_program_is_named(hdl: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    for simulator, missing in (("icarus", "iverilog"), ("verilator", "g\\+\\+")):
        monkeypatch.setenv("SIM", simulator)
        with pytest.raises(SimulationError, match=f"{missing}.*: not on PATH, .*SIM={simulator}`"):
            build(hdl)


@pytest.mark.sim
@pytest.mark.skipif(
    not all(map(shutil.which, ("g++", "make", "perl"))), reason="Verilator's C++ needs a compiler"
)
def test_verilator_runs_fails_and_counts(
    hdl: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setenv("SIM", "verilator")
    monkeypatch.setenv("CODE_COVERAGE", "1")
    counts = hdl.parent / "results" / "coverage.dat"
    assert run(hdl) == 1
    assert "value[3]:1->0" in counts.read_text()
    assert run(hdl, width=2) == 1
    assert caplog.text.count("verilated_vpi.cpp") == 1, "the runtime is compiled once"
    (hdl / "counter.v").write_text(SOURCE.replace("value + 1", "value + 2"))
    with pytest.raises(SimulationError, match="counter_bench on counter"):
        run(hdl)
    assert not counts.exists(), "what a failing run counted is not used"


def test_an_interrupted_build_leaves_no_compiler_behind(tmp_path):
    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 1.0)
    script = "sleep 60 & echo $! > started; wait"
    try:
        with pytest.raises(KeyboardInterrupt):
            simulation._execute("design", ["sh", "-c", script], tmp_path)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    started = Path(f"/proc/{int((tmp_path / 'started').read_text())}")
    until = time.monotonic() + 5
    while started.exists() and "zombie" not in (started / "status").read_text():
        assert time.monotonic() < until, "a compiler goes on"
        time.sleep(0.05)
