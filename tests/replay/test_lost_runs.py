"""Runs that are killed, and clusters that lose workers: nothing is lost, nothing done twice."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from tests.graph.mixed_networks import odd_groups_network, write_images
from verif.commands.folders import ROOT

MOMENTS = 20 if os.environ.get("RUNS") == "complete" else 4
LAYERS = 10


@pytest.fixture
def network(tmp_path: Path, seed: int) -> dict[str, str]:
    """Write a network and images; return the variables of a replay of it."""
    images = write_images(tmp_path / "images.npz", seed)
    return {
        "MODEL": str(odd_groups_network(tmp_path / "odd.onnx", seed)),
        "DATA": str(images),
        "CALIBRATION": str(images),
        "IMAGES": "2",
        "ROWS": "4",
        "COLS": "4",
        "JOBS": "2",
        "SIM": "icarus",
        "BUILD": str(tmp_path / "build"),
    }


def start(variables: dict[str, str]) -> subprocess.Popen[str]:
    """Start a replay in a session of its own."""
    kept = {name: text for name, text in os.environ.items() if not name.startswith("PYTEST_")}
    return subprocess.Popen(
        [sys.executable, "-m", "verif", "replay"],
        cwd=ROOT,
        env=kept | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def finish(process: subprocess.Popen[str], variables: dict[str, str]) -> dict:
    """Wait for a replay that has to end well; return its summary."""
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 0, output
    summary = json.loads((Path(variables["BUILD"]) / "replay" / "summary.json").read_text("utf-8"))
    assert summary["complete"] is True
    return summary


def told(summary: dict) -> list[dict]:
    """Return what a summary says of layers, times aside."""
    timed = ("simulator_seconds", "wall_seconds", "macs_per_second", "kept_jobs")
    return [{k: v for k, v in layer.items() if k not in timed} for layer in summary["layers"]]


def kept(variables: dict[str, str]) -> dict[str, bytes]:
    """Return the results that are kept, by the name of their job."""
    found = (Path(variables["BUILD"]) / "results").rglob("*.npz")
    return {
        path.stem: b"".join(np.load(path)[name].tobytes() for name in ("results", "flags"))
        for path in found
    }


def simulators_of(pid: int) -> list[int]:
    """Return the simulators that a process has started."""
    found = []
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(OSError):
            found += [int(child) for child in children.read_text().split()]
    return found


@pytest.mark.sim
def test_a_killed_run_goes_on_where_it_was(network, seed):
    """Killed is the run itself or a simulator of it, at random moments."""
    draw = random.Random(seed)
    plain = network | {"BUILD": network["BUILD"] + "-plain"}
    began = time.monotonic()
    expected = finish(start(plain), plain)
    seconds = time.monotonic() - began
    jobs = expected["jobs"]["simulated"]
    assert jobs >= 5 and expected["jobs"]["reused"] == 0
    before: dict[str, bytes] = {}
    for moment in range(MOMENTS):
        process = start(network)
        with suppress(subprocess.TimeoutExpired):
            process.wait(draw.uniform(0.3, 0.9) * seconds)
        victims = [process.pid] if moment % 2 else simulators_of(process.pid)[:1]
        for victim in victims:
            with suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)
        output, _ = process.communicate(timeout=300)
        assert "Traceback" not in output
        assert process.returncode in (0, -signal.SIGKILL), output
        now = kept(network)
        assert now.items() >= before.items()
        before = now
    summary = finish(start(network), network)
    assert summary["jobs"]["simulated"] + len(before) == jobs == len(kept(network))
    assert summary["jobs"]["reused"] == len(before)
    assert kept(network) == kept(plain)
    assert told(summary) == told(expected)
    last = finish(start(network), network)
    assert last["jobs"] == {"simulated": 0, "reused": jobs, "lost": 0}
    assert all(layer["macs_per_second"] is None for layer in last["layers"])  # no rate of nothing
    fresh = finish(start(network | {"FRESH": "1"}), network)
    assert fresh["jobs"]["simulated"] == jobs


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """Start a scheduler and two workers on loopback; return its address, and the workers."""
    pytest.importorskip("distributed", reason="the package distributed is optional")
    address_file = tmp_path / "scheduler.json"
    environment = os.environ | {"BUILD": str(tmp_path / "workers"), "PYTHONPATH": str(ROOT)}
    dask = [sys.executable, "-m", "distributed.cli.dask_scheduler"]
    scheduler = subprocess.Popen(
        [*dask, "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file",
         str(address_file)],
        cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    while not address_file.exists():
        assert scheduler.poll() is None
        time.sleep(0.1)
    workers = [
        subprocess.Popen(
            [sys.executable, "-m", "distributed.cli.dask_worker", "--scheduler-file",
             str(address_file), "--nthreads", "1", "--no-nanny", "--no-dashboard"],
            cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL,
        )
        for _ in range(2)
    ]  # fmt: skip
    yield json.loads(address_file.read_text())["address"], workers
    for process in (*workers, scheduler):
        process.kill()
        process.wait()


@pytest.mark.sim
def test_a_cluster_that_loses_a_worker_gives_the_same_bytes(network, cluster):
    address, workers = cluster
    plain = network | {"BUILD": network["BUILD"] + "-plain"}
    expected = finish(start(plain), plain)
    process = start(network | {"SCHEDULER": address})
    while not kept(network):
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.05)
    workers[0].kill()
    summary = finish(process, network)
    assert summary["jobs"]["simulated"] == expected["jobs"]["simulated"]
    assert sorted(kept(network).values()) == sorted(kept(plain).values())
    assert told(summary) == told(expected)
    again = finish(start(network | {"SCHEDULER": address}), network)
    assert again["jobs"]["simulated"] == 0


@pytest.mark.sim
def test_a_run_on_a_cluster_that_is_killed_goes_on_where_it_was(network, cluster, seed):
    """The cluster outlives its runs; the last killed one takes a worker with it."""
    address, workers = cluster
    draw = random.Random(seed)
    plain = network | {"BUILD": network["BUILD"] + "-plain"}
    expected = finish(start(plain), plain)
    jobs, before, killed = expected["jobs"]["simulated"], kept(network), 0
    for moment in range(MOMENTS):
        process = start(network | {"SCHEDULER": address})
        began = len(before)
        while len(kept(network)) <= min(began, jobs - 2) and process.poll() is None:
            time.sleep(0.02)
        time.sleep(draw.uniform(0, 0.1))
        if moment == MOMENTS - 1:
            workers[0].kill()
        process.kill()
        output, _ = process.communicate(timeout=300)
        assert "Traceback" not in output
        killed += process.returncode == -signal.SIGKILL
        now = kept(network)
        assert now.items() >= before.items()
        before = now
    assert killed and before
    summary = finish(start(network | {"SCHEDULER": address}), network)
    assert summary["jobs"]["simulated"] + len(before) == jobs == len(kept(network))
    assert summary["jobs"]["reused"] == len(before)
    assert sorted(kept(network).values()) == sorted(kept(plain).values())
    assert told(summary) == told(expected)


@pytest.mark.sim
def test_a_worker_of_other_sources_is_refused(network, cluster, tmp_path):
    address, _ = cluster
    hdl = tmp_path / "hdl"
    hdl.mkdir()
    for path in (ROOT / "hdl").iterdir():
        (hdl / path.name).write_bytes(path.read_bytes() + b"\n")
    process = start(network | {"SCHEDULER": address, "HDL": str(hdl)})
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 2
    (line,) = [line for line in output.splitlines() if line.startswith("replay: ")]
    assert f"SCHEDULER={address}: the design of worker tcp://127.0.0.1:" in line


def test_a_scheduler_that_is_not_there_is_one_sentence(network):
    pytest.importorskip("distributed", reason="the package distributed is optional")
    process = start(network | {"SCHEDULER": "tcp://127.0.0.1:1"})
    output, _ = process.communicate(timeout=300)
    assert process.returncode == 2 and "Traceback" not in output
    assert "replay: SCHEDULER=tcp://127.0.0.1:1: " in output
