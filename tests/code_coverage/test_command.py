"""``make code-coverage``: what it leaves behind and when it fails, with a stand-in for pytest."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.code_coverage.counted_design import FILE, SOURCE, counted, record
from verif.code_coverage.__main__ import main
from verif.code_coverage.counts import Counts
from verif.code_coverage.runs import RunError, Runs

STALE = f"""
- {{file: {FILE}, kind: toggle, signal: value, bits: 2-3, category: width, reason: a reason}}
"""


def write_pytest(tmp_path: Path, script: str) -> str:
    """Put a stand-in for Python, which runs a shell script, and return its path."""
    path = tmp_path / "python"
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


FINISH = """
mkdir -p $RUN_FOLDER/{name}
printf '%b' "{data}" > $RUN_FOLDER/{name}/coverage.dat
printf '{{"per_test": [{{"name": "one", "outcome": "{outcome}"}}]}}' > $BUILD/tests.json
exit {status}
"""


def escaped(counts: Counts) -> str:
    """Return a coverage.dat for the shell's printf %b."""
    records = (record(p, n, "top", ",".join(map(str, counts.lines.get(p, ()))))
               for p, n in counts.hits.items())  # fmt: skip
    return "".join(records).replace("\x01", "\\0001").replace("\x02", "\\0002").replace("\n", "\\n")


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Run the command on the small design with a stand-in for pytest; status, output, summary."""
    hdl = tmp_path / "hdl"
    hdl.mkdir()
    (hdl / FILE).write_text("\n".join(SOURCE) + "\n")
    exclusions = tmp_path / "exclusions.yaml"
    monkeypatch.setenv("HDL", str(hdl))
    monkeypatch.setattr("verif.code_coverage.__main__.find_cases", lambda part: ["one"])

    def run(counts: Counts, outcome: str = "passed", status: int = 0, listed: str = "[]"):
        exclusions.write_text(listed)
        script = FINISH.format(name="one", data=escaped(counts), outcome=outcome, status=status)
        monkeypatch.setattr(
            "verif.code_coverage.runs.sys.executable", write_pytest(tmp_path, script)
        )
        results = tmp_path / "results"
        status = main(["--results", str(results), "--exclusions", str(exclusions)])
        output = capsys.readouterr()
        return status, output.out + output.err, json.loads((results / "summary.json").read_text())

    return run


def test_the_command_passes(command, tmp_path: Path) -> None:
    status, output, summary = command(counted())
    assert status == 0, output
    assert summary["passed"] and summary["complete"] and summary["failures"] == []
    assert summary["totals"]["toggle"] == {
        "percent": 100.0,
        "total": 6,
        "covered": 6,
        "excluded": 0,
    }
    assert "DA:4,1" in (tmp_path / "results" / "coverage.info").read_text()
    assert "ffp8_small" in output and "all" in output


def test_the_command_names_what_is_not_covered(command) -> None:
    status, output, summary = command(counted(full=0))
    assert status == 1
    assert not summary["passed"] and summary["complete"]
    assert f"not covered: {FILE}:4: branch if" in output
    assert "branch: 75.00 % of 4 covered, 100 % is needed" in output


def test_the_command_fails_when_a_bench_fails(command) -> None:
    status, output, summary = command(counted(), outcome="failed", status=1)
    assert status == 1 and not summary["passed"]
    assert "one: failed" in output


def test_the_command_fails_when_pytest_ends_badly(command) -> None:
    status, output, _ = command(counted(), status=3)
    assert status == 1
    assert "pytest ended with status 3" in output


def test_the_command_fails_when_a_bench_leaves_no_counts(
    command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("verif.code_coverage.__main__.find_cases", lambda part: ["one", "two"])
    status, output, summary = command(counted())
    assert status == 1 and not summary["passed"]
    assert "1 of 2 cases left counts" in output


def test_the_command_fails_for_a_stale_exclusion(command) -> None:
    status, output, summary = command(counted(), listed=STALE)
    assert status == 1 and not summary["passed"]
    assert f"stale exclusion, the tests pass 2 of it: {FILE}: toggle value bits 2-3" in output


def test_bad_input_is_one_sentence(command, tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "summary.json").write_text("{}")
    status, output, _ = command(counted(), listed="- wrong")
    assert status == 2
    assert output.startswith("code-coverage: exclusions.yaml: wrong") and output.count("\n") == 1


def test_a_killed_run_keeps_what_has_finished(tmp_path: Path) -> None:
    script = FINISH.format(name="one", data=escaped(counted()), outcome="passed", status="0 & wait")
    results = tmp_path / "results"
    (tmp_path / "hdl").mkdir()
    (tmp_path / "hdl" / FILE).write_text("\n".join(SOURCE) + "\n")
    driver = tmp_path / "driver.py"
    driver.write_text(
        "import sys\n"
        "import verif.code_coverage.__main__ as command\n"
        "import verif.code_coverage.runs as runs\n"
        "command.find_cases = lambda part: ['one', 'two']\n"
        f"runs.sys.executable = {write_pytest(tmp_path, script.replace('exit', 'sleep 100;'))!r}\n"
        f"sys.exit(command.main(['--results', {str(results)!r}]))\n"
    )
    status, output, summary = interrupted(driver, results, tmp_path)
    assert status == 130, output
    assert not summary["complete"] and not summary["passed"]
    assert (summary["finished"], summary["runs"]) == (1, 2)
    assert summary["totals"]["branch"]["covered"] == 4
    assert "interrupted: what has finished is kept" in output


def interrupted(driver: Path, results: Path, tmp_path: Path) -> tuple[int, str, dict[str, object]]:
    """Run a command, interrupt it once something has finished; status, output, summary."""
    process = subprocess.Popen(
        [sys.executable, str(driver)],
        env=os.environ | {"HDL": str(tmp_path / "hdl"), "PYTHONPATH": "."},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    deadline = time.monotonic() + 60
    summary = results / "summary.json"
    while not summary.exists() or json.loads(summary.read_text())["finished"] < 1:
        assert time.monotonic() < deadline and process.poll() is None, process.communicate()[0]
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=30)
    return process.returncode, output, json.loads(summary.read_text())


def test_a_real_bench_leaves_its_counts(tmp_path: Path) -> None:
    results = tmp_path / "results"
    process = subprocess.run(
        [sys.executable, "-m", "verif.code_coverage"]
        + ["--tests", "add32", "--jobs", "1", "--results", str(results)],
        env=os.environ | {"BUILD": str(tmp_path / "build"), "RUN_FOLDER": "another/run's"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    summary = json.loads((results / "summary.json").read_text())
    assert (summary["finished"], summary["runs"]) == (1, 1), process.stdout
    assert summary["modules"]["ffp8_add32"]["line"]["percent"] == 100
    assert process.returncode == 1 and not summary["complete"]  # a part proves nothing


def test_two_runs_do_not_share_a_folder(tmp_path: Path) -> None:
    first, second = (Runs(["one"], tmp_path, jobs=1, seed=1) for _ in range(2))
    first.clear()
    with pytest.raises(RunError, match="another run is at work there"):
        second.clear()
