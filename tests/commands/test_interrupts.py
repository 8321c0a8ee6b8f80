"""Signals to a command that waits for its threads: one interruption, at once, however many."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from verif.commands.folders import ROOT
from verif.commands.interrupts import completed

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


def test_every_future_comes_once_it_has_ended() -> None:
    with ThreadPoolExecutor(3) as pool:
        futures = {pool.submit(time.sleep, 0.1 * number): number for number in range(3)}
        order = [futures[future] for future in completed(futures)]
    assert order == [0, 1, 2] and list(completed([])) == []
