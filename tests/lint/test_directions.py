"""Rooms import in one direction: each contract of pyproject.toml fails when one is turned."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from verif.commands.folders import ROOT
from verif.lint import PARAMETER_SETS, all_checks, import_check

LINTER = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]
PROJECT, MODEL, NUMPY, TOP, VERIF, COMMANDS, PINS, CIRCLE, NAME = (
    contract["name"] for contract in LINTER["contracts"]
)
TURNED = [
    (PROJECT, "verif/lint.py", "import tests.benches"),
    (PROJECT, "model/format/format.py", "import verif.commands"),
    (PROJECT, "model/packaged.py", "import tests.graph"),
    (MODEL, "model/format/splits.py", "from ..arithmetic import accumulator"),
    (MODEL, "model/arithmetic/accumulator.py", "from ..graph import network"),
    (MODEL, "model/graph/network.py", "from ..quantization import histogram"),
    (MODEL, "model/quantization/histogram.py", "from ..comparison import measures"),
    (MODEL, "model/comparison/measures.py", "from .. import packaged"),
    (MODEL, "model/networks/train_fashion_mnist.py", "from .. import packaged"),
    (MODEL, "model/attic/__init__.py", ""),
    (NUMPY, "model/format/splits.py", "import onnx"),
    (NUMPY, "model/arithmetic/exact_sums.py", "import yaml"),
    (TOP, "model/graph/network.py", "from .. import quantize_network"),
    (TOP, "model/arithmetic/products.py", "from .. import Format"),
    (VERIF, "verif/commands/files.py", "import verif.simulator.designs"),
    (VERIF, "verif/simulator/designs.py", "import verif.engine.tile"),
    (VERIF, "verif/engine/tile.py", "import verif.environment.draw"),
    (VERIF, "verif/environment/draw.py", "import verif.adapters.unit"),
    (VERIF, "verif/adapters/unit.py", "import verif.coverage.point"),
    (VERIF, "verif/coverage/point.py", "import verif.testplan.plan"),
    (VERIF, "verif/regression/seeds.py", "import verif.engine.tile"),
    (VERIF, "verif/replay/statistics.py", "import verif.accuracy.row"),
    (VERIF, "verif/accuracy/row.py", "import verif.replay.statistics"),
    (VERIF, "verif/attic.py", ""),
    (COMMANDS, "verif/replay/statistics.py", "import verif.environment.draw"),
    (COMMANDS, "verif/accuracy/row.py", "import verif.coverage.point"),
    (PINS, "verif/environment/job.py", "import verif.engine.driver"),
    (PINS, "verif/environment/draw.py", "import verif.engine.registers"),
    (PINS, "verif/environment/operands.py", "import cocotbext.axi"),
    (CIRCLE, "verif/accuracy/row.py", "import verif.accuracy.pictures"),
    (CIRCLE, "model/quantization/selection.py", "from . import method"),
    (CIRCLE, "tests/graph/tiny_networks.py", "import tests.replay.replaying"),
    (NAME, "verif/lint.py", "import ffp8"),
    (NAME, "tests/conftest.py", "import ffp8.format"),
]


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy what the linter reads."""
    folder = tmp_path_factory.mktemp("copy")
    shutil.copy(ROOT / "pyproject.toml", folder)
    for package in LINTER["root_packages"]:
        shutil.copytree(
            ROOT / package,
            folder / package,
            ignore=lambda path, names: {
                name
                for name in names
                if not (Path(path) / name).is_dir() and not name.endswith(".py")
            },
        )
    return folder


@pytest.fixture
def tree(copied: Path) -> Iterator[Path]:
    """Return the copy; a file that is written there is put back, or away."""
    before = {path: path.read_text("utf-8") for path in copied.rglob("*.py")}
    yield copied
    for path in copied.rglob("*.py"):
        if path not in before:
            path.unlink()
        elif path.read_text("utf-8") != before[path]:
            path.write_text(before[path], encoding="utf-8")


def broken(tree: Path) -> set[str]:
    """Return the names of the contracts that do not hold."""
    command = import_check().command
    process = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
    text = " ".join(process.stdout.split())
    total = re.search(r"Contracts: (\d+) kept, (\d+) broken", text)
    assert total, process.stdout + process.stderr
    assert int(total[1]) + int(total[2]) == len(LINTER["contracts"])
    assert (process.returncode != 0) == (int(total[2]) > 0)
    names = {one["name"] for one in LINTER["contracts"] if f"{one['name']} BROKEN" in text}
    assert len(names) == int(total[2])
    return names


def test_every_contract_holds_and_has_a_case_that_breaks_it(tree: Path) -> None:
    assert broken(tree) == set()
    assert {contract for contract, *_ in TURNED} == {one["name"] for one in LINTER["contracts"]}


@pytest.mark.parametrize(("contract", "file", "line"), TURNED)
def test_an_import_that_is_turned_round_breaks_its_contract(
    contract: str, file: str, line: str, tree: Path
) -> None:
    path = tree / file
    path.parent.mkdir(exist_ok=True)
    text = path.read_text("utf-8") if path.exists() else ""
    path.write_text(f"{text}\n{line}\n", encoding="utf-8")
    assert contract in broken(tree)


def test_no_contract_has_an_exception() -> None:
    assert set(LINTER) == {"root_packages", "include_external_packages", "contracts"}
    assert set(LINTER["root_packages"]) == {"model", "verif", "tests"}
    for contract in LINTER["contracts"]:
        assert not {name for name in contract if name.startswith("ignore")}, contract["name"]


def test_the_judge_imports_the_standard_library_alone() -> None:
    tree = ast.parse((ROOT / "model" / "format" / "rational.py").read_text("utf-8"))
    nodes = [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]
    names = [node.module if isinstance(node, ast.ImportFrom) else None for node in nodes]
    names += [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    assert not [node for node in nodes if getattr(node, "level", 0)]
    tops = {name.partition(".")[0] for name in names if name}
    assert tops and tops <= sys.stdlib_module_names


def test_lint_asks_the_linter_of_imports() -> None:
    assert import_check() in all_checks(ROOT / "hdl", PARAMETER_SETS)
