"""The coverage closes, its gate can fail, and what interrupts it loses nothing."""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console

from verif.commands.folders import ROOT
from verif.coverage import run
from verif.coverage.cover import main, summarize
from verif.coverage.gate import CoverageError, judge, merge
from verif.coverage.report import open_lines
from verif.coverage.run import Job, Pool, ShardError, run_shard
from verif.coverage.shards import SHARDS
from verif.simulator.simulation import SimulationError

ARRAYS = [shard for shard in SHARDS if shard.group == "array"]
SMALL = ARRAYS[-1]


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return Job(SMALL, 1, "steered", None, tmp_path / SMALL.name)


def curve(job: Job) -> dict:
    return json.loads((job.folder / "curve.json").read_text())


@pytest.mark.sim
def test_a_shard_closes_and_does_the_same_again(job: Job) -> None:
    job.folder.mkdir()
    run_shard(job)
    first, hits = curve(job), merge([job.folder / "coverage.yml"])
    rows = judge(hits, [])
    assert len(rows) == 10 and not any(row.open for row in rows)
    assert first["bins"][-1] == sum(row.bins for row in rows) > 200
    assert first["transactions"][-1] < first["bins"][-1] < first["results"]
    run_shard(job)
    assert curve(job) == first and merge([job.folder / "coverage.yml"]) == hits


@pytest.mark.sim
def test_plain_random_of_the_same_length_leaves_bins_open(job: Job) -> None:
    job.folder.mkdir()
    run_shard(Job(job.shard, job.seed, "plain", 110, job.folder))
    assert curve(job)["transactions"][-1] == 110
    rows = judge(merge([job.folder / "coverage.yml"]), [])
    assert any(row.open for row in rows)


@pytest.mark.sim
def test_a_broken_generator_is_noticed(job: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    job.folder.mkdir()
    simulate = run.simulate
    bench = "tests.benches.bench_broken_generator"
    monkeypatch.setattr(run, "simulate", lambda top, _, *a, **k: simulate(top, bench, *a, **k))
    run_shard(job)
    rows = judge(merge([job.folder / "coverage.yml"]), [])
    lacking = {row.point: row.open for row in rows if row.open}
    assert set(lacking) == {"operands"}
    assert lacking["operands"] and all("minus zero" in name for name in lacking["operands"])
    assert "open: array operands: largest * minus zero; minus zero" in open_lines(rows)[0]
    summary = summarize(1, [job], rows, 0, None)
    assert (summary["closed"], summary["exit_status"]) == (False, 1)


def test_a_shard_without_results_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CoverageError, match=r"coverage.yml: missing, so its shard did not end"):
        merge([tmp_path / "coverage.yml"])


def test_nothing_judged_is_not_closed(job: Job) -> None:
    assert summarize(1, [], [], 0, None)["exit_status"] == 1
    assert summarize(1, [job], [], 0, "not finished")["complete"] is False


def test_an_unknown_shard_is_refused(capsys: pytest.CaptureFixture) -> None:
    assert main(["--only", "tree*"]) == 2
    assert "ONLY=tree*: no design matches, there are unit-EXP_MAX8" in capsys.readouterr().err


def start_cover(build: Path) -> subprocess.Popen:
    """Start the command on both arrays, one after the other."""
    command = [sys.executable, "-m", "verif.coverage.cover", "--only", "array*", "--jobs", "1"]
    environment = os.environ | {"BUILD": str(build), "NO_COLOR": "1", "COLUMNS": "200"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(command, cwd=ROOT, env=environment, **pipes)


def wait_for(path: Path, seconds: float = 120) -> None:
    """Wait until a file is there."""
    end = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < end, f"{path} never came"
        time.sleep(0.05)


@pytest.mark.sim
@pytest.mark.parametrize("what", ["interrupt", "killed shard"])
def test_what_has_ended_is_kept(tmp_path: Path, what: str) -> None:
    process, folder = start_cover(tmp_path), tmp_path / "cover"
    first, second = (folder / shard.name for shard in ARRAYS)
    wait_for(first / "curve.json")
    wait_for(second / "log")
    if what == "interrupt":
        for number in (signal.SIGINT, signal.SIGTERM):
            process.send_signal(number)
    else:
        subprocess.run(["pkill", "-9", "-f", f"{second.name} 1 steered 0 {second}"], check=True)
    output, _ = process.communicate(timeout=60)
    summary = json.loads((folder / "summary.json").read_text())
    assert process.returncode == summary["exit_status"] == 1, output
    assert summary["shards"] == [first.name]
    assert not summary["complete"] and not summary["closed"]
    if what == "interrupt":
        assert "interrupted: shards that had ended are kept" in output
        assert "Traceback" not in output
    else:
        (line,) = [one for one in output.splitlines() if one.startswith("replay: ")]
        assert f"BUILD={tmp_path} " in line
    assert not subprocess.run(["pgrep", "-f", str(second)], capture_output=True, text=True).stdout


@pytest.mark.sim
def test_the_replay_line_of_a_shard_fails_in_the_same_way(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hdl = tmp_path / "hdl"
    shutil.copytree(ROOT / "hdl", hdl)
    module = hdl / "ffp8_decode.v"
    text = module.read_text()
    assert "exponent_bits" in text
    module.write_text(text.replace("is_signed & code[7]", "code[7]", 1))
    assert module.read_text() != text
    monkeypatch.setenv("HDL", str(hdl))
    with pytest.raises(ShardError) as failure:
        Pool(1).run([job], Console().print)
    message, _, line = str(failure.value).partition("\nreplay: ")
    (reason,) = {part for part in message.splitlines() if "expected:" in part}
    assert shlex.quote(str(hdl)) in line and "WAVES=1" in line
    monkeypatch.delenv("HDL")
    again = subprocess.run(["bash", "-c", line], cwd=ROOT, capture_output=True, text=True)
    assert again.returncode == 1 and reason.split("INFO")[-1] in again.stdout + again.stderr
    assert list((job.folder / "simulation").glob("*.fst"))
    with pytest.raises(SimulationError):
        monkeypatch.setenv("HDL", str(hdl))
        run_shard(job)
