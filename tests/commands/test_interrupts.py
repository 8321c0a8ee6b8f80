"""Signals to a command that waits for its threads: one interruption, at once, however many."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from verif.commands.folders import ROOT
from verif.commands.interrupts import blocked, completed

WAITING = """
import os, signal, sys, threading, time
from concurrent.futures import ThreadPoolExecutor
from verif.commands.interrupts import completed, interrupt_once
interrupt_once()
def work(seconds):
    time.sleep(seconds)
    for number in map(int, sys.argv[1:]):
        signal.pthread_kill(threading.get_ident(), number)
    time.sleep(20 * seconds)
pool = ThreadPoolExecutor(2)
futures = [pool.submit(work, seconds) for seconds in (0, 1)]
try:
    for future in completed(futures):
        print("ended", flush=True)
except KeyboardInterrupt:
    try:
        time.sleep(0.5)
        print("in good order", flush=True)
    finally:
        os._exit(7)
"""
BOTH = signal.SIGINT, signal.SIGTERM


@pytest.mark.parametrize("numbers", [BOTH[:1], BOTH[1:], BOTH, BOTH * 2, BOTH[::-1]], ids=str)
def test_signals_interrupt_at_once_and_once(numbers: tuple[signal.Signals, ...]) -> None:
    for _ in range(4):  # who gets the second of two signals is chance
        process = subprocess.Popen(
            [sys.executable, "-c", WAITING], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None and process.stdout.readline() == "ended\n"
        start = time.monotonic()
        for number in numbers:
            process.send_signal(number)
        output, _ = process.communicate(timeout=60)
        assert (output, process.returncode) == ("in good order\n", 7)
        assert time.monotonic() - start < 10


def test_a_signal_that_another_thread_gets_interrupts_at_once() -> None:
    command = [sys.executable, "-c", WAITING.replace("(0, 1)", "(1,)"), str(int(signal.SIGINT))]
    start = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)
    assert (done.stdout, done.returncode) == ("in good order\n", 7)
    assert time.monotonic() - start < 10


BEGINS = """
import os, signal, sys, time
print("imports", flush=True)
time.sleep(1)
from verif.commands.interrupts import {begin}
{then}
"""


def begun_blocked(script: str, tmp_path: Path) -> subprocess.Popen[str]:
    """Start a process whose signals wait, as `Run` and `start_over` do."""
    with blocked():
        return subprocess.Popen(
            [sys.executable, "-c", script],
            cwd=ROOT,
            env=os.environ | {"BUILD": str(tmp_path)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


@pytest.mark.parametrize("number", BOTH)
def test_a_signal_waits_until_it_can_be_taken(number: signal.Signals, tmp_path: Path) -> None:
    script = BEGINS.format(
        begin="start_over",
        then="from verif.commands.running import run_command\n"
        "if 'AGAIN' not in os.environ: start_over({'AGAIN': '1'})\n"
        "sys.exit(run_command('work', lambda arguments: time.sleep(60)))",
    )
    process = begun_blocked(script, tmp_path)
    assert process.stdout is not None and process.stdout.readline() == "imports\n"
    process.send_signal(number)
    output, _ = process.communicate(timeout=30)
    assert (output, process.returncode) == ("imports\nwork: interrupted\n", 130)


def test_nothing_comes_after_the_end() -> None:
    script = (
        "import signal\nfrom verif.commands import interrupts\ninterrupts.interrupt_once()\n"
        "assert interrupts.interrupt_no_more() is False\n"
        "print([signal.getsignal(one) == signal.SIG_IGN for one in interrupts.SIGNALS])"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout == "[True, True, True]\n"


def test_every_future_comes_once_it_has_ended() -> None:
    with ThreadPoolExecutor(3) as pool:
        futures = {pool.submit(time.sleep, 0.1 * number): number for number in range(3)}
        order = [futures[future] for future in completed(futures)]
    assert order == [0, 1, 2] and list(completed([])) == []
