"""Lists kept by hand, in YAML: what is wrong with one is a sentence of whoever reads it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from verif.code_coverage.exclusions import ExclusionError as UncoveredError
from verif.code_coverage.exclusions import load_exclusions
from verif.commands.entries import read_entries
from verif.coverage import exclusions
from verif.coverage.exclusions import ExclusionError
from verif.mutation import known
from verif.mutation.mutant import MutationError
from verif.regression.known import load_known_seeds
from verif.testplan.plan import PlanError
from verif.testplan.plan import load as load_plan

READERS = {
    "functional exclusions": (exclusions.load, ExclusionError),
    "code exclusions": (load_exclusions, UncoveredError),
    "known survivors": (known.load, MutationError),
    "known seeds": (load_known_seeds, ValueError),
    "test plan": (load_plan, PlanError),
}
BROKEN = {
    "- {a: b: c}": "not YAML: while parsing a flow mapping",
    "- a\n -b: [": "not YAML: ",
    "a: b": "a list of entries is wanted",
    "text": "text: a list of entries is wanted",
    "- text": "text: an entry has names and values",
    "- {1: 2}": "an entry has names and values",
}


@pytest.mark.parametrize("text", BROKEN)
@pytest.mark.parametrize("reader", READERS)
def test_what_is_no_list_of_entries_is_one_sentence(reader: str, text: str, tmp_path: Path) -> None:
    load, kind = READERS[reader]
    path = tmp_path / "list.yaml"
    path.write_text(text)
    check(load, path, kind, "list.yaml: ", BROKEN[text])


def check(load: Callable[[Path], object], path: Path, kind: type[Exception], *wanted: str) -> None:
    """Check that reading raises one line of this kind with these texts in it."""
    with pytest.raises(kind) as caught:
        load(path)
    message = str(caught.value)
    assert type(caught.value) is kind and "\n" not in message
    assert all(text in message for text in wanted), message


@pytest.mark.parametrize("reader", READERS)
def test_a_missing_or_binary_list_is_one_sentence(reader: str, tmp_path: Path) -> None:
    load, kind = READERS[reader]
    check(load, tmp_path / "none.yaml", kind, "none.yaml: No such file")
    path = tmp_path / "list.yaml"
    path.write_bytes(b"\xff\xfe\xfd")
    check(load, path, kind, "list.yaml: not YAML")


def test_an_empty_list_has_no_entries(tmp_path: Path) -> None:
    path = tmp_path / "list.yaml"
    path.write_text("# nothing yet\n")
    assert read_entries(path, ValueError) == []
    path.write_text("- {a: 1}\n- {a: 2}\n")
    assert read_entries(path, ValueError) == [{"a": 1}, {"a": 2}]
