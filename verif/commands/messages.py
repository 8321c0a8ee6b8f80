"""What commands say of names and texts from outside: on one line, and nothing but to be read."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console


def one_line(text: str) -> str:
    r"""Return a text with whatever is not printed, a line's end or a terminal's code, as ``\x1b``.

    A text from outside cannot break a message in two then, nor have the terminal do something.
    """
    return "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)


def shortened(name: str, length: int) -> str:
    """Return a name with its middle left out where it is too long."""
    half = (length - 1) // 2
    return name if len(name) <= length else f"{name[:half]}\N{HORIZONTAL ELLIPSIS}{name[-half:]}"


def sentence(error: Exception) -> str:
    """Return what an error says, on one line; of an operating system's without its number."""
    if isinstance(error, OSError) and error.strerror:
        named = "" if error.filename is None else f"{error.filename}: "
        return one_line(f"{named}{error.strerror}")
    return one_line(str(error))


def wide_console(width: int) -> Console:
    """Return where to print: the terminal, or, where there is none, lines of so many letters."""
    terminal = Console()
    return terminal if terminal.is_terminal else Console(width=width)


def print_doubts(doubts: Iterable[str], console: Console) -> None:
    """Print why a result may say little, a line each."""
    for doubt in doubts:
        text = one_line(f"warning: {doubt}")
        console.print(text, style="yellow", markup=False, highlight=False, soft_wrap=True)
