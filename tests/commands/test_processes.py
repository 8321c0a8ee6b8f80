"""Processes of a run that was killed before they could bind themselves to it."""

from __future__ import annotations

import subprocess
import sys

from verif.commands.folders import ROOT

SCRIPT = """
import multiprocessing, os, signal, time
from verif.commands.processes import die_with_parent

def work():
    print("begun", flush=True)
    time.sleep(1)  # meanwhile the parent is killed
    die_with_parent()
    time.sleep(60)

multiprocessing.get_context("fork").Process(target=work).start()
time.sleep(0.3)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_worker_whose_parent_was_killed_first_ends() -> None:
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=ROOT, stdout=subprocess.PIPE, text=True, timeout=30
    )  # which waits until nobody holds the pipe
    assert (run.returncode, run.stdout) == (-9, "begun\n")
