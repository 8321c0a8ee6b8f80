"""Command lines whose errors are one sentence about the variable that `make` takes."""

from __future__ import annotations

import argparse
import math
import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

SHARED = ("HDL", "SEED", "SIM")
"""Variables that a command's own processes read as well."""

OPTION = re.compile(r"argument --([\w-]+): ?")
WHOLE = re.compile(r"[+-]?[0-9]+")


class Parser(argparse.ArgumentParser):
    """Says in one sentence what is wrong: option ``--jobs`` is called ``JOBS``.

    What this process's command line does not say, the variables of `make` do: JOBS where there is
    no ``--jobs``. They come through the environment, so that no shell ever reads their texts.
    """

    def parse_args(
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> argparse.Namespace:
        """Parse this process's arguments and variables, or the arguments given, and those alone."""
        if args is None:
            for name in self._set_defaults(dict(os.environ)):
                if name not in SHARED:  # what this process starts may be commands, too
                    os.environ.pop(name, None)
        return super().parse_args(args, namespace)

    def _set_defaults(self, texts: Mapping[str, str]) -> set[str]:
        """Take defaults from variables; return the names of all that an option has."""
        names = set()
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):
                for parser in action.choices.values():
                    names |= parser._set_defaults(texts)
            name = variable(action)
            names.add(name)
            text = texts.get(name)
            if text and isinstance(action, argparse._StoreTrueAction):
                if text not in ("0", "1"):
                    self.error(f"{name}={text}: 1 for yes, or 0, is wanted")
                action.default = text == "1"
            elif text and action.option_strings and action.nargs is None:
                action.default = text  # which argparse converts, and refuses, as it does a word
        return names

    def error(self, message: str) -> NoReturn:
        """End the program with status 2."""
        option = OPTION.match(message)
        if option:
            rest = message[option.end() :]
            message = f"{option[1].upper()}{'' if rest.startswith('=') else ': '}{rest}"
        self.exit(2, f"{self.prog}: {message}\n")


def variable(action: argparse.Action) -> str:
    """Return the name of the variable of `make` that sets an option."""
    return action.dest.upper()


def whole(least: int | None = None, most: int | None = None) -> Callable[[str], int]:
    """Return what turns an option's text into an integer, within these limits if any."""
    limits = [f"at least {least}"] * (least is not None) + [f"at most {most}"] * (most is not None)
    wanted = ", ".join(["a whole number", *limits]) + ("," if limits else "") + " is wanted"

    def convert(text: str) -> int:
        try:
            number = int(text) if WHOLE.fullmatch(text) else None
        except ValueError:  # of more digits than Python converts
            number = None
        below = number is None or (least is not None and number < least)
        if below or (most is not None and number > most):
            raise argparse.ArgumentTypeError(f"={text}: {wanted}")
        return number

    return convert


JOBS = whole(1, 1024)
"""What turns JOBS= into a number of processes, not more than a machine can start."""
SHAPE_HELP = "SHAPE=: of the input where the file leaves sizes open, as in 1,3,48,320"


def sizes(text: str) -> tuple[int, ...]:
    """Turn an option's text into the sizes of a tensor."""
    if not re.fullmatch(r"[1-9]\d*(,[1-9]\d*)+", text, re.ASCII):
        raise argparse.ArgumentTypeError(f"={text}: sizes above zero are wanted, as in 1,3,48,320")
    return tuple(map(int, text.split(",")))


def file_to_write(text: str) -> Path:
    """Turn an option's text into the path of a file that can be written when all work is done."""
    path = Path(text)
    if path.is_dir() or not text.strip():
        raise argparse.ArgumentTypeError(f"={text}: a file's name is wanted")
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"={text}: {path.parent} is no folder to write to")
    return path


def folder_to_write(text: str) -> Path:
    """Turn an option's text into the path of a folder that can be written to, or made."""
    path = Path(text)
    place = path if path.exists() else path.parent
    if not text.strip() or not place.is_dir() or not os.access(place, os.W_OK):
        raise argparse.ArgumentTypeError(f"={text}: a folder to write to is wanted")
    return path


def positive(text: str) -> float:
    """Turn an option's text into a number above zero."""
    try:
        number = float(text) if text.isascii() and "_" not in text else math.nan
    except ValueError:
        number = math.nan
    if not (0 < number < math.inf):
        raise argparse.ArgumentTypeError(f"={text}: a number above zero is wanted")
    return number
