"""Checks are found in the sources by name, whatever else is called so; asserts apart from them."""

from __future__ import annotations

from pathlib import Path

import pytest

from verif.simulator.named_checks import CheckNameError, read_asserts, read_checks

IMPORT = "from verif.simulator.checks import check\n"
ONE = "verif/" + "one.py"


def write(root: Path, **files: str) -> Path:
    """Write files of ``verif``, and return the root that they are in."""
    for name, text in files.items():
        path = root / "verif" / f"{name}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    return root


def test_checks_are_found_by_name_with_their_places(tmp_path: Path) -> None:
    bench = (
        f'{IMPORT}\ndef f():\n    check(\n        "a.second", 1\n    )\n    check("a.first", 2)\n'
    )
    other = 'from verif.other import check\ncheck(1)\nself.check("b.none", 2)\n'
    found = read_checks(write(tmp_path, one=bench, two=other))
    assert {name: str(place) for name, place in found.items()} == {
        "a.first": f"{ONE}:7",
        "a.second": f"{ONE}:4",
    }
    assert list(found) == ["a.first", "a.second"]


@pytest.mark.parametrize(
    ("calls", "message"),
    [
        ("check(name, 1)", "one.py:2: the name of a check is a literal, bench.what"),
        ('check(f"a.{x}", 1)', "one.py:2: the name of a check is a literal, bench.what"),
        ("check()", "one.py:2: the name of a check is a literal, bench.what"),
        ('check("ready", 1)', "one.py:2: the name of a check is a literal, bench.what"),
        ('check("a.not ready", 1)', "one.py:2: the name of a check is a literal, bench.what"),
        ('check("a.b", 1)\ncheck("a.b", 2)', "one.py:3: a.b is at .*one.py:2, too"),
    ],
)
def test_a_check_without_a_name_of_its_own_is_an_error(
    tmp_path: Path, calls: str, message: str
) -> None:
    with pytest.raises(CheckNameError, match=message):
        read_checks(write(tmp_path, one=f"{IMPORT}{calls}\n"))


def test_asserts_are_listed_apart_but_for_those_of_pytest(tmp_path: Path) -> None:
    root = write(tmp_path, one="def f(x):\n    assert x > 1, x\n", test_one="assert True\n")
    assert [(str(one), one.name) for one in read_asserts(root)] == [(f"{ONE}:2", "x > 1")]
