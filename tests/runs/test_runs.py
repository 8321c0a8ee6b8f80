"""No false success, no process left behind, no poisoned cache, no traceback: one sentence.

`make runs` has all commands and ten moments for each signal; `make test` a part of that.
"""

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runs.commands import SMALL, Disturbed
from verif.__main__ import COMMANDS

COMPLETE = os.environ.get("RUNS") == "complete"
SOME, QUICK = ("replay", "sim"), ("replay", "vectors")
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL)
DOES = {"code-coverage": (1,), "cover-compare": (0, 1)}
"""Statuses of a small form that does its work, where it is a part of something: 0, else."""

MOMENTS = 10 if COMPLETE else 1
LONGEST = 30.0
"""Seconds into a run at which it is killed at the latest."""

many = pytest.mark.parametrize("command", SMALL if COMPLETE else SOME)
many_or_quick = pytest.mark.parametrize("command", SMALL if COMPLETE else QUICK)
each = pytest.mark.parametrize("command", SMALL)


def test_every_command_is_disturbed() -> None:
    assert SMALL.keys() == COMMANDS.keys()


@many
def test_two_at_once(command: str, tmp_path: Path) -> None:
    alone = Disturbed(command, tmp_path / "build")
    status = alone.run()  # builds what both need
    assert status in DOES.get(command, (0,)), alone.output
    assert alone.says_success == (status == 0)
    assert "Traceback" not in alone.output
    first, second = (Disturbed(command, tmp_path / "build") for _ in range(2))
    first.start()
    until = time.monotonic() + 20
    while first.summary.get("begun") is not True and first.process.poll() is None:
        assert time.monotonic() < until
    first.process.send_signal(signal.SIGSTOP)  # it may be done before the second has begun
    ended = second.run()
    first.process.send_signal(signal.SIGCONT)
    assert ended == 2, second.output
    assert len(second.sentences) == 1 and "belongs to process" in second.sentences[0]
    assert first.finish() == status, first.output
    both = [Disturbed(command, tmp_path / "build", {"RUN": name}) for name in "ab"]
    for one in both:
        one.start()
    assert [one.finish() for one in both] == [status] * 2, [one.output for one in both]
    assert [one.says_success for one in both] == [alone.says_success] * 2


@many
def test_killed_at_any_moment(command: str, tmp_path: Path, seed: int) -> None:
    whole, draw = Disturbed(command, tmp_path / "build"), random.Random(seed)
    if COMPLETE:
        whole.run()  # which builds what the others find
    start = time.monotonic()
    status, seconds = whole.run(), min(time.monotonic() - start, LONGEST)
    assert "Traceback" not in whole.output and not whole.left
    assert whole.says_success == (status == 0)
    killed = 0
    numbers = [one for one in SIGNALS for _ in range(MOMENTS)]
    for number in numbers:
        run = Disturbed(command, tmp_path / "build")
        after = draw.uniform(0.3, 0.9 * seconds)
        ended = run.kill(number, after)
        about = f"{number.name} after {after:.2f} of {seconds:.1f} s: {run.output}"
        if ended is None:
            continue
        killed += 1
        assert not run.left, about
        assert "Traceback" not in run.output, about
        assert ended != 0 or run.says_success, about
        earned = number == signal.SIGKILL and run.summary.get("started", 0) > run.started
        assert ended == 0 or earned or not run.says_success, about  # it fell when all was done
        if number != signal.SIGKILL and ended not in (0, 1):
            assert len(run.sentences) <= 1, about
    assert killed >= len(numbers) / 2
    again = Disturbed(command, tmp_path / "build")
    assert again.run() == status, again.output
    assert again.says_success == (status == 0)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Return a disk of 66 MB, on which a run may begin."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=66m", "tmpfs", disk]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "-l", disk], check=True)


@each
def test_a_full_disk(command: str, small_disk: Path) -> None:
    (small_disk / "other").write_bytes(bytes(2**22))
    run = Disturbed(command, small_disk / "build")
    assert run.run() == 2, run.output
    assert run.sentences == [run.output.strip()]
    assert "MB are free on its disk, 64 MB are wanted" in run.output


@many_or_quick
def test_a_disk_that_fills_up(command: str, small_disk: Path) -> None:
    build = small_disk / "build"
    run = Disturbed(command, build)
    run.start()
    until = time.monotonic() + 20
    while not run.summary and run.process.poll() is None and time.monotonic() < until:
        time.sleep(0.01)
    subprocess.run(
        ["dd", "if=/dev/zero", f"of={small_disk}/other", "bs=64k"],
        check=False,
        stderr=subprocess.DEVNULL,
    )
    ended = run.finish()
    assert not run.left
    assert ended != 0 or run.says_success
    assert ended == 0 or not run.says_success
    assert ended == 0 or run.sentences, run.output
    (small_disk / "other").unlink()
    again = Disturbed(command, build)
    again.run()
    assert "Traceback" not in again.output


@each
def test_a_read_only_disk(command: str, small_disk: Path) -> None:
    (small_disk / "build").mkdir()
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    run = Disturbed(command, small_disk / "build")
    assert run.run() == 2, run.output
    assert run.sentences == [run.output.strip()] and "Read-only" in run.output


@many_or_quick
def test_files_that_may_not_grow(command: str, tmp_path: Path) -> None:
    limit = 20_000
    run = Disturbed(command, tmp_path / "build")
    ended = run.run(preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    assert not run.left
    assert ended != 0 or run.says_success
    assert ended == 0 or not run.says_success
    again = Disturbed(command, tmp_path / "build")
    again.run()
    assert "Traceback" not in again.output and "does not build" not in again.output
