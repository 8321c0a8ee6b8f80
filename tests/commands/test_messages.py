"""What messages make of names and texts from outside."""

from __future__ import annotations

import pytest
from rich.console import Console

from verif.commands.messages import one_line, print_doubts


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("layer 'größe/1'", "layer 'größe/1'"),
        ("two\nlines\r", r"two\nlines\r"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("right to left \u202e", r"right to left \u202e"),
        ("a file \udcff", r"a file \udcff"),
    ],
)
def test_what_is_not_printed_is_spelled(text: str, shown: str) -> None:
    assert one_line(text) == shown


def test_doubts_are_a_line_each_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    print_doubts(["tensor '[/bold]'\nis", "long " * 60], Console(width=40))
    first, second, end = capsys.readouterr().out.split("\n")
    assert (first, end) == (r"warning: tensor '[/bold]'\nis", "")
    assert second.count("long") == 60
