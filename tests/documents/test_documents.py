"""What the documents say: links, commands, files and names that exist, figures that agree."""

from __future__ import annotations

import importlib.util
import pkgutil
import re
from pathlib import Path

import pytest

from verif.commands.folders import ROOT
from verif.commands.sources import DEFAULT_MODELS, KNOWN_MODELS

DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").glob("*.md"))]
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
README, FOUR_NETWORKS, VERIFICATION, TABLES, MUTATION = (
    (ROOT / name).read_text("utf-8")
    for name in (
        "README.md",
        "docs/accuracy-tables.md",
        "docs/verification.md",
        "docs/coverage-tables.md",
        "docs/mutation.md",
    )
)
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
QUOTED = re.compile(r"`([^`\n]+)`|^ {4}(\S.*)$", re.MULTILINE)
FOLDERS = "hdl", "model", "verif", "tests", "docs"
REAL_TESTS = [
    f"tests/{path.name}"
    for path in sorted((ROOT / "tests").iterdir())
    if path.is_dir() and path.name not in ("regression", "testplan", "lint", "__pycache__")
]
"""Rooms of tests that name no file of a throw-away project."""

TEXTS = (
    *DOCUMENTS,
    *(ROOT / name for name in ("Makefile", "pyproject.toml", "setup.py", ".ci/run")),
    *sorted(ROOT.glob("requirements*.txt")),
    *sorted(ROOT.glob(".github/workflows/*.yml")),
    *sorted(
        path
        for folder in ("hdl", "model", "verif", *REAL_TESTS)
        for ending in ("py", "sh", "txt", "v", "yaml")
        for path in (ROOT / folder).rglob(f"*.{ending}")
    ),
)
"""All that names files of the project, in words or as what it reads."""

FILE = re.compile(rf"(?<![\w./])(?:{'|'.join(FOLDERS)})/[\w./*-]+\.[a-z]+\b")
NAME = re.compile(r"(?<![\w./])(?:model|verif|tests|ffp8)(?:\.\w+)+")
each = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)


def quoted(document: Path) -> list[str]:
    """Return what stands in a document as code, without comments."""
    found = [one or two for one, two in QUOTED.findall(document.read_text("utf-8"))]
    return [text.partition(" #")[0] for text in found]


def rows(text: str) -> list[list[str]]:
    """Return the cells of all tables of a text."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


@each
def test_links_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)\s]+)\)", document.read_text("utf-8"))
    local = [link.partition("#")[0] for link in links if "://" not in link]
    assert [link for link in local if not (document.parent / link).exists()] == []


@each
def test_commands_exist(document: Path) -> None:
    targets = MAKEFILE.replace("\\\n", "").partition("\n.PHONY:")[2].partition("\n")[0].split()
    commands = [text for text in quoted(document) if re.match(r"(\w+=\S+ )*make( |$)", text)]
    words = [word for text in commands for word in text.split() if word != "make"]
    names = {word for word in words if "=" not in word and re.fullmatch(r"[a-z-]+", word)}
    assert names <= set(targets)
    known = MAKEFILE + (ROOT / "verif" / "regression" / "seeds.py").read_text("utf-8")
    variables = {word.partition("=")[0] for word in words if "=" in word}
    assert {name for name in variables if not re.search(rf"\b{name}\b", known)} == set()
    modules = re.findall(r"python -m (verif[\w.]*)", document.read_text("utf-8"))
    assert [name for name in modules if importlib.util.find_spec(name) is None] == []


@each
def test_files_exist(document: Path) -> None:
    pattern = re.compile(rf"(?:{'|'.join(FOLDERS)})/[\w./*-]*")
    paths = [text for text in quoted(document) if pattern.fullmatch(text)]
    assert [path for path in paths if not list(ROOT.glob(path.rstrip("/")))] == []


def test_no_text_names_a_file_that_is_gone() -> None:
    found = {(path, name) for path in TEXTS for name in FILE.findall(path.read_text("utf-8"))}
    assert len({name for _, name in found}) > 60
    assert {(str(path), name) for path, name in found if not list(ROOT.glob(name))} == set()


@each
def test_names_of_python_exist(document: Path) -> None:
    text = document.read_text("utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names = {name for one in (*quoted(document), *blocks) for name in NAME.findall(one)}
    for name in names:
        pkgutil.resolve_name(re.sub(r"^ffp8\b", "model", name))


def test_the_map_has_every_room() -> None:
    inside = {"model/graph/importing", "model/graph/packaged", "model/comparison/schemes"}
    inside.add("verif/coverage/registers")
    rooms = {
        path.parent.relative_to(ROOT).as_posix()
        for folder in ("model", "verif")
        for path in (ROOT / folder).rglob("__init__.py")
    } - {"model", "verif"}
    assert rooms - inside == set(re.findall(r"^\| `((?:model|verif)/\w+)` \|", CONTRIBUTING, re.M))
    for room in rooms:
        text = (ROOT / room / "__init__.py").read_text("utf-8")
        said = re.match(r'"""([A-Z].+?)\.', text)
        assert said and len(said[1].split()) > 2, room
    loose = {
        path.relative_to(ROOT).as_posix()
        for folder in ("model", "verif")
        for path in (ROOT / folder).glob("*.*")
        if path.name != "__init__.py"
    }
    told = CONTRIBUTING.partition("Loose beside the rooms")[2].partition("\n\n")[0]
    assert loose == set(re.findall(r"`((?:model|verif)/\w+\.py)`", told))


def test_something_was_looked_at() -> None:
    texts = [text for document in DOCUMENTS for text in quoted(document)]
    assert len([text for text in texts if text.startswith("make ")]) > 30
    assert len([text for text in texts if text.startswith(("verif/", "tests/"))]) > 20


def test_the_overview_has_the_figures_of_the_tables() -> None:
    head, _, *overview = rows(
        README.partition("## What `make accuracy` finds")[2].partition("\n## ")[0]
    )
    networks = [cell.partition(":")[0] for cell in head[1:] if "SNR" not in cell or ":" in cell]
    assert len(overview) >= 15 and networks == list(DEFAULT_MODELS)
    for scheme, *cells in overview:
        expected = []
        for network, wants_loss in zip(networks, (True, True, False, False), strict=True):
            section = FOUR_NETWORKS.partition(f"## {network}\n")[2].partition("\n## ")[0]
            (row,) = [row for row in rows(section) if row[0] == scheme]
            expected += [row[2]] * wants_loss + [row[4]]
        assert cells == expected, scheme


def test_every_network_known_by_name_is_listed() -> None:
    listed = README.partition("a network known by name: ")[2].partition("\n\n")[0]
    assert re.findall(r"`(\w+)`", listed) == list(KNOWN_MODELS)


def test_the_seeds_are_those_of_the_tables() -> None:
    per_seed = [row for row in rows(TABLES) if row[0].isdecimal()]
    quoted_rows = [row for row in rows(VERIFICATION) if row[0].isdecimal() and len(row) == 4]
    assert len(per_seed) == 5
    for told, found in zip(quoted_rows, per_seed, strict=True):
        assert [cell.replace(",", "") for cell in told[:2]] == found[:2]
        assert [float(cell.strip(" %")) for cell in told[2:]] == [
            float(cell.strip(" %")) for cell in found[2:]
        ]


def test_the_mutants_are_those_of_the_table() -> None:
    table = [row for row in rows(MUTATION) if row[1].isdecimal()]
    *modules, total = [list(map(int, row[1:])) for row in table]
    assert table[-1][0] == "all" and [sum(column) for column in zip(*modules, strict=True)] == total
    valid, own, users, combinational, inductive, survived = total
    proven = combinational + inductive
    assert own + users + proven + survived == valid
    share = 100 * (valid - survived) / valid
    assert f"{proven} proven equivalent by SAT, {survived} survived: {share:.2f} % are" in MUTATION
    told = VERIFICATION.partition("**`make mutate-full`**")[2].partition("\n\n")[0]
    words = " ".join(told.split())
    assert f"of {valid:,} that compile {own:,} were killed by their module's own bench" in words
    assert f"{proven} are proven equivalent, and {survived} survived: **{share:.1f} %" in words
