"""``pip install .`` gives the package ffp8: in fresh environments, away from the checkout."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement

import model
from model.graph.images import read_images
from model.quantization.export import export_arrays
from model.quantization.steps import quantize_network
from verif.commands.folders import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PAGE = (ROOT / "docs" / "python.md").read_text("utf-8")
FORMATS, *NETWORKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
PRINTED = re.compile(r"^print\(.*\)  # (.+?)(?:, a Fraction.*|: .*)?$", re.MULTILINE)
PIP = ("-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check")


def run(*command: str | Path, folder: Path, env: dict[str, str] | None = None) -> str:
    """Run a command; return what it prints, or fail with all that it says."""
    process = subprocess.run(
        command, cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, f"{command}:\n{process.stdout}\n{process.stderr}"
    return process.stdout


def copy_of_the_project(folder: Path) -> Path:
    """Copy what the package is built from."""
    ignored = shutil.ignore_patterns("__pycache__", "*.pyc")
    shutil.copytree(ROOT / "model", folder / "model", ignore=ignored)
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    return folder


@pytest.fixture(scope="module")
def pinned(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Have pip take the versions that everything is tested on, in builds too, or skip offline."""
    constraints = tmp_path_factory.mktemp("pip") / "constraints.txt"
    constraints.write_text("".join(f"{name}=={version}\n" for name, version in pins().items()))
    environment = {**os.environ, "PIP_CONSTRAINT": str(constraints)}
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d"]
    command += [str(constraints.parent), f"setuptools=={pins()['setuptools']}"]
    reached = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if reached.returncode and not os.environ.get("CI"):
        pytest.skip(f"no package index can be reached: {reached.stderr.strip()[-200:]}")
    return environment


def pins() -> dict[str, str]:
    """Return the pinned version of every package that the project names."""
    found: dict[str, str] = {}
    networks = "model/graph/packaged/requirements.txt"
    for name in ("requirements.txt", "requirements-dev.txt", "requirements-cluster.txt", networks):
        text = (ROOT / name).read_text("utf-8")
        found |= dict(re.findall(r"^([\w.-]+)==(\S+)$", text, re.MULTILINE))
    return found


def fresh_environment(folder: Path) -> Path:
    """Make a virtual environment; return its Python."""
    run(sys.executable, "-m", "venv", folder, folder=ROOT)
    return folder / "bin" / "python"


def build_wheel(project: Path, folder: Path, env: dict[str, str]) -> Path:
    """Build the project's wheel; nothing is left of that in the project."""
    before = sorted(project.rglob("*"))
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, "."]
    run(*command, folder=project, env=env)
    assert sorted(project.rglob("*")) == before
    (wheel,) = folder.glob("*.whl")
    return wheel


def test_the_wheel_is_the_folder_model_and_nothing_else(
    tmp_path: Path, pinned: dict[str, str]
) -> None:
    project = copy_of_the_project(tmp_path / "project")
    stale = project / "build" / "lib" / "ffp8" / "renamed_since.py"
    stale.parent.mkdir(parents=True)
    stale.touch()
    wheel = build_wheel(project, tmp_path, pinned)
    files = {
        path.relative_to(project / "model")
        for path in (project / "model").rglob("*")
        if path.is_file()
    }
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
        (metadata,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        described = archive.read(metadata).decode()
        licences = [name for name in archive.namelist() if name.endswith("/LICENSE")]
    assert f"\nVersion: {model.__version__}\n" in described and len(licences) == 1
    assert "\nRequires-Python: >=3.11\n" in described
    assert held == {f"ffp8/{path.as_posix()}" for path in files}
    assert {"ffp8/networks/fashion_vgg.onnx", "ffp8/graph/packaged/requirements.txt"} <= held


NUMPY_ALONE = """
import importlib.util, sys
import ffp8
assert "site-packages" in ffp8.__file__, ffp8.__file__
assert [n for n in ("model", "verif", "tests", "onnx") if importlib.util.find_spec(n)] == []
assert {name.partition(".")[0] for name in sys.modules} & {"onnx", "onnxruntime", "yaml"} == set()
print(*ffp8.__all__)
for name in ffp8._STEPS:
    assert name in dir(ffp8), name
    try:
        getattr(ffp8, name)
    except ImportError as error:
        assert str(error).endswith(": pip install 'ffp8[networks]'"), error
        print(name)
try:
    ffp8.quantise
except AttributeError as error:
    print(error)
"""


def test_an_installed_wheel_from_formats_to_networks(
    tmp_path: Path, pinned: dict[str, str]
) -> None:
    wheel = build_wheel(copy_of_the_project(tmp_path / "project"), tmp_path, pinned)
    shutil.rmtree(tmp_path / "project")
    python = fresh_environment(tmp_path / "environment")
    away = tmp_path / "away"
    away.mkdir()

    run(python, *PIP, wheel, folder=away, env=pinned)
    exported, *missing, unknown = run(python, "-c", NUMPY_ALONE, folder=away).splitlines()
    assert exported.split() == model.__all__
    assert {"quantize_network", "load_network", "FloatNetwork", "read_selection"} <= set(missing)
    assert unknown == "module 'ffp8' has no attribute 'quantise'"
    command = [python, "-m", "ffp8.packaged", "--help"]
    process = subprocess.run(command, cwd=away, capture_output=True, text=True, check=False)
    said = process.stderr
    assert (process.returncode, said) == (
        1,
        "onnx is not installed: pip install 'ffp8[networks]'\n",
    )
    lines = run(python, "-c", FORMATS, folder=away).splitlines()
    assert lines == PRINTED.findall(FORMATS) and len(lines) == 5

    run(python, *PIP, f"{wheel}[networks]", folder=away, env=pinned)
    said = run(python, "-c", "\n".join(NETWORKS), folder=away)
    assert float(re.search(r"([\d.]+) dB", said)[1]) > 40
    assert re.search(r"^(9\d|100)\.\d % of the answers agree", said, re.MULTILINE)
    calibration = read_images("fashion_mnist_calibration")
    ours = export_arrays(quantize_network("fashion_resnet8", calibration.images))
    with np.load(away / "fashion_resnet8.npz", allow_pickle=False) as theirs:
        assert sorted(theirs) == sorted(ours)
        formats = dict(zip(theirs["tensors"], theirs["tensor_formats"], strict=True))
        assert formats == dict(zip(ours["tensors"], ours["tensor_formats"], strict=True))
        for name in set(ours) - {"tensors", "tensor_formats"}:
            np.testing.assert_array_equal(theirs[name], ours[name], err_msg=name)
    command = [python, "-m", "ffp8.packaged", "cifar10"]
    process = subprocess.run(command, cwd=away, capture_output=True, text=True, check=False)
    assert process.returncode == 1 and process.stderr.count("\n") == 1
    assert process.stderr.startswith(
        "cifar-10-model==7.4.0 is not installed: pip install --no-deps"
    )


BOTH_NAMES = """
import sys
sys.path.insert(0, sys.argv[1])
first, second = sys.argv[2:]
print(__import__(first).__file__)
try:
    __import__(second)
except ImportError as error:
    print(error)
assert [name for name in sys.modules if name.partition(".")[0] == second] == []
"""


def test_an_editable_install_is_the_checkout_under_one_of_two_names(
    tmp_path: Path, pinned: dict[str, str]
) -> None:
    project = copy_of_the_project(tmp_path / "project")
    before = sorted(project.rglob("*"))
    python = fresh_environment(tmp_path / "environment")
    run(python, *PIP, "-e", ".", folder=project, env=pinned)
    assert sorted(project.rglob("*")) == before
    for names in (("ffp8", "model"), ("model", "ffp8")):
        words = ["-B", "-c", BOTH_NAMES, project, *names]
        file, refused = run(python, *words, folder=tmp_path).splitlines()
        assert Path(file) == project / "model" / "__init__.py"
        assert refused.startswith(f"{names[1]}: imported as {names[0]} already, ")
        assert refused.endswith("use one name in a process")


def imported(path: Path) -> set[str]:
    """Return what a file imports; relative imports begin with a dot."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add("." * node.level + (node.module or ""))
    return names


def test_inside_the_model_imports_are_relative_and_outside_it_has_one_name() -> None:
    files = {
        folder: sorted((ROOT / folder).rglob("*.py")) for folder in ("model", "verif", "tests")
    }
    assert all(len(found) > 50 for found in files.values())
    for path in files["model"]:
        tops = {name.partition(".")[0] for name in imported(path)}
        assert tops & {"model", "ffp8", "verif", "tests"} == set(), path
    for path in (*files["verif"], *files["tests"]):
        assert "ffp8" not in {name.partition(".")[0] for name in imported(path)}, path


def test_what_is_asked_for_is_what_is_pinned() -> None:
    """The package's own requirements, as ranges, hold the versions that everything is tested on."""
    pinned_versions = pins()
    project = PROJECT["project"]
    asked = [*project["dependencies"], *project["optional-dependencies"]["networks"]]
    assert len(asked) == 6
    for requirement in map(Requirement, asked):
        assert pinned_versions[requirement.name] in requirement.specifier, requirement


def test_the_version_stands_in_one_place() -> None:
    assert "version" not in PROJECT["project"] and PROJECT["project"]["dynamic"] == ["version"]
    assert PROJECT["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "ffp8.__version__"}
    assert re.fullmatch(r"\d+\.\d+\.\d+", model.__version__)
